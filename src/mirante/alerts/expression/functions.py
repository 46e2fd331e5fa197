"""What a condition may call: questions about one reading, and numbers over a window of readings.

A window of length ``d`` at the time ``t`` is ``(t - d, t]``, by the readings' own times. NaN is left out.
Without a reading in the window the result is unknown, and `delta` needs two.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

__all__ = ["FUNCTIONS", "NEVER", "QUESTIONS", "WINDOW_FUNCTIONS", "over"]

Floats: TypeAlias = NDArray[np.float64]
Times: TypeAlias = NDArray[np.int64]
Bools: TypeAlias = NDArray[np.bool_]

NEVER = np.iinfo(np.int64).min  # the time of a cell that holds no reading
QUESTIONS = ("absent", "is_nan")


def _avg(values: Floats, times: Times, inside: Bools) -> Floats:
    mean: Floats = _sum(values, times, inside) / inside.sum(axis=1)
    return mean


def _sum(values: Floats, _times: Times, inside: Bools) -> Floats:
    total: Floats = np.where(inside, values, 0.0).sum(axis=1)
    return total


def _min(values: Floats, _times: Times, inside: Bools) -> Floats:
    least: Floats = np.where(inside, values, np.inf).min(axis=1)
    return least


def _max(values: Floats, _times: Times, inside: Bools) -> Floats:
    most: Floats = np.where(inside, values, -np.inf).max(axis=1)
    return most


def _count(_values: Floats, _times: Times, inside: Bools) -> Floats:
    number: Floats = inside.sum(axis=1, dtype=np.float64)
    return number


def _delta(values: Floats, times: Times, inside: Bools) -> Floats:
    rows = np.arange(len(values))
    last = values[rows, np.where(inside, times, NEVER).argmax(axis=1)]
    first = values[rows, np.where(inside, times, np.iinfo(np.int64).max).argmin(axis=1)]
    return np.where(inside.sum(axis=1) >= 2, last - first, np.nan)


WINDOW_FUNCTIONS: Mapping[str, Callable[[Floats, Times, Bools], Floats]] = MappingProxyType(
    {
        "avg_over": _avg,
        "min_over": _min,
        "max_over": _max,
        "sum_over": _sum,
        "delta": _delta,
        "count": _count,
    }
)
FUNCTIONS = (*QUESTIONS, *WINDOW_FUNCTIONS)


def over(function: str, times: Times, values: Floats, start: int, end: int) -> Floats:
    """Return one number for each series: a function of its readings in ``(start, end]``.

    Parameters
    ----------
    function : str
        One of `WINDOW_FUNCTIONS`.
    times : array of int64, series x readings
        Microseconds; `NEVER` where there is no reading.
    values : array of float, series x readings
        The readings; NaN is left out.
    start, end : int
        Microseconds.

    Returns
    -------
    array of float
        NaN where it is unknown.

    Examples
    --------
    >>> times, values = np.array([[1, 2, 3]]), np.array([[5.0, 7.0, 9.0]])
    >>> [over(name, times, values, 1, 3).item() for name in ("avg_over", "delta", "count")]
    [8.0, 2.0, 2.0]
    >>> over("count", times, values, 3, 9).item()
    nan
    """
    inside = (times > start) & (times <= end) & ~np.isnan(values)
    with np.errstate(all="ignore"):
        numbers = WINDOW_FUNCTIONS[function](values, times, inside)
    return np.where(inside.any(axis=1), numbers, np.nan)
