"""Robust z: how many standard deviations a value lies from the middle, by quantiles of the baseline."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from statistics import NormalDist
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mirante.outliers.rows import Rows, check_baseline
from mirante.profiles import NumericProfile, TableProfile
from mirante.profiles.categorical import CategoricalProfile
from mirante.profiles.columns import to_levels, to_numbers

__all__ = ["LARGEST", "LevelScale", "NumberScale", "RobustZ"]

METHOD = "robust_z"
LARGEST = 1e6  # of abs(z): the distance from a constant, and of infinity
_LEVELS = (0.95, 0.99, 0.999, 0.9999)

Floats = NDArray[np.float64]

_normal = NormalDist()


@dataclass(frozen=True, slots=True)
class NumberScale:
    """Middle and spread of a column of numbers; each side has its own spread, since many columns are skew.

    Parameters
    ----------
    centre : float
        The median; NaN when the baseline has no value.
    below, above : float
        One robust standard deviation towards smaller and towards larger values; 0 in a constant column.

    Notes
    -----
    ``above = (Q(p) - median) / Φ⁻¹(p)`` at p = 0.95, and where that quantile still is the median (a column
    of 97 % zeros), at the first p of 0.99, 0.999, 0.9999 that is not, at last the largest value with
    p = n / (n + 1). ``below`` mirrors it. A side on which the baseline has no value takes the other's.
    A normal column has its standard deviation on both sides; 5 % of gross errors on a side do not move it.

    References
    ----------
    Quantile estimates of spread as in Rousseeuw and Croux, "Alternatives to the Median Absolute Deviation",
    JASA 88 (1993); here at tail quantiles and for each side, so that skew columns do not flag their own tail.

    Examples
    --------
    >>> scale = NumberScale.of(NumericProfile.of("x", np.arange(101.0)))
    >>> scale.centre, round(scale.above, 2)
    (50.0, 27.36)
    >>> scale.z(np.array([50.0, 95.0, np.nan])).round(3).tolist()
    [0.0, 1.645, nan]
    """

    centre: float
    below: float
    above: float

    @classmethod
    def of(cls, column: NumericProfile) -> NumberScale:
        """Return middle and spread of a profile's column."""
        if not column.n:
            return cls(float("nan"), 0.0, 0.0)
        centre = column.quantile(0.5)
        far = column.n / (column.n + 1)
        ups = [*((p, column.quantile(p)) for p in _LEVELS), (far, column.maximum)]
        downs = [*((p, column.quantile(1.0 - p)) for p in _LEVELS), (far, column.minimum)]
        above, below = _spread(centre, ups), _spread(centre, downs)
        return cls(centre, below or above, above or below)

    def z(self, values: Floats) -> Floats:
        """Return the distance from the median in robust standard deviations, with its sign.

        Parameters
        ----------
        values : ndarray of float64

        Returns
        -------
        ndarray of float64
            -1e6 to 1e6, the ends for infinity and for what differs from a constant; NaN where missing, and
            where the baseline has no value.
        """
        with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
            apart = values - self.centre
            found = apart / np.where(apart < 0, self.below, self.above)
        found[values == self.centre] = 0.0
        return np.asarray(np.clip(found, -LARGEST, LARGEST))

    def over(self, column: NumericProfile, limits: Floats) -> Floats:
        """Return at most how many values of the profile have an abs(z) over each limit."""
        if not column.n:
            return np.zeros(len(limits))
        edges = self.z(np.asarray(column.edges, np.float64))
        low, high = self.z(np.array([column.minimum, column.maximum]))
        upto, below = np.r_[0, column.upto], np.r_[column.below, column.n]
        larger = column.n - upto[np.searchsorted(edges, limits, "right")]
        smaller = below[np.searchsorted(edges, -limits, "left")]
        both = np.where(high > limits, larger, 0) + np.where(low < -limits, smaller, 0)
        return np.minimum(both.astype(np.float64), column.n)

    def steps(self, column: NumericProfile) -> Floats:
        """Return the values of abs(z) at which `over` may change."""
        return np.abs(self.z(np.r_[column.edges, column.minimum, column.maximum]))


def _spread(centre: float, quantiles: list[tuple[float, float]]) -> float:
    for p, quantile in quantiles:
        apart = abs(quantile - centre)
        if 0.0 < apart < np.inf and p > 0.5:
            return apart / _normal.inv_cdf(p)
    return 0.0


@dataclass(frozen=True, slots=True)
class LevelScale:
    """How rare the levels of a column of text are, on the same scale.

    Parameters
    ----------
    z : mapping of str to float
        Of each level of the baseline, 0 or more.
    new : float
        Of any other.

    Notes
    -----
    ``z = Φ⁻¹(1 - s / 2)``, with s the share of the baseline's values whose level is as rare as this one or
    rarer: the abs(z) that as few normal values exceed. The most frequent level has 0; a new one has
    s = 1 / (n + 1).

    Examples
    --------
    >>> scale = LevelScale.of(TableProfile.of({"c": ["UA"] * 95 + ["HA"] * 5}).columns["c"])
    >>> round(scale.z["HA"], 2), scale.z["UA"], round(scale.new, 2)
    (1.96, 0.0, 2.58)
    """

    z: Mapping[str, float]
    new: float

    @classmethod
    def of(cls, column: CategoricalProfile) -> LevelScale:
        """Return the rarity of each level of a profile's column."""
        counts, found = np.asarray(column.counts), {}
        ranked = np.sort(counts)
        rarer = np.r_[0, np.cumsum(ranked)][np.searchsorted(ranked, counts, "right")] + column.other
        for level, count in zip(column.levels, rarer.tolist(), strict=True):
            found[level] = _rarity(count / column.n)
        return cls(MappingProxyType(found), _rarity((column.other + 1) / (column.n + 1)))

    def over(self, column: CategoricalProfile, limits: Floats) -> Floats:
        """Return how many values of the profile have a z over each limit."""
        z = self.steps(column)
        order = np.argsort(z)
        running = np.r_[0, np.cumsum(np.r_[column.counts, column.other][order])]
        return np.asarray(running[-1] - running[np.searchsorted(z[order], limits, "right")], np.float64)

    def steps(self, column: CategoricalProfile) -> Floats:
        """Return the z of each level, and of any other."""
        return np.array([*(self.z[level] for level in column.levels), self.new])


