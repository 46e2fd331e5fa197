"""Confidence intervals (95 %) of measures of a model: closed forms, each with its source.

What is unknown is NaN; nothing here warns.

References
----------
.. [1] E. B. Wilson, "Probable inference, the law of succession, and statistical inference", JASA 22, 1927.
.. [2] R. G. Newcombe, "Two-sided confidence intervals for the single proportion: comparison of seven
   methods", Statistics in Medicine 17, 1998: Wilson's is his method 3.
.. [3] K. F. Y. Lam, V. Gopal, J. Qian, "Confidence intervals for the F1 score: a comparison of four methods",
   2023, arXiv:2309.14621: Wilson's, by way of TP / (TP + FP + FN).
.. [4] G. Y. Zou, A. Donner, "Construction of confidence limits about effect measures: a general approach",
   Statistics in Medicine 27, 2008: MOVER, limits of a sum from the limits of its parts.
.. [5] R. G. Newcombe, "Confidence intervals for an effect size measure based on the Mann-Whitney statistic.
   Part 2", Statistics in Medicine 25, 2006: the score interval of an area under the ROC curve, method 5.
.. [6] W. J. Conover, "Practical Nonparametric Statistics", 3rd edition, 1999, section 3.2: a quantile.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import optimize, special, stats

__all__ = [
    "COVERAGE",
    "UNKNOWN",
    "Interval",
    "auc_score_interval",
    "f1_interval",
    "log_interval",
    "logit_interval",
    "mean_interval",
    "median_interval",
    "mover",
    "wilson",
]

COVERAGE = 0.95
"""Chance that an interval holds the true value."""

_Z = float(special.ndtri(0.5 + COVERAGE / 2))

Floats = NDArray[np.float64]


class Interval(NamedTuple):
    """A measure and the ends of its interval; NaN where they are unknown."""

    value: float
    lower: float
    upper: float


UNKNOWN = Interval(math.nan, math.nan, math.nan)


def wilson(hits: float, count: float) -> Interval:
    """Return a share with Wilson's interval [1]_, [2]_.

    Parameters
    ----------
    hits, count : float
        Rows that count, and all rows.

    Returns
    -------
    Interval
        Within [0, 1]; never of no width. NaN without rows.

    Examples
    --------
    >>> [round(one, 4) for one in wilson(81, 263)]  # Newcombe 1998, table I
    [0.308, 0.2553, 0.3662]
    """
    if not count > 0:
        return UNKNOWN
    share, square = hits / count, _Z * _Z
    middle = (share + square / (2 * count)) / (1 + square / count)
    half = _Z * math.sqrt(share * (1 - share) / count + square / (4 * count * count)) / (1 + square / count)
    # at the ends the formula gives the share itself, but for rounding
    return Interval(share, min(max(middle - half, 0.0), share), max(min(middle + half, 1.0), share))


def f1_interval(both: float, labelled: float, said: float) -> Interval:
    """Return an F1 with its interval: Wilson's of F1 / (2 - F1), which is a share of rows [3]_.

    Parameters
    ----------
    both : float
        Rows of the class that were said to be (true positives).
    labelled, said : float
        Rows of the class, and rows that were said to be.

    Returns
    -------
    Interval
        Within [0, 1]; NaN where there is no row of either sort.

    Examples
    --------
    >>> [round(one, 3) for one in f1_interval(40, 50, 50)]
    [0.8, 0.702, 0.872]
    """
    overlap = wilson(both, labelled + said - both)
    return Interval(*(2 * one / (1 + one) for one in overlap))


def mean_interval(values: Floats, low: float = -math.inf, high: float = math.inf) -> Interval:
    """Return a mean with Student's interval.

    Parameters
    ----------
    values : ndarray of float64, shape (n,)
        One for each row.
    low, high : float
        What the mean cannot pass; the ends are cut there.

    Returns
    -------
    Interval
        The ends are NaN below two rows, and where a value is infinite.

    Examples
    --------
    >>> [round(one, 3) for one in mean_interval(np.array([1.0, 2.0, 3.0, 4.0]))]
    [2.5, 0.446, 4.554]
    """
    count = len(values)
    if not count:
        return UNKNOWN
    with np.errstate(over="ignore", invalid="ignore"):
        mean = float(np.mean(values))
        error = float(np.std(values, ddof=1)) / math.sqrt(count) if count > 1 else math.nan
    if not math.isfinite(error):
        return Interval(mean, math.nan, math.nan)
    half = float(special.stdtrit(count - 1, 0.5 + COVERAGE / 2)) * error
    return Interval(mean, max(mean - half, low), min(mean + half, high))


def log_interval(value: float, variance: float) -> Interval:
    """Return a positive measure with an interval that is even on the scale of its logarithm (delta method).

    Parameters
    ----------
    value, variance : float
        The measure, and the variance of its error.

    Returns
    -------
    Interval
        The ends are NaN where either is unknown or the measure is not over 0.

    Examples
    --------
    >>> [round(one, 3) for one in log_interval(2.0, 0.04)]
    [2.0, 1.644, 2.433]
    """
    if not (0.0 < value < math.inf and 0.0 <= variance < math.inf):
        return Interval(value, math.nan, math.nan)
    factor = math.exp(min(_Z * math.sqrt(variance) / value, 700.0))
    return Interval(value, value / factor, value * factor)


def logit_interval(value: float, variance: float, at_the_end: Interval) -> Interval:
    """Return a measure in [0, 1] with an interval that is even on the scale of its log-odds (delta method).

    Parameters
    ----------
    value, variance : float
        The measure, and the variance of its error.
    at_the_end : Interval
        Taken where the variance says nothing: the measure is 0 or 1, or no row moved it.

    Returns
    -------
    Interval
        Within [0, 1].

    Examples
    --------
    >>> [round(one, 3) for one in logit_interval(0.8, 0.0016, UNKNOWN)]
    [0.8, 0.71, 0.867]
    """
    if not math.isfinite(value):
        return UNKNOWN
    if not (0.0 < value < 1.0 and variance > 0.0):
        return Interval(value, at_the_end.lower, at_the_end.upper)
    half = _Z * math.sqrt(variance) / (value * (1.0 - value))
    odds = math.log(value / (1.0 - value))
    return Interval(value, float(special.expit(odds - half)), float(special.expit(odds + half)))


def auc_score_interval(value: float, ones: int, zeros: int) -> Interval:
    """Return an area under the ROC curve with Newcombe's score interval [5]_, which has a width at 1 too.

    Parameters
    ----------
    value : float
        The area, 0 to 1.
    ones, zeros : int
        Rows of each label.

    Returns
    -------
    Interval
        Within [0, 1]; NaN where either label is missing.

    Examples
    --------
    >>> [round(one, 3) for one in auc_score_interval(1.0, 20, 20)]
    [1.0, 0.899, 1.0]
    """
    if not (ones and zeros and 0.0 <= value <= 1.0):
        return UNKNOWN
    more = (ones + zeros) / 2.0 - 1.0

    def distance(area: float) -> float:
        spread = 1.0 + more * ((1.0 - area) / (2.0 - area) + area / (1.0 + area))
        return (value - area) ** 2 - _Z * _Z * area * (1.0 - area) * spread / (ones * zeros)

    lower = 0.0 if value == 0.0 else float(optimize.brentq(distance, 0.0, value - 1e-9 * value))
    upper = 1.0 if value == 1.0 else float(optimize.brentq(distance, value + 1e-9 * (1.0 - value), 1.0))
    return Interval(value, lower, upper)


def median_interval(values: Floats) -> Interval:
    """Return a median with the interval between two of the values, whatever their distribution [6]_.

    Parameters
    ----------
    values : ndarray of float64, shape (n,)
        Independent.

    Returns
    -------
    Interval
        It holds the true median with a chance of at least 95 %; the ends are NaN below six rows, where no
        two values do.

    Examples
    --------
    >>> median_interval(np.arange(1.0, 101.0))  # the 40th and the 61st of a hundred
    Interval(value=50.5, lower=40.0, upper=61.0)
    """
    count = len(values)
    if not count:
        return UNKNOWN
    below = int(stats.binom.ppf((1.0 - COVERAGE) / 2.0, count, 0.5))
    median = float(np.median(values))
    if below < 1:
        return Interval(median, math.nan, math.nan)
    ends = np.partition(values, [below - 1, count - below])
    return Interval(median, float(ends[below - 1]), float(ends[count - below]))


def mover(
    parts: ArrayLike, *, weights: ArrayLike | None = None, correlation: NDArray[np.float64] | None = None
) -> Interval:
    """Return a weighted mean of measures with an interval from those of its parts [4]_.

    Parameters
    ----------
    parts : array_like, shape (k, 3)
        Value, lower and upper end of each; those without a value are left out.
    weights : array_like, shape (k,), optional
        Of each part; equal when not given.
    correlation : ndarray, shape (k, k), optional
        Of their errors; none when not given.

    Returns
    -------
    Interval
        ``θ - sqrt(Σ w_i w_j r_ij (θ_i - l_i)(θ_j - l_j))`` and the same with the upper ends. NaN where no
        part has a value; ends that are unknown for one part are unknown for all.

    Examples
    --------
    >>> [round(one, 3) for one in mover([wilson(45, 50), wilson(30, 50)])]
    [0.75, 0.661, 0.818]
    """
    found = np.asarray(parts, dtype=np.float64).reshape(-1, 3)
    shares = np.ones(len(found)) if weights is None else np.asarray(weights, dtype=np.float64)
    there = ~np.isnan(found[:, 0]) & (shares > 0)
    if not there.any():
        return UNKNOWN
    values, lower, upper = found[there].T
    shares = shares[there] / shares[there].sum()
    related = np.eye(len(values)) if correlation is None else correlation[np.ix_(there, there)]
    value = float(shares @ values)
    ends = []
    for distances in (shares * (values - lower), shares * (upper - values)):
        ends.append(math.sqrt(max(float(distances @ related @ distances), 0.0)))
    return Interval(value, value - ends[0], value + ends[1])
