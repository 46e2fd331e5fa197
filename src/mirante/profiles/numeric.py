"""The profile of a column of numbers: counts at the baseline's edges, moments, missing values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mirante.errors import InputError
from mirante.stats.exact import centre_and_unit
from mirante.stats.histograms import Tally, choose_edges, tally
from mirante.stats.moments import Moments, from_powers

__all__ = ["NumericProfile"]

Floats = NDArray[np.float64]
Counts = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class NumericProfile:
    """A column of numbers, counted at the baseline's edges.

    Parameters
    ----------
    name : str
        The column's.
    edges : ndarray of float64, shape (k,)
        Strictly increasing; from the baseline.
    shift, scale : float
        The baseline's mean and standard deviation: centre and unit of the power sums.
    tally : Tally
        What was counted.
    unreadable : int
        How many of the `missing` were texts that are no number.

    Notes
    -----
    Infinities are values: they are counted, and are minimum or maximum; the moments are of the finite
    values. Two profiles are equal when all their counts, minimum and maximum are: the power sums may differ
    in their last bits when the same rows were added in another order.
    """

    name: str
    edges: Floats
    shift: float
    scale: float
    tally: Tally
    unreadable: int = 0

    @classmethod
    def of(
        cls, name: str, values: Floats, *, like: NumericProfile | None = None, unreadable: int = 0
    ) -> NumericProfile:
        """Count a column.

        Parameters
        ----------
        name : str
            The column's.
        values : ndarray of float64
            NaN counts as missing.
        like : NumericProfile, optional
            The baseline whose edges to use; without it the column is the baseline and chooses its own.
        unreadable : int
            How many of the NaN were texts.

        Returns
        -------
        NumericProfile

        Examples
        --------
        >>> base = NumericProfile.of("age", np.array([1.0, 2.0, 2.0, np.nan]))
        >>> base.n, base.missing, base.upto.tolist()
        (3, 1, [1, 3])
        >>> NumericProfile.of("age", np.array([5.0, 0.0]), like=base).below.tolist()
        [1, 1]
        """
        if like is not None:
            counted = tally(values, like.edges, shift=like.shift, scale=like.scale)
            return cls(name, like.edges, like.shift, like.scale, counted, unreadable)
        edges = choose_edges(values)
        shift, scale = centre_and_unit(values[np.isfinite(values)])
        return cls(name, edges, shift, scale, tally(values, edges, shift=shift, scale=scale), unreadable)

    @property
    def below(self) -> Counts:
        """Values below each edge."""
        return self.tally.below

    @property
    def upto(self) -> Counts:
        """Values below or at each edge."""
        return self.tally.upto

    @property
    def n(self) -> int:
        """Values that are not missing."""
        return self.tally.n

    @property
    def missing(self) -> int:
        """Values that are missing, unreadable ones among them."""
        return self.tally.missing

    @property
    def minimum(self) -> float:
        """Smallest value; NaN when there is none."""
        return self.tally.minimum

    @property
    def maximum(self) -> float:
        """Largest value; NaN when there is none."""
        return self.tally.maximum

    @property
    def moments(self) -> Moments:
        """Mean, std (population), skew and kurtosis (excess) of the finite values; NaN where unknown."""
        finite = self.n - self.tally.low_infinite - self.tally.high_infinite
        return from_powers(self.tally.powers, finite, shift=self.shift, scale=self.scale)

    @property
    def mean(self) -> float:
        """Mean of the finite values."""
        return self.moments.mean

    @property
    def std(self) -> float:
        """Population standard deviation of the finite values."""
        return self.moments.std

    @property
    def skew(self) -> float:
        """Skewness of the finite values; NaN when they are all the same."""
        return self.moments.skew

    @property
    def kurtosis(self) -> float:
        """Excess kurtosis of the finite values; NaN when they are all the same."""
        return self.moments.kurtosis

    def quantile(self, q: float) -> float:
        """Return a quantile: the smallest value with at least that share of values at or below it.

        Parameters
        ----------
        q : float
            0 to 1.

        Returns
        -------
        float
            Exact at an edge, interpolated between two edges; NaN when there is no value.

        Examples
        --------
        >>> NumericProfile.of("x", np.array([1.0, 2.0, 4.0])).quantile(0.5)
        2.0
        """
        return self.quantiles((q,))[0]

    def quantiles(self, qs: Sequence[float]) -> list[float]:
        """Return several quantiles, as `quantile` does, for little more than one costs.

        Parameters
        ----------
        qs : sequence of float
            0 to 1.

        Returns
        -------
        list of float

        Examples
        --------
        >>> NumericProfile.of("x", np.array([1.0, 2.0, 4.0])).quantiles([0.0, 0.5, 1.0])
        [1.0, 2.0, 4.0]
        """
        for q in qs:
            if not 0.0 <= q <= 1.0:
                raise InputError(f"q is {q}; a quantile needs 0 to 1")
        if self.n == 0:
            return [float("nan")] * len(qs)
        below, upto = self.below, self.upto  # each is a sum over all cells
        return [self._at_rank(min(max(q * self.n, 1.0), float(self.n)), below, upto) for q in qs]

    def _at_rank(self, rank: float, below: Counts, upto: Counts) -> float:
        place = int(np.searchsorted(upto, rank - 1e-9, "left"))
        if place < self.edges.size and below[place] < rank - 1e-9:
            return float(self.edges[place])
        left = float(self.edges[place - 1]) if place > 0 else self.minimum
        right = float(self.edges[place]) if place < self.edges.size else self.maximum
        left, right = max(left, self.minimum), min(right, self.maximum)
        before = int(upto[place - 1]) if place > 0 else 0
        after = int(below[place]) if place < self.edges.size else self.n
        if not (np.isfinite(left) and np.isfinite(right)):
            return right if np.isinf(right) else left
        return left + (right - left) * (rank - before) / max(after - before, 1)

    def histogram(self, bins: int | ArrayLike = 40) -> tuple[Floats, Floats]:
        """Return counts over equal bins, for drawing.

        Parameters
        ----------
        bins : int or array_like, default 40
            How many bins from the smallest to the largest finite value; or their edges (then what lies
            outside is not counted), so that two profiles can be drawn over the same bins.

        Returns
        -------
        bin_edges : ndarray of float64, shape (bins + 1,)
        counts : ndarray of float64, shape (bins,)
            Each bin takes its left edge, the last both. Values between two profile edges are spread evenly,
            so counts need not be whole. Empty arrays when there is no finite value.

        Examples
        --------
        >>> NumericProfile.of("x", np.array([0.0, 1.0, 1.0, 4.0])).histogram(2)[1].tolist()
        [3.0, 1.0]
        """
        if isinstance(bins, int | np.integer):
            low, high = self._finite_range()
            if not low <= high:
                return np.empty(0), np.empty(0)
            around = 0.0 if high > low else max(abs(low) * 1e-3, 0.5)
            # halves, here and below: the width from -1e308 to 1e308 is no number
            walls = 2.0 * np.linspace((low - around) / 2, (high + around) / 2, int(bins) + 1)
        else:
            walls = np.asarray(bins, np.float64)
        running = self.below_points(walls)
        top = np.searchsorted(self.edges, walls[-1], "left")
        if top < self.edges.size and self.edges[top] == walls[-1]:
            running[-1] = self.upto[top]
        elif walls[-1] >= self.maximum:
            running[-1] = self.n - self.tally.high_infinite
        return walls, np.diff(running)

    def _finite_range(self) -> tuple[float, float]:
        finite = self.edges[np.isfinite(self.edges)]
        low, high = self.minimum, self.maximum
        if low == -np.inf:
            low = float(finite[0]) if finite.size else np.nan
        if high == np.inf:
            high = float(finite[-1]) if finite.size else np.nan
        return low, high

    def below_points(self, points: Floats) -> Floats:
        """Return how many values are below each point, spread evenly between edges.

        Parameters
        ----------
        points : ndarray of float64
            Anywhere.

        Returns
        -------
        ndarray of float64
            Exact at edges, else need not be whole.
        """
        place = np.searchsorted(self.edges, points, "left")
        low, high = self._finite_range()
        knots = np.r_[low, self.edges, high]
        start, stop = np.maximum(knots[place], low), np.minimum(knots[place + 1], high)
        before = np.r_[0, self.upto][place].astype(np.float64)
        after = np.r_[self.below, self.n][place].astype(np.float64)
        with np.errstate(divide="ignore", invalid="ignore"):
            share = np.clip(
                np.nan_to_num((points / 2 - start / 2) / (stop / 2 - start / 2), nan=1.0), 0.0, 1.0
            )
        return np.asarray(before + (after - before) * share)

    def same_bins(self, other: object) -> bool:
        """Return whether another profile was counted with the same baseline, so that counts add and compare.

        Parameters
        ----------
        other : object
            A profile.

        Returns
        -------
        bool
        """
        return (
            isinstance(other, NumericProfile)
            and (self.edges is other.edges or np.array_equal(self.edges, other.edges))
            and (self.shift, self.scale) == (other.shift, other.scale)
        )

    def __add__(self, other: NumericProfile) -> NumericProfile:
        if not isinstance(other, NumericProfile):
            raise InputError(
                f"column {self.name!r} is numeric on one side and categorical on the other; use one `like`"
            )
        if not self.same_bins(other):
            raise InputError(
                f"column {self.name!r} has {self.edges.size} edges on one side and {other.edges.size} others "
                "on the other; count both with one baseline: TableProfile.of(table, like=baseline)"
            )
        a, b = self.tally, other.tally
        merged = Tally(
            a.counts + b.counts,
            a.sums + b.sums,
            a.powers + b.powers,
            a.n + b.n,
            a.missing + b.missing,
            a.low_infinite + b.low_infinite,
            a.high_infinite + b.high_infinite,
            float(np.fmin(a.minimum, b.minimum)),
            float(np.fmax(a.maximum, b.maximum)),
        )
        return replace(self, tally=merged, unreadable=self.unreadable + other.unreadable)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, NumericProfile):
            return NotImplemented
        mine, theirs = self._whole(), other._whole()
        return mine == theirs and all(
            np.array_equal(a, b)
            for a, b in ((self.edges, other.edges), (self.tally.counts, other.tally.counts))
        )

    __hash__ = None  # type: ignore[assignment]  # holds arrays

    def _whole(self) -> tuple[object, ...]:
        t = self.tally
        ends = tuple("nan" if value != value else value for value in (t.minimum, t.maximum))
        return (self.name, t.n, t.missing, self.unreadable, t.low_infinite, t.high_infinite, *ends)
