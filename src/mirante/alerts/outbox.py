"""The outbox loop: delivers what is owed, each within a deadline, tries again later, gives up in the end."""

from __future__ import annotations

import asyncio
import random
import socket
import time
import uuid
from collections import deque
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, TypeVar

import structlog

from mirante.alerts.channels.base import Channel, Notice, NoticeAlert
from mirante.alerts.channels.texts import clean, title_of
from mirante.durations import LONGEST_WAIT
from mirante.errors import DeliveryError, StoreError
from mirante.i18n import translator
from mirante.store import NoticeRow, Store

__all__ = ["DEADLINE", "Attempt", "Outbox", "deliver"]

DEADLINE = 10.0  # seconds for one attempt
_BATCH = 50
_MOST_AT_ONCE = 2_000
_FEWEST_TRIES = 5  # of a notice, however old
_CAP = 60.0
_TELL_AGAIN = timedelta(hours=1)

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try to deliver one notice.

    Parameters
    ----------
    notice_id, channel : str
        Which, and where.
    outcome : {"delivered", "retry", "dead"}
        How it ended.
    error : str
        Why, if not delivered.
    seconds : float
        How long it took.
    """

    notice_id: str
    channel: str
    outcome: Literal["delivered", "retry", "dead"]
    error: str = ""
    seconds: float = 0.0


async def deliver(
    channels: Mapping[str, Channel], name: str, payload: Mapping[str, Any], deadline: float
) -> None:
    """Deliver one notice to one channel.

    Parameters
    ----------
    channels : mapping of str to Channel
        By the names that routes use.
    name : str
        Which.
    payload : mapping
        Of the notice.
    deadline : float
        Seconds.

    Raises
    ------
    DeliveryError
        Whatever went wrong, a fault in the channel included.

    Examples
    --------
    >>> asyncio.run(deliver({}, "chat", Notice("1f", "message", "info", "Hello").payload(), 1.0))
    Traceback (most recent call last):
    ...
    mirante.errors.DeliveryError: there is no channel 'chat' in the config; add it, or change the routes
    """
    channel = channels.get(name)
    if channel is None:
        raise DeliveryError(f"there is no channel {name!r} in the config; add it, or change the routes")
    try:
        notice = Notice.from_payload(payload)
        async with asyncio.timeout(deadline):
            await channel.deliver(notice)
    except DeliveryError:
        raise
    except TimeoutError as error:
        raise DeliveryError(f"{name} did not finish within {deadline:g} s", retry=True) from error
    except Exception as error:  # a fault in one channel must not stop the others; its text may hold secrets
        raise DeliveryError(f"{name} failed with {type(error).__name__}") from error


@dataclass(slots=True)
class _Lane:
    """What is remembered of one channel: a dead one is tried with one notice at a time."""

    failures: int = 0
    paused_until: datetime | None = None
    pause: timedelta = timedelta(0)
    told_at: datetime | None = None
    waiting: deque[NoticeRow] = field(default_factory=deque)
    worker: asyncio.Task[list[Attempt]] | None = None

    @property
    def is_busy(self) -> bool:
        """Whether something of it is being sent, or waits for that."""
        return bool(self.waiting) or (self.worker is not None and not self.worker.done())

    def is_paused(self, now: datetime) -> bool:
        """Say whether it waits; a wait longer than it was meant to be is a clock that was set back."""
        if self.paused_until is None:
            return False
        return timedelta(0) < self.paused_until - now <= self.pause


class Outbox:
    """Delivers what the store's outbox owes: at least once, each channel for itself.

    Parameters
    ----------
    store : Store
        Where notices are owed.
    channels : mapping of str to Channel
        By the names that routes use.
    owner : str, optional
        Name of this sender; a random one when not given.
    deadline : float
        Seconds for one attempt.
    give_up_after : timedelta
        A notice that is older, and was tried five times, is declared dead at its next failure, and the other
        channels are told. So one of before a weekend without the service, or of before the clock was set on,
        is not lost for the first answer that fails.
    lease : float
        Seconds for which a taken notice is ours.
    jitter : callable
        Gives a number from 0 to 1; the wait after a failure is that share of 2, 4, 8, … 60 s.
    locale : str
        Of what the other channels are told.
    clock, monotonic : callable
        The present time, and seconds that only grow.
    may_send : callable
        Asked before each attempt; while it says no, what was taken waits.
    """

    def __init__(
        self,
        store: Store,
        channels: Mapping[str, Channel],
        *,
        owner: str | None = None,
        deadline: float = DEADLINE,
        give_up_after: timedelta = timedelta(hours=24),
        lease: float = 60.0,
        jitter: Callable[[], float] = random.random,
        locale: str = "en",
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        monotonic: Callable[[], float] = time.monotonic,
        may_send: Callable[[], bool] = lambda: True,
    ) -> None:
        self._store, self._channels = store, dict(channels)
        self._owner = owner or f"{socket.gethostname()}-{uuid.uuid4().hex[:8]}"
        self._deadline, self._give_up_after, self._lease = deadline, give_up_after, lease
        self._jitter, self._locale = jitter, locale
        self._clock, self._monotonic, self._may_send = clock, monotonic, may_send
        self._lanes: dict[str, _Lane] = {}
        self._left: set[str] = set()  # delivered, and the store does not know yet
        self._unsure = False  # whether the store may have claims of ours that we do not know of
        self._threads = ThreadPoolExecutor(2, thread_name_prefix="outbox")
        self._log = structlog.get_logger("mirante.alerts.outbox")

    async def run_once(self, now: datetime) -> list[Attempt]:
        """Deliver what is due at a time, and return when all channels are through.

        Parameters
        ----------
        now : datetime
            The present time.

        Returns
        -------
        list of Attempt
            One for each notice that was tried; what a dead channel still owes waits without being tried.

        Raises
        ------
        StoreError
            If the store cannot be read or written.
        """
        start = self._monotonic()

        def moving() -> datetime:
            return now + timedelta(seconds=self._monotonic() - start)

        attempts: list[Attempt] = []
        self._sort(await self._claim(now))
        while self._may_send() and (lanes := [name for name, lane in self._lanes.items() if lane.waiting]):
            tried = [name for name in lanes if self._lanes[name].failures]
            drained = (self._drain(name, moving) for name in lanes)
            for result in await asyncio.gather(*drained, return_exceptions=True):
                if isinstance(result, BaseException):
                    raise result
                attempts += result
            well = [name for name in tried if not self._lanes[name].failures]
            self._sort(await self._in_thread(self._claim_all, moving(), well, ()))
        return attempts

    async def run(self, stop: asyncio.Event, *, every: float = 0.25, grace: float = 1.0) -> None:
        """Deliver until told to stop; a slow channel holds up nobody.

        Parameters
        ----------
        stop : asyncio.Event
            Set it to end; what is being sent has `grace` seconds left, and is due again when its lease ends.
        every : float
            Seconds between two looks at the store.
        grace : float
            Seconds.
        """
        while not stop.is_set():
            try:
                await self._forget_unknown_claims()
                self._sort(await self._claim(self._clock()))
            except StoreError as error:
                self._unsure = True  # what was claimed may be written, and the answer lost
                self._log.error("outbox cannot be read", error=str(error))
            for name, lane in self._lanes.items():
                if lane.waiting and (lane.worker is None or lane.worker.done()):
                    lane.worker = asyncio.create_task(self._guarded(self._drain(name, self._clock)))
            try:
                await asyncio.wait_for(stop.wait(), every)
            except TimeoutError:
                continue
        workers = [lane.worker for lane in self._lanes.values() if lane.worker is not None]
        if workers:
            _done, late = await asyncio.wait(workers, timeout=grace)
            for worker in late:
                worker.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    async def _guarded(self, work: Coroutine[Any, Any, list[Attempt]]) -> list[Attempt]:
        try:
            return await work
        except StoreError as error:
            self._unsure = True
            self._log.error("outbox cannot be written", error=str(error))
            return []

    async def _forget_unknown_claims(self) -> None:
        """After a failure of the store, let what is claimed here and not known here be due at once."""
        if self._unsure and not any(lane.is_busy for lane in self._lanes.values()):
            await self._in_thread(self._store.outbox.take_back, self._owner)
            self._unsure = False

    async def _in_thread(self, function: Callable[..., _T], *arguments: Any) -> _T:
        """Run a call of the store in the outbox's own threads.

        Names are looked up in the loop's: while the resolver hangs for one channel, those may all be taken.
        """
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, function, *arguments)

    async def _claim(self, now: datetime) -> list[NoticeRow]:
        """Take all that is due, but of a channel that failed last time one notice, to see how it fares."""
        resting = [name for name, lane in self._lanes.items() if lane.failures]
        rows = await self._in_thread(self._claim_all, now, None, resting)
        for name in resting:
            lane = self._lanes[name]
            if not lane.is_busy and not lane.is_paused(now):
                rows += await self._in_thread(self._take, now, 1, [name], ())
        return rows

    def _claim_all(
        self, now: datetime, only: Sequence[str] | None, without: Sequence[str]
    ) -> list[NoticeRow]:
        rows: list[NoticeRow] = []
        while len(rows) < _MOST_AT_ONCE and only != []:
            # all of it: a dead channel's backlog must not hide the others' notices
            found = self._take(now, _BATCH, only, without)
            rows += found
            if len(found) < _BATCH:
                break
        return rows

    def _take(
        self, now: datetime, limit: int, only: Sequence[str] | None, without: Sequence[str]
    ) -> list[NoticeRow]:
        return self._store.outbox.claim(
            now, owner=self._owner, limit=limit, lease=self._lease, only=only, without=without
        )

    def _sort(self, rows: Iterable[NoticeRow]) -> None:
        for row in rows:
            self._lanes.setdefault(row.channel, _Lane()).waiting.append(row)

    async def _drain(self, name: str, now: Callable[[], datetime]) -> list[Attempt]:
        lane, attempts = self._lanes[name], []
        while lane.waiting and self._may_send():
            row = lane.waiting.popleft()
            needed = now() + timedelta(seconds=self._deadline)
            if not _has_time(row, needed):
                continue  # the lease would end while it is being sent; it becomes due again by itself
            if lane.paused_until is not None and lane.is_paused(now()):
                rows = [row, *(other for other in lane.waiting if _has_time(other, needed))]
                lane.waiting.clear()
                await self._in_thread(self._give_back, rows, lane.paused_until)
            else:
                attempts.append(await self._attempt(name, lane, row, now))
        return attempts

    def _give_back(self, rows: Sequence[NoticeRow], next_at: datetime) -> None:
        ids, reason = [row.id for row in rows], "waits until its channel answers again"
        self._store.outbox.give_back(ids, reason=reason, next_at=next_at, owner=self._owner)

    async def _attempt(self, name: str, lane: _Lane, row: NoticeRow, now: Callable[[], datetime]) -> Attempt:
        start = self._monotonic()
        try:
            if row.id not in self._left:
                await deliver(self._channels, name, row.payload, self._deadline)
        except DeliveryError as error:
            verdict = error
        else:
            lane.failures, lane.paused_until = 0, None
            self._left.add(row.id)  # should the store be away now, it is not sent again for that
            await self._mark(self._store.outbox.delivered, row, now())
            self._left.discard(row.id)
            return Attempt(row.id, name, "delivered", seconds=self._monotonic() - start)
        seconds = self._monotonic() - start
        young = now() - row.created_at < self._give_up_after or row.attempts < _FEWEST_TRIES
        if verdict.retry and young:
            lane.failures += 1
            lane.pause = self._wait(lane.failures, verdict.retry_after)
            lane.paused_until = now() + lane.pause
            # a moment after the others of its channel, so that a notice that always fails does not block them
            next_at = lane.paused_until + timedelta(milliseconds=1)
            await self._mark(self._store.outbox.failed, row, now(), error=verdict.reason, next_at=next_at)
            return Attempt(row.id, name, "retry", verdict.reason, seconds)
        reason = (
            verdict.reason if not verdict.retry else f"given up after {self._give_up_after}: {verdict.reason}"
        )
        await self._in_thread(self._bury, lane, row, now(), reason)
        return Attempt(row.id, name, "dead", reason, seconds)

    def _wait(self, failures: int, asked: float | None) -> timedelta:
        own = self._jitter() * min(_CAP, 2.0 ** min(failures, 10))
        # one that asks for no wait at all, again and again, is not hammered either
        return timedelta(seconds=max(own, min(asked or 0.0, LONGEST_WAIT.total_seconds())))

    async def _mark(self, verdict: Callable[..., bool], row: NoticeRow, now: datetime, **values: Any) -> None:
        await self._in_thread(lambda: verdict(row.id, now, owner=self._owner, **values))

    def _bury(self, lane: _Lane, row: NoticeRow, now: datetime, reason: str) -> None:
        """Declare a notice dead and tell the other channels, in one transaction."""
        again = lane.told_at is None or now - lane.told_at >= _TELL_AGAIN
        tell = again and row.reason != "channel_failed"
        with self._store.transaction() as connection:
            self._store.outbox.dead(row.id, now, error=reason, owner=self._owner, connection=connection)
            if tell:
                for other in self._channels:
                    if other != row.channel:
                        self._store.outbox.add(self._news(other, row, now, reason), connection=connection)
        if tell:
            lane.told_at = now
        self._log.error("notice is dead", notice=row.id, channel=row.channel, error=reason)

    def _news(self, channel: str, row: NoticeRow, now: datetime, reason: str) -> NoticeRow:
        _ = translator(self._locale)
        about = _("Channel %(channel)s could not deliver a notice", channel=clean(row.channel, 100))
        lost = str(row.payload.get("title", ""))
        text = _("The notice was: %(title)s", title=clean(lost))
        why = _("The error was: %(error)s", error=clean(reason))
        notice = Notice(
            id=uuid.uuid4().hex,
            reason="channel_failed",
            severity="warning",
            title=title_of("warning", about, locale=self._locale),
            alerts=(NoticeAlert("message", f"{text}\n{why}"),),
            locale=self._locale,
            created_at=now,
        )
        return NoticeRow(
            notice.id, channel, notice.reason, now, now, alert_ids=row.alert_ids, payload=notice.payload()
        )


def _has_time(row: NoticeRow, needed: datetime) -> bool:
    return row.claimed_until is None or row.claimed_until > needed
