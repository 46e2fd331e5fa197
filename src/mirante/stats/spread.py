"""The null in which a baseline's own windows differ from each other: days, weekdays, shifts.

Rows of one day are more alike than rows of two, so a test that takes all rows for independent calls almost
every day a drift. Here a new window is held against the spread between the baseline's own windows instead,
by Student's t with as many degrees of freedom as that spread was measured with. Where sampling explains the
spread, the plain test is what remains.
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
    """How far the baseline's own windows lie from each other, beyond what sampling explains.

    Parameters
    ----------
    windows : int
        Own windows that it was measured on; 0 when there is none: the plain null of independent rows.
    between : ndarray of float64
        Variance between windows, one or one per level; 0 where sampling explains it all.
    """

    windows: int
    between: Floats

    def error(self, sampling: ArrayLike, shared: ArrayLike) -> tuple[Floats, Floats]:
        """Return standard error and degrees of freedom of a new window's distance from the baseline's mean.

        Parameters
        ----------
        sampling : array_like
            Variance of the window's statistic under sampling alone.
        shared : array_like
            The same for the baseline's.

        Returns
        -------
        error, freedom : ndarray of float64
            Of Student's t. The freedom is ``windows - 1`` where the spread between windows is everything, and
            infinite (the normal law) where there is none: Satterthwaite's rule.
        """
        window = np.asarray(sampling, np.float64)
        own = window + self.between
        with np.errstate(divide="ignore", invalid="ignore"):
            freedom = np.where(self.between > 0, max(self.windows - 1, 1) * (own / self.between) ** 2, np.inf)
        total = own + np.asarray(shared, np.float64) + self.between / max(self.windows, 1)
        return np.sqrt(total), freedom


def spread_of(values: ArrayLike, sampling: ArrayLike) -> Spread:
    """Measure the variance between own windows.

    Parameters
    ----------
    values : array_like, shape (windows,) or (windows, levels)
        The statistic of each own window.
    sampling : array_like, same shape or (windows, 1)
        Its variance under sampling alone.

    Returns
    -------
    Spread
        ``between`` is the variance of the values less the mean sampling variance, not below 0.

    Examples
    --------
    >>> spread_of([0.0, 2.0, 4.0], [1.0, 1.0, 1.0]).between.item()
    3.0
    """
    table = np.asarray(values, np.float64)
    if table.shape[0] < 2:
        return Spread(0, np.zeros(table.shape[1:]))
    within = np.broadcast_to(np.asarray(sampling, np.float64), table.shape).mean(axis=0)
    return Spread(table.shape[0], np.maximum(0.0, table.var(axis=0, ddof=1) - within))


def student_p(distance: ArrayLike, error: ArrayLike, freedom: ArrayLike) -> Floats:
    """Return the two-sided p-value of a distance that is `error` wide by Student's t (normal where infinite).

    Examples
    --------
    >>> round(float(student_p(2.0, 1.0, np.inf)), 4), round(float(student_p(2.0, 1.0, 10.0)), 4)
    (0.0455, 0.0734)
    """
    t = -np.abs(np.asarray(distance, np.float64)) / np.maximum(np.asarray(error, np.float64), 1e-300)
    nu = np.asarray(freedom, np.float64)
    finite = np.isfinite(nu) & (nu < 1e6)
    return np.asarray(2.0 * np.where(finite, special.stdtr(np.where(finite, nu, 1.0), t), special.ndtr(t)))


def student_limit(p_value: float, error: ArrayLike, freedom: ArrayLike) -> Floats:
    """Return the distance whose `student_p` is `p_value`.

    Examples
    --------
    >>> round(float(student_limit(0.05, 1.0, np.inf)), 3)
    1.96
    """
    nu = np.asarray(freedom, np.float64)
    finite = np.isfinite(nu) & (nu < 1e6)
    quantile = np.where(
        finite, special.stdtrit(np.where(finite, nu, 1.0), 1.0 - p_value / 2.0), -special.ndtri(p_value / 2.0)
    )
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
    return np.arcsin(np.sqrt(np.clip(share, 0.0, 1.0))), 1.0 / (4.0 * n + 2.0)


@dataclass(frozen=True, slots=True)
class DistanceSpread:
    """How large a distance (KS, total variation) each own window has from the rest of the baseline.

    A squared distance is a sum of squares, so its cube root is close to normal (Wilson and Hilferty, 1931);
    a new window's is held against mean and spread of the own windows' by Student's t, upper side only.

    Parameters
    ----------
    windows : int
        Own windows that it was measured on.
    unit : float
        Mean squared distance under sampling alone is ``unit * (1 / n + 1 / m)``.
    between : float
        What the own windows' mean squared distance has beyond that.
    centre, width : float
        Mean, and standard error of prediction, of ``(distance / scale) ** (2 / 3)``.
    """

    windows: int
    unit: float
    between: float
    centre: float
    width: float

    def scale(self, n: ArrayLike, m: ArrayLike) -> Floats:
        """Return the root mean square distance to expect of `n` rows against `m`."""
        sampling = self.unit * (1.0 / np.asarray(n, np.float64) + 1.0 / np.asarray(m, np.float64))
        return np.sqrt(self.between + sampling)

    def p_value(self, distance: float, n: float, m: float) -> float:
        """Return the one-sided p-value of a new window's distance.

        Parameters
        ----------
        distance : float
            From the whole baseline.
        n, m : float
            Rows of the window and of the baseline.

        Returns
        -------
        float
            0 to 1.
        """
        if distance <= 0.0:
            return 1.0
        x = float((distance / self.scale(n, m)) ** (2.0 / 3.0))
        return float(special.stdtr(self.windows - 1, (self.centre - x) / max(self.width, 1e-300)))

    def limit(self, p_value: float, n: float, m: float) -> float:
        """Return the distance whose p-value is `p_value`; above 1 where no distance reaches it."""
        x = self.centre + self.width * float(special.stdtrit(self.windows - 1, 1.0 - p_value))
        return float(max(x, 0.0) ** 1.5 * self.scale(n, m))


def distance_spread(
    distances: ArrayLike, rows: ArrayLike, baseline_rows: float, unit: float
) -> DistanceSpread | None:
    """Measure the distances of own windows from the rest of their baseline.

    Parameters
    ----------
    distances : array_like, shape (windows,)
        Each own window's distance from the baseline without it.
    rows : array_like, shape (windows,)
        Rows of each own window.
    baseline_rows : float
        Rows of the whole baseline.
    unit : float
        Mean squared distance under sampling alone, times ``1 / (1 / n + 1 / m)``. KS: π²/12.

    Returns
    -------
    DistanceSpread or None
        None when there are fewer than 7 windows that leave any rows to compare with.

    Examples
    --------
    >>> spread = distance_spread([0.1, 0.12, 0.08, 0.1, 0.11, 0.09, 0.1], [1000] * 7, 7000, 0.8225)
    >>> round(spread.limit(0.001, 1000, 7000), 3), spread.p_value(0.5, 1000, 7000) < 1e-6
    (0.18, True)
    """
    found, n = np.asarray(distances, np.float64), np.asarray(rows, np.float64)
    usable = (n > 0) & (n < baseline_rows) & np.isfinite(found)
    found, n = found[usable], n[usable]
    if found.size < LEAST_WINDOWS:
        return None
    rest = baseline_rows - n
    between = max(0.0, float(np.mean(found**2 - unit * (1.0 / n + 1.0 / rest))))
    plain = DistanceSpread(int(found.size), max(unit, 1e-12), between, 0.0, 1.0)
    x = (found / plain.scale(n, rest)) ** (2.0 / 3.0)
    width = float(x.std(ddof=1)) * np.sqrt(1.0 + 1.0 / found.size)
    return DistanceSpread(plain.windows, plain.unit, between, float(x.mean()), float(width))
