"""A service that agents send to, of which only the clock is ours: a real store behind a real server."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import uvicorn

from mirante.app.agent.config import AgentConfig
from mirante.app.agent.running import Agent
from mirante.app.offers import Offers
from mirante.capture.recorder import Recorder
from mirante.inference_log import InferenceLog
from mirante.monitors.baseline import ModelBaseline
from mirante.monitors.config import ModelConfig
from mirante.monitors.model import ModelMonitor
from mirante.monitors.windows import WindowClock
from mirante.profiles import TableProfile
from mirante.store import Store, WindowRow
from mirante.web.asgi import create_app
from mirante.web.config import WebConfig

START = datetime(2026, 1, 5, tzinfo=UTC)
HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)
TOKEN = "a token of twenty-five letters".replace(" ", "-")


class Clock:
    """A clock that is set by hand."""

    def __init__(self, now: datetime) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    def monotonic(self) -> float:
        return self.now.timestamp()


def small_baseline(seed: int = 1, *, labels: bool = False, slices: Sequence[str] = ()) -> ModelBaseline:
    """A baseline of 800 rows with a number and a text, perhaps with labels that follow predictions."""
    rng = np.random.default_rng(seed)
    rows = pd.DataFrame({"age": rng.normal(40, 10, 800), "plan": rng.choice(["basic", "pro"], 800)})
    said = rng.random(800)
    known = (rng.random(800) < said).astype(float) if labels else None
    return ModelBaseline.fit(rows, said, clock=WindowClock("1h"), labels=known, slices=slices)


def record(
    root: Path, hour: int, count: int, *, name: str = "row", version: str = "1", seed: int = 0
) -> None:
    """Record rows all over an hour after START."""
    rng = np.random.default_rng([seed, hour, count])
    rows = pd.DataFrame({"age": rng.normal(45, 10, count), "plan": rng.choice(["basic", "pro"], count)})
    offsets = np.sort(rng.random(count)) * 3_599 + hour * 3_600
    times = pd.Series(pd.Timestamp(START) + pd.to_timedelta(offsets, unit="s")).astype("datetime64[us, UTC]")
    with Recorder("churn", root, version=version) as recorder:
        ids = [f"{name}-{hour}-{number}" for number in range(count)]
        recorder.log(rows, rng.random(count), 0.002, id=ids, time=times)


class Site:
    """The service: its store, its monitor, its address; `away` while the server is not there."""

    def __init__(self, folder: Path, clock: Clock, *, web: WebConfig | None = None) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.clock, self.folder = clock, folder
        self.store = Store(f"sqlite:///{folder / 'mirante.db'}")
        self.config = ModelConfig(model="churn", log=folder / "log", window="1h", lateness="5m")
        self.log = InferenceLog(self.config.log)
        self.web = web or WebConfig(token=TOKEN)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.address = f"http://127.0.0.1:{self.port}"
        self._server: uvicorn.Server | None = None

    def watch(self, baseline: ModelBaseline, version: str = "1") -> ModelMonitor:
        """Monitor a version, and offer it to agents."""
        self.monitor = ModelMonitor(self.config, version, baseline, self.store, self.log)
        self.offers = Offers(self.config, self.store)
        return self.monitor

    def step(self) -> Any:
        """What the service's task for the model does."""
        step = self.monitor.advance(self.clock.now)
        self.offers.settle([self.monitor])
        return step

    def come(self) -> None:
        """Begin to answer."""
        app = create_app(self.store, config=self.web, clock=self.clock)
        self._server = uvicorn.Server(
            uvicorn.Config(app, host="127.0.0.1", port=self.port, log_level="critical", lifespan="off")
        )
        self._thread = threading.Thread(target=self._server.run)
        self._thread.start()
        while not self._server.started:
            time.sleep(0.005)

    def go(self) -> None:
        """Stop answering."""
        if self._server is not None:
            self._server.should_exit = True
            self._thread.join()
            self._server = None

    def agent(self, name: str, *, log: bool = True, **more: Any) -> Agent:
        """An agent on another host, with its own folder and log."""
        folder = self.folder / name
        options: dict[str, Any] = {"to": self.address, "token": TOKEN, "name": name, "host": False}
        options |= {"spool": folder / "spool", "interval": "1m"}
        if log:
            options["log"] = folder / "log"
        config = AgentConfig(**{**options, **more})
        return Agent(config, clock=self.clock, monotonic=self.clock.monotonic)

    def tick(self, *agents: Agent) -> None:
        """Let agents do what they do each minute."""
        for agent in agents:
            agent.count(self.clock.now)
            agent.collect(self.clock.now)
            agent.send()

    def windows(self, *, closed: bool = True) -> list[WindowRow]:
        """The windows with rows, with their profiles."""
        rows = self.store.windows.list(self.config.subject, with_profile=True)
        return [row for row in rows if row.rows and row.closed == closed]

    def counts(self) -> list[tuple[datetime, int, TableProfile]]:
        """What was counted: start, rows, profile of each window that was judged."""
        return [(row.start, row.rows, TableProfile.from_bytes(row.profile)) for row in self.windows()]


@contextmanager
def site(folder: Path, now: datetime = START, **more: Any) -> Iterator[Site]:
    """A service that answers until the block ends."""
    found = Site(folder, Clock(now), **more)
    try:
        found.come()
        yield found
    finally:
        found.go()
        found.store.close()
