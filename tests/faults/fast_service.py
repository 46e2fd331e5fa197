"""A service whose hours pass quickly; only the clock is ours.

Everything else is real: the config file, the store, the outbox and its channels, the MLflow server.
`FastService` runs the tasks one after the other, as quickly as their work is done. `RacingService` is the
whole service, its loops and its page, by a clock that runs many times as fast as the world.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from mirante.alerts.channels.config import build_channels
from mirante.alerts.outbox import Outbox
from mirante.app.build import build
from mirante.app.scheduler import Task, pause
from mirante.app.service import Service
from mirante.app.settings import load_settings
from mirante.app.work import Work

TICK = timedelta(seconds=5)


class FastService:
    """The service, run by `run_for`; `clock` is the wall clock, `uptime` only ever goes on."""

    def __init__(self, config: Path) -> None:
        self.clock = datetime.now(UTC)
        self.uptime = 0.0
        self.parts = build(load_settings(config, environ={}), clock=lambda: self.clock)
        self.work = Work(self.parts, clock=lambda: self.clock, monotonic=lambda: self.uptime)
        self.stopped: set[str] = set()
        self._due: dict[str, float] = {}

    def run_for(self, length: timedelta) -> None:
        """Let a length of time pass."""
        end = self.uptime + length.total_seconds()
        while self.uptime < end:
            asyncio.run(self._tick())
            self.clock += TICK
            self.uptime += TICK.total_seconds()

    def set_clock(self, by: timedelta) -> None:
        """Set the wall clock, as an administrator would."""
        self.clock += by

    async def _tick(self) -> None:
        scheduler = self.work.scheduler
        for task in list(scheduler._tasks):
            if task.name not in self.stopped and self._due.get(task.name, 0.0) <= self.uptime:
                self._due[task.name] = self.uptime + task.interval.total_seconds()
                await scheduler._once(task)
        await self.parts.outbox.run_once(self.clock)


@contextmanager
def fast_service(folder: Path, config: str) -> Iterator[FastService]:
    """Build a service from a config; its store is closed at the end."""
    path = folder / "mirante.yaml"
    path.write_text(config, encoding="utf-8")
    running = FastService(path)
    with running.parts:
        yield running


class RacingService:
    """`Service.run` in a thread, by a clock that runs `speed` times as fast as the world."""

    def __init__(self, config: Path, speed: float) -> None:
        self.speed, self._begun, self._epoch = speed, time.monotonic(), datetime.now(UTC)
        self.parts = build(load_settings(config, environ={}), clock=self.clock)
        channels = build_channels(self.parts.settings.alerts.channels, base=config.parent)
        # Notices are sent in the world's time, in which a minute's lease must not be over at once.
        self.parts.make_outbox = lambda store, may_send: Outbox(
            store, channels, lease=60.0 * speed, clock=self.clock, may_send=may_send
        )
        self.service = Service(
            self.parts.settings, self.parts, clock=self.clock, monotonic=self.monotonic, pause=self._pause
        )

    def monotonic(self) -> float:
        return (time.monotonic() - self._begun) * self.speed

    def clock(self) -> datetime:
        return self._epoch + timedelta(seconds=self.monotonic())

    def every(self, interval: timedelta, run: Callable[[datetime], None]) -> None:
        """Do something at an interval, as a task of the service."""
        assert self.service.work is not None
        self.service.work.scheduler.add(Task("beside", interval, run))

    async def _pause(self, stop: asyncio.Event, seconds: float) -> None:
        await pause(stop, seconds / self.speed)


@contextmanager
def racing_service(folder: Path, config: str, speed: float = 100.0) -> Iterator[RacingService]:
    """Run a service until the block ends."""
    path = folder / "mirante.yaml"
    path.write_text(config, encoding="utf-8")
    running = RacingService(path, speed)
    up, stop = threading.Event(), asyncio.Event()
    loops: list[asyncio.AbstractEventLoop] = []

    async def run() -> None:
        loops.append(asyncio.get_running_loop())
        await running.service.run(stop, ready=lambda _: up.set())

    with running.parts:
        thread = threading.Thread(target=lambda: asyncio.run(run()), name="racing-service")
        thread.start()
        try:
            assert up.wait(30)
            yield running
        finally:
            loops[0].call_soon_threadsafe(stop.set)
            thread.join(30)
