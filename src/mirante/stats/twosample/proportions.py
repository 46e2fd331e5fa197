"""The z-test of two proportions: whether a share has moved, and in which direction."""

from __future__ import annotations

import math
from typing import Any

from numpy.typing import ArrayLike
from scipy import special

from mirante.errors import InputError
from mirante.stats.counts import checked_counts
from mirante.stats.twosample.result import TwoSample
from mirante.stats.twosample.samples import level_counts

__all__ = ["z_proportions", "z_proportions_values"]


def z_proportions(reference: ArrayLike, current: ArrayLike) -> TwoSample:
    """Two-sided z-test of two proportions: z = (q - p) / √(s (1 - s) (1 / m + 1 / n)), s the pooled share.

    Parameters
    ----------
    reference, current : array_like, shape (2,)
        Rows without and rows with what is asked about, in this order: the proportion is that of the second.

    Returns
    -------
    TwoSample
        z, above 0 where the current proportion is the larger one, and p of the normal law; (0, 1) when
        nothing moved or all rows are alike. z² is the χ² of the same four counts, and p is the same.
        Exchanged sides, or exchanged levels, turn the sign of z and leave p.

    Raises
    ------
    InputError
        If there are not two levels, a side is empty, or a count is negative or not finite.

    Notes
    -----
    The normal law needs some 10 rows of each level on each side; for rarer ones see `rare_p`.

    References
    ----------
    .. [1] J. L. Fleiss, "Statistical methods for rates and proportions", 1973.

    Examples
    --------
    >>> result = z_proportions([500, 500], [30, 70])
    >>> round(result.statistic, 3), round(result.p_value, 5)
    (3.816, 0.00014)
    """
    left, right, m, n = checked_counts(reference, current)
    if left.size != 2:
        raise InputError(
            f"there are {left.size} levels; give rows without and rows with, two counts a side, or use chi2"
        )
    pooled = float(left[1] + right[1]) / (m + n)
    if not 0.0 < pooled < 1.0:
        return TwoSample(0.0, 1.0)
    # m q - n p, of whole numbers, is exactly 0 where the shares are the same
    difference = float(right[1] * m - left[1] * n) / (m * n)
    z = difference / math.sqrt(pooled * (1.0 - pooled) * (1.0 / m + 1.0 / n))
    return TwoSample(z, 2.0 * float(special.ndtr(-abs(z))))


def z_proportions_values(reference: Any, current: Any) -> TwoSample:
    """Two-sided z-test of two proportions on raw values, of which there are at most two different ones.

    Parameters
    ----------
    reference, current : array_like
        Truth values, 0 and 1, or any two values that can be ordered. The proportion is that of the larger one
        (``True``, 1, ``"yes"``).

    Returns
    -------
    TwoSample
        As `z_proportions` of the counts; (0, 1) when there is one value only.

    Raises
    ------
    InputError
        If there are more than two different values or they cannot be ordered, a side is empty, or a value is
        missing.

    Examples
    --------
    >>> result = z_proportions_values([False] * 5 + [True] * 5, [False] * 3 + [True] * 7)
    >>> round(result.statistic, 4), round(result.p_value, 4)
    (0.9129, 0.3613)
    """
    levels, left, right = level_counts(reference, current)
    if len(levels) > 2:
        raise InputError(f"there are {len(levels)} different values; give at most two, or use chi2_values")
    if len(levels) == 1:
        return TwoSample(0.0, 1.0)
    try:
        falling = bool(levels[0] > levels[1])
    except TypeError as error:
        raise InputError(f"the two values cannot be ordered ({error}); give True and False") from error
    turn = -1 if falling else 1
    return z_proportions(left[::turn], right[::turn])
