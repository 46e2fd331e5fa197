"""The outbox: notices that are owed; one leaves only when it is delivered or declared dead."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, TypeAlias

from sqlalchemy import Column, ColumnElement, Connection, and_, func, or_, select, update

from mirante.durations import LONGEST_WAIT
from mirante.store.database import Database
from mirante.store.dialect import bulk, chunks, plain_insert
from mirante.store.rows import read_rows
from mirante.store.schema import notice_alerts, notices
from mirante.store.tallies import gone_notices
from mirante.store.types import as_columns

__all__ = ["ChannelRow", "NoticeRow", "OutboxPart"]

_SLACK = timedelta(minutes=1)  # by which the clocks of two senders may differ


@dataclass(frozen=True, slots=True)
class NoticeRow:
    """One message about a group of alerts, to one channel.

    Parameters
    ----------
    id : str
        Hexadecimal, unique; the idempotency key of the delivery.
    channel, reason : str
        Where it goes, and why.
    created_at, next_at : datetime
        When it was made, and when it may be tried next.
    attempts : int
        Tries begun so far; a claim counts as one.
    status : str
        ``owed``, ``sending``, ``delivered`` or ``dead``.
    claimed_by, claimed_until : str and datetime, optional
        Who is sending it, and until when nobody else may.
    error : str, optional
        Why the last try failed.
    delivered_at : datetime, optional
        When it left.
    alert_ids : tuple of str
        The alerts that it speaks of.
    payload : mapping
        All that a channel needs to write the message, as JSON.
    """

    id: str
    channel: str
    reason: str
    created_at: datetime
    next_at: datetime
    attempts: int = 0
    status: str = "owed"
    claimed_by: str | None = None
    claimed_until: datetime | None = None
    error: str | None = None
    delivered_at: datetime | None = None
    alert_ids: tuple[str, ...] = ()
    payload: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ChannelRow:
    """What went out by one channel.

    Parameters
    ----------
    channel : str
        Its name.
    owed, dead, delivered : int
        Notices that wait, that were given up, and that left.
    attempts : int
        Tries for all of them together.
    delivered_at : datetime, optional
        When one last left.
    waiting_since : datetime, optional
        When the oldest that waits was made.
    error : str
        Why the newest that is not delivered was not; empty when nothing failed.
    """

    channel: str
    owed: int
    dead: int
    delivered: int
    attempts: int
    delivered_at: datetime | None
    waiting_since: datetime | None
    error: str


_Notices: TypeAlias = list[NoticeRow]  # inside the class, `list` is a method


_GROUPS = {"sending": "owed"}  # it has not left yet


class OutboxPart:
    """Notices in a database.

    Parameters
    ----------
    database : Database
        Where they are kept.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, row: NoticeRow, *, connection: Connection | None = None) -> None:
        """Write a new notice, in the transaction of the change that it tells of."""
        self.add_all([row], connection=connection)

    def add_all(self, rows: Sequence[NoticeRow], *, connection: Connection | None = None) -> None:
        """Write many new notices in one transaction; a storm makes one for each group."""
        if not rows:
            return
        links = [(row.id, alert) for row in rows for alert in dict.fromkeys(row.alert_ids)]
        with self._database.writing(connection) as transaction:
            bulk(transaction, plain_insert(notices), as_columns(rows))
            if links:
                columns = dict(zip(("notice_id", "alert_id"), zip(*links, strict=True), strict=True))
                bulk(transaction, plain_insert(notice_alerts), columns)

    def claim(
        self,
        now: datetime,
        *,
        owner: str,
        limit: int = 50,
        lease: float = 30.0,
        only: Sequence[str] | None = None,
        without: Sequence[str] = (),
        connection: Connection | None = None,
    ) -> list[NoticeRow]:
        """Take notices that are due, so that nobody else sends them until the lease ends.

        A claim whose lease has ended without a verdict (its owner died) is due again.

        Parameters
        ----------
        now : datetime
            The present time.
        owner : str
            Who takes them.
        limit : int
            At most so many.
        lease : float
            Seconds.
        only : sequence of str, optional
            Channels whose notices are taken; all when None.
        without : sequence of str
            Channels whose notices stay where they are.
        connection : Connection, optional
            A transaction to join.

        Returns
        -------
        list of NoticeRow
            The notices, longest due first.
        """
        due, until = _due(now, lease), now + timedelta(seconds=lease)
        if only is not None:
            due = and_(due, notices.c.channel.in_(only))
        if without:
            due = and_(due, notices.c.channel.not_in(without))
        values = {
            "status": "sending",
            "claimed_by": owner,
            "claimed_until": until,
            "attempts": notices.c.attempts + 1,
        }
        order = (notices.c.next_at, notices.c.id)
        query = select(notices.c.id).where(due).order_by(*order).limit(limit)
        with self._database.reading(
            connection
        ) as snapshot:  # nothing is due mostly: no lock is taken for that
            ids = snapshot.execute(query).scalars().all()
        if not ids:
            return []
        found = notices.c.id.in_(ids)
        with self._database.writing(connection) as transaction:
            # Conditional: another sender may have taken one meanwhile.
            transaction.execute(update(notices).where(found, due).values(values))
            mine = and_(found, notices.c.claimed_by == owner, notices.c.claimed_until == until)
            return [_notice(row) for row in transaction.execute(select(notices).where(mine).order_by(*order))]

    def delivered(
        self,
        id: str,  # noqa: A002  the column's name
        now: datetime,
        *,
        owner: str | None = None,
        connection: Connection | None = None,
    ) -> bool:
        """Mark a notice as delivered.

        Parameters
        ----------
        id : str
            The notice.
        now : datetime
            The present time.
        owner : str, optional
            Only if this one holds the claim.
        connection : Connection, optional
            A transaction to join.

        Returns
        -------
        bool
            Whether anything changed.
        """
        values = {"status": "delivered", "delivered_at": now, "error": None, "claimed_until": None}
        return self._finish(id, values, owner, ("owed", "sending", "dead"), connection)

    def failed(
        self,
        id: str,  # noqa: A002  the column's name
        now: datetime,  # noqa: ARG002  all verdicts are called alike
        *,
        error: str,
        next_at: datetime,
        owner: str | None = None,
        connection: Connection | None = None,
    ) -> bool:
        """Give a notice back to be tried again at `next_at`; one that was delivered meanwhile stays so.

        Parameters
        ----------
        id : str
            The notice.
        now : datetime
            The present time.
        error : str
            Why it failed, without any secret.
        next_at : datetime
            When it may be tried next.
        owner : str, optional
            Only if this one holds the claim.
        connection : Connection, optional
            A transaction to join.

        Returns
        -------
        bool
            Whether anything changed.
        """
        values = {
            "status": "owed",
            "error": error,
            "next_at": next_at,
            "claimed_by": None,
            "claimed_until": None,
        }
        return self._finish(id, values, owner, ("owed", "sending"), connection)

    def give_back(
        self,
        ids: Sequence[str],
        *,
        reason: str,
        next_at: datetime,
        owner: str,
        connection: Connection | None = None,
    ) -> None:
        """Let notices that were claimed, and not tried, wait until `next_at`.

        Parameters
        ----------
        ids : sequence of str
            The notices.
        reason : str
            Why, for those that have no error yet.
        next_at : datetime
            When they may be tried.
        owner : str
            Only what this one holds the claim of.
        connection : Connection, optional
            A transaction to join.
        """
        values = {
            "status": "owed",
            "error": func.coalesce(notices.c.error, reason),
            "next_at": next_at,
            "claimed_by": None,
            "claimed_until": None,
        }
        mine = and_(notices.c.status == "sending", notices.c.claimed_by == owner)
        with self._database.writing(connection) as transaction:
            for chunk in chunks(ids):
                transaction.execute(update(notices).where(notices.c.id.in_(chunk), mine).values(values))

    def take_back(self, owner: str | None = None, *, connection: Connection | None = None) -> int:
        """Let notices that are claimed be due at once: whoever claimed them does not send them.

        Parameters
        ----------
        owner : str, optional
            Of the claims; all when None.
        connection : Connection, optional
            A transaction to join.

        Returns
        -------
        int
            How many there were.
        """
        values = {"status": "owed", "claimed_by": None, "claimed_until": None}
        change = update(notices).where(notices.c.status == "sending").values(values)
        if owner is not None:
            change = change.where(notices.c.claimed_by == owner)
        with self._database.writing(connection) as transaction:
            return transaction.execute(change).rowcount

    def dead(
        self,
        id: str,  # noqa: A002  the column's name
        now: datetime,  # noqa: ARG002  all verdicts are called alike
        *,
        error: str,
        owner: str | None = None,
        connection: Connection | None = None,
    ) -> bool:
        """Give up on a notice.

        Parameters
        ----------
        id : str
            The notice.
        now : datetime
            The present time.
        error : str
            Why, without any secret.
        owner : str, optional
            Only if this one holds the claim.
        connection : Connection, optional
            A transaction to join.

        Returns
        -------
        bool
            Whether anything changed.
        """
        values = {"status": "dead", "error": error, "claimed_until": None}
        return self._finish(id, values, owner, ("owed", "sending"), connection)

    def owed(self, *, connection: Connection | None = None) -> int:
        """Return how many notices have neither left nor died."""
        query = select(func.count()).select_from(notices).where(notices.c.status.in_(("owed", "sending")))
        with self._database.reading(connection) as snapshot:
            return int(snapshot.execute(query).scalar_one())

    def oldest(self, *, connection: Connection | None = None) -> datetime | None:
        """Return when the oldest notice that has neither left nor died was made; None without any."""
        query = select(func.min(notices.c.created_at)).where(notices.c.status.in_(("owed", "sending")))
        with self._database.reading(connection) as snapshot:
            found: datetime | None = snapshot.execute(query).scalar_one()
            return found

    def tally(self, *, connection: Connection | None = None) -> list[tuple[str, str, int, int]]:
        """Return for each channel and status how many notices there were, and how many tries they took.

        Those that have expired since are among them, so that what was delivered only ever becomes more.
        """
        columns = (notices.c.channel, notices.c.status)
        query = select(*columns, func.count(), func.sum(notices.c.attempts)).group_by(*columns)
        with self._database.reading(connection) as snapshot:
            there = snapshot.execute(query).all()
            found = gone_notices(snapshot)
        for channel, status, count, tries in there:
            gone = found.get((channel, status), (0, 0))
            found[channel, status] = int(count) + gone[0], int(tries) + gone[1]
        return [(*key, *numbers) for key, numbers in sorted(found.items())]

    def channels(self, *, connection: Connection | None = None) -> Sequence[ChannelRow]:
        """Return what went out by each channel that ever had a notice, ordered by name."""
        waits = notices.c.status.in_(("owed", "sending"))
        # Each by an index of its own: one pass over all notices would read their payloads.
        known = select(notices.c.channel).distinct().subquery()
        mine = notices.c.channel == known.c.channel
        last = select(func.max(notices.c.delivered_at)).where(mine).scalar_subquery()
        failed = select(notices.c.error).where(mine, notices.c.error.is_not(None))
        failed = failed.order_by(notices.c.created_at.desc()).limit(1)
        query = select(known.c.channel, last, failed.scalar_subquery())
        oldest = select(notices.c.channel, func.min(notices.c.created_at)).where(waits)
        with self._database.reading(connection) as snapshot:
            tally = self.tally(connection=snapshot)
            since = dict(map(tuple, snapshot.execute(oldest.group_by(notices.c.channel))))
            found = snapshot.execute(query.order_by(known.c.channel)).all()
        numbers = {channel: Counter[str]() for channel, _, _ in found}
        for channel, status, count, tries in tally:
            if channel in numbers:  # else all of its notices have expired
                numbers[channel] += Counter({_GROUPS.get(status, status): count, "tries": tries})
        return [
            ChannelRow(
                name,
                own["owed"],
                own["dead"],
                own["delivered"],
                own["tries"],
                at,
                since.get(name),
                error or "",
            )
            for name, at, error in found
            for own in [numbers[name]]
        ]

    def list(
        self, *, alert_id: str | None = None, limit: int = 200, connection: Connection | None = None
    ) -> list[NoticeRow]:
        """Return notices, newest first; those of one alert when it is given."""
        query = select(notices)
        if alert_id is not None:
            query = query.join(notice_alerts).where(notice_alerts.c.alert_id == alert_id)
        query = query.order_by(notices.c.created_at.desc(), notices.c.id.desc()).limit(limit)
        with self._database.reading(connection) as snapshot:
            return [_notice(row) for row in snapshot.execute(query)]

    def about(self, alert_ids: Sequence[str], *, connection: Connection | None = None) -> dict[str, _Notices]:
        """Return the notices that speak of each of some alerts, oldest first, without their payloads."""
        light = [column for column in notices.c if column.name not in ("alert_ids", "payload")]
        found: dict[str, _Notices] = {}
        with self._database.reading(connection) as snapshot:
            for chunk in chunks(alert_ids):
                pairs = select(notice_alerts.c.notice_id, notice_alerts.c.alert_id)
                pairs = pairs.where(notice_alerts.c.alert_id.in_(chunk))
                about: dict[str, list[str]] = {}
                for notice, alert in snapshot.execute(pairs):
                    about.setdefault(notice, []).append(alert)
                theirs = select(notice_alerts.c.notice_id).where(notice_alerts.c.alert_id.in_(chunk))
                query = select(*light).where(notices.c.id.in_(theirs))
                for row in read_rows(snapshot, query.order_by(notices.c.created_at, notices.c.id), NoticeRow):
                    for alert in about[row.id]:
                        found.setdefault(alert, []).append(row)
        return found

    def _finish(
        self,
        notice: str,
        values: Mapping[str, Any],
        owner: str | None,
        states: tuple[str, ...],
        connection: Connection | None,
    ) -> bool:
        change = update(notices).where(notices.c.id == notice, notices.c.status.in_(states)).values(values)
        if owner is not None:
            change = change.where(notices.c.claimed_by == owner)
        with self._database.writing(connection) as transaction:
            return transaction.execute(change).rowcount > 0


def _due(now: datetime, lease: float) -> ColumnElement[bool]:
    waiting = and_(notices.c.status == "owed", _is_over(notices.c.next_at, now, LONGEST_WAIT))
    claim = _is_over(notices.c.claimed_until, now, timedelta(seconds=lease))
    return or_(waiting, and_(notices.c.status == "sending", claim))


def _is_over(until: Column[Any], now: datetime, longest: timedelta) -> ColumnElement[bool]:
    """Whether a wait is over; one that is longer than any is of before the clock was set back."""
    return or_(until <= now, until > now + longest + _SLACK)


def _notice(row: Any) -> NoticeRow:
    return NoticeRow(**{**row._mapping, "alert_ids": tuple(row.alert_ids)})
