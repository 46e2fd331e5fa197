"""What a Parquet file's footer says of its rows: how many, how large, from when to when."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from mirante.sources.rows.mapping import ColumnMap, to_times

__all__ = ["batch_rows", "groups_from", "row_bytes", "said_bounds", "utc_bounds"]

_FEWEST = 256


def groups_from(metadata: Any, begin: int) -> tuple[list[int], int]:
    """Return the row groups from the one with a row on, and the number of its first row.

    Parameters
    ----------
    metadata : pyarrow.parquet.FileMetaData
        The footer.
    begin : int
        Number of the row.
    """
    first = 0
    for group in range(metadata.num_row_groups):
        rows = metadata.row_group(group).num_rows
        if begin < first + rows:
            return list(range(group, metadata.num_row_groups)), first
        first += rows
    return [], first


def batch_rows(metadata: Any, columns: Sequence[str], most: int, size: float) -> int:
    """Return how many rows to read at once, so that wide tables and long texts take no more memory.

    Parameters
    ----------
    metadata : pyarrow.parquet.FileMetaData
        The footer.
    columns : sequence of str
        That are read.
    most : int
        At most so many rows.
    size : float
        And about so many bytes.
    """
    return int(min(most, max(_FEWEST, size / row_bytes(metadata, columns))))


def row_bytes(metadata: Any, columns: Sequence[str]) -> float:
    """Return how many bytes a row has, unpacked, in some columns.

    Parameters
    ----------
    metadata : pyarrow.parquet.FileMetaData
        The footer.
    columns : sequence of str
        That are read.
    """
    share = len(columns) / max(metadata.num_columns, 1)
    size = sum(metadata.row_group(group).total_byte_size for group in range(metadata.num_row_groups))
    return float(max(size * share / max(metadata.num_rows, 1), 8.0 * len(columns), 1.0))


def said_bounds(file: pq.ParquetFile, columns: ColumnMap) -> tuple[datetime, datetime] | None:
    """Return first and last time as the footer says them, which texts have no use for; None where not.

    Parameters
    ----------
    file : pyarrow.parquet.ParquetFile
        Open.
    columns : ColumnMap
        Names the column of times.
    """
    metadata, column = file.metadata, columns.time
    if column not in file.schema_arrow.names or not metadata.num_row_groups:
        return None
    kind = file.schema_arrow.field(column).type
    places = [i for i in range(metadata.num_columns) if metadata.schema.column(i).path == column]
    if not places or not (pa.types.is_timestamp(kind) or pa.types.is_date(kind)):
        return None
    ends: list[Any] = []
    for group in range(metadata.num_row_groups):
        said = metadata.row_group(group).column(places[0]).statistics
        if said is None or not said.has_min_max:
            return None
        ends += [said.min, said.max]
    known = to_times(pa.array(ends).cast(kind), columns.timezone).to_pylist()
    return None if None in known else utc_bounds(known)


def utc_bounds(times: Sequence[datetime]) -> tuple[datetime, datetime]:
    """Return the first and the last of some times, in UTC.

    Parameters
    ----------
    times : sequence of datetime
        With time zones; at least one.
    """
    return min(times).astimezone(UTC), max(times).astimezone(UTC)
