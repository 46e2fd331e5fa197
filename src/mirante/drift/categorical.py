"""The judge of a categorical column: χ² with rare levels merged, and the baseline's own windows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special

from mirante.drift.verdicts import Finding
from mirante.drift.words import share
from mirante.profiles.categorical import CategoricalProfile
from mirante.stats.distances import hellinger, jensenshannon, l_infinity, psi, total_variation
from mirante.stats.spread import (
    LEAST_WINDOWS,
    DistanceSpread,
    Spread,
    distance_spread,
    spread_of,
    student_limit,
    student_p,
    variance_stable_share,
)
from mirante.stats.twosample import TwoSample, chi2, merge_rare, rare_p

__all__ = ["CategoricalJudge"]

Floats = NDArray[np.float64]

_COMMON = 0.9  # part of a column's level for levels that are common enough for χ²


@dataclass(frozen=True, slots=True)
class _Outcome:
    """The test that speaks, and where it would alarm."""

    score: str
    value: float
    threshold: float
    p_value: float
    smallest: float
    subject: str = ""


@dataclass(frozen=True, slots=True)
class _Own:
    """The baseline's own windows, seen through one merging of rare levels."""

    distances: DistanceSpread
    shares: Spread
    centre: Floats


class CategoricalJudge:
    """Holds a window's counts of levels against a baseline's.

    Levels that the baseline's share promises fewer than 10 rows in the window are rare. χ² of the two
    samples has nine tenths of the level, the rare ones as one (joined to the smallest common one where even
    together they are rare); the last tenth goes to rare levels, each and together, that are suddenly too
    many: new categories.

    With 7 or more own windows two tests share the level instead. One: the total variation must be larger
    than chance makes it (the above) *and* than the own windows' from the rest of the baseline (χ² over the
    spread of days fails, since levels do not all vary alike). Two: asin √share of each level against its
    spread between own windows, Bonferroni over levels, for one level that leaves its range.

    Parameters
    ----------
    baseline : CategoricalProfile
        With at least one value.
    own : sequence of CategoricalProfile
        The baseline's own windows, counted with it; may be empty.
    """

    def __init__(self, baseline: CategoricalProfile, own: Sequence[CategoricalProfile]) -> None:
        self.baseline = baseline
        self._counts = _with_other(baseline)
        # which levels are "other" was chosen by their few rows in the baseline, so its share is sure to grow
        # in any window: it is never judged by itself
        self._ranking = np.append(self._counts[:-1], 0.0)
        usable = [one for one in own if 0 < one.n < baseline.n]
        self._own_counts = np.array([_with_other(one) for one in usable], np.float64)
        self._seen: dict[int, _Own] = {}  # by number of groups; windows of like size share it

    def judge(self, window: CategoricalProfile, level: float, floor: float) -> Finding:
        """Return what the tests find in a window.

        Parameters
        ----------
        window : CategoricalProfile
            Counted with the baseline, at least one value.
        level : float
            False-alarm level of the column.
        floor : float
            Least total variation that matters.

        Returns
        -------
        Finding
        """
        counts = _with_other(window)
        groups = merge_rare(self._ranking, window.n)
        distance = float(self._distances(groups, self._counts, counts[None, :])[0])
        test, p_chance = self._chance(groups, counts)
        if len(self._own_counts) < LEAST_WINDOWS:
            limit = _chi2_limit(test, level * _COMMON)
            resolution = self._resolution(limit, window.n)
            found = _Outcome("chi2", test.statistic, limit, p_chance, resolution)
            if (
                test.p_value > level * _COMMON and p_chance <= level
            ):  # rare levels speak, and χ² does not see them
                found = _Outcome("total_variation", distance, floor, p_chance, resolution)
        else:
            resolution = self._resolution(_chi2_limit(test, level / 2 * _COMMON), window.n)
            found = self._own_test(groups, counts, distance, p_chance, level, floor)
        scores = _scores(self._counts, counts)
        scores |= {"chi2": test.statistic, "p_value": found.p_value, "effect": distance}
        return Finding(
            score=found.score,
            value=found.value,
            threshold=found.threshold,
            p_value=found.p_value,
            effect=distance,
            smallest_effect=max(found.smallest, resolution, floor),
            resolution=max(resolution, floor),
            direction=self._direction(counts),
            scores=scores,
            subject=found.subject,
        )

    def _rare(self, groups: NDArray[np.intp]) -> NDArray[np.bool_]:
        """Return which levels are rare, and can be looked at one by one."""
        rare = groups == groups[-1]  # "other" is rare by construction
        if self.baseline.other:
            rare[-1] = False
        return np.asarray(rare, np.bool_)

    def _distances(self, groups: NDArray[np.intp], before: Floats, windows: Floats) -> Floats:
        """Return the total variation of each window: of the groups, or of one rare level that has grown.

        Every merging of levels has at most the total variation of the levels; the larger of two is closer
        to it.
        """
        base = before if before.ndim == 2 else before[None, :]
        base = base / base.sum(axis=1, keepdims=True)
        now = windows / windows.sum(axis=1, keepdims=True)
        merged = _merged(groups, now) - _merged(groups, base)
        grown = (now - base)[:, self._rare(groups)].max(axis=1, initial=0.0)
        return np.asarray(np.maximum(0.5 * np.abs(merged).sum(axis=1), grown))

    def _chance(self, groups: NDArray[np.intp], counts: Floats) -> tuple[TwoSample, float]:
        """Return χ², and the p-value of it and the rare levels if all rows were independent."""
        m, n = float(self._counts.sum()), float(counts.sum())
        before, after = _merged(groups, self._counts[None, :])[0], _merged(groups, counts[None, :])[0]
        joined = groups
        if before[-1] * n / m < 10.0 and not (self.baseline.other and before.size == 1):
            joined = np.minimum(groups, max(before.size - 2, 0))
        test = chi2(_merged(joined, self._counts[None, :])[0], _merged(joined, counts[None, :])[0])
        rare = self._rare(groups)
        few = rare_p(np.append(self._counts[rare], before[-1]), np.append(counts[rare], after[-1]), m, n)
        seen = np.count_nonzero(self._counts[rare] + counts[rare]) + 1
        p_value = min(1.0, test.p_value / _COMMON, float(few.min()) * seen / (1.0 - _COMMON))
        return test, self._served(p_value, int(n))

    def _served(self, p_value: float, n: int) -> float:
        """Correct a p-value for the baseline's sampling error, which all windows share."""
        m = self.baseline.n
        if n <= m:
            return p_value
        z = -float(special.ndtri(p_value)) * np.sqrt((1.0 / n + 1.0 / m) / (2.0 / m))
        return float(special.ndtr(-z))

    def _resolution(self, chi2_limit: float, n: int) -> float:
        # χ² is never below 4 TV² n m / (n + m), so a total variation of this size surely passes its limit
        m = self.baseline.n
        trusted = min(n, m)
        return float(np.sqrt(chi2_limit * (m + trusted) / (4.0 * m * trusted)))

    def _against(self, groups: NDArray[np.intp]) -> _Own:
        key = int(groups.max())
        if key not in self._seen:
            merged = _merged(groups, self._own_counts)
            rows = merged.sum(axis=1)
            distances = self._distances(groups, self._counts - self._own_counts, self._own_counts)
            p = _merged(groups, self._counts[None, :])[0] / self._counts.sum()
            unit = float(0.5 * np.sqrt(2.0 / np.pi * p * (1.0 - p)).sum()) ** 2
            values, sampling = variance_stable_share(merged, rows[:, None])
            spread = distance_spread(distances, rows, float(self._counts.sum()), unit)
            assert spread is not None  # noqa: S101  the caller has seen that there are enough windows
            self._seen[key] = _Own(spread, spread_of(values, sampling), values.mean(axis=0))
        return self._seen[key]

    def _own_test(
        self,
        groups: NDArray[np.intp],
        counts: Floats,
        distance: float,
        p_chance: float,
        level: float,
        floor: float,
    ) -> _Outcome:
        own = self._against(groups)
        after = _merged(groups, counts[None, :])[0]
        m, n, half = float(self.baseline.n), float(after.sum()), level / 2
        trusted = min(n, m)
        p_distance = max(p_chance, own.distances.p_value(distance, trusted, m))
        limit = own.distances.limit(half, trusted, m)
        values, sampling = variance_stable_share(after, n)
        error, freedom = own.shares.error(np.maximum(sampling, 1.0 / (4.0 * m)), 1.0 / (4.0 * m))
        moved = values - own.centre
        p_levels = np.minimum(1.0, student_p(moved, error, freedom) * after.size)
        top = int(np.argmin(p_levels))
        p_value = min(1.0, 2.0 * p_distance, 2.0 * float(p_levels[top]))
        if p_distance > half and p_levels[top] <= half and distance > floor:
            edge = np.copysign(student_limit(half / after.size, error, freedom)[top], moved[top])
            wall = float(np.sin(np.clip(own.centre[top] + edge, 0.0, np.pi / 2)) ** 2)
            return _Outcome("share", float(after[top] / n), wall, p_value, limit, self._name(groups, top))
        if p_chance > half and 0.0 < p_chance < 1.0:
            # chance explains it: where it would not, were the same change larger, is the limit to show
            limit = max(limit, distance * float(special.ndtri(half) / special.ndtri(min(p_chance, 0.49))))
        return _Outcome("total_variation", distance, max(limit, floor), p_value, limit)

    def _name(self, groups: NDArray[np.intp], group: int) -> str:
        members = np.flatnonzero(groups == group)
        if members.size == 1 and members[0] < len(self.baseline.levels):
            return self.baseline.levels[int(members[0])]
        return "rare levels"

    def _direction(self, counts: Floats) -> str:
        before, after = self._counts / self._counts.sum(), counts / counts.sum()
        place = int(np.argmax(np.abs(after - before)))
        known = place < len(self.baseline.levels)
        name = (
            self.baseline.levels[place] if known else "other levels" if self.baseline.other else "new levels"
        )
        return f"{name}: {share(before[place])} -> {share(after[place])}"


def _with_other(profile: CategoricalProfile) -> Floats:
    return np.append(profile.counts, profile.other).astype(np.float64)


def _merged(groups: NDArray[np.intp], table: Floats) -> Floats:
    """Add up the columns of a table (windows by levels) that share a group."""
    merged = np.zeros((len(table), int(groups.max()) + 1))
    np.add.at(merged.T, groups, table.T)
    return merged


def _chi2_limit(test: TwoSample, level: float) -> float:
    return float(special.chdtri(test.freedom, level)) if test.freedom else float("inf")


def _scores(before: Floats, after: Floats) -> dict[str, float]:
    return {
        "psi": psi(before, after),
        "jensenshannon": jensenshannon(before, after),
        "hellinger": hellinger(before, after),
        "total_variation": total_variation(before, after),
        "l_infinity": l_infinity(before, after),
    }
