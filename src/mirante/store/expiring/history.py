"""Alerts that are over, and what tells of them: notices, events, acknowledgements, silences, proposals."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Column, ColumnElement, Connection, Table, delete, exists, func, select

from mirante.store.alerts import OPEN_STATES
from mirante.store.database import Database
from mirante.store.dialect import chunks
from mirante.store.proposals import MOVE_ALIAS, WAITING
from mirante.store.schema import (
    acknowledgements,
    alerts,
    events,
    groups,
    notice_alerts,
    notices,
    proposals,
    silences,
)
from mirante.store.tallies import count_gone

__all__ = ["Expired", "expire_history"]

_AT_ONCE = 500  # rows of one transaction: others wait for some hundredths of a second
_OWED = ("owed", "sending")
# From all of these together it is told which version a row of any time is of; they are few.
_LASTING = "alias_moved"
_LAST_ONE = "baseline_accepted"  # from the last of these it is told whether a baseline was told of


@dataclass(frozen=True, slots=True)
class Expired:
    """How much went.

    Parameters
    ----------
    alerts, notices, events, silences, proposals : int
        Rows.
    finished : bool
        Whether there was time for all.
    """

    alerts: int = 0
    notices: int = 0
    events: int = 0
    silences: int = 0
    proposals: int = 0
    finished: bool = True


def expire_history(
    database: Database, before: datetime, *, paused: Collection[str], more: Callable[[], bool]
) -> Expired:
    """Remove what was over by a time; see `ExpiringPart.history`."""
    sweep = _Sweep(database, before, sorted(paused), more)
    # in this order: what tells of alerts stays as long as they do
    return Expired(
        sweep.alerts(),
        sweep.notices(),
        sweep.events(),
        sweep.silences(),
        sweep.proposals(),
        sweep.finished,
    )


class _Sweep:
    """Goes once through everything that is old, from the oldest on."""

    def __init__(
        self, database: Database, before: datetime, paused: Sequence[str], more: Callable[[], bool]
    ) -> None:
        self._database, self._before, self._paused, self._more = database, before, paused, more
        self.finished = True

    def alerts(self) -> int:
        """Remove alerts that are over, but for those of which somebody is still to be told."""
        over = func.coalesce(alerts.c.resolved_at, alerts.c.active_at) < self._before
        owed = select(notice_alerts.c.alert_id).join(notices).where(notices.c.status.in_(_OWED))
        where = [
            alerts.c.state.not_in(OPEN_STATES),
            over,
            alerts.c.id.not_in(owed),
            *self._not_paused(alerts),
        ]
        needed: set[str] | None = None

        def remove(connection: Connection, rows: Sequence[Any]) -> int:
            nonlocal needed
            if needed is None:
                needed = _needed(connection)
            ids = [row.id for row in rows if row.id not in needed]
            connection.execute(delete(acknowledgements).where(acknowledgements.c.alert_id.in_(ids)))
            connection.execute(delete(notice_alerts).where(notice_alerts.c.alert_id.in_(ids)))
            return _delete(connection, alerts, ids)

        return self._go(alerts.c.active_at, where, remove)

    def notices(self) -> int:
        """Remove notices that have left or were given up, and speak of no alert that is there."""
        spoken = exists().where(notice_alerts.c.notice_id == notices.c.id)
        where = [notices.c.status.not_in(_OWED), ~spoken]

        def remove(connection: Connection, rows: Sequence[Any]) -> int:
            ids = [row.id for row in rows]
            tally = select(notices.c.channel, notices.c.status, func.count(), func.sum(notices.c.attempts))
            tally = tally.where(notices.c.id.in_(ids)).group_by(notices.c.channel, notices.c.status)
            count_gone(connection, [tuple(row) for row in connection.execute(tally)])
            return _delete(connection, notices, ids)

        return self._go(notices.c.created_at, where, remove)

    def events(self) -> int:
        """Remove events, but for those of alerts that are there, and what lasts."""
        newer = events.alias()
        same = (newer.c.subject == events.c.subject) & (newer.c.kind == events.c.kind)
        followed = exists().where(same, newer.c.time > events.c.time)
        over = (events.c.kind != _LAST_ONE) | followed
        where = [events.c.kind != _LASTING, over, *self._not_paused(events)]

        def remove(connection: Connection, rows: Sequence[Any]) -> int:
            about = {row.id: row.data.get("alert") for row in rows}
            there = _there(connection, about.values())
            return _delete(connection, events, [id_ for id_, alert in about.items() if alert not in there])

        return self._go(events.c.time, where, remove, events.c.data)

    def silences(self) -> int:
        """Remove silences that were over before any alert began that is there."""
        first = select(func.min(alerts.c.active_at)).where(~alerts.c.historic)
        with self._database.reading() as snapshot:
            begin = snapshot.execute(first).scalar()
        where = [] if begin is None else [silences.c.ends_at < begin]
        return self._go(
            silences.c.ends_at,
            where,
            lambda connection, rows: _delete(connection, silences, [r.id for r in rows]),
        )

    def proposals(self) -> int:
        """Remove proposals that are decided and about no alert that is there.

        One that moved an alias back stays: its version is no way back, however long ago that was.
        """
        over = func.coalesce(proposals.c.decided_at, proposals.c.created_at) < self._before
        moved = (proposals.c.kind == MOVE_ALIAS) & (proposals.c.state == "done")
        where = [proposals.c.state.not_in(WAITING), over, ~moved, *self._not_paused(proposals)]

        def remove(connection: Connection, rows: Sequence[Any]) -> int:
            about = {row.id: {row.alert_id, *row.data.get("alerts", ())} for row in rows}
            there = _there(connection, (alert for some in about.values() for alert in some))
            return _delete(connection, proposals, [one for one, some in about.items() if not some & there])

        return self._go(proposals.c.created_at, where, remove, proposals.c.alert_id, proposals.c.data)

    def _not_paused(self, table: Table) -> list[ColumnElement[bool]]:
        return [table.c.subject.not_in(self._paused)] if self._paused else []

    def _go(
        self,
        time: Column[Any],
        where: Sequence[ColumnElement[bool]],
        remove: Callable[[Connection, Sequence[Any]], int],
        *columns: Column[Any],
    ) -> int:
        """Take what is old by a column of time, some rows in each transaction, and remove what may go."""
        key = time.table.c.id
        gone, last = 0, None
        while self._more():
            query = select(key, time.label("at"), *columns).where(time < self._before, *where)
            if last is not None:
                query = query.where((time > last.at) | ((time == last.at) & (key > last.id)))
            # read where it is removed: nobody else writes meanwhile, so what may go still may
            with self._database.transaction() as connection:
                rows = connection.execute(query.order_by(time, key).limit(_AT_ONCE)).all()
                gone += remove(connection, rows) if rows else 0
            if len(rows) < _AT_ONCE:
                return gone
            last = rows[-1]
        self.finished = False
        return gone


def _needed(connection: Connection) -> set[str]:
    """Return alerts of which a channel is to be told that they are over, or about which is to be decided."""
    found = {one for firing in connection.execute(select(groups.c.firing)).scalars() for one in firing}
    waiting = select(proposals.c.alert_id, proposals.c.data).where(proposals.c.state.in_(WAITING))
    for row in connection.execute(waiting):
        found |= {row.alert_id, *row.data.get("alerts", ())}
    return found


def _there(connection: Connection, ids: Iterable[Any]) -> set[str]:
    """Return those of some ids that are of alerts."""
    known: set[str] = set()
    for chunk in chunks(sorted({one for one in ids if isinstance(one, str)})):
        known.update(connection.execute(select(alerts.c.id).where(alerts.c.id.in_(chunk))).scalars())
    return known


def _delete(connection: Connection, table: Table, ids: Sequence[Any]) -> int:
    connection.execute(delete(table).where(table.c.id.in_(ids)))
    return len(ids)
