"""Rows of several segments as one table: by time, by columns, by lot."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from mirante.errors import InputError
from mirante.inference_log.frames import Piece
from mirante.inference_log.kinds import META_TYPES, common_schema, fit, in_order
from mirante.inference_log.probabilities import is_probability
from mirante.inference_log.sealed import SealedFile
from mirante.inference_log.stream import StreamFile

__all__ = [
    "VERSION",
    "join",
    "microseconds",
    "ordered",
    "rows_within",
    "select",
    "selected_schema",
    "smallest",
    "with_version",
]

VERSION = "__version"


def smallest(
    drawn: list[tuple[NDArray[np.float64], pa.Table]], most: int
) -> list[tuple[NDArray[np.float64], pa.Table]]:
    """Keep the rows with the `most` smallest lots."""
    every = np.concatenate([lots for lots, _ in drawn]) if drawn else np.empty(0)
    if every.size <= most:
        return drawn
    limit = np.partition(every, most - 1)[most - 1]
    return [(lots[lots <= limit], table.filter(pa.array(lots <= limit))) for lots, table in drawn]


def with_version(table: pa.Table, version: str) -> pa.Table:
    """Return the table with the version in every row."""
    text = version.encode("utf-8", "backslashreplace").decode("utf-8")
    return table.append_column(VERSION, pa.repeat(pa.scalar(text, pa.string()), table.num_rows))


def rows_within(
    file: StreamFile | SealedFile, low: int, high: int, columns: Sequence[str] | None
) -> list[pa.Table]:
    """Return the rows of a segment from `low` up to, not including, `high`, in microseconds."""

    def apart(piece: Piece) -> bool:
        return piece.latest < low or piece.earliest >= high

    tables = []
    for piece, table in file.load([piece for piece in file.pieces if not apart(piece)], columns):  # type: ignore[misc]  # its own
        if piece.earliest < low or piece.latest >= high:
            times = table["__time"].cast(pa.int64())
            table = table.filter(pc.and_(pc.greater_equal(times, low), pc.less(times, high)))  # noqa: PLW2901 - fewer rows
        tables.append(table)
    return tables


def join(tables: Sequence[pa.Table]) -> pa.Table:
    """Return tables of several schemas as one."""
    schema = ordered(common_schema(table.schema for table in tables))
    return pa.concat_tables([fit(table, schema) for table in tables])


def ordered(schema: pa.Schema) -> pa.Schema:
    """Return `schema` with the columns in the order of `in_order` and the version last."""
    names = in_order([name for name in schema.names if name != VERSION])
    return pa.schema([schema.field(name) for name in (*names, VERSION) if name in schema.names])


def select(tables: Sequence[pa.Table], schema: pa.Schema, columns: Sequence[str] | None) -> pa.Table:
    """Return the tables as one, with some columns or all."""
    schema = selected_schema(schema, columns)
    tables = [fit(table, schema) for table in tables]
    return pa.concat_tables(tables) if tables else schema.empty_table()


def selected_schema(schema: pa.Schema, columns: Sequence[str] | None) -> pa.Schema:
    """Return the fields of `columns`, in that order; all in the log's order when None.

    Probabilities of classes are left out where no segment has them: who asks for a prediction that may be
    kept in either of two ways asks for both.

    Raises
    ------
    InputError
        If no segment has one of them.
    """
    if not len(schema) > 1:  # no segment at all
        schema = pa.schema([*META_TYPES.items(), (VERSION, pa.string())])
        columns = None if columns is None else [name for name in columns if name in schema.names]
    schema = ordered(schema)
    if columns is None:
        return schema
    columns = [name for name in columns if name in schema.names or not is_probability(name)]
    unknown = [name for name in columns if name not in schema.names]
    if unknown:
        raise InputError(f"no segment has the columns {unknown}; there are {schema.names}")
    return pa.schema([schema.field(name) for name in columns])


def microseconds(time: datetime | None, default: int) -> int:
    """Return a time as the log has it, or the default when None."""
    if time is None:
        return default
    if time.tzinfo is None:
        raise InputError(f"the time {time!r} has no time zone; give an aware datetime")
    seconds = time.astimezone(UTC) - datetime(1970, 1, 1, tzinfo=UTC)
    return (seconds.days * 86_400 + seconds.seconds) * 1_000_000 + seconds.microseconds
