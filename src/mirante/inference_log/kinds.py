"""The few column types of the inference log, and how columns of different types become one.

A column is kept as one of: null, bool, int64, float64, timestamp (microseconds, with or without UTC),
date32 or string. Narrower types are widened, so that a segment written by a float32 model and one
written by a float64 model read as one table.
"""

from __future__ import annotations

import json
import math
from collections.abc import Collection, Iterable, Sequence
from decimal import Decimal
from numbers import Real
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mirante.inference_log.probabilities import PLACED, is_probability

__all__ = [
    "META",
    "META_TYPES",
    "ROWS",
    "TIME_TYPE",
    "column_of",
    "common_schema",
    "common_type",
    "convert",
    "fit",
    "in_order",
    "plain_type",
    "text_of",
]

TIME_TYPE = pa.timestamp("us", tz="UTC")
_NAIVE = pa.timestamp("us")
META_TYPES = {"__id": pa.string(), "__time": TIME_TYPE, "__latency": pa.float64(), "__prediction": pa.null()}
ROWS = "__rows"
"""How many predictions a row stands for, where only a share of them is recorded; one where it is null."""
META = (*META_TYPES, ROWS)
_LADDER = (pa.bool_(), pa.int64(), pa.float64())
_TIMES = (pa.date32(), _NAIVE, TIME_TYPE)


def plain_type(kind: pa.DataType) -> pa.DataType:
    """Return the type that the log keeps a column of type `kind` as.

    Lists, structs, binary and times of day become text; durations become seconds (float64);
    unsigned 64-bit integers and decimals become float64.

    Examples
    --------
    >>> plain_type(pa.int8()), plain_type(pa.float32()), plain_type(pa.list_(pa.int8()))
    (DataType(int64), DataType(double), DataType(string))
    """
    t = pa.types
    if t.is_dictionary(kind):
        return plain_type(kind.value_type)
    if t.is_null(kind) or t.is_boolean(kind):
        return kind
    if t.is_integer(kind) and kind != pa.uint64():
        return pa.int64()
    if t.is_integer(kind) or t.is_floating(kind) or t.is_decimal(kind) or t.is_duration(kind):
        return pa.float64()
    if t.is_timestamp(kind):
        return _NAIVE if kind.tz is None else TIME_TYPE
    return pa.date32() if t.is_date(kind) else pa.string()


def common_type(a: pa.DataType, b: pa.DataType) -> pa.DataType:
    """Return the type that holds columns of both types.

    Numbers widen (bool, int64, float64), dates and times widen (date, naive, UTC), null gives way,
    and everything else (number against text, say) becomes text.

    Examples
    --------
    >>> common_type(pa.int64(), pa.float64()), common_type(pa.float64(), pa.string())
    (DataType(double), DataType(string))
    """
    a, b = plain_type(a), plain_type(b)
    if a == b or pa.types.is_null(b):
        return a
    if pa.types.is_null(a):
        return b
    for ladder in (_LADDER, _TIMES):
        if a in ladder and b in ladder:
            return ladder[max(ladder.index(a), ladder.index(b))]
    return pa.string()


def common_schema(schemas: Iterable[pa.Schema]) -> pa.Schema:
    """Return the schema that holds tables of all `schemas`, in the log's order: see `in_order`."""
    types: dict[str, pa.DataType] = {}
    for schema in schemas:
        for field in schema:
            types[field.name] = common_type(types.get(field.name, pa.null()), field.type)
    return pa.schema([(name, types[name]) for name in in_order(types)])


def in_order(names: Collection[str]) -> list[str]:
    """Return columns in the log's order: features as they are, meta columns, probabilities of classes.

    Examples
    --------
    >>> in_order(["__probability_of_b", "__prediction", "age", "__id", "__probability_of_a"])
    ['age', '__id', '__prediction', '__probability_of_b', '__probability_of_a']
    """
    features = [name for name in names if name not in META and not is_probability(name)]
    said = sorted(filter(is_probability, names), key=_place)
    return [*features, *(name for name in META if name in names), *said]


def _place(column: str) -> tuple[bool, int]:
    """Return what puts positions in the order of their numbers; names stay as they come."""
    number = column.removeprefix(PLACED)
    return (True, int(number)) if number != column and number.isdecimal() else (False, 0)


