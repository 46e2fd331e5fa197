"""Mann-Whitney: whether values of one side tend to be the larger ones."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from mirante.stats.counts import checked_counts
from mirante.stats.twosample.result import TwoSample
from mirante.stats.twosample.samples import counted

__all__ = [
    "mann_whitney",
    "mann_whitney_corrected",
    "mann_whitney_counts",
    "rank_skew",
    "skew_corrected",
    "superiority",
    "tie_variance",
]

Floats = NDArray[np.float64]


def mann_whitney(reference: ArrayLike, current: ArrayLike, *, continuity: bool = True) -> TwoSample:
    """Two-sided Mann-Whitney test on raw values, as scipy has it with ``method="asymptotic"``.

    Parameters
    ----------
    reference, current : array_like
        Values without NaN; infinities are values.
    continuity : bool, default True
        Whether half a pair is taken off the distance of U from its mean (scipy's ``use_continuity``).

    Returns
    -------
    TwoSample
        U of the reference: in how many of the n m pairs its value is the larger one, ties counted half; 0 to
        n m, and n m / 2 when nothing moved (p is then 1). Exchanged sides give n m - U and the same p, which
        is that of the normal law, with the variance that repeated values leave.

    Raises
    ------
    InputError
        If a side is empty or holds NaN.

    Notes
    -----
    It sees a shift, and is blind to a change of spread around the same middle. The normal law needs some 10
    rows a side; with rare values (98 % zeros) and sides of unequal length it rejects up to three times too
    often: see `mann_whitney_corrected`.

    References
    ----------
    .. [1] H. B. Mann, D. R. Whitney, "On a test of whether one of two random variables is stochastically
       larger than the other", 1947; `scipy.stats.mannwhitneyu`.

    Examples
    --------
    >>> result = mann_whitney([1.0, 2.0, 3.0], [2.0, 3.0, 4.0, 5.0])
    >>> result.statistic, round(result.p_value, 4)
    (2.0, 0.2076)
    """
    return _test(*counted(reference, current), continuity)


def mann_whitney_counts(reference: ArrayLike, current: ArrayLike, *, continuity: bool = True) -> TwoSample:
    """Two-sided Mann-Whitney test from counts.

    Parameters
    ----------
    reference, current : array_like, shape (cells,)
        Counts (not running) over the same ordered cells.
    continuity : bool, default True
        As for `mann_whitney`.

    Returns
    -------
    TwoSample
        As `mann_whitney`, and the same where each cell holds one value; values of one cell are ties.

    Raises
    ------
    InputError
        If the cells do not match, a side is empty, or a count is negative or not whole.

    Examples
    --------
    >>> result = mann_whitney_counts([50, 50], [30, 70], continuity=False)
    >>> result.statistic, round(result.p_value, 4)
    (4000.0, 0.004)
    """
    left, right, _, _ = checked_counts(reference, current, whole=True)
    return _test(left, right, continuity)


def _test(left: Floats, right: Floats, continuity: bool) -> TwoSample:
    m, n = float(left.sum()), float(right.sum())
    larger = float(((np.cumsum(right) - right / 2) * left).sum())  # whole and half pairs: exact below 2**52
    both = left + right
    if np.count_nonzero(both) < 2:  # one value only, on both sides
        return TwoSample(larger, 1.0)
    rows = m + n
    ties = float((both**3 - both).sum()) / (rows * (rows - 1.0))
    deviation = math.sqrt(m * n / 12.0 * (rows + 1.0 - ties))
    distance = max(larger, m * n - larger) - m * n / 2 - (0.5 if continuity else 0.0)
    return TwoSample(larger, min(1.0, 2.0 * float(special.ndtr(-distance / deviation))))


def superiority(reference: ArrayLike, current: ArrayLike) -> float:
    """Share of pairs in which the current value is the larger one, ties counted half.

    Parameters
    ----------
    reference, current : array_like, shape (cells,)
        Counts (not running) over the same ordered cells. Not checked.

    Returns
    -------
    float
        0 to 1; 0.5 when nothing moved. The current side's Mann-Whitney U over the number of pairs, so 1 less
        the reference's.

    Examples
    --------
    >>> superiority([1, 1, 0], [0, 1, 1])
    0.875
    """
    left, right = np.asarray(reference, np.float64), np.asarray(current, np.float64)
    running = np.cumsum(left)
    # no BLAS: its threads cost more than a sum of a few thousand, and stall on a busy machine
    return float(((running - left / 2) * right).sum() / (running[-1] * right.sum()))


def mann_whitney_corrected(reference: ArrayLike, current: ArrayLike, *, most: float = np.inf) -> TwoSample:
    """Two-sided Mann-Whitney test from counts, corrected for ties and for skewed ranks.

    Parameters
    ----------
    reference, current : array_like, shape (cells,)
        Counts over the same ordered cells, at least one row on each side. Not checked.
    most : float, optional
        The current side is trusted as if it had no more rows than this: one baseline serves all windows, and
        its own sampling error is the same in each.

    Returns
    -------
    TwoSample
        The share of pairs in which the current value is larger (`superiority`; 0.5: nothing moved), and p by
        the normal law after a Cornish-Fisher correction for skewness, without which rare values alarm three
        times too often. Exchanged sides give the share's complement and the same p.

    Examples
    --------
    >>> result = mann_whitney_corrected([50, 50], [30, 70])
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


def skew_corrected(z: ArrayLike, skew: ArrayLike, m: ArrayLike, n: ArrayLike) -> Floats:
    """Correct z-scores of differences of means for the skewness of what is averaged.

    Parameters
    ----------
    z : array_like
        Differences over their standard errors.
    skew : array_like
        Skewness of the pooled values.
    m, n : array_like
        Rows in the reference and in the current side.

    Returns
    -------
    ndarray of float64
        A z that follows the normal law better; 0 where the correction would turn its sign.

    References
    ----------
    .. [1] P. Hall, "On the removal of skewness by transformation", 1992.

    Examples
    --------
    >>> skew_corrected([3.0, -0.1], [0.0, -2.0], 100, 50).round(3).tolist()
    [3.0, -0.119]
    """
    before, after = 1.0 / np.asarray(m, np.float64), 1.0 / np.asarray(n, np.float64)
    z_ = np.minimum(
        np.maximum(np.asarray(z, np.float64), -1e6), 1e6
    )  # far out no correction matters, and cubes overflow
    g = np.asarray(skew, np.float64) * (after * after - before * before) / (after + before) ** 1.5
    corrected = z_ - g * z_ * z_ / 6.0 + g * g * z_ * z_ * z_ / 108.0 + g / 6.0
    return np.where(corrected * z_ > 0.0, corrected, 0.0)
