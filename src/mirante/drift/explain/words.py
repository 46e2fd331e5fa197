"""Sentences of an explanation, for people."""

from __future__ import annotations

import math

from mirante.drift.explain.findings import Contribution, SliceFinding
from mirante.drift.words import figure, probability, share

__all__ = ["contribution_sentence", "slice_sentence", "summary"]


def contribution_sentence(one: Contribution) -> str:
    """Return what a column does to the shift, in one sentence.

    Parameters
    ----------
    one : Contribution
        Its own sentence is not looked at.

    Returns
    -------
    str
    """
    if math.isnan(one.divergence):
        return f"{one.column} cannot be compared: a side has no rows."
    size = f"divergence {figure(one.divergence)}, {figure(one.chance)} by chance"
    if not one.moved:
        return f"{one.column} is steady ({size})."
    part = f"makes {share(one.share)} of the shift" if one.share > 0 else "moved"
    if one.share == 0 and one.contribution > 0:
        part = "moved, and its importance is 0"
    change = f"{one.where} went from {share(one.before)} to {share(one.after)} of the rows"
    # of categories it would say again what the bin says
    direction = f", {one.direction}" if one.direction and one.kind == "numeric" else ""
    return f"{one.column} {part} ({size}): {change}{direction}."


def slice_sentence(one: SliceFinding) -> str:
    """Return what was found in a slice, in one sentence.

    Parameters
    ----------
    one : SliceFinding
        Its own sentence is not looked at.

    Returns
    -------
    str
    """
    subject = one.column if one.aspect == "values" else f"the share of missing {one.column}"
    inside, outside = _size(one, one.inside), _size(one, one.outside)
    shares = f"{share(one.share_before)} -> {share(one.share_after)} of the rows"
    if one.kind == "mix":
        return (
            f"{subject} moved with the mix of {one.by} ({one.slice}: {shares}): {inside} in all rows, "
            f"{outside} once the baseline is given the window's mix; "
            f"{one.direction}, {probability(one.p_value)}."
        )
    grade = "hardly" if one.outside <= one.inside / 4 else "less"
    left = f"; {', '.join(one.without)} left out" if one.without else ""
    return (
        f"{subject} moved inside {one.slice} ({inside}, {one.n_inside:,} rows; {one.direction}) and {grade} "
        f"outside ({outside}, {one.n_outside:,} rows), {probability(one.p_value)}; the slice: {shares}{left}."
    )


def _size(one: SliceFinding, value: float) -> str:
    return f"{100 * value:.0f} points" if one.measure == "share" else f"{one.measure} {value:.2f}"


def summary(columns: tuple[Contribution, ...], found: int, looked: int) -> str:
    """Return the summary of an explanation.

    Parameters
    ----------
    columns : tuple of Contribution
        All of them.
    found : int
        Slices that are named.
    looked : int
        Pairs of a moved column and a slice that were looked at.

    Returns
    -------
    str
    """
    moved = sum(one.moved for one in columns)
    if columns and all(math.isnan(one.divergence) for one in columns):
        return "Nothing can be compared: a side has no rows."
    if not moved:
        return f"None of {len(columns)} columns moved by more than chance."
    text = f"{moved} of {len(columns)} columns moved by more than chance"
    if not looked:
        return f"{text}."
    if not found:
        return f"{text}; no single slice stands out ({looked:,} looked at)."
    noun = "finding" if found == 1 else "findings"
    return f"{text}; {found} {noun} in {looked:,} slices looked at."
