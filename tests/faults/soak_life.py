"""A service that watches a host, a model and an experiment of its own for many hours: what it grows by.

The whole service with its loops, page and store, MLflow server, recorder and channel, by a clock many times
as fast as the world. `main` prints one line of JSON for each hour: resident memory after a collection, in
bytes, connections to the store, all other open files, threads, and what was done so far;
``python -m tests.faults.soak`` runs it.

SQLite keeps up to 16 MB of pages for each connection, which fill as the file grows. That has an end, far
beyond the hours of a test, and would hide what has none: so connections give theirs back after each use.
"""

from __future__ import annotations

import ctypes
import gc
import json
import threading
import urllib.request
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from sqlalchemy import event
from sqlalchemy.pool import Pool

from mirante.capture.recorder import Recorder
from mirante.readings import Reading
from mirante.tracking.server import start_server
from tests.app.test_service import register
from tests.doubles.slack import Answer, slack_double
from tests.faults.fast_service import RacingService, racing_service

SPEED = 300.0
MINUTE = timedelta(minutes=1)
CONFIG = """
host: {{name: web-1, interval: 5m}}
web: {{port: 0}}
evaluation_interval: 1m
mlflow: {{tracking_uri: "{server}", interval: 10m}}
models:
  # windows are held as long as labels may come: here for no longer than the first hours
  - {{model: {name}, log: rows, interval: 5m, window: 5m, lateness: 0s, label_delay: 1h, label_lateness: 1h}}
experiments: {{include: ["*"], interval: 10m}}
alerts:
  rules:
    - {{name: up_and_down, when: drift_share > 0.5}}
  channels: {{hook: {{type: webhook, url_file: url}}}}
"""
PAGES = ("", "alerts", "rules", "status", "experiments", "metrics", "api/v1/alerts")


class Life:
    """What happens around the service, minute by minute."""

    def __init__(self, running: RacingService, recorder: Recorder) -> None:
        self.running, self.recorder = running, recorder
        self.rng = np.random.default_rng(3)
        self.minutes, self.hour = 0, threading.Event()

    def minute(self, now: datetime) -> None:
        """Predictions come, an alert goes up and down each hour, and somebody looks at the pages."""
        self.minutes += 1
        for _ in range(20):
            row = {"age": float(self.rng.normal(40, 10)), "plan": ("pro", "basic")[self.rng.integers(2)]}
            self.recorder.log(row, float(self.rng.random()), 0.003, time=now)
        moved = Reading("drift_share", float(self.minutes % 60 < 20), now, {"experiment": "7"})
        self.running.parts.store.readings.write([moved])
        if self.minutes % 15 == 0:
            for page in PAGES:
                with urllib.request.urlopen(self.running.service.address + page, timeout=30) as answer:
                    answer.read()
        if self.minutes % 60 == 0:
            self.hour.set()


def sample(life: Life, notices: int) -> dict[str, int]:
    """Return what the process holds now, after what can be given back was."""
    life.recorder.flush()
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    own = psutil.Process()
    # a connection has two files open (SQLite's shared memory is opened once for all)
    store = [Path(one.path).name for one in own.open_files() if Path(one.path).name.startswith("mirante.db")]
    return {
        "memory": own.memory_info().rss,
        "connections": store.count("mirante.db"),
        "files": own.num_fds() - len(store),
        "threads": own.num_threads(),
        "minutes": life.minutes,
        "recorded": life.recorder.recorded,
        "notices": notices,
    }


def _give_pages_back(connection: Any, _: object) -> None:
    if connection is not None:
        connection.execute("PRAGMA shrink_memory")


def main(folder: Path, hours: int) -> None:
    """Live, and print a line for each hour."""
    event.listen(Pool, "checkin", _give_pages_back)
    with slack_double() as double, start_server(folder / "mlflow") as server:
        double.always = Answer()
        (folder / "url").write_text(double.url)
        _, name, version = register(server.uri)
        text = CONFIG.format(server=server.uri, name=name)
        with (
            racing_service(folder, text, SPEED) as running,
            Recorder(name, folder / "rows", version=version, clock=running.clock) as recorder,
        ):
            life = Life(running, recorder)
            running.every(MINUTE, life.minute)
            notices = 0
            for _ in range(hours):
                if not life.hour.wait(600):
                    raise SystemExit("an hour did not pass")
                life.hour.clear()
                arrived, double.requests = double.requests, []  # what the double keeps is not the service's
                notices += len(arrived)
                print(json.dumps(sample(life, notices)), flush=True)
