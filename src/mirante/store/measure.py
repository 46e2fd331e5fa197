"""How large a store is: on disk, in rows, and back in time."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy import Table, func, select

from mirante.store.database import Database
from mirante.store.dialect import bytes_used
from mirante.store.schema import alerts, events, notices, series, windows
from mirante.store.tallies import readings_tally

__all__ = ["StoreSize", "measure"]

_COUNTED: Mapping[str, Table] = {
    "series": series,
    "windows": windows,
    "alerts": alerts,
    "events": events,
    "notices": notices,
}


@dataclass(frozen=True, slots=True)
class StoreSize:
    """How large a store is.

    Parameters
    ----------
    used_bytes : int
        Of the database.
    wal_bytes, free_bytes : int, optional
        Of SQLite's log that is not yet in the database, and free on its disk; None on a server.
    rows : mapping of str to int
        Readings, series, windows, alerts, events and notices.
    first_time : datetime, optional
        Of the oldest reading.
    """

    used_bytes: int
    wal_bytes: int | None
    free_bytes: int | None
    rows: Mapping[str, int]
    first_time: datetime | None


def measure(database: Database) -> StoreSize:
    """Return how large a store is; readings are counted as they are written, all else is counted here.

    Parameters
    ----------
    database : Database
        The store's.
    """
    with database.reading() as snapshot:
        total, oldest = readings_tally(snapshot)
        rows = {
            name: int(snapshot.execute(select(func.count()).select_from(table)).scalar_one())
            for name, table in _COUNTED.items()
        }
        used = bytes_used(snapshot)
    file = database.file
    return StoreSize(
        used,
        None if file is None else _bytes_of(file.with_name(f"{file.name}-wal")),
        None if file is None else shutil.disk_usage(file.parent).free,
        {"readings": total, **rows},
        oldest,
    )


def _bytes_of(file: Path) -> int:
    try:
        return file.stat().st_size
    except OSError:  # SQLite removes it with the last connection
        return 0
