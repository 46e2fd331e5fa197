"""Giving space back that deleted rows have left, and how much there was."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection, text

from mirante.errors import StoreError
from mirante.store.backup.tables import tables_of
from mirante.store.database import Database

__all__ = ["Vacuumed", "vacuum"]

_OURS = text(
    "SELECT coalesce(sum(pg_total_relation_size(oid)), 0) FROM pg_class "
    "WHERE relkind = 'r' AND relname LIKE 'mirante\\_%' AND relnamespace = current_schema()::regnamespace"
)


@dataclass(frozen=True, slots=True)
class Vacuumed:
    """How large a store was before and after, in bytes."""

    before: int
    after: int


def vacuum(database: Database, *, full: bool = False) -> Vacuumed:
    """Give back the space of what was deleted.

    Parameters
    ----------
    database : Database
        The store's.
    full : bool
        On PostgreSQL, whether the tables are written anew and the space goes back to the system: nobody can
        read them meanwhile. Without, the space is for later rows. On SQLite the file is always written
        anew, and who writes waits meanwhile.

    Returns
    -------
    Vacuumed
        On PostgreSQL of the tables of Mirante alone.

    Raises
    ------
    StoreError
        If there is too little space on the disk to write the file anew, or another program holds it.
    """
    if database.file is not None:
        return _sqlite(database, database.file)
    with database.errors(), database.engine.connect() as plain:
        connection = plain.execution_options(isolation_level="AUTOCOMMIT")
        before = _size(connection)
        for table in tables_of(connection):
            options = "FULL, ANALYZE" if full else "ANALYZE"
            connection.exec_driver_sql(f"VACUUM ({options}) {table.name}")
        return Vacuumed(before, _size(connection))


def _size(connection: Connection) -> int:
    return int(connection.execute(_OURS).scalar_one())


def _sqlite(database: Database, file: Path) -> Vacuumed:
    database.truncate_journal()
    before = file.stat().st_size
    free = shutil.disk_usage(file.parent).free
    if free < 2 * before:  # the new file, and the journal through which it takes the old one's place
        raise StoreError(
            f"{file.parent} has {free / 1e6:,.0f} MB free, and to write {file.name} anew takes up to "
            f"{2 * before / 1e6:,.0f} MB; free some space, then try again"
        )
    database.outside("VACUUM", "PRAGMA optimize")
    database.truncate_journal()
    return Vacuumed(before, file.stat().st_size)
