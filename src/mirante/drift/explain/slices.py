"""The search for slices in which a column moved."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from mirante.drift.explain.contrast import Contrast, Mix, contrast, log_p, mix, unexplained
from mirante.drift.explain.findings import SliceFinding
from mirante.drift.explain.rows import LEFT_OUT, Slice, Slicer, Target, joint
from mirante.drift.explain.words import change_text, slice_sentence
from mirante.drift.words import figure

__all__ = ["search"]

Floats = NDArray[np.float64]

LEVEL = 0.01  # chance that a slice is named at all when the shift is the same everywhere
FLOOR = 0.03  # least shift inside a slice that is worth a name
LEAST_ROWS = 30  # inside and outside, in baseline and window
# Least part of the shift inside that is not what the outside did too. The map between quantiles is known less
# well where a slice is narrow, so it needs more.
_OWN_VALUES, _OWN_SHARES = 1 / 2, 1 / 3
# What is told of numbers: the first that moved, since a shift of few rows leaves the median where it was.
QUANTILES = (("median", 0.5), ("90th percentile", 0.9), ("10th percentile", 0.1))
_PASSED = 0.02  # share of the baseline's rows that it must have passed
_DEPTH = 3  # slices named for one target; what is left after three is no concentration


@dataclass(frozen=True, slots=True)
class _Tables:
    """One target by one slicer: rows by slot and cell, and the slices that have enough of them."""

    target: Target
    slicer: Slicer
    before: Floats
    after: Floats
    eligible: NDArray[np.intp]

    def sides(self, place: int | NDArray[np.intp]) -> tuple[Floats, Floats, Floats, Floats]:
        """Return rows by cell: inside slices in baseline and window, and outside them."""
        members = self.slicer.members[place].astype(np.float64)
        # no BLAS: its threads cost more than so small a product, and stall on a busy machine
        before, after = (np.einsum("...s,sc->...c", members, side) for side in (self.before, self.after))
        return before, after, self.before.sum(axis=0) - before, self.after.sum(axis=0) - after

    def contrast(self) -> Contrast:
        """Compare each eligible slice with its outside."""
        return contrast(*self.sides(self.eligible), ordered=bool(self.target.grid.size))

    def mix(self) -> Mix:
        """Part the shift of all rows into mix and rest."""
        return mix(self.before, self.after, ordered=bool(self.target.grid.size))


@dataclass(frozen=True, slots=True)
class _Candidate:
    """A slice that may be named."""

    z: float
    tables: _Tables
    place: int
    inside: float
    outside: float
    log_p: float = 0.0


def search(
    targets: Sequence[Target], slicers: Sequence[Slicer], most: int
) -> tuple[tuple[SliceFinding, ...], int]:
    """Return the slices that stand out, and how many were looked at.

    A slice stands out when all of this holds: the shift inside differs from the one outside (p at most 0.01
    over everything that is looked at); less what chance makes of either, the outside has at most half of the
    inside's, which passes 0.03; and at least half of it (of shares: a third) is left when the slice is taken
    to have moved in the same way as the outside (`contrast.unexplained`). The strongest is named, its rows
    are left out, and the rest is searched again, up to three times. A mix stands out when it has an effect (p
    as above), makes at least half of the shift, and what is left without it is at most half; of two columns
    that explain each other so, the one that is explained better is named.

    Parameters
    ----------
    targets : sequence of Target
        What moved, the most important first.
    slicers : sequence of Slicer
        What to cut by; a target is never cut by itself.
    most : int
        Findings to return at the most: the first of each target, then the second of each.

    Returns
    -------
    findings : tuple of SliceFinding
    looked : int
    """
    first = [[_tables(target, one) for one in slicers if one.column != target.column] for target in targets]
    looked = sum(tables.eligible.size for row in first for tables in row)
    looks = sum(tables.eligible.size * tables.target.size for row in first for tables in row)
    mixes = sum(tables.target.size for row in first for tables in row)
    mixed = _one_way([_mixed(row, max(mixes, 1)) for row in first])
    ranked = []
    for place, (target, row) in enumerate(zip(targets, first, strict=True)):
        found = _inside(target, row, slicers, max(looks, 1))
        if (one := mixed[place]) is not None:
            found.insert(sum(z > one[0] for z, _ in found), one)
        ranked += [(rank, place, finding) for rank, (_, finding) in enumerate(found)]
    ranked.sort(key=lambda entry: entry[:2])
    return tuple(finding for _, _, finding in ranked[:most]), looked


def _tables(target: Target, slicer: Slicer) -> _Tables:
    shape = (len(slicer.slots), target.size)
    before, after = joint(slicer.before, target.before, shape), joint(slicer.after, target.after, shape)
    enough = np.ones(len(slicer.slices), np.bool_)
    for side in (before, after):
        rows = (slicer.members * side.sum(axis=1)).sum(axis=1)
        enough &= (rows >= LEAST_ROWS) & (side.sum() - rows >= LEAST_ROWS)
    return _Tables(target, slicer, before, after, np.flatnonzero(enough))


def _inside(
    target: Target, row: Sequence[_Tables], slicers: Sequence[Slicer], looks: int
) -> list[tuple[float, SliceFinding]]:
    found: list[tuple[float, SliceFinding]] = []
    named: tuple[str, ...] = ()
    for _ in range(_DEPTH):
        passed = [one for tables in row if (one := _best(tables, looks)) is not None]
        if not passed:
            break
        top = max(passed, key=lambda one: one.z)
        found.append((top.z, _finding(top, named)))
        slicer = top.tables.slicer
        cut = slicer.slices[top.place]
        named = (*named, cut.text)
        gone = np.append(slicer.members[top.place], False)
        target = replace(
            target,
            before=np.where(gone[slicer.before], np.uint8(LEFT_OUT), target.before),
            after=np.where(gone[slicer.after], np.uint8(LEFT_OUT), target.after),
        )
        row = [_tables(target, one) for one in slicers if one.column != target.column]
    return found


def _best(tables: _Tables, looks: int) -> _Candidate | None:
    """Return the slice of one slicer that stands out most, if any does."""
    if not tables.eligible.size:
        return None
    seen = tables.contrast()
    chance = log_p(seen.z, looks)
    passed = (chance <= np.log(LEVEL)) & (seen.inside_excess > FLOOR)
    passed &= seen.outside_excess <= seen.inside_excess / 2.0
    for place in np.flatnonzero(passed)[np.argsort(-seen.z[passed], kind="stable")]:
        sides = tables.sides(tables.eligible[place])
        least = _OWN_VALUES if tables.target.grid.size else _OWN_SHARES
        if unexplained(*sides, tables.target.grid) >= least * seen.inside[place]:
            return _Candidate(
                float(seen.z[place]),
                tables,
                int(tables.eligible[place]),
                float(seen.inside[place]),
                float(seen.outside[place]),
                float(chance[place]),
            )
    return None


def _mixed(row: Sequence[_Tables], looks: int) -> tuple[float, SliceFinding] | None:
    """Return the mix that explains a target best, if any does."""
    best: tuple[float, SliceFinding] | None = None
    for tables in row:
        if min(tables.before.sum(), tables.after.sum()) < LEAST_ROWS:
            continue
        seen = tables.mix()
        chance = float(log_p(seen.z, looks))
        if chance > np.log(LEVEL) or seen.total <= FLOOR or (best is not None and best[0] >= seen.z):
            continue
        if seen.moved >= seen.total / 2.0 and seen.left <= seen.total / 2.0:
            one = _Candidate(seen.z, tables, seen.slot, seen.total, seen.left, chance)
            best = (seen.z, _finding(one, (), mixed=True))
    return best


def _one_way(found: list[tuple[float, SliceFinding] | None]) -> list[tuple[float, SliceFinding] | None]:
    """Keep, of two columns that each explain the other, the one that is explained better."""
    left = {(one.column, one.by): one.outside / one.inside for _, one in filter(None, found)}
    return [
        pair
        if pair is None
        or left[pair[1].column, pair[1].by] <= left.get((pair[1].by, pair[1].column), math.inf)
        else None
        for pair in found
    ]


def _finding(one: _Candidate, without: tuple[str, ...], *, mixed: bool = False) -> SliceFinding:
    tables, target = one.tables, one.tables.target
    # a slot's number is also its place among the slices of a categorical slicer, not of a numeric one
    members = np.arange(len(tables.slicer.slots)) == one.place if mixed else tables.slicer.members[one.place]
    cut: Slice = tables.slicer.slots[one.place] if mixed else tables.slicer.slices[one.place]
    before, after = tables.before[members].sum(axis=0), tables.after[members].sum(axis=0)
    all_before, all_after = tables.before.sum(axis=0), tables.after.sum(axis=0)
    shares = [
        float(np.mean(np.append(members, False)[codes]))
        for codes in (tables.slicer.before, tables.slicer.after)
    ]
    name, then, present = _change(target, *((all_before, all_after) if mixed else (before, after)))
    finding = SliceFinding(
        column=target.column,
        aspect=target.aspect,
        kind="mix" if mixed else "inside",
        by=tables.slicer.column,
        slice=cut.text,
        level=cut.level,
        low=cut.low,
        high=cut.high,
        measure=target.measure,
        inside=one.inside,
        outside=one.outside,
        direction="",
        figure=name,
        before=then,
        after=present,
        n_inside=int(after.sum()),
        n_outside=int(all_after.sum() - after.sum()),
        baseline_inside=int(before.sum()),
        baseline_outside=int(all_before.sum() - before.sum()),
        share_before=shares[0],
        share_after=shares[1],
        p_value=float(np.exp(one.log_p)),
        without=without,
        sentence="",
    )
    finding = replace(finding, direction=change_text(finding))
    return replace(finding, sentence=slice_sentence(finding))


def _change(target: Target, before: Floats, after: Floats) -> tuple[str, float, float]:
    """Return what is told of a shift: the figure's name, and its value in baseline and window."""
    was, now = before / before.sum(), after / after.sum()
    if target.aspect == "missing":
        return "missing", float(was[1]), float(now[1])
    if target.grid.size:
        told = [_quantiles(target.grid, was, now, name, q) for name, q in QUANTILES]
        return next((one for one, moved in told if moved), told[0][0])
    place = int(np.argmax(np.abs(now - was)))
    return target.names[place], float(was[place]), float(now[place])


def _quantiles(
    grid: Floats, was: Floats, now: Floats, name: str, q: float
) -> tuple[tuple[str, float, float], bool]:
    """Return a quantile of both sides, and whether it passed over enough rows to be worth telling."""
    ranks = np.cumsum(was)
    places = [
        min(int(np.searchsorted(np.cumsum(side), q - 1e-12, "left")), grid.size - 1) for side in (was, now)
    ]
    then, present = (float(grid[place]) for place in places)
    passed = abs(float(ranks[places[1]] - ranks[places[0]])) > _PASSED
    return (name, then, present), passed and figure(then) != figure(present)
