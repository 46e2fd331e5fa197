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
    "is_absent",
    "joined",
    "raw_columns",
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
    return values if values.num_chunks else joined(values)


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
        array = _mixed([None if is_absent(value) else value for value in values])
    return _one_chunk(array) if isinstance(array, pa.ChunkedArray) else array


def _mixed(values: list[Any]) -> Any:
    """Return mixed numbers (Decimal and float) as numbers, anything else (1 and "a") as its text."""
    import pyarrow as pa

    present = [value for value in values if value is not None]
    if all(isinstance(value, numbers.Real | Decimal) and not isinstance(value, bool) for value in present):
        return pa.array([None if value is None else float(value) for value in values], pa.float64())
    return pa.array([None if value is None else str(value) for value in values], pa.string())


def is_absent(value: object) -> bool:
    """Return whether a value is none at all: None, NaN, or one of pandas' marks for it."""
    return (
        value is None
        or (isinstance(value, float) and math.isnan(value))
        or type(value).__name__ in ("NAType", "NaTType")
    )


def joined(raw: RawColumn) -> RawColumn:
    """Return a column as one array; of several chunks all is copied."""
    if not hasattr(raw, "num_chunks"):
        return raw
    whole = raw.unify_dictionaries().combine_chunks()
    return whole.chunk(0) if hasattr(whole, "num_chunks") and whole.num_chunks else whole
