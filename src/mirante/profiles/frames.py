"""Any table in: pandas, Polars, Arrow, mappings and arrays become columns that can be counted."""

from __future__ import annotations

import math
import numbers
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from mirante.errors import InputError

__all__ = [
    "RawColumn",
    "chunks_of",
    "is_numeric",
    "is_text",
    "known_counts",
    "level_counts",
    "raw_columns",
    "to_levels",
    "to_numbers",
]

# a plain numpy array of whole or floating numbers, or an Arrow array of anything
RawColumn: TypeAlias = Any
Floats = NDArray[np.float64]
Codes = NDArray[np.int64]


def raw_columns(table: object, columns: Sequence[str] | None = None) -> tuple[int, dict[str, RawColumn]]:
    """Take a table apart into columns, without copying numbers.

    Parameters
    ----------
    table : pandas or Polars DataFrame, Arrow Table or RecordBatch, mapping of names to arrays, or ndarray
        A two-dimensional array has the columns ``"0"``, ``"1"``, …; anything with ``__arrow_c_stream__``
        works.
    columns : sequence of str, optional
        Only these; a name that is not there is left out.

    Returns
    -------
    rows : int
    columns : dict of str to numpy or Arrow array

    Raises
    ------
    InputError
        If it is no table, a name comes twice, or columns differ in length.

    Examples
    --------
    >>> rows, found = raw_columns({"age": [1, None, 3], "name": ["a", "b", None]})
    >>> rows, sorted(found)
    (3, ['age', 'name'])
    """
    wanted = None if columns is None else set(columns)
    arrow = _as_arrow(table)
    if arrow is not None:
        return arrow.num_rows, _arrow_columns(arrow, wanted)
    taken = _by_name((name, _raw(name, values)) for name, values in _pairs(table, wanted))
    rows = _rows(table, taken)
    for name, raw in taken.items():
        if len(raw) != rows:
            raise InputError(
                f"column {name!r} has {len(raw)} values and the table has {rows} rows; give equal lengths"
            )
    return rows, taken


def _arrow_columns(table: Any, wanted: set[str] | None) -> dict[str, RawColumn]:
    names, columns = table.schema.names, table.columns
    if len(set(names)) == len(names) and not hasattr(columns[0] if columns else None, "num_chunks"):
        found = dict(zip(names, columns, strict=True))  # of a batch, and nothing to check
        return (
            found
            if wanted is None or wanted.issuperset(names)
            else {n: found[n] for n in names if n in wanted}
        )
    pairs = zip(names, columns, strict=True)
    return _by_name((name, _one_chunk(raw)) for name, raw in pairs if _in(wanted, name))


def _in(wanted: set[str] | None, name: str) -> bool:
    return wanted is None or name in wanted


def _by_name(pairs: Iterable[tuple[str, RawColumn]]) -> dict[str, RawColumn]:
    taken: dict[str, RawColumn] = {}
    for name, raw in pairs:
        if name in taken:
            raise InputError(
                f"the table has the column {name!r} more than once; give each column a name of its own"
            )
        taken[name] = raw
    return taken


def _pairs(table: object, wanted: set[str] | None) -> list[tuple[str, object]]:
    if isinstance(table, Mapping):
        items = [(str(name), values) for name, values in table.items()]
    elif isinstance(table, np.ndarray) and table.ndim == 2:
        items = [(str(number), table[:, number]) for number in range(table.shape[1])]
    elif hasattr(table, "iloc") and hasattr(table, "columns"):  # pandas, without importing it
        frame: Any = table
        return [
            (str(name), frame.iloc[:, place])
            for place, name in enumerate(frame.columns)
            if _in(wanted, str(name))
        ]
    else:
        raise InputError(
            f"got {type(table).__name__}; give a table: pandas, Polars, Arrow or a mapping of arrays"
        )
    return [(name, values) for name, values in items if _in(wanted, name)]


def _as_arrow(table: object) -> Any:
    """Return the Arrow table or batch that a table is or turns into; None for what is none."""
    if isinstance(table, Mapping) or hasattr(table, "iloc"):  # pandas has a way of its own
        return None
    if not (hasattr(table, "__arrow_c_stream__") or hasattr(table, "__arrow_c_array__")):
        return None
    import pyarrow as pa

    if isinstance(table, pa.Table | pa.RecordBatch):
        return table
    try:
        return pa.table(table)
    except (pa.ArrowInvalid, pa.ArrowTypeError, TypeError, ValueError) as error:
        raise InputError(f"{type(table).__name__} could not be read as a table: {error}") from error


def _rows(table: object, taken: Mapping[str, RawColumn]) -> int:
    shape: Any = None if isinstance(table, Mapping) else getattr(table, "shape", None)
    return int(shape[0]) if shape is not None else max((len(raw) for raw in taken.values()), default=0)


