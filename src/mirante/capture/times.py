"""Times as callers give them, as microseconds since 1970 in UTC."""

from __future__ import annotations

from datetime import UTC, date, datetime
from numbers import Real
from typing import Any

import numpy as np
import pyarrow as pa

from mirante.inference_log.kinds import TIME_TYPE

__all__ = ["arrow_of", "microseconds_of", "times_of"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LOW, _HIGH = -62_135_596_800_000_000, 253_402_300_799_999_999  # the years 1 to 9999, which datetime can hold


def microseconds_of(value: Any) -> int | None:
    """Return one time in microseconds since 1970 UTC, or None when it is none.

    Parameters
    ----------
    value : datetime, date, datetime64, number or str
        A datetime without a zone and a date are taken as UTC, a number as seconds since 1970,
        a text as ISO 8601.

    Examples
    --------
    >>> from datetime import datetime
    >>> microseconds_of(datetime(1970, 1, 2)), microseconds_of(1.5), microseconds_of("1970-01-01T00:00:01Z")
    (86400000000, 1500000, 1000000)
    >>> microseconds_of("noon") is None, microseconds_of(float("nan")) is None
    (True, True)
    """
    try:
        found = _microseconds_of(value)
    except (ValueError, TypeError, OverflowError, ArithmeticError):
        return None
    return found if found is not None and _LOW <= found <= _HIGH else None


def _microseconds_of(value: Any) -> int | None:
    if isinstance(value, str):
        value = datetime.fromisoformat(value)
    if isinstance(value, datetime):
        passed = (value if value.tzinfo else value.replace(tzinfo=UTC)) - _EPOCH
        return (passed.days * 86_400 + passed.seconds) * 1_000_000 + passed.microseconds
    if isinstance(value, date):
        return (value - _EPOCH.date()).days * 86_400_000_000
    if isinstance(value, np.datetime64):
        return None if np.isnat(value) else int(value.astype("datetime64[us]").astype(np.int64))
    return round(float(value) * 1e6) if isinstance(value, Real) else None


def times_of(values: Any, now: int) -> tuple[pa.Array, int]:
    """Return many times as the log's ``__time`` column, and how many could not be read.

    Parameters
    ----------
    values : sequence, numpy, pandas or Arrow array
        What `microseconds_of` takes, each.
    now : int
        Microseconds that stand in for what cannot be read.

    Examples
    --------
    >>> column, unread = times_of([0.5, "never"], now=7)
    >>> column.cast("int64").to_pylist(), unread
    ([500000, 7], 1)
    """
    found = _all_at_once(values)
    if found is None:
        one_by_one = [microseconds_of(value) for value in _listed(values)]
        found = np.array([_LOW - 1 if value is None else value for value in one_by_one], dtype=np.int64)
    wrong = (found < _LOW) | (found > _HIGH)
    if wrong.any():
        found = np.where(wrong, now, found)
    return pa.array(found, pa.int64()).cast(TIME_TYPE), int(wrong.sum())


def arrow_of(values: Any) -> pa.Array:
    """Return an array-like as one Arrow array; NaN, NaT and pandas' NA become null.

    Raises
    ------
    pyarrow.ArrowException, TypeError, ValueError
        If Arrow has no type for the values.
    """
    if getattr(getattr(values, "dtype", None), "tz", None) is not None:
        # pandas 3.1 warns when Arrow takes a column with a time zone itself
        values = (values.dt if hasattr(values, "dt") else values).tz_convert(None)
        return pa.array(values, from_pandas=True).cast(TIME_TYPE, safe=False)
    array = values if isinstance(values, (pa.Array, pa.ChunkedArray)) else pa.array(values, from_pandas=True)
    return array.combine_chunks() if isinstance(array, pa.ChunkedArray) else array


def _listed(values: Any) -> list[Any]:
    if isinstance(values, (pa.Array, pa.ChunkedArray)):
        return list(values.to_pylist())
    return list(values)


def _all_at_once(values: Any) -> np.ndarray[Any, np.dtype[np.int64]] | None:
    """Return microseconds where all values are of one quick type, else None."""
    if isinstance(values, list):
        if set(map(type, values)) <= {float, int}:
            values = np.array(values, dtype=np.float64)
        else:
            return None  # of lists, only numbers: Arrow would drop the zones of mixed datetimes
    try:
        array = arrow_of(values)
        if pa.types.is_timestamp(array.type):
            micros = array.cast(pa.timestamp("us", tz=array.type.tz), safe=False).cast(pa.int64())
            return np.asarray(micros.fill_null(_LOW - 1).to_numpy(zero_copy_only=False), dtype=np.int64)
        if not (pa.types.is_floating(array.type) or pa.types.is_integer(array.type)):
            return None
        seconds = np.asarray(
            array.cast(pa.float64(), safe=False).fill_null(np.nan).to_numpy(zero_copy_only=False)
        )
    except (pa.ArrowException, TypeError, ValueError, OverflowError):
        return None
    beyond = ~(np.abs(seconds) < 1e12)  # also NaN, which would make a random integer below
    micros = np.rint(np.where(beyond, 0.0, seconds) * 1e6).astype(np.int64)
    micros[beyond] = _LOW - 1
    return np.asarray(micros, dtype=np.int64)
