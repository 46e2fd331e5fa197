"""Groups in the store: what each channel was told of which alerts, and when it is to be told again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import Connection, delete, select

from mirante.store.database import Database
from mirante.store.dialect import bulk, chunks, upsert
from mirante.store.schema import groups
from mirante.store.types import as_columns

__all__ = ["GroupRow", "GroupsPart"]


@dataclass(frozen=True, slots=True)
class GroupRow:
    """One group of alerts at one channel.

    Parameters
    ----------
    key : str
        Unique: the channel, the route and the values that the alerts share.
    channel : str
        Where it is told.
    labels : mapping of str to str
        The labels that its alerts share.
    created_at : datetime
        When its first alert began to fire.
    flush_at : datetime, optional
        When it is looked at again; None when nothing is due.
    told_at : datetime, optional
        When its last notice was made; None before the first.
    firing : sequence of str
        Ids of the alerts that the last notice called firing.
    reminders : int
        How many notices in a row told nothing new.
    thread : str
        Id of the first notice of the incident, under which the later ones belong; empty before it.
    """

    key: str
    channel: str
    labels: Mapping[str, str]
    created_at: datetime
    flush_at: datetime | None = None
    told_at: datetime | None = None
    firing: Sequence[str] = field(default_factory=tuple)
    reminders: int = 0
    thread: str = ""


class GroupsPart:
    """Groups in a database.

    Parameters
    ----------
    database : Database
        Where they are kept.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def save_all(self, rows: Sequence[GroupRow], *, connection: Connection | None = None) -> None:
        """Write groups; those with the same keys are replaced."""
        if not rows:
            return
        columns = as_columns(rows)
        update = sorted(columns.keys() - {"key"})
        with self._database.writing(connection) as transaction:
            bulk(transaction, upsert(transaction, groups, update=update), columns)

    def remove(self, keys: Sequence[str], *, connection: Connection | None = None) -> None:
        """Forget groups of which all is told."""
        if not keys:
            return
        with self._database.writing(connection) as transaction:
            for chunk in chunks(keys):
                transaction.execute(delete(groups).where(groups.c.key.in_(chunk)))

    def all(self, *, connection: Connection | None = None) -> list[GroupRow]:
        """Return all groups, oldest first."""
        query = select(groups).order_by(groups.c.created_at, groups.c.key)
        with self._database.reading(connection) as snapshot:
            return [GroupRow(**row._mapping) for row in snapshot.execute(query)]
