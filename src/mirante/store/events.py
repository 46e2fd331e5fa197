"""Events in the store: what happened once, and is drawn on charts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, select

from mirante.store.database import Database
from mirante.store.dialect import bulk, plain_insert
from mirante.store.rows import read_rows
from mirante.store.schema import events
from mirante.store.types import as_columns

__all__ = ["EventRow", "EventsPart"]


@dataclass(frozen=True, slots=True)
class EventRow:
    """One event.

    Parameters
    ----------
    subject : str
        What it happened to.
    time : datetime
        When.
    kind : str
        A short word: ``alias_moved``, ``baseline_accepted``, ``alert_fired``.
    text : str
        A sentence for people.
    data : mapping
        Details, as JSON.
    """

    subject: str
    time: datetime
    kind: str
    text: str = ""
    data: Mapping[str, Any] = field(default_factory=dict)


class EventsPart:
    """Events in a database.

    Parameters
    ----------
    database : Database
        Where they are kept.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, row: EventRow, *, connection: Connection | None = None) -> None:
        """Write an event."""
        self.add_all([row], connection=connection)

    def add_all(self, rows: Sequence[EventRow], *, connection: Connection | None = None) -> None:
        """Write many events in one transaction; an evaluation can bring thousands."""
        if not rows:
            return
        with self._database.writing(connection) as transaction:
            bulk(transaction, plain_insert(events), as_columns(rows))

    def list(
        self,
        subject: str | None = None,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        kinds: Sequence[str] | None = None,
        without: Sequence[str] = (),
        limit: int = 1000,
        connection: Connection | None = None,
    ) -> list[EventRow]:
        """Return the newest events that fit, oldest of them first.

        Parameters
        ----------
        subject : str, optional
            What they happened to; all when None.
        since, until : datetime, optional
            Half-open interval of time.
        kinds : sequence of str, optional
            Kinds; all when None.
        without : sequence of str
            Beginnings of kinds that are left out.
        limit : int
            At most so many; the oldest are left out.
        connection : Connection, optional
            A transaction to read in.
        """
        query = select(*(column for column in events.c if column.name != "id"))
        if subject is not None:
            query = query.where(events.c.subject == subject)
        if since is not None:
            query = query.where(events.c.time >= since)
        if until is not None:
            query = query.where(events.c.time < until)
        if kinds is not None:
            query = query.where(events.c.kind.in_(kinds))
        for start in without:
            query = query.where(~events.c.kind.startswith(start, autoescape=True))
        query = query.order_by(events.c.time.desc(), events.c.id.desc()).limit(limit)
        with self._database.reading(connection) as snapshot:
            return read_rows(snapshot, query, EventRow)[::-1]