def _raw(name: str, values: object) -> RawColumn:
    dtype = getattr(values, "dtype", None)
    if isinstance(dtype, np.dtype) and dtype.kind in "fiu" and not isinstance(values, np.ma.MaskedArray):
        return _flat(name, np.asarray(values))
    import pyarrow as pa

    if isinstance(values, pa.ChunkedArray):
        return _one_chunk(values)
    if isinstance(values, pa.Array):
        return values
    if isinstance(values, np.ma.MaskedArray):
        return _arrow(_flat(name, values).tolist())  # masked ones become None
    if isinstance(values, np.ndarray):
        return _arrow(_known_unit(_flat(name, values)))
    if type(dtype).__name__ == "DatetimeTZDtype":
        moments: Any = values
        return _arrow(moments.dt.tz_convert(None).to_numpy())  # seconds since 1970 know no time zone
    if dtype is not None and type(dtype).__name__ in ("PeriodDtype", "IntervalDtype"):
        series: Any = values
        return _arrow(
            [None if gone else str(value) for value, gone in zip(series, series.isna(), strict=True)]
        )
    if hasattr(values, "__arrow_c_stream__") and not hasattr(values, "iloc"):  # a Polars Series
        return _one_chunk(pa.chunked_array(values))
    if isinstance(values, str | bytes) or not hasattr(values, "__len__"):
        raise InputError(f"column {name!r} is a {type(values).__name__}; give an array or a list of values")
    return _arrow(values)


def _flat(name: str, values: Any) -> Any:
    if values.ndim != 1:
        raise InputError(f"column {name!r} has {values.ndim} dimensions; give one value per row")
    return values


def _known_unit(values: NDArray[Any]) -> NDArray[Any]:
    """Return moments and durations in a unit that Arrow knows (numpy's minutes and hours are none)."""
    if values.dtype.kind in "mM" and np.datetime_data(values.dtype)[0] not in ("s", "ms", "us", "ns"):
        return values.astype(f"{values.dtype.kind}8[s]")
    return values


def _one_chunk(values: Any) -> Any:
    """Return one array where there is one; several chunks stay apart, since joining them would copy all."""
    if not hasattr(values, "num_chunks"):
        return values
    if values.num_chunks == 1:
        return values.chunk(0)
    return values if values.num_chunks else _joined(values)


def chunks_of(raw: RawColumn) -> list[RawColumn]:
    """Return the arrays that a column consists of; at least one.

    Examples
    --------
    >>> import pyarrow as pa
    >>> [len(chunk) for chunk in chunks_of(raw_columns({"x": pa.chunked_array([[1], [2, 3]])})[1]["x"])]
    [1, 2]
    """
    return list(raw.chunks) if hasattr(raw, "num_chunks") else [raw]


def _arrow(values: Any) -> Any:
    import pyarrow as pa

    try:
        array = pa.array(values, from_pandas=True)
    except (
        pa.ArrowInvalid,
        pa.ArrowTypeError,
        pa.ArrowNotImplementedError,
        OverflowError,
        TypeError,
        ValueError,
    ):
        array = _mixed([None if _absent(value) else value for value in values])
    return _one_chunk(array) if isinstance(array, pa.ChunkedArray) else array


def _mixed(values: list[Any]) -> Any:
    """Return mixed numbers (Decimal and float) as numbers, anything else (1 and "a") as its text."""
    import pyarrow as pa

    present = [value for value in values if value is not None]
    if all(isinstance(value, numbers.Real | Decimal) and not isinstance(value, bool) for value in present):
        return pa.array([None if value is None else float(value) for value in values], pa.float64())
    return pa.array([None if value is None else str(value) for value in values], pa.string())


def _absent(value: object) -> bool:
    return (
        value is None
        or (isinstance(value, float) and math.isnan(value))
        or type(value).__name__ in ("NAType", "NaTType")
    )


def is_numeric(raw: RawColumn) -> bool:
    """Return whether a column is counted as numbers when no baseline decides.

    Numbers, decimals, dates, times and durations are; text, booleans and dictionaries (pandas' categories)
    are not. A column without any value is numeric.

    Examples
    --------
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
    >>> numbers, unreadable = to_numbers("age", raw_columns({"age": ["3.5", "n/a", None]})[1]["age"])
    >>> numbers.tolist(), unreadable
    ([3.5, nan, nan], 1)
    """
    if isinstance(raw, np.ndarray):
        return raw.astype(np.float64, copy=False), 0
    import pyarrow as pa
    import pyarrow.types as kinds

    raw = _joined(raw)
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
    >>> codes, levels = to_levels("ok", raw_columns({"ok": [True, None, False]})[1]["ok"])
    >>> codes.tolist(), levels
    ([0, -1, 1], ['true', 'false'])
    """
    array = _encoded(name, _joined(raw))
    values = array.dictionary.to_pylist()
    indices = array.indices.cast("int64", safe=False).fill_null(-1)
    codes = np.asarray(indices.to_numpy(zero_copy_only=False), np.int64)
    absent = np.array([*(_absent(value) for value in values), True])
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
            text = value if type(value) is str else None if _absent(value) else _text(value)
            if text is None:
                missing += count
            else:
                totals[text] = totals.get(text, 0) + count
    return totals, missing


def is_text(raw: RawColumn) -> bool:
    """Return whether a column is Arrow text, which `known_counts` takes.

    Examples
    --------
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


def _joined(raw: RawColumn) -> RawColumn:
    if not hasattr(raw, "num_chunks"):
        return raw
    whole = raw.unify_dictionaries().combine_chunks()
    return whole.chunk(0) if hasattr(whole, "num_chunks") and whole.num_chunks else whole


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
