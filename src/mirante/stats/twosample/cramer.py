"""Cramér-von Mises: the mean squared distance between two distribution functions."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from mirante.stats.counts import checked_counts
from mirante.stats.twosample.result import TwoSample
from mirante.stats.twosample.samples import counted

__all__ = ["cramer_von_mises", "cramer_von_mises_counts"]

Floats = NDArray[np.float64]
Counts = NDArray[np.int64]

_EXACT = 20  # rows a side up to which all ways to share out the rows are counted, as in scipy
_LEAST_TERM = 1e-7  # where scipy ends the series of the limit law; ending later would part from it


def cramer_von_mises(reference: ArrayLike, current: ArrayLike) -> TwoSample:
    """Two-sample Cramér-von Mises test on raw values: T = n m / (n + m)² Σ (F - G)² over all values.

    Parameters
    ----------
    reference, current : array_like
        Values without NaN; infinities are values.

    Returns
    -------
    TwoSample
        T, from 1 / (6 (n + m)) when nothing moved (and p is 1) to about n m / (3 (n + m)); p, exact up to 20
        rows a side and by the limit law above. Symmetric, and the same for values in reverse order.

    Raises
    ------
    InputError
        If a side is empty or holds NaN.

    Notes
    -----
    Without repeated values, statistic and p are those of `scipy.stats.cramervonmises_2samp`. With them they
    differ on purpose. scipy puts mid-ranks into a formula that holds for distinct ranks only: for two
    constant columns of 1,000 and 100 rows it gives T = 742 and p = 2e-7, and it rejects every pair of rounded
    columns of very unequal length. Here F and G run straight through the rows of one value, as if these were
    spread evenly. That makes the limit law conservative, since a Brownian bridge loses variance where
    straight lines replace it. The exact p counts the ways to deal the repeated values to the two sides, as
    they are.

    The series of the limit law is ended where scipy ends it. That is right to 1e-9 for T up to 4; above, the
    error grows to 1e-6, so p-values below 1e-6 say "very small" and no more.

    References
    ----------
    .. [1] T. W. Anderson, "On the distribution of the two-sample Cramér-von Mises criterion", 1962.
    .. [2] S. Csörgő, J. J. Faraway, "The exact and asymptotic distributions of Cramér-von Mises statistics",
       1996.

    Examples
    --------
    >>> result = cramer_von_mises([1.0, 2.0, 3.0, 4.0], [3.5, 4.5, 5.5, 6.5])
    >>> round(result.statistic, 4), round(result.p_value, 4)
    (0.5, 0.0571)
    """
    return _test(*counted(reference, current))


def cramer_von_mises_counts(reference: ArrayLike, current: ArrayLike) -> TwoSample:
    """Two-sample Cramér-von Mises test from counts.

    Parameters
    ----------
    reference, current : array_like, shape (cells,)
        Counts (not running) over the same ordered cells.

    Returns
    -------
    TwoSample
        As `cramer_von_mises`, and the same where each cell holds one value. Wider cells make T smaller.

    Raises
    ------
    InputError
        If the cells do not match, a side is empty, or a count is negative or not whole.

    Examples
    --------
    >>> result = cramer_von_mises_counts([50, 50], [30, 70])
    >>> round(result.statistic, 4), round(result.p_value, 4)
    (0.6675, 0.0152)
    """
    left, right, _, _ = checked_counts(reference, current, whole=True)
    filled = left + right > 0
    return _test(left[filled], right[filled])


def _test(left: Floats, right: Floats) -> TwoSample:
    m, n = float(left.sum()), float(right.sum())
    gaps = np.r_[0.0, np.cumsum(left) / m - np.cumsum(right) / n]
    rows = m + n
    statistic = m * n / rows**2 * _squares(left + right, gaps) / 3.0 + 1.0 / (6.0 * rows)
    if max(m, n) <= _EXACT:
        return TwoSample(statistic, _exact_p(left.astype(np.int64), right.astype(np.int64)))
    return TwoSample(statistic, _limit_p(statistic, m, n))


def _squares(rows: NDArray[Any], gaps: NDArray[Any]) -> float:
    """Sum, over all rows, three times the mean square of a line that runs from gap to gap."""
    before, after = gaps[:-1], gaps[1:]
    return float((rows * (before * before + before * after + after * after)).sum())


def _limit_p(statistic: float, m: float, n: float) -> float:
    """Return p by the limit law, after T is brought to its mean and variance (Anderson, 11 and 14)."""
    rows, pairs = m + n, m * n
    mean = (1.0 + 1.0 / rows) / 6.0
    variance = (rows + 1.0) * (4.0 * pairs * rows - 3.0 * (m * m + n * n) - 2.0 * pairs)
    variance /= 45.0 * rows * rows * 4.0 * pairs
    x = 1.0 / 6.0 + (statistic - mean) / math.sqrt(45.0 * variance)
    if x < 0.003:  # the law has less than 1e-17 below
        return 1.0
    total, k, term = 0.0, 0, 1.0
    while term >= _LEAST_TERM:  # Csörgő and Faraway, 1.3
        y = 4 * k + 1
        q = y * y / (16.0 * x)
        weight = math.exp(math.lgamma(k + 0.5) - math.lgamma(k + 1.0)) / (math.pi**1.5 * math.sqrt(x))
        term = weight * math.sqrt(y) * math.exp(-q) * float(special.kv(0.25, q))
        total += term
        k += 1
    return min(1.0, max(0.0, 1.0 - total))


def _exact_p(left: Counts, right: Counts) -> float:
    """Return the share of all ways to deal the rows to two sides that give the found sum of squares, or more.

    Cell after cell, it keeps for each number of rows that the reference may hold so far the sums that are
    possible and in how many ways. Sums and ways are whole numbers below 2⁵³, so nothing is lost.
    """
    m, n = int(left.sum()), int(right.sum())
    scale = math.lcm(m, n)
    step, back = scale // m, scale // n
    found = _squares(left + right, np.r_[0, np.cumsum(left) * step - np.cumsum(right) * back])
    ways = {0: (np.zeros(1), np.ones(1))}
    dealt = 0
    for rows in (left + right).tolist():
        gathered: dict[int, list[tuple[Floats, Floats]]] = {}
        for held, (sums, counts) in ways.items():
            before = held * step - (dealt - held) * back
            for taken in range(max(0, rows - (n - dealt + held)), min(rows, m - held) + 1):
                after = before + taken * step - (rows - taken) * back
                more = rows * (before * before + before * after + after * after)
                gathered.setdefault(held + taken, []).append((sums + more, counts * math.comb(rows, taken)))
        dealt += rows
        ways = {held: _merged(parts, found) for held, parts in gathered.items()}
    sums, counts = ways[m]
    return float(counts[sums >= found].sum() / math.comb(m + n, m))


def _merged(parts: list[tuple[Floats, Floats]], found: float) -> tuple[Floats, Floats]:
    """Put equal sums together; one that has reached what was found can only grow, so it may stay there."""
    sums = np.minimum(np.concatenate([part for part, _ in parts]), found)
    distinct, place = np.unique(sums, return_inverse=True)
    ways = np.bincount(place, weights=np.concatenate([part for _, part in parts]))
    return distinct, ways.astype(np.float64, copy=False)
