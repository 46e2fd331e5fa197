"""Two-sample tests, on raw arrays and on counts."""

from __future__ import annotations

import warnings
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from mirante.errors import InputError

__all__ = [
    "TwoSample",
    "chi2",
    "kolmogorov_limit",
    "kolmogorov_p",
    "ks",
    "ks_distance",
    "mann_whitney",
    "merge_rare",
    "rank_skew",
    "rare_p",
    "skew_corrected",
    "superiority",
    "tie_variance",
]

Floats = NDArray[np.float64]
Counts = NDArray[np.int64]


class TwoSample(NamedTuple):
    """A statistic, its p-value and, where the test has any, its degrees of freedom."""

    statistic: float
    p_value: float
    freedom: int = 0


def ks(reference: ArrayLike, current: ArrayLike) -> TwoSample:
    """Two-sample, two-sided Kolmogorov-Smirnov test on raw values, as scipy has it.

    Parameters
    ----------
    reference, current : array_like
        Values without NaN; infinities are values.

    Returns
    -------
    TwoSample
        The distance, 0 to 1, and scipy's default p-value: exact up to 10,000 rows a side, asymptotic above.

    Raises
    ------
    InputError
        If a side is empty or holds NaN.

    Examples
    --------
    >>> ks([1.0, 2.0, 3.0, 4.0], [1.5, 2.5, 3.5, 4.5]).statistic
    0.25
    """
    left, right = np.asarray(reference, np.float64).ravel(), np.asarray(current, np.float64).ravel()
    for name, side in (("reference", left), ("current", right)):
        if side.size == 0 or np.isnan(side).any():
            raise InputError(
                f"{name} has {side.size} values, NaN among them or none; drop NaN, and give at least one"
            )
    from scipy import stats  # slow to import (0.5 s), and only raw arrays need it

    with warnings.catch_warnings():
        # scipy warns when its exact method runs out of range and takes the asymptotic one: as wanted
        warnings.filterwarnings(
            "ignore", message="ks_2samp: Exact calculation unsuccessful", category=RuntimeWarning
        )
        result = stats.ks_2samp(left, right)
    return TwoSample(float(result.statistic), float(result.pvalue))


def ks_distance(reference: ArrayLike, current: ArrayLike) -> float:
    """Kolmogorov-Smirnov distance of two running counts: max |F - G|.

    Parameters
    ----------
    reference, current : array_like, shape (cells,)
        Running counts over the same cells; the last is the number of rows, above 0.

    Returns
    -------
    float
        0 to 1.

    Examples
    --------
    >>> ks_distance([2, 4], [1, 4])
    0.25
    """
    left, right = np.asarray(reference, np.float64), np.asarray(current, np.float64)
    return float(np.abs(left / left[-1] - right / right[-1]).max())


def kolmogorov_p(distance: float, n_reference: float, n_current: float) -> float:
    """Asymptotic p-value of a two-sample KS distance.

    Parameters
    ----------
    distance : float
        From `ks_distance`.
    n_reference, n_current : float
        Rows on each side.

    Returns
    -------
    float
        Kolmogorov's limit law at √(n m / (n + m)) D: conservative for few rows and for repeated values.

    Examples
    --------
    >>> round(kolmogorov_p(0.1, 500, 500), 4)
    0.0135
    """
    return float(special.kolmogorov(np.sqrt(n_reference * n_current / (n_reference + n_current)) * distance))


def kolmogorov_limit(p_value: float, n_reference: float, n_current: float) -> float:
    """Return the distance whose `kolmogorov_p` is `p_value` (may pass 1: then no distance reaches it).

    Examples
    --------
    >>> round(kolmogorov_limit(0.05, 500, 500), 4)
    0.0859
    """
    return float(special.kolmogi(p_value) / np.sqrt(n_reference * n_current / (n_reference + n_current)))


def superiority(reference: ArrayLike, current: ArrayLike) -> float:
    """Share of pairs in which the current value is the larger one, ties counted half.

    Parameters
    ----------
    reference, current : array_like, shape (cells,)
        Counts (not running) over the same ordered cells.

    Returns
    -------
    float
        0 to 1; 0.5 when nothing moved. The Mann-Whitney U over the number of pairs.

    Examples
    --------
    >>> superiority([1, 1, 0], [0, 1, 1])
    0.875
    """
    left, right = np.asarray(reference, np.float64), np.asarray(current, np.float64)
    running = np.cumsum(left)
    # no BLAS: its threads cost more than a sum of a few thousand, and stall on a busy machine
    return float(((running - left / 2) * right).sum() / (running[-1] * right.sum()))


def mann_whitney(reference: ArrayLike, current: ArrayLike, *, most: float = np.inf) -> TwoSample:
    """Two-sided Mann-Whitney test from counts, corrected for ties and for skewed ranks.

    Parameters
    ----------
    reference, current : array_like, shape (cells,)
        Counts over the same ordered cells, at least one row on each side.
    most : float, optional
        The current side is trusted as if it had no more rows than this: one baseline serves all windows, and
        its own sampling error is the same in each.

    Returns
    -------
    TwoSample
        The share of pairs in which the current value is larger (0.5: nothing moved), and p by the normal law
        after a Cornish-Fisher correction for skewness, without which rare values alarm three times too often.

    Examples
    --------
    >>> result = mann_whitney([50, 50], [30, 70])
    >>> result.statistic, round(result.p_value, 4)
    (0.6, 0.0039)
    """
    left, right = np.asarray(reference, np.float64), np.asarray(current, np.float64)
    m, n = float(left.sum()), float(right.sum())
    shift = superiority(left, right) - 0.5
    unit = tie_variance(left + right)
    if unit <= 0.0:  # one value only, on both sides
        return TwoSample(0.5, 1.0)
    z = shift / np.sqrt(unit * (1.0 / min(n, most) + 1.0 / m))
    z = skew_corrected(z, rank_skew(left + right), m, n)
    return TwoSample(shift + 0.5, float(2.0 * special.ndtr(-abs(z))))


