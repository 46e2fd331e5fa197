"""Sums without rounding: the same whatever the order of the values, and however they are cut into parts."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["centre_and_unit", "exact_sum", "mean_of", "squares_about", "unit_of"]

Floats = NDArray[np.float64]

_UNIT = 1200  # sums are whole multiples of 2 to the power of minus this, which all floats are
_HALF = float(1 << 27)
_BLOCK = 1 << 17


def exact_sum(values: Floats) -> int:
    """Return the sum of numbers as a whole multiple of 2⁻¹²⁰⁰.

    Parameters
    ----------
    values : ndarray of float64
        All finite.

    Returns
    -------
    int
        Exact: the sums of parts add up to the sum of all.

    Examples
    --------
    >>> exact_sum(np.array([1e300, 1.0, -1e300])) == exact_sum(np.array([1.0]))
    True
    """
    total = 0
    for start in range(0, values.size, _BLOCK):
        mantissas, exponents = np.frexp(values[start : start + _BLOCK])
        low = int(exponents.min())
        # 53 bits in two halves: a double adds so many of them without rounding
        upper = np.trunc(mantissas * (_HALF / 2))
        lower = (mantissas * (_HALF / 2) - upper) * _HALF
        places = exponents - low
        for half, shift in ((upper, 27), (lower, 0)):
            sums = np.bincount(places, half)
            total += sum(int(one) << (place + low - 53 + shift + _UNIT) for place, one in enumerate(sums))
    return total


def mean_of(total: int, count: int) -> float:
    """Return the mean that a sum and a number of values have, correctly rounded.

    Parameters
    ----------
    total : int
        From `exact_sum`.
    count : int
        How many values; 0 gives 0.

    Returns
    -------
    float

    Examples
    --------
    >>> mean_of(exact_sum(np.array([0.1, 0.2, 0.3])), 3)
    0.2
    """
    return total / (count << _UNIT) if count else 0.0


def squares_about(values: Floats, shift: float) -> int | None:
    """Return the exact sum of the squares of the distances from a point; None where one is beyond float64.

    Parameters
    ----------
    values : ndarray of float64
        All finite.
    shift : float
        The point.

    Returns
    -------
    int or None

    Examples
    --------
    >>> mean_of(squares_about(np.array([1.0, 3.0]), 2.0), 2)
    1.0
    """
    with np.errstate(over="ignore"):
        apart = values - shift
        squares = apart * apart
    return exact_sum(squares) if np.isfinite(squares).all() else None


def centre_and_unit(values: Floats) -> tuple[float, float]:
    """Return mean and population standard deviation, as a baseline centres and scales by.

    Parameters
    ----------
    values : ndarray of float64
        All finite.

    Returns
    -------
    shift, scale : float
        The same in any order of the values; 0 and 1 where there is none, a scale of 1 for a constant.

    Examples
    --------
    >>> centre_and_unit(np.array([1.0, 3.0])), centre_and_unit(np.array([]))
    ((2.0, 1.0), (0.0, 1.0))
    """
    shift = mean_of(exact_sum(values), values.size)
    return shift, unit_of(squares_about(values, shift), values.size)


def unit_of(squares: int | None, count: int) -> float:
    """Return the scale that a sum of squares gives."""
    scale = 1.0 if squares is None else mean_of(squares, count) ** 0.5
    return scale if scale > 1e-300 else 1.0
