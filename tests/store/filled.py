"""A store with something in every table, and all that is in it row by row."""

from __future__ import annotations

import math
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
from sqlalchemy import Connection, insert, select

from mirante.readings import Reading
from mirante.store import Store
from mirante.store.backup.tables import tables_of
from mirante.store.blocks.codec import Unpacked
from mirante.store.blocks.writing import packs, replace_blocks
from mirante.store.database import Database
from mirante.store.schema import metadata, series
from mirante.store.tallies import count_written
from mirante.store.types import AnyText, Json, Number, NumberOrNone, UtcTime, from_micros, to_micros

TIME = datetime(2026, 3, 1, 10, 30, 0, 123_456, tzinfo=UTC)
_HOSTILE = "ação \U0001f600 \x00 \ud800 'x\"; DROP"


def fill(store: Store) -> None:
    """Write readings as a service does, and rows with all that is hard to keep into all other tables."""
    labels = {"model": "churn", "alias": "champion", "feature": _HOSTILE}
    values = [1.0, math.nan, math.inf, -0.1, 1e-308]
    store.readings.write(
        Reading("drift_ks", value, TIME + n * timedelta(hours=1), labels, f"note {_HOSTILE}")
        for n, value in enumerate(values)
    )
    store.labels.write("churn", ["a", "b"], [0, 1], TIME)
    with store.transaction() as connection:
        _fill_block(connection, values)
        for table in metadata.sorted_tables:
            if connection.execute(select(table).limit(1)).first() is None:
                connection.execute(insert(table), [_row(table, number) for number in range(3)])


def _fill_block(connection: Connection, values: list[float]) -> None:
    """Put older readings of the series into a block, as the upkeep does."""
    (of,) = connection.scalars(select(series.c.id))
    hours = to_micros(TIME - timedelta(days=9)) + np.arange(5) * 3_600_000_000
    packed = Unpacked(np.full(5, of), hours, np.array(values), [f"old {n}" for n in range(5)])
    replace_blocks(connection, (), [(of, block) for block in packs(packed)])
    count_written(connection, 5, from_micros(int(hours[0])))


def _row(table: Any, number: int) -> dict[str, Any]:
    row: dict[str, Any] = {}
    for place, column in enumerate(table.columns):
        kind = column.type
        if column.foreign_keys:
            row[column.name] = next(iter(column.foreign_keys)).column.table.name and f"{_HOSTILE}{number}"
        elif isinstance(kind, AnyText):
            row[column.name] = f"{_HOSTILE}{number}"
        elif isinstance(kind, Json):
            row[column.name] = {"a": [1, None, _HOSTILE], "n": number}
        elif isinstance(kind, UtcTime):
            row[column.name] = TIME + timedelta(days=number)
        elif isinstance(kind, Number | NumberOrNone):
            row[column.name] = number + 0.1
        elif kind.python_type is bytes:
            row[column.name] = bytes(range(256)) * (number * 100)
        elif kind.python_type is bool:
            row[column.name] = bool(number % 2)
        else:
            row[column.name] = place + number
    return row


def contents(url: str) -> dict[str, list[tuple[Any, ...]]]:
    """Return the rows of every table as the database keeps them, in the order of the key."""
    with closing(Database(url)) as database, database.reading() as connection:
        return {
            table.name: [
                tuple(row) for row in connection.execute(select(table).order_by(*table.primary_key.columns))
            ]
            for table in tables_of(connection)
        }
