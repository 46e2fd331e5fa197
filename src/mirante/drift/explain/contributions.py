"""Columns ranked by their part of the shift between a baseline and a window."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from mirante.drift.explain.bins import Bins, bins_of
from mirante.drift.explain.findings import Contribution
from mirante.drift.explain.words import contribution_sentence
from mirante.drift.monitor import DriftMonitor
from mirante.drift.verdicts import ColumnVerdict
from mirante.errors import InputError
from mirante.profiles.categorical import CategoricalProfile
from mirante.profiles.numeric import NumericProfile
from mirante.profiles.table import TableProfile
from mirante.stats.divergence import chance_terms, divergence_terms

__all__ = ["checked_weights", "contributions", "judge"]

BUDGET = "1 in 100 windows"


def judge(baseline: TableProfile, window: TableProfile) -> Mapping[str, ColumnVerdict]:
    """Return which columns moved by more than chance: 1 quiet window in 100 has any.

    An explanation ranks by size, so no size is too small to be looked at: the monitor's floor is 0 here.

    Parameters
    ----------
    baseline, window : TableProfile
        The window counted with the baseline.

    Returns
    -------
    mapping of str to ColumnVerdict

    Raises
    ------
    InputError
        If the window was counted with another baseline.
    """
    return DriftMonitor(baseline, alarm_budget=BUDGET, floor=0.0, pooled=False).update(window).columns


def checked_weights(baseline: TableProfile, importance: Mapping[str, float] | None) -> dict[str, float]:
    """Return a weight for each column: 1 each without `importance`, 0 for a column that it leaves out.

    Raises
    ------
    InputError
        If a weight is negative or not finite, or names a column that the baseline lacks.

    Examples
    --------
    >>> base = TableProfile.of({"a": [1], "b": [2]})
    >>> checked_weights(base, {"a": 0.7}), checked_weights(base, None)
    ({'a': 0.7, 'b': 0.0}, {'a': 1.0, 'b': 1.0})
    """
    if importance is None:
        return dict.fromkeys(baseline.columns, 1.0)
    weights = dict.fromkeys(baseline.columns, 0.0)
    for name, given in importance.items():
        if name not in weights:
            raise InputError(
                f"importance names {name!r}, which the baseline lacks; "
                f"its columns are {', '.join(map(repr, weights)) or 'none'}"
            )
        weight = float(given)
        if not (weight >= 0 and math.isfinite(weight)):
            raise InputError(f"the importance of {name!r} is {given}; give a finite number, 0 or more")
        weights[name] = weight
    return weights


def contributions(
    baseline: TableProfile,
    window: TableProfile,
    verdicts: Mapping[str, ColumnVerdict],
    weights: Mapping[str, float],
) -> tuple[Contribution, ...]:
    """Return all columns, the strongest part of the shift first.

    Parameters
    ----------
    baseline, window : TableProfile
        The window counted with the baseline.
    verdicts : mapping of str to ColumnVerdict
        From `judge`.
    weights : mapping of str to float
        From `checked_weights`.

    Returns
    -------
    tuple of Contribution
    """
    found = [
        _one(baseline.columns[name], column, verdicts[name], weights[name])
        for name, column in window.columns.items()
    ]
    total = sum(one.weight * one.contribution for one in found)
    shared = [
        replace(one, share=one.weight * one.contribution / total if total > 0 else 0.0) for one in found
    ]
    shared.sort(key=lambda one: (-one.share, not one.moved, -_excess(one)))
    return tuple(replace(one, sentence=contribution_sentence(one)) for one in shared)


def _excess(one: Contribution) -> float:
    return -math.inf if math.isnan(one.divergence) else one.divergence - one.chance


def _one(
    baseline: NumericProfile | CategoricalProfile,
    window: NumericProfile | CategoricalProfile,
    verdict: ColumnVerdict,
    weight: float,
) -> Contribution:
    bins = bins_of(baseline, window)
    moved = verdict.drifted or verdict.missing_detected
    divergence = chance = before = after = math.nan
    where = ""
    if bins.before.sum() > 0 and bins.after.sum() > 0:
        terms, noise = divergence_terms(bins.before, bins.after), chance_terms(bins.before, bins.after)
        divergence, chance = float(terms.sum()), float(noise.sum())
        where, before, after = _place(bins, int(np.argmax(terms - noise)), baseline, window)
    return Contribution(
        column=verdict.column,
        kind=verdict.kind,
        moved=moved,
        divergence=divergence,
        chance=chance,
        contribution=max(0.0, divergence - chance) if moved else 0.0,
        weight=weight,
        share=0.0,
        where=where,
        before=before,
        after=after,
        effect=verdict.effect,
        direction=verdict.direction if verdict.drifted else "",
        sentence="",
    )


def _place(
    bins: Bins,
    place: int,
    baseline: NumericProfile | CategoricalProfile,
    window: NumericProfile | CategoricalProfile,
) -> tuple[str, float, float]:
    """Return name and shares of a bin; of rare levels, the one that makes most of what they gained."""
    m, n = float(bins.before.sum()), float(bins.after.sum())
    before, after = float(bins.before[place] / m), float(bins.after[place] / n)
    if place == len(bins.names) - 2 and bins.rare.size:
        assert isinstance(baseline, CategoricalProfile)  # noqa: S101  only these have rare levels
        assert isinstance(window, CategoricalProfile)  # noqa: S101  counted with the baseline
        gains = window.counts[bins.rare] / n - baseline.counts[bins.rare] / m
        if gains.max() > (after - before) / 2 > 0:
            top = int(bins.rare[np.argmax(gains)])
            shares = float(baseline.counts[top] / m), float(window.counts[top] / n)
            return f"{baseline.name} = {baseline.levels[top]}", *shares
    return bins.names[place], before, after
