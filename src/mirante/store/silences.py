"""Silences in the store: a history; one that is changed or ended early stays to be seen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

from sqlalchemy import Connection, insert, select, update

from mirante.store.database import Database
from mirante.store.rows import read_rows
from mirante.store.schema import silences
from mirante.store.types import as_values

__all__ = ["SilenceRow", "SilencesPart"]


@dataclass(frozen=True, slots=True)
class SilenceRow:
    """One silence.

    Parameters
    ----------
    id : str
        Hexadecimal, unique.
    matchers : mapping of str to str
        Labels of the alerts that it holds back: ``x``, ``!=x``, ``~regex``, ``!~regex``.
    starts_at, ends_at : datetime
        Half-open interval.
    author, comment : str
        Who, and why.
    created_at : datetime
        When it was made.
    replaces : str, optional
        Id of the silence that it is a change of.
    """

    id: str
    matchers: Mapping[str, str]
    starts_at: datetime
    ends_at: datetime
    author: str
    comment: str
    created_at: datetime
    replaces: str | None = None


_Silences: TypeAlias = list[SilenceRow]  # inside the class, `list` is a method


class SilencesPart:
    """Silences in a database.

    Parameters
    ----------
    database : Database
        Where they are kept.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, row: SilenceRow, *, connection: Connection | None = None) -> None:
        """Write a new silence."""
        with self._database.writing(connection) as transaction:
            transaction.execute(insert(silences), as_values(row))

    def end(self, id: str, now: datetime, *, connection: Connection | None = None) -> bool:  # noqa: A002  the column's name
        """End a silence early; False when there is none of this id, or it is over already."""
        query = update(silences).where(silences.c.id == id, silences.c.ends_at > now).values(ends_at=now)
        with self._database.writing(connection) as transaction:
            return bool(transaction.execute(query).rowcount)

    def get(self, id: str, *, connection: Connection | None = None) -> SilenceRow | None:  # noqa: A002  the column's name
        """Return one silence, or None."""
        query = select(silences).where(silences.c.id == id)
        with self._database.reading(connection) as snapshot:
            found = snapshot.execute(query).first()
        return None if found is None else SilenceRow(**found._mapping)

    def list(
        self, *, since: datetime | None = None, limit: int = 1_000, connection: Connection | None = None
    ) -> _Silences:
        """Return silences, the one that ends last first.

        Parameters
        ----------
        since : datetime, optional
            Only those that end after it; with the present, the ones that hold or are to come.
        limit : int
            At most so many.
        connection : Connection, optional
            A transaction to read in.
        """
        query = select(silences).order_by(silences.c.ends_at.desc(), silences.c.id).limit(limit)
        if since is not None:
            query = query.where(silences.c.ends_at > since)
        with self._database.reading(connection) as snapshot:
            return read_rows(snapshot, query, SilenceRow)
