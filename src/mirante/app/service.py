"""The service: watches, judges, alerts and shows, until it is told to stop."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
import time
from collections.abc import Awaitable, Callable, Iterator
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

import structlog

from mirante.app.actions import make_actions
from mirante.app.agreement import AgreementWatch, pairs_of
from mirante.app.build import Parts
from mirante.app.condition import about, task_states
from mirante.app.freshness import freshness
from mirante.app.rules import RuleFiles
from mirante.app.scheduler import Scheduler, Task, pause, utc_now
from mirante.app.tables import TablesTask
from mirante.app.upkeep import INTERVAL, LogUpkeep
from mirante.app.watch import ModelWatch, server_reading
from mirante.errors import ConfigError
from mirante.monitors.discovery import discover
from mirante.monitors.tables.watch import TableWatch
from mirante.readings import Reading
from mirante.tracking.reach import server_version
from mirante.web.ruling import Ruling

if TYPE_CHECKING:
    import uvicorn

    from mirante.alerts.heartbeat import Heartbeat
    from mirante.app.settings import Settings
    from mirante.monitors.config import ModelConfig

__all__ = ["Service"]

_log = structlog.get_logger("mirante.service")
_GRACE = 1.0
_STUCK = timedelta(minutes=30)
_JUMP = timedelta(seconds=30)
_VERSION_AGE = timedelta(hours=1)
_RECOUNTED = timedelta(hours=6)  # two seconds for twenty million readings, while nobody waits

_MOMENT = 3.0


class Service:
    """Everything that ``mirante up`` runs, in one process.

    Parameters
    ----------
    settings : Settings
        What to watch, whom to tell, where to show it.
    parts : Parts
        The objects built from the settings.
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
        clock: Callable[[], datetime] = utc_now,
        monotonic: Callable[[], float] = time.monotonic,
        pause: Callable[[asyncio.Event, float], Awaitable[None]] = pause,
    ) -> None:
        self.settings = settings
        self.parts = parts
        self.address = ""
        self._clock = clock
        self._monotonic = monotonic
        self._steady: tuple[datetime, float] | None = None
        self._started = clock()
        self._rule_files = RuleFiles(settings)
        self._withheld: list[str] = []
        self._beaten: datetime | None = None
        self._server: tuple[str, datetime | None] = "", None
        self.watches = [self._watch(config) for config in settings.models if not config.paused]
        self.tables = [
            TableWatch(config, parts.store, locale=settings.locale)
            for config in settings.tables
            if not config.paused
        ]
        self.scheduler = Scheduler(self._tasks(), clock=clock, monotonic=monotonic, pause=pause)
        parts.engine.set_aside({config.subject for config in settings.watched if config.paused})

    def _watch(self, config: ModelConfig) -> ModelWatch:
        parts, settings = self.parts, self.settings
        # an address of this machine alone, which the page has without a public_url, leads others nowhere
        page = settings.web.public_url if settings.mlflow.link_back else None
        log, locale, rows = parts.log_of(config), settings.locale, parts.rows_of(config)
        return ModelWatch(config, parts.store, log, parts.client, locale=locale, page=page or "", rows=rows)

    def _tasks(self) -> list[Task]:
        settings = self.settings
        tasks = [
            Task("rules", settings.evaluation_interval, self._evaluate),
            Task("self", settings.evaluation_interval, self._watch_self),
        ]
        upkeep = LogUpkeep(
            self.parts.store,
            lambda: [(watch.config, self.parts.log_of(watch.config)) for watch in list(self.watches)],
        )
        tasks.append(Task("inference_log", INTERVAL, upkeep.advance))
        tasks.append(Task("readings_tally", _RECOUNTED, self._recount))
        if settings.result_tables is not None:
            kept = TablesTask(self.parts.store, settings.result_tables.folder)
            tasks.append(Task("result tables", settings.result_tables.interval, kept.advance))
        if settings.host.enabled:
            tasks.append(Task("host", settings.host.interval, self._watch_host))
        if settings.mlflow.enabled:
            tasks.append(Task("actions", settings.evaluation_interval, make_actions(self.parts).advance))
            tasks.append(Task("mlflow_server", settings.mlflow.interval, self._watch_server))
            tasks.append(
                Task("mlflow_sink", settings.mlflow.interval, lambda _: self.parts.mlflow_sink.ship())
            )
            if settings.discover:
                tasks.append(Task("discovery", settings.mlflow.interval, self._discover))
        if settings.alerts.heartbeat is not None and (heartbeat := self.parts.heartbeat) is not None:
            beat = partial(self._beat, heartbeat)
            tasks.append(Task("heartbeat", settings.alerts.heartbeat.every, beat))
        tasks += [self._model_task(watch) for watch in self.watches]
        tasks += [Task(one.config.subject, one.config.interval, one.advance) for one in self.tables]
        tasks += [self._pair_task(*pair) for pair in pairs_of(settings.models)]
        return tasks

    def _recount(self, _: datetime) -> None:
        """Put right what a program of another release, or a hand at the database, left out of the tally."""
        if more := self.parts.store.recount():
            _log.info("readings counted anew", more=more)

    def _discover(self, _: datetime) -> None:
        """Take up models that are recorded here and have a baseline, when no config names any."""
        known = {watch.config.subject for watch in self.watches}
        for config in discover(self.parts.client(), self.parts.default_log):
            if config.subject not in known:
                _log.info("found a model", subject=config.subject, window=config.window)
                watch = self._watch(config)
                self.watches.append(watch)
                self.scheduler.add(self._model_task(watch))

    def _watch_host(self, now: datetime) -> None:
        self.parts.store.readings.write(self.parts.host.read(now))

    def _watch_server(self, now: datetime) -> None:
        reading = server_reading(self.parts.client, self.parts.server_name, now)
        self.parts.store.readings.write([reading])
        version, asked = self._server
        if reading.value == 1 and (asked is None or not version or now - asked >= _VERSION_AGE):
            self._server = server_version(self.settings.mlflow.tracking_uri or ""), now

    def _model_task(self, watch: ModelWatch) -> Task:
        return Task(watch.config.subject, watch.config.interval, watch.advance)

    def _pair_task(self, first: ModelConfig, second: ModelConfig) -> Task:
        pair = AgreementWatch(first, second, self.parts.store, self.parts.log_of(first))
        return Task(pair.name, first.interval, lambda _: pair.advance())

    def _evaluate(self, now: datetime) -> None:
        rules = self._rule_files.changed()
        if rules is not None:
            self.parts.engine.replace_rules(rules)
        self._follow_the_clock()
        self.parts.engine.advance(now, self._silences())

    def _follow_the_clock(self) -> None:
        """Tell the engine when the clock was set, or the machine slept: for rules no time has passed."""
        wall, steady = self._both_clocks()
        if self._steady is not None:
            before, then = self._steady
            jump = wall - before - timedelta(seconds=steady - then)
            if abs(jump) > _JUMP:
                _log.warning("the clock was set", seconds=round(jump.total_seconds()))
                self.parts.engine.clock_was_set(jump, wall)
        self._steady = wall, steady

    def _ruling(self) -> Ruling:
        return Ruling(
            rules=lambda: self.parts.engine.rules,
            routes=self.parts.routes,
            error=lambda: self._rule_files.error,
            stale_after=self._usual_silences,
            interval=self.settings.evaluation_interval,
        )

    def _both_clocks(self) -> tuple[datetime, float]:
        """Look at both clocks at one moment: a process that is stopped between two looks saw no clock set."""
        while True:
            before, wall, steady = self._monotonic(), self._clock(), self._monotonic()
            if steady - before < _MOMENT:
                return wall, steady

    def _silences(self) -> Callable[[Reading], timedelta | None]:
        """Say for how long each series may be silent; None for what is not watched here."""
        models: dict[str, timedelta | None] = {
            watch.config.subject: watch.config.stale_after for watch in list(self.watches)
        }
        models |= {one.config.subject: one.config.stale_after for one in self.tables}
        models |= {config.subject: None for config in self.settings.watched if config.paused}
        return freshness(self.settings, models)

    def _usual_silences(self) -> Callable[[Reading], timedelta | None]:
        """Say the same of models that are paused too: a rule's past is worth a look all the same."""
        configs = [*self.settings.watched, *(watch.config for watch in list(self.watches))]
        return freshness(self.settings, {config.subject: config.stale_after for config in configs})

    def _beat(self, heartbeat: Heartbeat, now: datetime) -> None:
        """Call the heartbeat's address while all tasks succeed and no notice waits for long."""
        trouble = [name for name in self.scheduler.failing(now, self._started) if name != "heartbeat"]
        oldest = self.parts.store.outbox.oldest()
        if oldest is not None and now - oldest > _STUCK:
            trouble.append("outbox")
        if not trouble:
            self._beaten = now if heartbeat.beat() else self._beaten
        elif not self._withheld:
            _log.warning("heartbeat withheld", failing=trouble)
        self._withheld = trouble

    def _watch_self(self, now: datetime) -> None:
        """Say how the service itself is: failures and durations per task, and what waits to leave."""
        readings = [Reading("monitor_queue_length", self.parts.store.outbox.owed(), now, {"queue": "outbox"})]
        broken = self._rule_files.error
        readings.append(Reading("monitor_rules_valid", float(not broken), now, note=broken))
        for name, state in list(self.scheduler.states.items()):
            readings.append(Reading("monitor_task_failures_total", state.failures, now, {"task": name}))
            readings.append(
                Reading("monitor_task_failing", float(bool(state.error)), now, {"task": name}, state.error)
            )
            readings.append(Reading("monitor_task_seconds", state.seconds, now, {"task": name}))
        self.parts.store.readings.write(readings)

    def health(self) -> dict[str, Any]:
        """Return how the service is, for ``/healthz`` and the page of its state.

        Returns
        -------
        dict
            ``status`` is ``ok``, or ``degraded`` while a task fails; ``tasks`` says which; ``details`` are
            for the page only.
        """
        states = dict(self.scheduler.states)
        failing = any(state.error for state in states.values())
        zones = [str(watch.config.timezone) for watch in list(self.watches)]
        zones += [str(watch.config.timezone) for watch in self.tables]
        return {
            "status": "degraded" if failing else "ok",
            "started": self._started.isoformat(),
            "tasks": task_states(states, self.scheduler.intervals),
            "details": {
                "about": about(self.settings, server=self._server[0], zones=zones),
                "channels": list(self.settings.alerts.channels),
                "heartbeat": self._heartbeat(),
                "rules_error": self._rule_files.error,
                "rules": len(self.parts.engine.rules),
            },
        }

    def _heartbeat(self) -> dict[str, Any] | None:
        """Return when the heartbeat's address was last called, and what keeps it; None without one."""
        heartbeat = self.parts.heartbeat
        if heartbeat is None:
            return None
        last = None if self._beaten is None else self._beaten.isoformat()
        return {"last": last, "withheld": list(self._withheld), "error": heartbeat.trouble}

    async def run(
        self, stop: asyncio.Event | None = None, *, ready: Callable[[str], None] = lambda _: None
    ) -> None:
        """Run until `stop` is set, or SIGINT or SIGTERM comes; SIGHUP has the rules read again.

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
        """
        stop = stop or asyncio.Event()
        with bound_socket(self.settings.web.host, self.settings.web.port) as listener:
            server = _make_server(self.parts.make_app(self.health, self._ruling()))
            host, port = listener.getsockname()[:2]
            self.address = f"http://{f'[{host}]' if ':' in host else host}:{port}/"
            with _signals(stop, self._rule_files.read_again):
                await self._run_all(server, listener, stop, ready)

    async def _run_all(
        self,
        server: uvicorn.Server,
        listener: socket.socket,
        stop: asyncio.Event,
        ready: Callable[[str], None],
    ) -> None:
        page = asyncio.create_task(server.serve(sockets=[listener]))
        page.add_done_callback(lambda _: stop.set())
        outbox = asyncio.create_task(self.parts.outbox.run(stop))
        scheduler = asyncio.create_task(self.scheduler.run(stop, grace=_GRACE))
        while not server.started and not page.done():
            await asyncio.sleep(0.01)
        if server.started:
            ready(self.address)
        await stop.wait()
        _log.info("stopping")
        server.should_exit = True
        _, late = await asyncio.wait({page, outbox, scheduler}, timeout=1.5 * _GRACE)
        for (
            task
        ) in late:  # what is cut short here is committed or not at all, and is taken up at the next start
            task.cancel()
        results = await asyncio.gather(page, outbox, scheduler, return_exceptions=True)
        for result in results:
            if isinstance(result, Exception):
                raise result


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
