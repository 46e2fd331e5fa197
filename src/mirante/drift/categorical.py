"""The tests of categorical columns, all at once: χ² with rare levels merged, and own windows' spread."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import special

from mirante.drift.cells import Counts
from mirante.profiles.layout import Layout
from mirante.stats.spread import (
    DistanceSpread,
    Spread,
    distance_spread,
    spread_of,
    student_limit,
    student_p,
    variance_stable_share,
)
from mirante.stats.twosample import rare_p

__all__ = ["LEVELS_PART", "CategoricalFindings", "CategoricalSpread", "CategoricalTests", "LevelOutcome"]

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

_COMMON = 0.9  # part of a column's level for levels that are common enough for χ², where any is not
LEVELS_PART = 0.1  # part of the level for single levels, where own windows have a say
_LEAST = 10.0  # rows that a level must promise, on the side with fewer, to stand alone


@dataclass(frozen=True, slots=True)
class CategoricalFindings:
    """What the tests found; each array has one number per scale and column.

    Parameters
    ----------
    n : ndarray
        Values of the window, or of all windows pooled.
    distance : ndarray
        Total variation, or the growth of one rare level where that is more.
    chi2, freedom : ndarray
        Of the levels that are common enough, the others as one.
    common : ndarray
        Part of the level that χ² has; the rest is for rare levels.
    p_value : ndarray
        Of χ² and the rare levels.
    stands : ndarray, shape (scales, levels)
        Which levels were looked at by themselves.
    """

    n: Floats
    distance: Floats
    chi2: Floats
    freedom: Floats
    common: Floats
    p_value: Floats
    stands: Flags


class CategoricalTests:
    """Holds the counts of windows, single and pooled, against a reference.

    Levels of which the reference's share promises fewer than 10 rows (in the window, or in the reference
    where that has fewer) are rare. χ² of the two samples takes the rare ones as one (joined to the smallest
    common one where even together they are rare). Where the reference has rare levels, χ² has nine tenths of
    a column's level and the last tenth goes to rare levels,
    each and together, that are suddenly too many. New levels are such: more of them than the reference's
    levels of a single row let expect (I. J. Good, "The population frequencies of species and the estimation
    of population parameters", 1953).

    Parameters
    ----------
    layout : Layout
        Where the levels lie.
    reference : ndarray, shape (levels,)
        Rows per level.
    """

    def __init__(self, layout: Layout, reference: NDArray[np.int64]) -> None:
        self.layout = layout
        self.start = layout.level_start[:-1]
        self.last = layout.level_start[1:] - 1
        self.column = np.repeat(np.arange(self.start.size), np.diff(layout.level_start))
        self.counts = reference.astype(np.float64)
        self.n = np.add.reduceat(self.counts, self.start) if self.start.size else np.zeros(0)
        self.share = self.counts / np.maximum(self.n, 1.0).take(self.column)
        # which levels are "other" was chosen by their few rows in the baseline, so its share is sure to grow
        # in any window: it never stands alone, and where the baseline has one it is no new level either
        self._ranked = self.share.copy()
        self._ranked[self.last] = 0.0
        self._n_each = self.n.take(self.column)
        self._known_others = self.last[self.counts[self.last] > 0]
        # levels that no row of the reference has are new in a window by this choice alone: as many rows of
        # them are to be expected as the reference has levels of a single row (Good, 1953)
        self._unseen = np.zeros(self.counts.size)
        if self.start.size:
            self._unseen[self.last] = np.add.reduceat((self.counts == 1).astype(np.float64), self.start)
        # levels are ordered by the baseline's counts; another reference has an order of its own
        order = np.lexsort((-self._ranked, self.column))
        self._order = None if np.array_equal(order, np.arange(order.size)) else order

    def judge(self, levels: Floats, *, rare: bool = True) -> CategoricalFindings:
        """Return what the tests find.

        Parameters
        ----------
        levels : ndarray of float64, shape (scales, levels)
            Rows per level.
        rare : bool, default True
            Whether to look at rare levels of the first scale one by one.

        Returns
        -------
        CategoricalFindings
        """
        n = np.add.reduceat(levels, self.start, axis=1)
        rows = n.take(self.column, axis=1)
        stands = self._ranked * np.minimum(rows, self._n_each) >= _LEAST
        gap = levels / np.maximum(rows, 1.0) - self.share
        seldom = gap * ~stands
        merged = np.add.reduceat(seldom, self.start, axis=1)
        distance = self._distance(gap, seldom, merged)
        rest = np.add.reduceat(self.share * ~stands, self.start, axis=1)
        chi2, freedom = self._chi2(levels, gap, n, self._joined(stands, n, rest))
        p_chi2 = np.where(freedom > 0, special.chdtrc(np.maximum(freedom, 1.0), chi2), 1.0)
        p_value = p_chi2
        common = np.ones(n.shape)
        if rare:
            common[0] = np.where(rest[0] > 0, _COMMON, 1.0)
            p_value = p_chi2 / common
            p_value[0] = np.minimum(p_value[0], self._rare(levels[0], stands[0]) / (1.0 - _COMMON))
        return CategoricalFindings(n, distance, chi2, freedom, common, self._served(p_value, n), stands)

    def _distance(self, gap: Floats, seldom: Floats, merged: Floats) -> Floats:
        """Return the total variation of the groups, or the growth of one rare level.

        Every merging of levels has at most the total variation of the levels; the larger of two is closer
        to it. `seldom` is the gap of rare levels, 0 of others, and is changed.
        """
        alone = np.add.reduceat(np.abs(gap - seldom), self.start, axis=1)
        seldom[:, self._known_others] = 0.0
        most = np.maximum.reduceat(seldom, self.start, axis=1)
        return np.maximum(0.5 * (alone + np.abs(merged)), most)

    def _chi2(self, levels: Floats, gap: Floats, n: Floats, kept: Flags) -> tuple[Floats, Floats]:
        """Return χ² of the levels that are kept, the others as one, and its degrees of freedom."""
        both = levels + self.counts  # where there are none on either side there is no gap either
        parts = np.empty((4, *both.shape))
        np.multiply(gap * gap / np.maximum(both, 1.0), kept, out=parts[0])
        np.multiply(both > 0, kept, out=parts[1])
        np.multiply(gap, ~kept, out=parts[2])
        np.multiply(both, ~kept, out=parts[3])
        terms, alone, rest_gap, rest_both = np.add.reduceat(parts, self.start, axis=2)
        lump = rest_gap * rest_gap / np.maximum(rest_both, 1.0)
        statistic = np.maximum(self.n, 1.0) * n * (terms + lump)
        freedom = alone + (rest_both > 0) - 1.0
        return np.where(n > 0, statistic, 0.0), np.where((n > 0) & (self.n > 0), freedom, 0.0)

    def _joined(self, stands: Flags, n: Floats, rest: Floats) -> Flags:
        """Return which levels χ² takes alone: where even all rare ones are rare, the smallest joins them.

        `rest` is the share of the reference that rare levels have.
        """
        count = np.add.reduceat(stands, self.start, axis=1, dtype=np.intp)
        together = rest * np.minimum(n, self.n)
        only_other = (count == 0) & (self.counts[self.last] > 0)
        scale, column = np.nonzero((together < _LEAST) & (count > 0) & ~only_other)
        if not scale.size:
            return stands
        kept = stands.copy()
        place = self.start[column] + count[scale, column] - 1
        kept[scale, place if self._order is None else self._order[place]] = False
        return kept

    def _rare(self, levels: Floats, stands: Flags) -> Floats:
        """Return per column the p-value of rare levels that are too many, one by one and together."""
        columns = self.start.size
        n, found = np.add.reduceat(levels, self.start), np.ones(columns)
        rare = ~stands
        rare[self._known_others] = False
        seen = np.add.reduceat(rare & (levels + self.counts > 0), self.start, dtype=np.intp) + 1
        before_each = self.counts + self._unseen
        lump = [np.add.reduceat(np.where(stands, 0.0, side), self.start) for side in (before_each, levels)]
        # too many is more than was to be expected, and more than one; the rest cannot pass any level
        usual = before_each / np.maximum(self.n, 1.0).take(self.column)
        place = np.flatnonzero(rare & (levels > 1) & (levels > usual * n.take(self.column)))
        column = np.concatenate((self.column[place], np.arange(columns)))
        before = np.concatenate((before_each[place], lump[0]))
        after = np.concatenate((levels[place], lump[1]))
        if not after.any():
            return found
        p_values = rare_p(before, after, np.maximum(self.n[column], 1.0), np.maximum(n[column], 1.0))
        np.minimum.at(found, column, p_values * seen[column])
        return np.where((n > 0) & (self.n > 0), found, 1.0)

    def _served(self, p_value: Floats, n: Floats) -> Floats:
        """Correct p-values for the reference's sampling error, which all windows share."""
        bounded = np.minimum(p_value, 1.0)
        if (n <= self.n).all():
            return bounded
        m, rows = np.maximum(self.n, 1.0), np.maximum(n, 1.0)
        z = -special.ndtri(bounded) * np.sqrt((1.0 / rows + 1.0 / m) / (2.0 / m))
        return np.where(n > self.n, special.ndtr(-z), bounded)

    def limit(self, freedom: float, level: float) -> float:
        """Return the χ² that has a p-value of `level`; infinite when there is one level only."""
        return float(special.chdtri(freedom, level)) if freedom > 0 else float("inf")

    def resolution(self, n: float, column: int, limit: float) -> float:
        """Return the total variation that surely passes a limit of χ²."""
        # χ² is never below 4 TV² n m / (n + m)
        m = max(float(self.n[column]), 1.0)
        trusted = min(max(n, 1.0), m)
        return float(np.sqrt(limit * (m + trusted) / (4.0 * m * trusted)))


@dataclass(frozen=True, slots=True)
class LevelOutcome:
    """What own windows make of a column's findings.

    Parameters
    ----------
    score : str
        ``total_variation`` or ``share``.
    value, threshold : float
        The statistic that speaks, and where it alarms.
    p_value : float
        Of both tests.
    limit : float
        Total variation from which the first alarms.
    subject : str
        The level, where one speaks.
    """

    score: str
    value: float
    threshold: float
    p_value: float
    limit: float
    subject: str = ""


class CategoricalSpread:
    """How own windows' levels differ from their references, for each categorical column.

    Two tests share the level. One, with nine tenths: the total variation must be larger than chance makes it
    *and* than the own windows' from their references (χ² over the spread of days fails, since levels do not
    all vary alike). Two: asin √share of each level against its spread between own windows, Bonferroni over
    levels, for one level that leaves its range by more than the floor.

    Parameters
    ----------
    layout : Layout
        Where the levels lie.
    pairs : iterable of (Counts, Counts)
        Each own window, and what it is held against.
    freedom : float
        Degrees of freedom.
    """

    def __init__(self, layout: Layout, pairs: Iterable[tuple[Counts, Counts]], freedom: float) -> None:
        kept = [(window.levels, against.levels) for window, against in pairs]
        sides: Sequence[NDArray[np.int64]] = [np.array(side, np.float64) for side in zip(*kept, strict=True)]
        self.layout, self.freedom = layout, freedom
        self._own, self._against = sides
        self._seen: dict[tuple[int, bytes], tuple[DistanceSpread, Spread]] = {}

    def outcome(
        self,
        tests: CategoricalTests,
        found: CategoricalFindings,
        levels: Floats,
        place: tuple[int, int],
        level: float,
        floor: float,
    ) -> LevelOutcome:
        """Return what the spread makes of one column at one scale.

        Parameters
        ----------
        tests : CategoricalTests
            With the reference.
        found : CategoricalFindings
            What the tests found.
        levels : ndarray, shape (levels,)
            Rows per level at that scale.
        place : tuple of int
            Scale and column.
        level, floor : float
            False-alarm level of the column at the scale, and least total variation that matters.

        Returns
        -------
        LevelOutcome
        """
        scale, column = place
        part = slice(int(tests.start[column]), int(tests.last[column]) + 1)
        groups = _groups(found.stands[scale, part])
        m, n, distance = (
            float(tests.n[column]),
            float(found.n[scale, column]),
            float(found.distance[scale, column]),
        )
        spread, shares = self._against_own(column, part, groups)
        trusted, p_chance = min(m, n), float(found.p_value[scale, column])
        p_distance = max(p_chance, float(spread.p_value(distance, trusted, m)))
        most, few = level * (1.0 - LEVELS_PART), level * LEVELS_PART
        limit = float(spread.limit(most, trusted, m))
        after, before = _merged(groups, levels[None, part])[0], _merged(groups, tests.counts[None, part])[0]
        values, sampling = variance_stable_share(after, n)
        centre, _ = variance_stable_share(before, m)
        error, certain = shares.error(np.maximum(sampling, 1.0 / (4.0 * m)) + 1.0 / (4.0 * m))
        moved = values - centre
        p_levels = np.minimum(1.0, student_p(moved, error, certain) * after.size)
        # one level speaks for itself only when its own share has moved as far as matters
        p_levels[np.abs(after / n - before / m) <= floor] = 1.0
        top = int(np.argmin(p_levels))
        p_value = min(1.0, p_distance / (1.0 - LEVELS_PART), float(p_levels[top]) / LEVELS_PART)
        if p_distance > most and p_levels[top] <= few:
            edge = np.copysign(student_limit(few / after.size, error, certain)[top], moved[top])
            wall = float(np.sin(np.clip(centre[top] + edge, 0.0, np.pi / 2)) ** 2)
            subject = self._name(column, groups, top)
            return LevelOutcome("share", float(after[top] / n), wall, p_value, limit, subject)
        freedom = float(found.freedom[scale, column])
        if p_chance > most:
            # chance explains it: no limit is less than what did not pass, or than what surely passes χ²
            limit = max(limit, distance)
            if freedom > 0:
                chance = tests.limit(freedom, most * float(found.common[scale, column]))
                limit = max(limit, tests.resolution(n, column, chance))
        return LevelOutcome("total_variation", distance, max(limit, floor), p_value, limit)

    def _against_own(
        self, column: int, part: slice, groups: NDArray[np.intp]
    ) -> tuple[DistanceSpread, Spread]:
        key = (column, groups.tobytes())
        if key not in self._seen:
            own, against = self._own[:, part], self._against[:, part]
            after, before = _merged(groups, own), _merged(groups, against)
            n, m = after.sum(axis=1), before.sum(axis=1)
            with np.errstate(divide="ignore", invalid="ignore"):
                gap = after / n[:, None] - before / m[:, None]
                distances = 0.5 * np.abs(gap).sum(axis=1)
                p = against.sum(axis=0) / max(against.sum(), 1.0)
            # shares that all fell into one group may pass 1 in the sum's last digit
            merged = np.minimum(_merged(groups, p[None])[0], 1.0)
            unit = float(0.5 * np.sqrt(2.0 / np.pi * merged * (1.0 - merged)).sum()) ** 2
            values, sampling = variance_stable_share(after, n[:, None])
            centre, shared = variance_stable_share(before, m[:, None])
            there = ((n > 0) & (m > 0))[:, None]
            spread = distance_spread(distances, n, m, unit, max(merged.size - 1.0, 1.0), self.freedom)
            shares = spread_of(np.where(there, values - centre, np.nan), sampling + shared, self.freedom)
            self._seen[key] = spread, shares
        return self._seen[key]

    def _name(self, column: int, groups: NDArray[np.intp], group: int) -> str:
        members, levels = np.flatnonzero(groups == group), self.layout.levels[column]
        if members.size == 1 and members[0] < len(levels):
            return levels[int(members[0])]
        return "rare levels"


def _groups(stands: Flags) -> NDArray[np.intp]:
    """Return to which merged level each level belongs; the rare ones share the last."""
    groups = np.cumsum(stands) - 1
    return np.where(stands, groups, int(stands.sum()))


def _merged(groups: NDArray[np.intp], table: NDArray[Any]) -> Floats:
    """Add up the columns of a table (windows by levels) that share a group."""
    merged = np.zeros((len(table), int(groups.max()) + 1))
    np.add.at(merged.T, groups, table.T)
    return merged