def _rarity(share: float) -> float:
    return -_normal.inv_cdf(share / 2) if share < 1.0 else 0.0


@dataclass(frozen=True, slots=True)
class RobustZ:
    """The robust z of every column; a row is as strange as its strangest column.

    Missing values are not judged: a column that goes missing has a verdict of its own.

    Parameters
    ----------
    scales : mapping of str to NumberScale or LevelScale
        In the order of the baseline.
    named : bool
        Whether columns are found by name (a table) or by place (an array).
    """

    scales: Mapping[str, NumberScale | LevelScale]
    named: bool

    @classmethod
    def of(cls, profile: TableProfile, *, named: bool = True) -> RobustZ:
        """Learn middle and spread of each column from its counts.

        Parameters
        ----------
        profile : TableProfile
            Of the baseline.
        named : bool
            Whether its names mean something.

        Returns
        -------
        RobustZ

        Raises
        ------
        InputError
            If the baseline says nothing.
        """
        check_baseline(profile.rows, len(profile.columns), sum(c.n for c in profile.columns.values()))
        scales: dict[str, NumberScale | LevelScale] = {
            name: NumberScale.of(column) if isinstance(column, NumericProfile) else LevelScale.of(column)
            for name, column in profile.columns.items()
        }
        return cls(MappingProxyType(scales), named)

    def prepare(self, rows: Rows) -> Rows:
        """Return the baseline's columns of `rows`."""
        return rows.like(tuple(self.scales), named=self.named)

    def z(self, rows: Rows) -> Floats:
        """Return the z of each value, shape (n, k); NaN where it is missing."""
        found = np.empty((rows.count, len(self.scales)))
        for place, (name, scale) in enumerate(self.scales.items()):
            raw = rows.columns[name]
            if isinstance(scale, NumberScale):
                found[:, place] = scale.z(to_numbers(name, raw)[0])
            else:
                codes, names = to_levels(name, raw)
                found[:, place] = np.array([*(scale.z.get(each, scale.new) for each in names), np.nan])[codes]
        return found

    def measure(self, rows: Rows) -> tuple[Floats, NDArray[np.bool_]]:
        """Return the score of each row, minus its largest abs(z), and whether it lacks a value."""
        z = self.z(rows)
        lacking = np.isnan(z)
        scores = -np.where(lacking, 0.0, np.abs(z)).max(axis=1)
        return np.asarray(scores), np.asarray(lacking.any(axis=1))

    def reasons(self, rows: Rows) -> tuple[Floats, Floats, list[str]]:
        """Return score, abs(z) of each value (n, k), 0 where it is missing, and method of each row."""
        parts = np.nan_to_num(np.abs(self.z(rows)), nan=0.0)
        return -parts.max(axis=1), parts, [METHOD] * rows.count

    def scores_of(self, profile: TableProfile, most: int) -> Floats:
        """Return scores that stand for those of a profile's rows, from its counts alone.

        Parameters
        ----------
        profile : TableProfile
            Of the baseline.
        most : int
            How many scores at most.

        Returns
        -------
        ndarray of float64, shape (min(rows, most),)
            Ascending. At most a share i / n of the rows lies below score i. The columns' counts are added up
            (Bonferroni), so that this holds however the columns depend on each other; fewer rows lie below
            where several columns of a row are strange at once.
        """
        pairs = [(self.scales[name], column) for name, column in profile.columns.items()]
        steps = [scale.steps(column) for scale, column in pairs]  # type: ignore[arg-type]  # both of one kind
        every = np.concatenate([[0.0], *steps])
        limits = np.unique(every[np.isfinite(every)])
        over = np.zeros(len(limits))
        for scale, column in pairs:
            over += scale.over(column, limits)  # type: ignore[arg-type]  # as above
        size = min(profile.rows, most)
        allowed = np.arange(size) * (profile.rows / size)
        # over falls as limits rise, to 0 at the last: the first limit that is allowed
        first = len(limits) - np.searchsorted(over[::-1], allowed, "right")
        return -limits[np.minimum(first, len(limits) - 1)]

    def state(self) -> dict[str, Any]:
        """Return what `from_state` needs: text and numbers only."""
        numbers = {name: asdict(s) for name, s in self.scales.items() if isinstance(s, NumberScale)}
        levels = {
            name: {"z": dict(s.z), "new": s.new}
            for name, s in self.scales.items()
            if isinstance(s, LevelScale)
        }
        return {"columns": list(self.scales), "named": self.named, "numbers": numbers, "levels": levels}

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> RobustZ:
        """Return the scales that `state` described."""
        scales: dict[str, NumberScale | LevelScale] = {}
        for name in state["columns"]:
            if name in state["numbers"]:
                scales[name] = NumberScale(**state["numbers"][name])
            else:
                scales[name] = LevelScale(**state["levels"][name])
        return cls(MappingProxyType(scales), state["named"])
