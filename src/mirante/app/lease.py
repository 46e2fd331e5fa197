"""The right to do the work of the service: of several on one store one has it, the others wait for it."""

from __future__ import annotations

import os
import socket
import threading
import time
import uuid
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

import structlog

from mirante.app.lockfile import LockFile, here, lock_of
from mirante.app.processes import is_gone, process_mark
from mirante.errors import StoreError
from mirante.i18n import translator
from mirante.store import EventRow, LeaseRow

if TYPE_CHECKING:
    from pathlib import Path

    from mirante.store import Store

__all__ = ["EVERY", "LASTING", "Lease", "took_over"]

LASTING = timedelta(seconds=9)  # a holder that is not heard of for so long has lost it
EVERY = 3.0  # seconds from one renewal to the next: two may fail
_UNCHANGED = 1.5  # not renewed for so many times as long by our own clock: the server's was set back
_log = structlog.get_logger("mirante.lease")


def steady() -> float:
    """Return seconds that nobody sets and that go on while the machine sleeps, where it can tell."""
    clock: int | None = getattr(time, "CLOCK_BOOTTIME", None)
    return time.monotonic() if clock is None else time.clock_gettime(clock)


class Lease:
    """One service's share in the lease of its store.

    In PostgreSQL the lease is a row that runs out unless it is renewed, by the server's clock; a thread does
    that. It is over at once where its holder was a process of this machine that has ended. Beside a SQLite
    file it is a lock, which the kernel gives back when its holder dies.
    What is written by a service that lost it is refused in its own transaction (`Store.fenced`); `holds`
    says by this process's clock alone whether anything may be sent.

    Parameters
    ----------
    store : Store
        What the services share.
    file : Path, optional
        Of SQLite.
    lock : LockFile, optional
        Of that file, when it is held already.
    lasting : timedelta
        How long it is another's before it is free, when nothing is heard of that one.
    every : float
        Seconds from one renewal to the next.
    clock : callable
        Seconds that go on while the process is stopped.
    mark : callable
        Gives what tells this process from all others, by which others on this machine see that it has ended;
        empty where nothing does.
    """

    def __init__(
        self,
        store: Store,
        *,
        file: Path | None = None,
        lock: LockFile | None = None,
        lasting: timedelta = LASTING,
        every: float = EVERY,
        clock: Callable[[], float] = steady,
        mark: Callable[[], str] = process_mark,
    ) -> None:
        self._store = store
        self._lock = lock if lock is not None or file is None else lock_of(file)
        self._lasting = lasting if store.lease.expires else None
        self._every, self._clock, self._mark = every, clock, mark
        self._mine: LeaseRow | None = None
        self._until = 0.0
        self._ended = threading.Event()
        self._watched: tuple[LeaseRow, float] | None = None
        self._hears: Callable[[], None] = lambda: None
        self.others: LeaseRow | None = None

    @property
    def mine(self) -> LeaseRow | None:
        """The lease, once this service has taken it and until it knows that it is another's."""
        return self._mine

    def holds(self, token: int) -> bool:
        """Say whether nobody else can have it: it is still this one, and has not run out."""
        mine = self._mine
        return mine is not None and mine.token == token and self._clock() < self._until

    def when_lost(self, hears: Callable[[], None]) -> None:
        """Call `hears`, from some thread, once it is known that another has the lease."""
        self._hears = hears

    def take(self) -> bool:
        """Take the lease if it is free; `others` is then what it was before, else who has it.

        Raises
        ------
        StoreError
            If the store does not answer.
        """
        if self._lock is not None and not self._lock.is_held and not self._lock.take(here()):
            self.others = self._store.lease.read()
            return False
        try:
            begun = self._clock()
            self.others = found = self._store.lease.read()
            if self._lock is None and found is not None and not self._is_over(found):
                return False
            mine = self._store.lease.take(
                f"{uuid.uuid4().hex} {self._mark()}".rstrip(),
                after=found,
                host=socket.gethostname(),
                process=os.getpid(),
                lasting=self._lasting,
            )
        except BaseException:
            self._give_lock()
            raise
        if mine is None:  # another was quicker
            self._give_lock()
            return False
        self._mine, self._ended = mine, threading.Event()
        self._count_from(begun)
        threading.Thread(
            target=self._keep, args=(mine, self._ended), name="mirante-lease", daemon=True
        ).start()
        return True

    def release(self) -> None:
        """Give it back, so that another may take it at once; without it, nothing is done."""
        mine, self._mine = self._mine, None
        self._ended.set()
        try:
            if mine is not None:
                self._store.lease.release(mine.token)
        except StoreError as error:
            _log.warning("the lease could not be given back; it runs out", error=str(error))
        finally:
            self._give_lock()

    def _is_over(self, found: LeaseRow) -> bool:
        """Say whether a lease is over: its holder ended, by the server's clock, or unchanged for long."""
        now = self._clock()
        if self._watched is None or not found.is_still(self._watched[0]):
            self._watched = found, now
        if found.is_over or self._lasting is None:
            return found.is_over
        if is_gone(found.mark):
            return True
        return now - self._watched[1] > _UNCHANGED * self._lasting.total_seconds()

    def _count_from(self, begun: float) -> None:
        """Take the lease for held from before it was asked for: the server counts from later on."""
        self._until = float("inf") if self._lasting is None else begun + self._lasting.total_seconds()

    def _keep(self, mine: LeaseRow, ended: threading.Event) -> None:
        renew, said = partial(self._store.lease.renew, mine.token, self._lasting), False
        while not ended.wait(self._every):
            begun = self._clock()
            try:
                kept = renew() and (self._lock is None or self._lock.is_held)
            except StoreError as error:
                if not said:
                    _log.warning("the lease cannot be renewed", error=str(error))
                said = True
                continue
            if ended.is_set():
                return
            if not kept:
                self._lose()
                return
            self._count_from(begun)
            if said:
                _log.info("the lease is renewed again")
            said = False

    def _lose(self) -> None:
        self._mine = None
        self._ended.set()
        self._give_lock()
        _log.warning("another service has the lease; this one stops its work and waits")
        self._hears()

    def _give_lock(self) -> None:
        if self._lock is not None:
            self._lock.release()


