"""Counts of levels: χ², the G test, and what is done about rare levels."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from mirante.stats.counts import checked_counts
from mirante.stats.twosample.result import TwoSample
from mirante.stats.twosample.samples import level_counts

__all__ = ["chi2", "chi2_values", "g_test", "g_test_values", "merge_rare", "rare_p"]

Floats = NDArray[np.float64]


def chi2(reference: ArrayLike, current: ArrayLike) -> TwoSample:
    """Two-sample χ² test of counts over the same levels: Σ (O - E)² / E, for E from the margins.

    Parameters
    ----------
    reference, current : array_like, shape (levels,)
        Counts, at least one row on each side; see `merge_rare`. Levels without any row are left out.

    Returns
    -------
    TwoSample
        Statistic (0 when the shares are the same, to n + m when no level is on both sides), p-value, and
        degrees of freedom, which are levels - 1; (0, 1, 0) when there is one level only. Symmetric; the order
        of the levels does not matter.

    Raises
    ------
    InputError
        If the levels do not match, a side is empty, or a count is negative or not finite.

    Notes
    -----
    p is that of the χ² law, without Yates' correction. At a level of 0.1 % it rejects seven times too often
    where twenty levels promise one row each in the current side, and about as often as it should from 10 rows
    on, which is what `merge_rare` sees to.

    References
    ----------
    .. [1] K. Pearson, "On the criterion that a given system of deviations …", 1900;
       `scipy.stats.chi2_contingency` with ``correction=False``.

    Examples
    --------
    >>> result = chi2([500, 500], [30, 70])
    >>> round(result.statistic, 2), result.freedom, round(result.p_value, 5)
    (14.56, 1, 0.00014)
    """
    left, right, m, n = checked_counts(reference, current)
    both = left + right
    freedom = int(np.count_nonzero(both)) - 1
    if freedom == 0:
        return TwoSample(0.0, 1.0, 0)
    change = right / n - left / m
    change *= change
    statistic = m * n * float(np.divide(change, both, out=change, where=both > 0).sum())
    return TwoSample(statistic, float(special.chdtrc(freedom, statistic)), freedom)


def chi2_values(reference: Any, current: Any) -> TwoSample:
    """Two-sample χ² test on raw values of any kind, each distinct value a level.

    Parameters
    ----------
    reference, current : array_like
        Text, numbers, truth values; nothing missing. See `level_counts` for what is one level.

    Returns
    -------
    TwoSample
        As `chi2` of the counts. Nothing is merged: for many levels count first, and use `merge_rare`.

    Raises
    ------
    InputError
        If a side is empty, or holds a missing value or one that cannot be counted.

    Examples
    --------
    >>> result = chi2_values(["UA", "UA", "AA", "AA"], ["UA", "UA", "UA", "DL"])
    >>> round(result.statistic, 4), result.freedom, round(result.p_value, 4)
    (3.2, 2, 0.2019)
    """
    _, left, right = level_counts(reference, current)
    return chi2(left, right)


def g_test(reference: ArrayLike, current: ArrayLike) -> TwoSample:
    """Two-sample G test (likelihood ratio) of counts over the same levels: 2 Σ O ln(O / E).

    Parameters
    ----------
    reference, current : array_like, shape (levels,)
        Counts, at least one row on each side. Levels without any row are left out.

    Returns
    -------
    TwoSample
        Statistic (0 when the shares are the same, at most 2 (n + m) ln 2), p-value of the χ² law, and degrees
        of freedom, which are levels - 1; (0, 1, 0) when there is one level only. Symmetric; the order of the
        levels does not matter.

    Raises
    ------
    InputError
        As `chi2`.

    Notes
    -----
    It is close to `chi2` for small changes. Where twenty levels promise five rows each in the current side,
    it rejects in 7 % of quiet cases at a level of 5 %. Over 2 (n + m) it is the Jensen-Shannon divergence in
    nats, weighted by the rows of the sides.

    References
    ----------
    .. [1] S. S. Wilks, "The likelihood test of independence in contingency tables", 1935;
       `scipy.stats.chi2_contingency` with ``lambda_="log-likelihood"`` and ``correction=False``.

    Examples
    --------
    >>> result = g_test([500, 500], [30, 70])
    >>> round(result.statistic, 2), result.freedom, round(result.p_value, 5)
    (15.0, 1, 0.00011)
    """
    left, right, m, n = checked_counts(reference, current)
    both = left + right
    filled = both > 0
    freedom = int(np.count_nonzero(filled)) - 1
    if freedom == 0:
        return TwoSample(0.0, 1.0, 0)
    observed = np.stack((left[filled], right[filled]))
    expected = np.outer((m, n), both[filled]) / (m + n)
    statistic = max(0.0, float(2.0 * special.xlogy(observed, observed / expected).sum()))
    return TwoSample(statistic, float(special.chdtrc(freedom, statistic)), freedom)


def g_test_values(reference: Any, current: Any) -> TwoSample:
    """Two-sample G test on raw values of any kind, each distinct value a level.

    Parameters
    ----------
    reference, current : array_like
        As for `chi2_values`.

    Returns
    -------
    TwoSample
        As `g_test` of the counts.

    Raises
    ------
    InputError
        As `chi2_values`.

    Examples
    --------
    >>> result = g_test_values(["UA", "UA", "AA", "AA"], ["UA", "UA", "UA", "DL"])
    >>> round(result.statistic, 4), result.freedom
    (4.3602, 2)
    """
    _, left, right = level_counts(reference, current)
    return g_test(left, right)


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


def rare_p(reference: ArrayLike, current: ArrayLike, m: ArrayLike, n: ArrayLike) -> Floats:
    """Return, level by level, the one-sided p-value of too many rows in the current side.

    For levels too rare for χ², new ones above all: given the rows of a level on both sides together, each
    is in the current side with probability n / (n + m) (a binomial tail, exact for Poisson counts,
    conservative here).

    Parameters
    ----------
    reference, current : array_like, shape (levels,)
        Counts.
    m, n : array_like
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
    before, after = np.asarray(m, np.float64), np.asarray(n, np.float64)
    tail = special.betainc(np.maximum(right, 1.0), left + 1.0, after / (after + before))
    return np.where(right > 0, tail, 1.0)
