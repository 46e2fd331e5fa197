"""Cursors in the store: how far a reader of something has come."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, select

from mirante.store.database import Database
from mirante.store.dialect import upsert
from mirante.store.schema import cursors

__all__ = ["CursorsPart"]


class CursorsPart:
    """Named cursors in a database.

    Parameters
    ----------
    database : Database
        Where they are kept.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def get(
        self, name: str, *, connection: Connection | None = None, hold: bool = False
    ) -> dict[str, Any] | None:
        """Return a cursor, or None if it was never set.

        Parameters
        ----------
        name : str
            Of the cursor.
        connection : Connection, optional
            A transaction to read in.
        hold : bool
            Whether nobody else may set it before that transaction ends; on SQLite nobody can anyway.
        """
        query = select(cursors.c.value).where(cursors.c.name == name)
        with self._database.reading(connection) as snapshot:
            found: dict[str, Any] | None = snapshot.execute(
                query.with_for_update() if hold else query
            ).scalar()
        return found

    def set(self, name: str, value: Mapping[str, Any], *, connection: Connection | None = None) -> None:
        """Set a cursor; in the same transaction as what it counts, nothing is read twice or left out."""
        with self._database.writing(connection) as transaction:
            row = {"name": name, "value": dict(value)}
            transaction.execute(upsert(transaction, cursors, update=["value"]), row)
