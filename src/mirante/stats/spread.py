"""The null in which a baseline's own windows differ from each other: days, weekdays, shifts.

Rows of one day are more alike than rows of two, so a test that takes all rows for independent calls almost
every day a drift. Here a new window is held against the spread between the baseline's own windows instead,
each of which was held against a reference of its own: by Student's t with as many degrees of freedom as that
spread was measured with. Where sampling explains the spread, the plain test is what remains.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

__all__ = [
    "LEAST_WINDOWS",
    "DistanceSpread",
    "Spread",
    "distance_spread",
    "spread_of",
    "student_limit",
    "student_p",
    "variance_stable_share",
]

LEAST_WINDOWS = 7  # a week of days; from fewer windows a spread is a guess

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Spread:
    """How far the baseline's own windows lie from their references, beyond what sampling explains.

    Parameters
    ----------
    between : ndarray of float64
        Variance of the difference that sampling does not explain, one or one per column or level; 0 where
        it explains all.
    freedom : float
        Degrees of freedom that it was measured with; infinite when there is none.
    """

    between: Floats
    freedom: float

    @classmethod
    def none(cls) -> Spread:
        """Return the null of independent rows."""
        return cls(np.zeros(()), np.inf)

    def error(self, sampling: ArrayLike) -> tuple[Floats, Floats]:
        """Return standard error and degrees of freedom of a new window's difference from its reference.

        Parameters
        ----------
        sampling : array_like
            Variance of the difference under sampling alone, of both sides together.

        Returns
        -------
        error, freedom : ndarray of float64
            Of Student's t. The freedom is the spread's own where the spread between windows is everything,
            and infinite (the normal law) where there is none: Satterthwaite's rule.
        """
        total = np.asarray(sampling, np.float64) + self.between
        if not self.between.any():  # as of independent rows
            return np.sqrt(total), np.full(total.shape, np.inf)
        with np.errstate(divide="ignore", invalid="ignore"):
            freedom = np.where(self.between > 0, self.freedom * (total / self.between) ** 2, np.inf)
        return np.sqrt(total), freedom


def spread_of(differences: ArrayLike, sampling: ArrayLike, freedom: float) -> Spread:
    """Measure the variance of own windows' differences from their references.

    Parameters
    ----------
    differences : array_like, shape (windows, …)
        The statistic of each own window less its reference's; NaN is left out.
    sampling : array_like, same shape
        Its variance under sampling alone.
    freedom : float
        Windows less the number of groups (weekdays) that have a reference of their own.

    Returns
    -------
    Spread
        ``between`` is the mean square of the differences less the mean sampling variance, not below 0. The
        mean square and not the variance: a difference from a reference has mean 0, and already contains
        what the reference itself is off by.

    Examples
    --------
    >>> spread_of([-2.0, 0.0, 2.0], [1.0, 1.0, 1.0], 2).between.round(3).item()
    1.667
    """
    table = np.asarray(differences, np.float64)
    known = np.isfinite(table)
    count = np.maximum(known.sum(axis=0), 1)
    square = np.where(known, table, 0.0) ** 2
    within = np.where(known, np.asarray(sampling, np.float64), 0.0)
    return Spread(np.maximum(0.0, (square.sum(axis=0) - within.sum(axis=0)) / count), max(freedom, 1.0))


def student_p(distance: ArrayLike, error: ArrayLike, freedom: ArrayLike) -> Floats:
    """Return the two-sided p-value of a distance that is `error` wide by Student's t (normal where infinite).

    Examples
    --------
    >>> round(float(student_p(2.0, 1.0, np.inf)), 4), round(float(student_p(2.0, 1.0, 10.0)), 4)
    (0.0455, 0.0734)
    """
    t = -np.abs(np.asarray(distance, np.float64)) / np.maximum(np.asarray(error, np.float64), 1e-300)
    nu = np.asarray(freedom, np.float64)
    finite = nu < 1e6
    if not finite.any():
        return np.asarray(2.0 * special.ndtr(t))
    return np.asarray(2.0 * np.where(finite, special.stdtr(np.where(finite, nu, 1.0), t), special.ndtr(t)))


def student_limit(p_value: ArrayLike, error: ArrayLike, freedom: ArrayLike) -> Floats:
    """Return the distance whose `student_p` is `p_value`.

    Examples
    --------
    >>> round(float(student_limit(0.05, 1.0, np.inf)), 3)
    1.96
    """
    nu, half = np.asarray(freedom, np.float64), np.asarray(p_value, np.float64) / 2.0
    finite = nu < 1e6
    normal = -special.ndtri(half)
    if not finite.any():
        return np.asarray(normal * np.asarray(error, np.float64))
    quantile = np.where(finite, -special.stdtrit(np.where(finite, nu, 1.0), half), normal)
    return np.asarray(quantile * np.asarray(error, np.float64))


def variance_stable_share(hits: ArrayLike, rows: ArrayLike) -> tuple[Floats, Floats]:
    """Return asin √share and its sampling variance, for any share and number of rows.

    Parameters
    ----------
    hits, rows : array_like
        Counts, and the rows that they are of.

    Returns
    -------
    value, variance : ndarray of float64
        By Anscombe's correction: the variance is the same whatever the share, even near 0 and 1.

    References
    ----------
    .. [1] F. J. Anscombe, "The transformation of Poisson, binomial and negative-binomial data", 1948.

    Examples
    --------
    >>> value, variance = variance_stable_share(50, 100)
    >>> round(float(value), 4), round(float(variance), 5)
    (0.7854, 0.00249)
    """
    n = np.asarray(rows, np.float64)
    share = (np.asarray(hits, np.float64) + 0.375) / (n + 0.75)
    return np.arcsin(np.sqrt(np.minimum(share, 1.0))), 1.0 / (4.0 * n + 2.0)


@dataclass(frozen=True, slots=True)
class DistanceSpread:
    """How large a distance (KS, total variation) each own window has from its reference.

    The square of a distance is what sampling adds and what the days add. Days that differ in one way add the
    square of a normal number, and sampling a sum of several; so a new window's squared distance over its
    mean is held against the F law, with degrees of freedom that match the variance of the mixture: one where
    the days are everything (Student's t, two-sided), those of sampling where they are nothing.

    Parameters
    ----------
    freedom : float
        Degrees of freedom that the days' part was measured with.
    unit : ndarray of float64
        Mean squared distance under sampling alone is ``unit * (1 / n + 1 / m)``.
    terms : ndarray of float64
        Degrees of freedom of the squared distance under sampling alone.
    between : ndarray of float64
        What the own windows' mean squared distance has beyond that; not below 0.
    """

    freedom: float
    unit: Floats
    terms: Floats
    between: Floats

    def _law(self, n: ArrayLike, m: ArrayLike) -> tuple[Floats, Floats, Floats]:
        """Return the mean squared distance to expect, and the two degrees of freedom of its F law."""
        sampling = self.unit * (1.0 / np.asarray(n, np.float64) + 1.0 / np.asarray(m, np.float64))
        total = np.maximum(sampling + self.between, 1e-300)
        # the variance of a square: that of each part, and what both together add
        mixed = sampling * sampling / self.terms + self.between * (self.between + sampling)
        upper = total * total / np.maximum(mixed, 1e-300)
        with np.errstate(divide="ignore", invalid="ignore"):
            lower = np.where(self.between > 0, self.freedom * (total / self.between) ** 2, 1e9)
        return total, upper, np.minimum(lower, 1e9)

    def p_value(self, distance: ArrayLike, n: ArrayLike, m: ArrayLike) -> Floats:
        """Return the one-sided p-value of a new window's distance.

        Parameters
        ----------
        distance : array_like
            From its reference.
        n, m : array_like
            Rows of the window and of the reference.

        Returns
        -------
        ndarray of float64
            0 to 1.
        """
        total, upper, lower = self._law(n, m)
        far = np.maximum(np.asarray(distance, np.float64), 0.0)
        return np.asarray(special.fdtrc(upper, lower, far * far / total))

    def limit(self, p_value: ArrayLike, n: ArrayLike, m: ArrayLike) -> Floats:
        """Return the distance whose p-value is `p_value`; above 1 where no distance reaches it."""
        total, upper, lower = self._law(n, m)
        return np.sqrt(total * special.fdtri(upper, lower, 1.0 - np.asarray(p_value, np.float64)))


def distance_spread(
    distances: ArrayLike,
    rows: ArrayLike,
    reference_rows: ArrayLike,
    unit: ArrayLike,
    terms: ArrayLike,
    freedom: float,
) -> DistanceSpread:
    """Measure the distances of own windows from their references.

    Parameters
    ----------
    distances : array_like, shape (windows, …)
        Each own window's; NaN is left out.
    rows, reference_rows : array_like, same shape
        Rows of each own window and of its reference.
    unit : array_like
        Mean squared distance under sampling alone, times ``1 / (1 / n + 1 / m)``. KS: π²/12.
    terms : array_like
        Degrees of freedom of the squared distance under sampling alone: twice its squared mean over its
        variance. KS: 5.
    freedom : float
        Windows less the number of groups (weekdays) that have a reference of their own.

    Returns
    -------
    DistanceSpread

    Examples
    --------
    >>> spread = distance_spread([0.1, 0.12, 0.08, 0.1, 0.11, 0.09, 0.1], 1000, 6000, 0.8225, 5, 6)
    >>> spread.limit(0.001, 1000, 7000).round(2).item(), bool(spread.p_value(0.9, 1000, 7000) < 1e-3)
    (0.52, True)
    """
    found = np.asarray(distances, np.float64)
    n, m = np.broadcast_to(rows, found.shape), np.broadcast_to(reference_rows, found.shape)
    known = np.isfinite(found) & (n > 0) & (m > 0)
    count = np.maximum(known.sum(axis=0), 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        sampling = np.asarray(unit, np.float64) * (1.0 / n + 1.0 / m)
        excess = np.where(known, found**2 - sampling, 0.0).sum(axis=0) / count
    floor = np.maximum(np.asarray(unit, np.float64), 1e-12)
    degrees = np.maximum(np.asarray(terms, np.float64), 1.0)
    return DistanceSpread(max(freedom, 1.0), floor, degrees, np.maximum(0.0, excess))
