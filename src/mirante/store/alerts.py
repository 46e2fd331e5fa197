"""Alerts in the store: one row for each time that a rule found something, from pending to resolved."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeAlias

from sqlalchemy import Connection, Select, select

from mirante.store.database import Database
from mirante.store.dialect import bulk, chunks, upsert
from mirante.store.rows import read_rows
from mirante.store.schema import alerts
from mirante.store.types import as_columns

__all__ = ["OPEN_STATES", "AlertRow", "AlertsPart"]

OPEN_STATES = ("pending", "firing")


@dataclass(frozen=True, slots=True)
class AlertRow:
    """One alert.

    Parameters
    ----------
    id : str
        Hexadecimal, unique.
    rule : str
        Name of the rule.
    labels : mapping of str to str
        The labels that it fired for.
    subject, severity : str
        What it is about, and how bad.
    state : str
        ``pending``, ``firing`` or ``resolved``.
    active_at : datetime
        When the condition became true.
    fired_at, resolved_at, keep_firing_since, last_seen_at : datetime, optional
        Later moments, as far as they have come.
    value, fired_value : float, optional
        The present value, and the one that it fired with; NaN and None are kept apart.
    reading_time : datetime, optional
        Time of the reading behind `value`.
    summary, note : str
        The rule's sentence and the reading's.
    historic : bool
        Whether it belongs to a replay of the past.
    """

    id: str
    rule: str
    labels: Mapping[str, str]
    subject: str
    severity: str
    state: str
    active_at: datetime
    fired_at: datetime | None = None
    resolved_at: datetime | None = None
    keep_firing_since: datetime | None = None
    last_seen_at: datetime | None = None
    value: float | None = None
    fired_value: float | None = None
    reading_time: datetime | None = None
    summary: str = ""
    note: str = ""
    historic: bool = False


_Alerts: TypeAlias = list[AlertRow]  # inside the class, `list` is a method


class AlertsPart:
    """Alerts in a database.

    Parameters
    ----------
    database : Database
        Where they are kept.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def save(self, row: AlertRow, *, connection: Connection | None = None) -> None:
        """Write an alert; the one with the same id is replaced."""
        self.save_all([row], connection=connection)

    def save_all(self, rows: Sequence[AlertRow], *, connection: Connection | None = None) -> None:
        """Write many alerts in one transaction; an evaluation can change thousands."""
        if not rows:
            return
        columns = as_columns(rows)
        update = sorted(columns.keys() - {"id"})
        with self._database.writing(connection) as transaction:
            bulk(transaction, upsert(transaction, alerts, update=update), columns)

    def get(self, id: str, *, connection: Connection | None = None) -> AlertRow | None:  # noqa: A002  the column's name
        """Return one alert, or None."""
        return next(iter(self._read(select(alerts).where(alerts.c.id == id), connection)), None)

    def of(self, ids: Sequence[str], *, connection: Connection | None = None) -> _Alerts:
        """Return the alerts of some ids, in no order; ids that are not there are left out."""
        found: _Alerts = []
        with self._database.reading(connection) as snapshot:
            for chunk in chunks(ids):
                found += self._read(select(alerts).where(alerts.c.id.in_(chunk)), snapshot)
        return found

    def open(self, *, connection: Connection | None = None) -> _Alerts:
        """Return all pending and firing alerts, newest first."""
        return self._read(_newest(select(alerts).where(alerts.c.state.in_(OPEN_STATES))), connection)

    def list(
        self,
        *,
        subject: str | None = None,
        states: Sequence[str] | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        after: AlertRow | None = None,
        limit: int = 500,
        connection: Connection | None = None,
    ) -> _Alerts:
        """Return alerts, newest first.

        Parameters
        ----------
        subject : str, optional
            What they are about; all when None.
        states : sequence of str, optional
            States; all when None.
        since, until : datetime, optional
            Half-open interval of `active_at`.
        after : AlertRow, optional
            Only those that come after this one in the list, to read it page by page.
        limit : int
            At most so many; the oldest are left out.
        connection : Connection, optional
            A transaction to read in.
        """
        query = select(alerts)
        if subject is not None:
            query = query.where(alerts.c.subject == subject)
        if states is not None:
            query = query.where(alerts.c.state.in_(states))
        if since is not None:
            query = query.where(alerts.c.active_at >= since)
        if until is not None:
            query = query.where(alerts.c.active_at < until)
        if after is not None:
            same = (alerts.c.active_at == after.active_at) & (alerts.c.id < after.id)
            query = query.where((alerts.c.active_at < after.active_at) | same)
        return self._read(_newest(query).limit(limit), connection)

    def _read(self, query: Select[Any], connection: Connection | None) -> _Alerts:
        with self._database.reading(connection) as snapshot:
            return read_rows(snapshot, query, AlertRow)


def _newest(query: Select[Any]) -> Select[Any]:
    return query.order_by(alerts.c.active_at.desc(), alerts.c.id.desc())