def tie_variance(counts: ArrayLike) -> float:
    """Return the variance of mid-ranks (as shares, 0 to 1) of a column with repeated values.

    Parameters
    ----------
    counts : array_like, shape (cells,)
        Rows per cell, of both sides together.

    Returns
    -------
    float
        1/12 without repeats, 0 for one value only.

    Examples
    --------
    >>> tie_variance([10]), round(tie_variance([1, 1]) * 12, 3)
    (0.0, 0.75)
    """
    rows = np.asarray(counts, np.float64)
    shares = rows / rows.sum()
    spread = (1.0 - float((shares * shares * shares).sum())) / 12.0
    return spread if spread > 1e-15 else 0.0


def rank_skew(counts: ArrayLike) -> float:
    """Return the skewness of mid-ranks.

    Parameters
    ----------
    counts : array_like, shape (cells,)
        Rows per cell, of both sides together.

    Returns
    -------
    float
        0 for one value only.

    Examples
    --------
    >>> round(rank_skew([90, 10]), 2)
    2.67
    """
    rows = np.asarray(counts, np.float64)
    pooled = rows / rows.sum()
    ranks = np.cumsum(pooled) - pooled / 2 - 0.5
    weighted = ranks * ranks * pooled  # products, since numpy's power is 30 times slower
    return float((weighted * ranks).sum() / max(float(weighted.sum()), 1e-300) ** 1.5)


def skew_corrected(z: float, skew: float, m: float, n: float) -> float:
    """Correct a z-score of a difference of means for the skewness of what is averaged.

    Parameters
    ----------
    z : float
        Difference over its standard error.
    skew : float
        Skewness of the pooled values.
    m, n : float
        Rows in the reference and in the current side.

    Returns
    -------
    float
        A z that follows the normal law better; 0 where the correction would turn its sign.

    References
    ----------
    .. [1] P. Hall, "On the removal of skewness by transformation", 1992.

    Examples
    --------
    >>> skew_corrected(3.0, 0.0, 100, 100)
    3.0
    """
    g = skew * (1.0 / n**2 - 1.0 / m**2) / (1.0 / n + 1.0 / m) ** 1.5
    corrected = z - g * z * z / 6.0 + g * g * z**3 / 108.0 + g / 6.0
    return corrected if corrected * z > 0 else 0.0


def merge_rare(counts: ArrayLike, rows: float, *, least: float = 10.0) -> NDArray[np.intp]:
    """Return to which merged level each level belongs, rare ones sharing the last.

    Parameters
    ----------
    counts : array_like, shape (levels,)
        Counts whose shares are taken for the truth: a baseline's, or both sides' together.
    rows : float
        Rows of the side that is judged.
    least : float, default 10
        Rows that the share must promise there for a level to stand alone.

    Returns
    -------
    ndarray of int, shape (levels,)
        0, 1, … by falling count, and the next number for all rare levels together, however rare these are.
        Apply with ``np.bincount(groups, weights=counts)``.

    Examples
    --------
    >>> merge_rare([70, 3, 25, 2], 100).tolist()
    [0, 2, 1, 2]
    """
    base = np.asarray(counts, np.float64)
    expected = base * (rows / max(base.sum(), 1.0))
    order = np.argsort(-base, kind="stable")
    groups = np.empty(base.size, np.intp)
    groups[order] = np.minimum(np.arange(base.size), np.count_nonzero(expected >= least))
    return groups


def rare_p(reference: ArrayLike, current: ArrayLike, m: float, n: float) -> Floats:
    """Return, level by level, the one-sided p-value of too many rows in the current side.

    For levels too rare for χ², new ones above all: given the rows of a level on both sides together, each
    is in the current side with probability n / (n + m) (a binomial tail, exact for Poisson counts,
    conservative here).

    Parameters
    ----------
    reference, current : array_like, shape (levels,)
        Counts.
    m, n : float
        Rows of the two sides.

    Returns
    -------
    ndarray of float64
        1 where the current side has none. Not corrected for their number.

    Examples
    --------
    >>> rare_p([0, 3], [5, 0], 900, 100).round(6).tolist()
    [1e-05, 1.0]
    """
    left, right = np.asarray(reference, np.float64), np.asarray(current, np.float64)
    tail = special.betainc(np.maximum(right, 1.0), left + 1.0, n / (n + m))
    return np.where(right > 0, tail, 1.0)


def chi2(reference: ArrayLike, current: ArrayLike) -> TwoSample:
    """Two-sample χ² test of counts over the same levels.

    Parameters
    ----------
    reference, current : array_like, shape (levels,)
        Counts, at least one row on each side; see `merge_rare`. Levels without any row are left out.

    Returns
    -------
    TwoSample
        Statistic, p-value and degrees of freedom; (0, 1, 0) when there is one level only.

    Examples
    --------
    >>> result = chi2([500, 500], [30, 70])
    >>> round(result.statistic, 2), result.freedom, round(result.p_value, 5)
    (14.56, 1, 0.00014)
    """
    left, right = np.asarray(reference, np.float64), np.asarray(current, np.float64)
    filled = left + right > 0
    left, right = left[filled], right[filled]
    if left.size < 2:
        return TwoSample(0.0, 1.0, 0)
    m, n = left.sum(), right.sum()
    statistic = float(m * n * np.sum((right / n - left / m) ** 2 / (left + right)))
    return TwoSample(statistic, float(special.chdtrc(left.size - 1, statistic)), left.size - 1)