def fit(table: pa.Table, schema: pa.Schema) -> pa.Table:
    """Return `table` with the columns and types of `schema`; a column that it lacks is all null."""
    columns = []
    present = set(table.column_names)
    for field in schema:
        if field.name in present:
            columns.append(convert(table[field.name], field.type))
        else:
            columns.append(pa.nulls(table.num_rows, field.type))
    return pa.Table.from_arrays(columns, schema=schema)


def convert(column: Any, kind: pa.DataType) -> Any:
    """Return an Arrow column as type `kind`, one of the log's own, which must hold it.

    Parameters
    ----------
    column : pyarrow.Array or pyarrow.ChunkedArray
        Any type.
    kind : pyarrow.DataType
        `common_type` of the column's type and others. What cannot be cast becomes text.
    """
    if column.type == kind:
        return column
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    if pa.types.is_duration(column.type) and kind == pa.float64():
        return pc.divide(
            column.cast(pa.duration("us"), safe=False).cast(pa.int64()).cast(kind, safe=False), 1e6
        )
    if kind == pa.string() and plain_type(column.type) == pa.string() and not _is_text(column.type):
        return pa.array([text_of(value) for value in column.to_pylist()], kind)
    try:
        # unsafe: nanoseconds are cut to microseconds and integers over 2**53 lose their last digits
        return column.cast(kind, safe=False)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        return pa.array([text_of(value) for value in column.to_pylist()], pa.string())


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))


def column_of(values: Sequence[Any], known: pa.DataType | None = None) -> Any:
    """Return Python values as an Arrow array of one of the log's types. Never fails.

    None, NaN, NaT and pandas' NA become null. Values of mixed type become float64 where all are numbers,
    and text otherwise.

    Parameters
    ----------
    values : sequence
        Python or numpy scalars; anything else becomes text.
    known : pyarrow.DataType, optional
        The type of the column so far; the answer has the common type of this and the values'.

    Examples
    --------
    >>> column_of([1, None, 2.5]).to_pylist(), column_of([1, "a"]).to_pylist()
    ([1.0, None, 2.5], ['1', 'a'])
    """
    if known is not None and known in (pa.float64(), pa.string()):
        # only these two: towards int64 pyarrow cuts 1.5 to 1, and takes whole numbers for microseconds
        try:
            return pa.array(values, type=known, from_pandas=True)
        except Exception:  # noqa: S110 - whatever the values are, the careful way below keeps them
            pass
    try:
        array = pa.array(values, from_pandas=True)
    except Exception:
        array = _numbers_or_text(values)
    if isinstance(array, pa.ChunkedArray):
        array = array.combine_chunks()
    kind = plain_type(array.type)
    return convert(array, kind if known is None else common_type(known, kind))


def _numbers_or_text(values: Sequence[Any]) -> pa.Array:
    """Return float64 where all values are numbers, datetime64 as times, and text otherwise."""
    there = [value for value in values if value is not None]
    if all(isinstance(value, (Real, Decimal, np.bool_)) for value in there):
        try:
            return pa.array(
                [None if value is None else float(value) for value in values], pa.float64(), from_pandas=True
            )
        except (OverflowError, ValueError):
            pass
    if all(isinstance(value, np.datetime64) for value in there):
        blank = np.datetime64("NaT")
        return pa.array(np.array([blank if v is None else v for v in values], dtype="datetime64[us]"))
    return pa.array([text_of(value) for value in values], pa.string())


def text_of(value: Any) -> str | None:
    """Return any value as text that UTF-8 can hold; missing values stay None.

    Examples
    --------
    >>> text_of(1.5), text_of({"a": [1]}), text_of(None), text_of(float("nan"))
    ('1.5', '{"a": [1]}', None, None)
    """
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return None
    try:
        if isinstance(value, bytes):
            text = value.decode("utf-8", "backslashreplace")
        elif isinstance(value, (dict, list, tuple)):
            text = json.dumps(value, default=str)
        else:
            text = str(value.tolist() if isinstance(value, (np.ndarray, np.generic)) else value)
    except Exception:  # a value whose own __str__ fails must not lose the row
        text = f"<{type(value).__name__}>"
    return None if text in {"NaT", "<NA>"} else text.encode("utf-8", "backslashreplace").decode("utf-8")
