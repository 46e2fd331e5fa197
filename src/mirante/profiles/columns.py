"""The values of one column: as numbers, or as levels and how many rows each has."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mirante.errors import InputError
from mirante.profiles.frames import RawColumn, chunks_of, is_absent, joined

__all__ = ["is_numeric", "is_text", "known_counts", "level_counts", "to_levels", "to_numbers"]

Floats = NDArray[np.float64]
Codes = NDArray[np.int64]


def is_numeric(raw: RawColumn) -> bool:
    """Return whether a column is counted as numbers when no baseline decides.

    Numbers, decimals, dates, times and durations are; text, booleans and dictionaries (pandas' categories)
    are not. A column without any value is numeric.

    Examples
    --------
    >>> from mirante.profiles.frames import raw_columns
    >>> is_numeric(raw_columns({"a": [1, 2]})[1]["a"]), is_numeric(raw_columns({"a": [True]})[1]["a"])
    (True, False)
    """
    if isinstance(raw, np.ndarray):
        return True
    import pyarrow.types as kinds

    kind = raw.type
    tests = (kinds.is_floating, kinds.is_integer, kinds.is_decimal, kinds.is_temporal, kinds.is_null)
    return any(test(kind) for test in tests)


def to_numbers(name: str, raw: RawColumn) -> tuple[Floats, int]:
    """Return a column as float64, NaN where a value is missing or is no number.

    Parameters
    ----------
    name : str
        For the error.
    raw : numpy or Arrow array
        Moments in time become seconds since 1970 (UTC), times of day seconds since midnight, durations
        seconds, booleans 0 and 1, decimals and whole numbers float64 (exact up to 2⁵³). Text is read as a
        number.

    Returns
    -------
    numbers : ndarray of float64
    unreadable : int
        Texts that are no number: they are counted, not raised, since one bad value must not stop a window.

    Raises
    ------
    InputError
        If the values are lists, structs or the like.

    Examples
    --------
    >>> from mirante.profiles.frames import raw_columns
    >>> numbers, unreadable = to_numbers("age", raw_columns({"age": ["3.5", "n/a", None]})[1]["age"])
    >>> numbers.tolist(), unreadable
    ([3.5, nan, nan], 1)
    """
    if isinstance(raw, np.ndarray):
        return raw.astype(np.float64, copy=False), 0
    import pyarrow as pa
    import pyarrow.types as kinds

    raw = joined(raw)
    kind = raw.type
    if kinds.is_float64(kind):
        return raw.to_numpy(zero_copy_only=False), 0
    if kinds.is_temporal(kind):
        return _seconds(raw), 0
    if kinds.is_boolean(kind) or kinds.is_null(kind) or is_numeric(raw):
        numbers = raw.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False)
        return np.asarray(numbers, np.float64), 0
    codes, names = to_levels(name, raw)
    parsed = np.array([*(_parse(text) for text in names), np.nan], np.float64)
    numbers = parsed[codes]  # code -1, missing, takes the last
    bad = np.array(
        [
            *(math.isnan(value) and not _says_nan(text) for value, text in zip(parsed, names, strict=False)),
            False,
        ]
    )
    return numbers, int(np.count_nonzero(bad[codes]))


def _parse(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return {"true": 1.0, "false": 0.0}.get(text, math.nan)


def _says_nan(text: str) -> bool:
    return text.strip().lower() in ("nan", "")


def _seconds(raw: Any) -> Floats:
    import pyarrow as pa
    import pyarrow.types as kinds

    kind = raw.type
    if kinds.is_date(kind):
        raw = raw.cast(pa.timestamp("ms"))
    elif kinds.is_interval(kind):
        raise InputError("calendar intervals have no fixed length in seconds; give durations")
    unit = {"s": 1.0, "ms": 1e3, "us": 1e6, "ns": 1e9}[raw.type.unit]
    whole = raw.view(pa.int32() if kinds.is_time32(raw.type) else pa.int64())
    return np.asarray(whole.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False), np.float64) / unit


def to_levels(name: str, raw: RawColumn) -> tuple[Codes, list[str]]:
    """Return a column as codes into a list of level names, -1 where a value is missing.

    Parameters
    ----------
    name : str
        For the error.
    raw : numpy or Arrow array
        Booleans become ``"false"`` and ``"true"``; numbers their text, whole ones without a fraction.

    Returns
    -------
    codes : ndarray of int64
    levels : list of str
        May hold levels that no row has.

    Raises
    ------
    InputError
        If the values are lists, structs or the like.

    Examples
    --------
    >>> from mirante.profiles.frames import raw_columns
    >>> codes, levels = to_levels("ok", raw_columns({"ok": [True, None, False]})[1]["ok"])
    >>> codes.tolist(), levels
    ([0, -1, 1], ['true', 'false'])
    """
    array = _encoded(name, joined(raw))
    values = array.dictionary.to_pylist()
    indices = array.indices.cast("int64", safe=False).fill_null(-1)
    codes = np.asarray(indices.to_numpy(zero_copy_only=False), np.int64)
    absent = np.array([*(is_absent(value) for value in values), True])
    if absent[:-1].any():
        codes = np.where(absent[codes], -1, codes)
    return codes, [_text(value) for value in values]


def level_counts(name: str, raw: RawColumn) -> tuple[dict[str, int], int]:
    """Count the levels of a column.

    Parameters
    ----------
    name : str
        For the error.
    raw : numpy or Arrow array
        As for `to_levels`.

    Returns
    -------
    totals : dict of str to int
        Rows per level that any row has.
    missing : int
        Rows without a value.

    Raises
    ------
    InputError
        If the values are lists, structs or the like.

    Examples
    --------
    >>> from mirante.profiles.frames import raw_columns
    >>> level_counts("ok", raw_columns({"ok": [True, None, False, True]})[1]["ok"])
    ({'true': 2, 'false': 1}, 1)
    """
    totals: dict[str, int] = {}
    missing = 0
    for chunk in chunks_of(raw):
        array = _encoded(name, chunk)
        indices = array.indices
        if array.indices.null_count:
            missing += indices.null_count
            indices = indices.drop_null()
        codes = indices.to_numpy(zero_copy_only=False)
        found = np.bincount(codes if codes.dtype.kind == "i" else codes.astype(np.int64))
        for value, count in zip(array.dictionary.to_pylist(), found.tolist(), strict=False):
            if not count:
                continue
            text = value if type(value) is str else None if is_absent(value) else _text(value)
            if text is None:
                missing += count
            else:
                totals[text] = totals.get(text, 0) + count
    return totals, missing


def is_text(raw: RawColumn) -> bool:
    """Return whether a column is Arrow text, which `known_counts` takes.

    Examples
    --------
    >>> from mirante.profiles.frames import raw_columns
    >>> [is_text(raw) for raw in raw_columns({"city": ["Rio"], "ok": [True]})[1].values()]
    [True, False]
    """
    if isinstance(raw, np.ndarray):
        return False
    import pyarrow.types as kinds

    return bool(kinds.is_string(raw.type) or kinds.is_large_string(raw.type))


def known_counts(raw: RawColumn, known: Any) -> tuple[Codes, int]:
    """Count the rows of given levels in a column of text, which is quicker than finding all levels.

    Parameters
    ----------
    raw : Arrow array
        Text.
    known : Arrow array, shape (levels,)
        To look for, of the same type.

    Returns
    -------
    counts : ndarray of int64, shape (levels + 1,)
        Rows of each, and of all others.
    missing : int
        Rows without a value.

    Examples
    --------
    >>> import pyarrow as pa
    >>> counts, missing = known_counts(pa.array(["a", "z", None, "a"]), pa.array(["a", "b"]))
    >>> counts.tolist(), missing
    ([2, 0, 1], 1)
    """
    import pyarrow.compute as pc

    counts, missing = np.zeros(len(known) + 1, np.int64), 0
    for chunk in chunks_of(raw):
        places, absent = pc.index_in(chunk, value_set=known), chunk.null_count
        missing += absent
        if unknown := places.null_count:
            counts[-1] += unknown - absent
            places = places.drop_null()
        counts[:-1] += np.bincount(places.to_numpy(zero_copy_only=False), minlength=len(known))
    return counts, missing


def _encoded(name: str, raw: RawColumn) -> Any:
    """Return an Arrow dictionary array, or say why there is none."""
    import pyarrow as pa
    import pyarrow.types as kinds

    array = pa.array(raw, from_pandas=True) if isinstance(raw, np.ndarray) else raw
    kind = array.type
    if kinds.is_dictionary(kind):
        return array
    if kinds.is_nested(kind) or kinds.is_union(kind):
        raise InputError(
            f"column {name!r} holds {kind}; a profile needs one number or text per row; leave the column out"
        )
    if isinstance(kind, pa.BaseExtensionType):
        return _encoded(name, array.storage)
    if kinds.is_string_view(kind) or kinds.is_binary_view(kind) or kinds.is_temporal(kind):
        array = array.cast(pa.large_string())
    return array.dictionary_encode()


def _text(value: object) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
