"""A model with a baseline, a log of sixty days that shifts on the fortieth, and a config of its own."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from mirante.app.backfill import backfill
from mirante.app.settings import Settings, load_settings
from mirante.capture.recorder import Recorder
from mirante.monitors.baseline import ModelBaseline, publish_baseline
from mirante.monitors.windows import WindowClock
from mirante.store import Store
from mirante.tracking.client import connect
from mirante.tracking.server import free_port
from tests.monitors.conftest import START, make_rows
from tests.monitors.registry import register

DAY, HOUR = timedelta(days=1), timedelta(hours=1)
FIRST = date(2026, 1, 1)
CONFIG = """
store: {store}
evaluation_interval: 15s
mlflow: {{tracking_uri: "{uri}"}}
host: {{enabled: false}}
models:
  - {{model: {name}, log: log, window: 1d, lateness: 1h, label_delay: 2d{more}}}
alerts:
  channels:
    chat: {{type: webhook, url: "http://127.0.0.1:{port}/notice"}}
  routes: {{channels: [chat], group_wait: 0s}}
"""


@dataclass
class World:
    """One registered model and its folder."""

    folder: Path
    name: str
    version: str
    baseline: ModelBaseline
    client: Any
    uri: str
    more: str = ""
    url: str = "sqlite:///mirante.db"
    port: int = field(default_factory=free_port)

    @property
    def settings(self) -> Settings:
        """The config, written and read."""
        path = self.folder / "mirante.yaml"
        told = CONFIG.format(store=self.url, uri=self.uri, name=self.name, more=self.more, port=self.port)
        path.write_text(told)
        return load_settings(path)

    @property
    def subject(self) -> str:
        """The model's."""
        return f"model/{self.name}@champion"

    def store(self) -> Store:
        """The config's store, open."""
        return Store(self.settings.store_address())

    def record(self, *days: int, count: int = 60, shift: float = 0.0, version: str | None = None) -> None:
        """Record days after START, newest first: the log knows no order of time."""
        with Recorder(self.name, self.folder / "log", version=version or self.version) as recorder:
            for day in sorted(days, reverse=True):  # each in its own order
                features, predictions, times = make_rows(day, count, shift=shift)
                ids = [f"row-{day}-{number}" for number in range(count)]
                recorder.log(features, predictions, 0.002, id=ids, time=times)

    def label(self, *days: int, count: int = 60) -> None:
        """Bring the labels of days."""
        with self.store() as store:
            for day in days:
                predictions = make_rows(day, count)[1]
                labels = (np.random.default_rng([7, day]).random(count) < predictions).astype(float)
                ids = [f"row-{day}-{number}" for number in range(count)]
                store.labels.write(self.name, ids, labels.tolist(), START + (day + 1) * DAY)

    def run(self, first: int, last: int, *, now: float = 100, **options: Any) -> Any:
        """Backfill from a day to another."""
        return backfill(
            self.settings,
            self.name,
            FIRST + timedelta(days=first),
            FIRST + timedelta(days=last),
            clock=lambda: START + now * DAY,
            **options,
        )


@pytest.fixture(scope="session")
def daily_baseline():
    parts = [make_rows(-day, 200, seed=1) for day in range(30, 0, -1)]
    features, times = (pd.concat([part[place] for part in parts], ignore_index=True) for place in (0, 2))
    predictions = np.concatenate([part[1] for part in parts])
    labels = (np.random.default_rng(5).random(len(predictions)) < predictions).astype(float)
    return ModelBaseline.fit(features, predictions, times, clock=WindowClock("1d"), labels=labels)


@pytest.fixture
def world(mlflow_server, daily_baseline, tmp_path):
    client = connect(mlflow_server)
    name, version = register(client)
    publish_baseline(client, name, version, daily_baseline)
    return World(tmp_path, name, version, daily_baseline, client, mlflow_server)
