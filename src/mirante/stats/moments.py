"""Mean, standard deviation, skewness and kurtosis, from values or from power sums that add up."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["Moments", "from_powers", "from_values"]


class Moments(NamedTuple):
    """The four moments of a column; what cannot be known is NaN.

    ``std`` is of the population (numpy's ``ddof=0``), ``skew`` and ``kurtosis`` are scipy's defaults (biased,
    excess): both NaN for a constant column, where they are 0/0.
    """

    mean: float
    std: float
    skew: float
    kurtosis: float


_UNKNOWN = Moments(np.nan, np.nan, np.nan, np.nan)


def from_powers(powers: NDArray[np.float64], n: int, *, shift: float = 0.0, scale: float = 1.0) -> Moments:
    """Return the moments that four power sums stand for.

    Parameters
    ----------
    powers : ndarray of float64, shape (4,)
        Sums of z, z², z³, z⁴ with ``z = (value - shift) / scale``.
    n : int
        How many values.
    shift, scale : float
        As they were summed.

    Returns
    -------
    Moments
        All NaN when `n` is 0.

    Examples
    --------
    >>> from_powers(np.array([6.0, 14.0, 36.0, 98.0]), 3).mean
    2.0
    """
    if n == 0:
        return _UNKNOWN
    with np.errstate(all="ignore"):
        m1, m2, m3, m4 = (powers / n).tolist()
        variance = m2 - m1 * m1
        # what cancellation leaves of a constant column is no spread
        if not variance > 1e-13 * max(m2, 1e-300):
            return Moments(shift + scale * m1, 0.0 if np.isfinite(variance) else np.nan, np.nan, np.nan)
        third = m3 - 3 * m1 * m2 + 2 * m1**3
        fourth = m4 - 4 * m1 * m3 + 6 * m1 * m1 * m2 - 3 * m1**4
        return Moments(
            shift + scale * m1, scale * variance**0.5, third / variance**1.5, fourth / variance**2 - 3.0
        )


def from_values(values: NDArray[np.float64]) -> Moments:
    """Return the moments of an array without NaN.

    Parameters
    ----------
    values : ndarray of float64
        One-dimensional. Infinities make the moments NaN or infinite, as in numpy.

    Returns
    -------
    Moments
        Two passes, so that no digits are lost to a large mean.

    Examples
    --------
    >>> from_values(np.array([1.0, 2.0, 3.0])).kurtosis
    -1.5
    """
    if values.size == 0:
        return _UNKNOWN
    with np.errstate(all="ignore"):
        mean = float(values.mean())
        d = values - mean
        d2 = d * d
        variance = float(d2.mean())
        if not variance > (1e-15 * abs(mean)) ** 2:
            return Moments(mean, 0.0 if np.isfinite(variance) else np.nan, np.nan, np.nan)
        skew, kurtosis = float((d2 * d).mean()) / variance**1.5, float((d2 * d2).mean()) / variance**2 - 3.0
    return Moments(mean, variance**0.5, skew, kurtosis)
