"""What the service does besides showing: watch, judge, tell; by one service of each store."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Collection
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

import structlog

from mirante.app.actions import make_actions
from mirante.app.agreement import AgreementWatch, pairs_of
from mirante.app.build import Parts
from mirante.app.condition import about, task_states
from mirante.app.digest import CHECKED, Digest
from mirante.app.freshness import freshness
from mirante.app.offers import forget_unwatched
from mirante.app.retention import PAUSE, Aging
from mirante.app.rules import RuleFiles
from mirante.app.scheduler import Scheduler, Task, pause, utc_now
from mirante.app.stillness import Stillness
from mirante.app.tables import TablesTask
from mirante.app.upkeep import INTERVAL, LogUpkeep
from mirante.app.watch import ModelWatch, server_reading
from mirante.monitors.discovery import Discovery, discover
from mirante.monitors.tables.watch import TableWatch
from mirante.readings import Reading
from mirante.sources.registry import RegistrySource
from mirante.sources.runs import RunsSource
from mirante.sources.traces import TracesSource
from mirante.tracking.reach import server_version

if TYPE_CHECKING:
    from mirante.alerts.heartbeat import Heartbeat
    from mirante.app.settings import Settings
    from mirante.monitors.config import ModelConfig
    from mirante.store import LeaseRow

__all__ = ["Work"]

_log = structlog.get_logger("mirante.service")
_STUCK = timedelta(minutes=30)
_JUMP = timedelta(seconds=30)
_VERSION_AGE = timedelta(hours=1)
_WEBHOOK = timedelta(seconds=2)  # from one look at whether a webhook came to the next: one row of the store
_FORGOTTEN = timedelta(hours=1)
_RECOUNTED = timedelta(hours=6)  # two seconds for twenty million readings, while nobody waits
_MOMENT = 3.0


class Work:
    """The tasks of the service, with what they hold in memory; made anew with each lease.

    Parameters
    ----------
    parts : Parts
        Built from the settings; `Parts.fenced` where several services share the store.
    rule_files : RuleFiles, optional
        Where the rules are read again from; those of the settings by default.
    lease : LeaseRow, optional
        By which this process does the work.
    clock : callable
        Gives the present.
    monotonic : callable
        Seconds that nobody sets, by which tasks are due and by which it is noticed that the clock was set.
    pause : callable
        Waits for so many of those seconds, or until an event is set.
    """

    def __init__(
        self,
        parts: Parts,
        *,
        rule_files: RuleFiles | None = None,
        lease: LeaseRow | None = None,
        clock: Callable[[], datetime] = utc_now,
        monotonic: Callable[[], float] = time.monotonic,
        pause: Callable[[asyncio.Event, float], Awaitable[None]] = pause,
    ) -> None:
        self.settings: Settings = parts.settings
        self.parts, self.lease = parts, lease
        self._clock = clock
        self._monotonic = monotonic
        self._steady: tuple[datetime, float] | None = None
        self._started = clock()
        self._rule_files = rule_files or RuleFiles(parts.settings)
        self._withheld: list[str] = []
        self._not_found = Discovery(())
        self._beaten: datetime | None = None
        self._server: tuple[str, datetime | None] = "", None
        self.stillness = Stillness()
        settings = parts.settings
        self.watches = [self._watch(config) for config in settings.models if not config.paused]
        self.tables = [
            TableWatch(
                config,
                parts.store,
                locale=settings.locale,
                open_rows=partial(parts.source_of, config),
                spark=parts.spark_for(config),
            )
            for config in settings.tables
            if not config.paused
        ]
        self.scheduler = Scheduler(
            self._tasks(), clock=clock, monotonic=monotonic, pause=pause, may_run=parts.may_act
        )
        parts.engine.set_aside({config.subject for config in settings.watched if config.paused})

    def _watch(self, config: ModelConfig, *, discovered: bool = False) -> ModelWatch:
        parts, settings = self.parts, self.settings
        # an address of this machine alone, which the page has without a public_url, leads others nowhere
        page = settings.web.public_url if settings.mlflow.link_back else None
        log, locale, rows = parts.log_of(config), settings.locale, parts.rows_of(config)
        return ModelWatch(
            config,
            parts.store,
            log,
            parts.client,
            locale=locale,
            page=page or "",
            rows=rows,
            spark=parts.spark_for(config),
            discovered=discovered,
        )

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
        aging = Aging(self.parts, lambda: [*self.watches, *self.tables])
        tasks.append(Task("retention", PAUSE, aging.advance))
        tasks.append(Task("readings_tally", _RECOUNTED, self._recount))
        tasks.append(Task("agents", _FORGOTTEN, self._forget_unwatched))
        if settings.result_tables is not None:
            kept = TablesTask(self.parts.store, settings.result_tables.folder)
            tasks.append(Task("result tables", settings.result_tables.interval, kept.advance))
        if settings.digest is not None:
            digest = Digest(settings, self.parts.store, self.parts.client)
            tasks.append(Task("digest", CHECKED, digest.advance))
        if settings.host.enabled:
            tasks.append(Task("host", settings.host.interval, self._watch_host))
        if settings.mlflow.enabled:
            tasks.append(Task("actions", settings.evaluation_interval, make_actions(self.parts).advance))
            tasks.append(Task("mlflow_server", settings.mlflow.interval, self._watch_server))
            tasks.append(
                Task("mlflow_sink", settings.mlflow.interval, lambda _: self.parts.mlflow_sink.ship())
            )
            if (experiments := settings.watched_experiments).include:
                own = settings.mlflow.experiment
                runs = RunsSource(
                    experiments, self.parts.store, self.parts.client, own=own, locale=settings.locale
                )
                tasks.append(Task("experiments", experiments.interval, runs.advance))
            if settings.watched_registry.include:
                tasks.append(self._registry_task())
            if (watched := settings.watched_traces).include:
                own = settings.mlflow.experiment
                traces = TracesSource(
                    watched, self.parts.store, self.parts.client, own=own, locale=settings.locale
                )
                tasks.append(Task("traces", watched.interval, traces.advance))
            if settings.discover:
                tasks.append(Task("discovery", settings.mlflow.interval, self._discover))
        if settings.alerts.heartbeat is not None and (heartbeat := self.parts.heartbeat) is not None:
            beat = partial(self._beat, heartbeat)
            tasks.append(Task("heartbeat", settings.alerts.heartbeat.every, beat))
        tasks += [self._model_task(watch) for watch in self.watches]
        tasks += [Task(one.config.subject, one.config.interval, one.advance) for one in self.tables]
        tasks += [self._pair_task(*pair) for pair in pairs_of(settings.models)]
        return tasks

    def _registry_task(self) -> Task:
        config, parts = self.settings.watched_registry, self.parts
        source = RegistrySource(
            config,
            parts.store,
            parts.client,
            watched=self._watched_aliases,
            noticed=self._look_again,
            locale=self.settings.locale,
        )
        heard = parts.webhook_secret is not None
        return Task("registry", min(config.interval, _WEBHOOK) if heard else config.interval, source.advance)

    def _watched_aliases(self) -> set[tuple[str, str]]:
        """Return the models with the aliases that have a watch of their own, which tells of their moves."""
        return {(watch.config.model, watch.config.alias) for watch in list(self.watches)}

    def _look_again(self, models: Collection[str]) -> None:
        """Have the aliases of models looked up of which a webhook said that something changed."""
        for watch in list(self.watches):
            if watch.config.model in models:
                watch.look_again()

    def _recount(self, _: datetime) -> None:
        """Put right what a program of another release, or a hand at the database, left out of the tally."""
        if more := self.parts.store.recount():
            _log.info("readings counted anew", more=more)

    def _forget_unwatched(self, now: datetime) -> None:
        watched = [watch.config.subject for watch in list(self.watches)]
        # what discovery finds is not known for a while after the start
        forget_unwatched(self.parts.store, None if self.settings.discover else watched, now)

    def _discover(self, _: datetime) -> None:
        """Take up models that are recorded here and have an alias, and pairs of their aliases."""
        found = discover(self.parts.client(), self.parts.default_log)
        known = {watch.config.subject for watch in self.watches}
        known |= {config.subject for config in self.settings.models}  # also those that are paused
        for config in found.models:
            if config.subject not in known:
                _log.info("found a model", subject=config.subject)
                watch = self._watch(config, discovered=True)
                self.watches.append(watch)
                self.scheduler.add(self._model_task(watch))
        # how windows of a discovered model are cut is known with its baseline
        for pair in pairs_of(watch.config for watch in self.watches if watch.monitor is not None):
            task = self._pair_task(*pair)
            if task.name not in self.scheduler.states:
                self.scheduler.add(task)
        self._tell_not_found(found)

    def _tell_not_found(self, found: Discovery) -> None:
        """Say once of each recorded name why nothing is watched under it; the status page has them all."""
        named = {config.model for config in self.settings.models}
        now = Discovery(
            (),
            tuple(name for name in found.unknown if name not in named),
            tuple(name for name in found.without_alias if name not in named),
        )
        before, self._not_found = self._not_found, now
        for name in sorted({*now.unknown} - {*before.unknown}):
            _log.warning("recorded, but no registered model of MLflow: register it to watch it", model=name)
        for name in sorted({*now.without_alias} - {*before.without_alias}):
            _log.warning("recorded, but no version has an alias: set one to watch it", model=name)

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

    def _evaluate(self, _: datetime) -> None:
        rules = self._rule_files.changed()
        if rules is not None:
            self.parts.engine.replace_rules(rules)
        # not the time at which this task began: the clock may have been set since
        self.parts.engine.advance(self._follow_the_clock(), self._silences())

    def _follow_the_clock(self) -> datetime:
        """Tell the engine when the clock was set, the machine slept or we stood still: no time has passed.

        Returns the present, by the clock that it looked at.
        """
        still = timedelta(seconds=self.stillness.taken())
        wall, steady = self._both_clocks()
        jump = timedelta()
        if self._steady is not None:
            before, then = self._steady
            jump = wall - before - timedelta(seconds=steady - then)
        self._steady = wall, steady
        if abs(jump) <= _JUMP:
            jump = timedelta()
        else:
            _log.warning("the clock was set", seconds=round(jump.total_seconds()))
        if still:  # nobody could be heard meanwhile, be it a host that has an agent
            _log.warning("the service stood still", seconds=round(still.total_seconds()))
        if by := jump + still:
            self.parts.engine.clock_was_set(by, wall)
        return wall

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
        hosts = {
            one.name: timedelta(seconds=float(one.about.get("interval", 0.0)))
            for one in self.parts.store.agents.list()
        }
        return freshness(self.settings, models, hosts)

    def usual_silences(self) -> Callable[[Reading], timedelta | None]:
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
        if self.lease is not None:
            since = f"{self.lease.since:%Y-%m-%d %H:%M:%S} UTC"
            holder = f"process {self.lease.process} on {self.lease.host}, since {since}"
            readings.append(Reading("monitor_lease_taken_total", self.lease.token, now, note=holder))
        readings += [
            Reading("monitor_series_left_out", count, now, {"watched": subject})
            for subject, count in self.parts.store.readings.cap.left_out().items()
        ]
        for name, state in list(self.scheduler.states.items()):
            readings.append(Reading("monitor_task_failures_total", state.failures, now, {"task": name}))
            readings.append(
                Reading("monitor_task_failing", float(bool(state.error)), now, {"task": name}, state.error)
            )
            readings.append(Reading("monitor_task_seconds", state.seconds, now, {"task": name}))
        self.parts.store.readings.write(readings)

    def said(self) -> dict[str, Any]:
        """Return how the tasks are, for `Service.health`."""
        states = dict(self.scheduler.states)
        zones = [str(watch.config.timezone) for watch in list(self.watches)]
        zones += [str(watch.config.timezone) for watch in self.tables]
        return {
            "status": "degraded" if any(state.error for state in states.values()) else "ok",
            "tasks": task_states(states, self.scheduler.intervals),
            "details": {
                "about": about(self.settings, server=self._server[0], zones=zones),
                "heartbeat": self._heartbeat(),
                "not_registered": list(self._not_found.unknown),
                "without_alias": list(self._not_found.without_alias),
            },
        }

    def _heartbeat(self) -> dict[str, Any] | None:
        """Return when the heartbeat's address was last called, and what keeps it; None without one."""
        heartbeat = self.parts.heartbeat
        if heartbeat is None:
            return None
        last = None if self._beaten is None else self._beaten.isoformat()
        return {"last": last, "withheld": list(self._withheld), "error": heartbeat.trouble}
