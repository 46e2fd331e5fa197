"""The service: watches, judges, alerts and shows, until it is told to stop."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
import time
from collections.abc import Awaitable, Callable, Iterator
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import structlog

from mirante.app.build import Parts
from mirante.app.condition import about
from mirante.app.freshness import freshness
from mirante.app.lease import Lease, took_over
from mirante.app.lockfile import LockFile, lock_of, taken
from mirante.app.rules import RuleFiles
from mirante.app.scheduler import in_thread, pause, utc_now
from mirante.app.work import Work
from mirante.errors import ConfigError, MiranteError
from mirante.readings import Reading
from mirante.web.reported import reported_health
from mirante.web.ruling import Ruling

if TYPE_CHECKING:
    import uvicorn

    from mirante.app.settings import Settings
    from mirante.store import LeaseRow

__all__ = ["Service"]

_log = structlog.get_logger("mirante.service")
_GRACE = 1.0
_POLL = 1.0  # seconds from one look at another's lease to the next
_PATIENCE = timedelta(minutes=2)


class Service:
    """Everything that ``mirante up`` runs, in one process: the page, and, with the store's lease, the work.

    Parameters
    ----------
    settings : Settings
        What to watch, whom to tell, where to show it.
    parts : Parts
        The objects built from the settings.
    lock : LockFile, optional
        The lock of a store in a SQLite file, when it is held already.
    clock : callable
        Gives the present.
    monotonic : callable
        Seconds that nobody sets, by which tasks are due and by which it is noticed that the clock was set.
    pause : callable
        Waits for so many of those seconds, or until an event is set.
    """

    def __init__(
        self,
        settings: Settings,
        parts: Parts,
        *,
        lock: LockFile | None = None,
        clock: Callable[[], datetime] = utc_now,
        monotonic: Callable[[], float] = time.monotonic,
        pause: Callable[[asyncio.Event, float], Awaitable[None]] = pause,
    ) -> None:
        self.settings = settings
        self.parts = parts
        self.address = ""
        self.work: Work | None = None
        self.lease = Lease(parts.store, file=settings.store_file, lock=lock)
        self._clock, self._monotonic, self._pause = clock, monotonic, pause
        self._started = clock()
        self._rule_files = RuleFiles(settings)
        self._waits = False
        self._said = ""

    def _ruling(self) -> Ruling:
        return Ruling(
            rules=lambda: self._engine_parts().engine.rules,
            routes=self.parts.routes,
            error=lambda: self._rule_files.error,
            stale_after=self._usual_silences,
            interval=self.settings.evaluation_interval,
        )

    def _engine_parts(self) -> Parts:
        work = self.work
        return self.parts if work is None else work.parts

    def _usual_silences(self) -> Callable[[Reading], timedelta | None]:
        if (work := self.work) is not None:
            return work.usual_silences()
        configs = self.settings.watched
        return freshness(self.settings, {config.subject: config.stale_after for config in configs})

    def health(self) -> dict[str, Any]:
        """Return how the service is, for ``/healthz`` and the page of its state.

        Returns
        -------
        dict
            ``status`` is ``ok``, or ``degraded`` while a task fails; ``tasks`` says which; ``lease`` whether
            this process does the work: where another does, ``status`` and ``tasks`` are what that one wrote
            last, and ``status`` is ``silent`` when that is long ago. ``details`` are for the page only.
        """
        work = self.work
        mine = None if work is None else work.lease
        said = self._said_by_the_other() if work is None else work.said()
        details = {
            "channels": list(self.settings.alerts.channels),
            "rules_error": self._rule_files.error,
            "rules": len(self._engine_parts().engine.rules),
            "lease": _holder(mine or self.lease.others),
        }
        return {
            **said,
            "started": self._started.isoformat(),
            "lease": {"held": work is not None},
            "details": {**said["details"], **details},
        }

    def _said_by_the_other(self) -> dict[str, Any]:
        patience = max(_PATIENCE, 4 * self.settings.evaluation_interval)
        zones = [str(config.timezone) for config in self.settings.watched]
        said = reported_health(self.parts.store, self._clock(), patience)
        return {**said, "details": {"about": about(self.settings, server="", zones=zones)}}

    def begin(self) -> bool:
        """Take the store's lease, if it is free, and make what does the work ready.

        Returns
        -------
        bool
            Whether this process does the work from now on; another does it if not.

        Raises
        ------
        StoreError
            If the store does not answer.
        """
        if not self.lease.take():
            self._waits = True
            if (rules := self._rule_files.changed()) is not None:
                self.parts.engine.replace_rules(rules)
            return False
        try:
            self.work = self._make_work()
        except BaseException:
            self.lease.release()
            raise
        self._waits = False
        return True

    def _make_work(self) -> Work:
        lease, former = self.lease, self.lease.others
        mine = lease.mine
        if mine is None:  # lost again before it was used
            raise MiranteError("the lease was lost as soon as it was taken")
        parts = self.parts.fenced(mine.token, lambda: lease.holds(mine.token))
        parts.store.outbox.take_back()
        subject = f"host/{self.parts.host.host}"
        event = took_over(mine, former, waited=self._waits, subject=subject, locale=self.settings.locale)
        if event is not None:
            parts.store.events.add(event)
            _log.warning("took over", host=mine.host, process=mine.process, former=_holder(former))
        return Work(
            parts,
            rule_files=self._rule_files,
            lease=mine,
            clock=self._clock,
            monotonic=self._monotonic,
            pause=self._pause,
        )

    async def run(
        self, stop: asyncio.Event | None = None, *, ready: Callable[[str], None] = lambda _: None
    ) -> None:
        """Run until `stop` is set, or SIGINT or SIGTERM comes; SIGHUP has the rules read again.

        Where another service holds the lease of a store in PostgreSQL, this one shows the pages, and takes
        the work over when that one stops or dies.

        Parameters
        ----------
        stop : asyncio.Event, optional
            Ends the service.
        ready : callable, optional
            Called with the page's address once it answers.

        Raises
        ------
        ConfigError
            If the page's address is taken or not allowed.
        ConflictError
            If another service runs on the same SQLite file.
        """
        stop = stop or asyncio.Event()
        # first of all: nothing is cut off in the middle of a start
        with _signals(stop, self._rule_files.read_again):
            try:
                if not await in_thread(self.begin):
                    self._tell_who()
                if stop.is_set():
                    return
                with bound_socket(self.settings.web.host, self.settings.web.port) as listener:
                    server = _make_server(self.parts.make_app(self.health, self._ruling()))
                    host, port = listener.getsockname()[:2]
                    self.address = f"http://{f'[{host}]' if ':' in host else host}:{port}/"
                    await self._run_all(server, listener, stop, ready)
            finally:
                await in_thread(self.lease.release)

    def _tell_who(self) -> None:
        file = self.settings.store_file
        if file is not None:
            raise taken(file, lock_of(file).holder())
        _log.info(
            "another service does the work; this one shows the pages and waits", **_holder(self.lease.others)
        )

    async def _run_all(
        self,
        server: uvicorn.Server,
        listener: socket.socket,
        stop: asyncio.Event,
        ready: Callable[[str], None],
    ) -> None:
        page = asyncio.create_task(server.serve(sockets=[listener]))
        page.add_done_callback(lambda _: stop.set())
        working = asyncio.create_task(self._hold_and_wait(stop))
        working.add_done_callback(lambda _: stop.set())  # a service that only shows would look alive
        while not server.started and not page.done():
            await asyncio.sleep(0.01)
        if server.started and not stop.is_set():
            ready(self.address)
        await stop.wait()
        _log.info("stopping")
        server.should_exit = True
        # what is cut short here is committed or not at all, and is taken up at the next start
        await _ended([page, working], 2 * _GRACE)

    async def _hold_and_wait(self, stop: asyncio.Event) -> None:
        """Work while the lease is held, look after it while another has it."""
        while not stop.is_set():
            if (work := self.work) is not None:
                await self._do(work, stop)
                self.work = None
                continue
            try:
                got = await in_thread(self.begin)
            except MiranteError as error:
                if str(error) != self._said:
                    _log.warning("the lease cannot be taken", error=str(error))
                self._said = str(error)
                got = False
            if not got:
                await pause(stop, _POLL)

    async def _do(self, work: Work, stop: asyncio.Event) -> None:
        """Run the tasks and the outbox until told to stop, or another service has the lease."""
        loop, over = asyncio.get_running_loop(), asyncio.Event()

        def lost() -> None:
            with contextlib.suppress(RuntimeError):  # the loop has ended: nobody waits any more
                loop.call_soon_threadsafe(over.set)

        self.lease.when_lost(lost)
        if self.lease.mine is not work.lease:
            return
        doing = [
            asyncio.create_task(work.parts.outbox.run(over)),
            asyncio.create_task(work.scheduler.run(over, grace=_GRACE)),
            asyncio.create_task(work.stillness.watch(over)),
        ]
        ends = [asyncio.create_task(stop.wait()), asyncio.create_task(over.wait())]
        try:
            await asyncio.wait([*ends, *doing], return_when=asyncio.FIRST_COMPLETED)
        finally:
            over.set()
            for end in ends:
                end.cancel()
            await _ended(doing, 1.5 * _GRACE)
        self.parts.engine.replace_rules(work.parts.engine.rules)


async def _ended(tasks: list[asyncio.Task[None]], patience: float) -> None:
    """Wait for tasks that are told to end, cut short those that do not, and raise what failed."""
    _, late = await asyncio.wait(tasks, timeout=patience)
    for task in late:
        task.cancel()
    for result in await asyncio.gather(*tasks, return_exceptions=True):
        if isinstance(result, Exception):
            raise result


def _holder(row: LeaseRow | None) -> dict[str, Any]:
    """Return who has a lease, for a log and the page of the state."""
    if row is None:
        return {}
    return {"host": row.host, "process": row.process, "since": row.since.isoformat()}


def _make_server(app: Any) -> uvicorn.Server:
    import uvicorn

    class Quiet(uvicorn.Server):
        """uvicorn without its own signal handlers: the service has one way to stop."""

        @contextlib.contextmanager
        def capture_signals(self) -> Iterator[None]:
            yield

    config = uvicorn.Config(
        app, log_level="warning", access_log=False, lifespan="off", timeout_graceful_shutdown=1
    )
    return Quiet(config)


@contextlib.contextmanager
def bound_socket(host: str, port: int) -> Iterator[socket.socket]:
    """Open the listening socket of the page.

    It is made with IPPROTO_TCP, so that asyncio sets TCP_NODELAY on each connection.

    Parameters
    ----------
    host : str
        Name or address of this machine.
    port : int
        0 for a free one.

    Yields
    ------
    socket
        Bound, closed afterwards.

    Raises
    ------
    ConfigError
        If the port is taken, or the address is not this machine's.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family, kind, protocol or socket.IPPROTO_TCP)
    except OSError as error:
        raise ConfigError(
            f"web.host {host!r} is no address of this machine ({error}); 127.0.0.1 is the usual one"
        ) from error
    with listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(address)
        except OSError as error:
            raise ConfigError(
                f"cannot listen on {host}:{port} ({error.strerror}); "
                "set web.port, or --port, to a free one, or 0"
            ) from error
        listener.listen(128)
        listener.setblocking(False)
        yield listener


@contextlib.contextmanager
def _signals(stop: asyncio.Event, read_again: Callable[[], None]) -> Iterator[None]:
    """Let SIGINT and SIGTERM set `stop`; outside the main thread, and on Windows, leave signals alone."""
    loop = asyncio.get_running_loop()
    wanted = {"SIGINT": stop.set, "SIGTERM": stop.set, "SIGHUP": read_again}
    caught = []
    for name, call in wanted.items():
        number = getattr(signal, name, None)
        if number is None:  # Windows has no SIGHUP
            continue
        with contextlib.suppress(NotImplementedError, RuntimeError, ValueError):
            loop.add_signal_handler(number, call)
            caught.append(number)
    try:
        yield
    finally:
        for number in caught:
            loop.remove_signal_handler(number)
