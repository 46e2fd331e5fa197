"""Tables of a store as they are in its database, whatever schema it has, and their rows as Arrow."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Connection,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    func,
    select,
)
from sqlalchemy.types import TypeEngine

from mirante.errors import StoreError
from mirante.store.schema import VERSION_TABLE

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["PREFIX", "arrow_schema", "read_batches", "row_counts", "tables_of"]

PREFIX = "mirante_"
_AT_A_TIME = 10_000
_PORTION_BYTES = 16_000_000  # of a table with large values, such as profiles, fewer rows come at a time


def tables_of(connection: Connection) -> list[Table]:
    """Return the tables of a store, each after those that it refers to, as the database describes them.

    Not those of `mirante.store.schema`: the store may be of an older schema.
    """
    found = MetaData()
    # another program that shares the database has tables of its own
    found.reflect(connection, only=lambda name, _: name.startswith(PREFIX) and name != VERSION_TABLE)
    return list(found.sorted_tables)


def row_counts(connection: Connection) -> dict[str, int]:
    """Return how many rows each table has."""
    count = select(func.count())
    return {
        table.name: int(connection.execute(count.select_from(table)).scalar_one())
        for table in tables_of(connection)
    }


def arrow_schema(table: Table) -> pa.Schema:
    """Return the columns of a table, with types that hold whatever either database holds in them."""
    import pyarrow as pa

    return pa.schema([pa.field(column.name, _arrow_type(column.type)) for column in table.columns])


def _arrow_type(kind: TypeEngine[Any]) -> pa.DataType:
    import pyarrow as pa

    if isinstance(kind, Boolean):
        return pa.bool_()
    if isinstance(kind, BigInteger | Integer):
        return pa.int64()
    if isinstance(kind, LargeBinary):
        return pa.large_binary()
    if isinstance(kind, Text):
        return pa.large_string()
    if kind.python_type is float:
        return pa.float64()
    raise StoreError(f"a column of the type {kind} cannot be backed up; its schema is not Mirante's")


def read_batches(connection: Connection, table: Table) -> Iterator[pa.RecordBatch]:
    """Yield the rows of a table in the order of its key, a bounded number of them in memory at a time.

    Parameters
    ----------
    connection : Connection
        Whose transaction is the snapshot.
    table : Table
        From `tables_of`.
    """
    schema = arrow_schema(table)
    query = select(table).order_by(*table.primary_key.columns)
    large = any(isinstance(column.type, LargeBinary) for column in table.columns)
    size = 16 if large else _AT_A_TIME
    found = connection.execution_options(stream_results=True, yield_per=size).execute(query)
    rows: list[Any] = []
    weight = 0
    for portion in found.partitions():
        rows += portion
        weight += sum(_weight(row) for row in portion) if large else 0
        if len(rows) >= _AT_A_TIME or weight >= _PORTION_BYTES:
            yield _batch(rows, schema)
            rows, weight = [], 0
    if rows:
        yield _batch(rows, schema)


def _weight(row: Any) -> int:
    return sum(len(value) for value in row if isinstance(value, bytes | str))


def _batch(rows: list[Any], schema: pa.Schema) -> pa.RecordBatch:
    import pyarrow as pa

    columns = zip(*rows, strict=True)
    arrays = [pa.array(column, field.type) for column, field in zip(columns, schema, strict=True)]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)
