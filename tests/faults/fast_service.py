"""A service whose hours pass as quickly as its work is done: its own tasks, at their intervals.

Only the clock is ours. Everything else is real: the config file, the store, the outbox and its channels,
the MLflow server.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from mirante.app.build import build
from mirante.app.service import Service
from mirante.app.settings import load_settings

TICK = timedelta(seconds=5)


class FastService:
    """The service, run by `run_for`; `clock` is the wall clock, `uptime` only ever goes on."""

    def __init__(self, config: Path) -> None:
        self.clock = datetime.now(UTC)
        self.uptime = 0.0
        self.parts = build(load_settings(config, environ={}), clock=lambda: self.clock)
        self.service = Service(
            self.parts.settings, self.parts, clock=lambda: self.clock, monotonic=lambda: self.uptime
        )
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
        scheduler = self.service.scheduler
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
