"""Whether other programs have a store open."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from sqlalchemy import text

from mirante.errors import ConflictError
from mirante.store.database import Database
from mirante.store.lease import standing

__all__ = ["check_unused"]

_OTHERS = text(
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
    "AND application_name LIKE 'mirante%' AND pid <> pg_backend_pid()"
)


def check_unused(database: Database) -> None:
    """Refuse to go on while another program has the store open: it remembers what is about to be replaced.

    Parameters
    ----------
    database : Database
        The store's, with at most one connection of this program.

    Raises
    ------
    ConflictError
        If there is one, or a service that the server no longer sees may still have its lease.
    """
    database.engine.dispose()  # connections of this process that nobody uses
    with database.errors():
        used = _connected(database) if database.file is None else _locked(database.file)
    if used:
        raise ConflictError(
            f"another program has the store {database.name} open; stop the service and whatever else shows "
            "or reads it, then try again"
        )
    if database.file is None:
        _check_lease(database)


def _connected(database: Database) -> bool:
    with database.reading() as connection:
        return bool(connection.execute(_OTHERS).scalar_one())


def _check_lease(database: Database) -> None:
    with database.reading() as connection:
        found = standing(connection)
    if found is not None and not found.is_over:
        raise ConflictError(
            f"the service of process {found.process} on {found.host} has the store {database.name}; stop it. "
            "If it was killed or cut off, wait for some seconds until its lease is over, then try again"
        )


def _locked(file: Path) -> bool:
    """Ask for the whole file: in SQLite's WAL mode everybody who has it open holds a lock on it."""
    with closing(sqlite3.connect(file, timeout=0, isolation_level=None)) as connection:
        connection.execute("PRAGMA locking_mode=EXCLUSIVE")
        try:
            connection.execute("BEGIN EXCLUSIVE")
        except sqlite3.OperationalError as error:
            if "locked" not in str(error):
                raise
            return True
        connection.execute("ROLLBACK")
    return False