def took_over(
    mine: LeaseRow, former: LeaseRow | None, *, waited: bool, subject: str, locale: str
) -> EventRow | None:
    """Return the event of a change of hands; None when a service was simply started.

    Parameters
    ----------
    mine, former : LeaseRow
        The lease, and what it was before.
    waited : bool
        Whether this service waited for another.
    subject : str
        On whose charts it is drawn.
    locale : str
        Of the text.

    Examples
    --------
    >>> from datetime import UTC, datetime
    >>> since = datetime(2026, 1, 31, tzinfo=UTC)
    >>> mine, former = LeaseRow(2, "b", "web-2", 12, since), LeaseRow(1, "a", "web-1", 77, since)
    >>> took_over(mine, former, waited=True, subject="host/web-2", locale="en").text
    'Process 12 on web-2 does the work of the service from now on; process 77 on web-1 is not heard of'
    >>> took_over(mine, None, waited=False, subject="host/web-2", locale="en")
    """
    if former is None or not (waited or former.holder):
        return None
    _ = translator(locale)
    names = {
        "process": str(mine.process),
        "host": mine.host,
        "former": str(former.process),
        "place": former.host,
    }
    if former.holder:
        text = _(
            "Process %(process)s on %(host)s does the work of the service from now on; "
            "process %(former)s on %(place)s is not heard of",
            **names,
        )
    else:
        text = _(
            "Process %(process)s on %(host)s does the work of the service from now on; "
            "process %(former)s on %(place)s stopped",
            **names,
        )
    return EventRow(subject, mine.since, "lease_taken", text, names)
