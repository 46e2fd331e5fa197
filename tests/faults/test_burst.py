"""A burst of a million rows, row by row from four threads, into a recorder of little memory, to a window."""

from __future__ import annotations

import os
import threading
from datetime import timedelta
from pathlib import Path

import psutil

from mirante.capture.recorder import Recorder
from mirante.inference_log import InferenceLog
from mirante.monitors.baseline import ModelBaseline
from mirante.monitors.config import ModelConfig
from mirante.monitors.model import ModelMonitor
from mirante.store import Store
from tests.monitors.conftest import START, make_rows

ROWS = 1_000_000 if "MIRANTE_KILLS" in os.environ else 100_000
THREADS, WAITING = 4, 50_000


def test_each_row_of_a_burst_is_in_its_window_or_counted_as_dropped(tmp_path: Path) -> None:
    features, predictions, _ = make_rows(-1, 2_000, seed=1)
    config = ModelConfig(model="churn", log=tmp_path / "log", window="1d", lateness="1h")
    baseline = ModelBaseline.fit(features, predictions, clock=config.clock())
    rows = features.to_dict("records")
    stop, most, before = threading.Event(), [0], psutil.Process().memory_info().rss

    def look() -> None:
        while not stop.wait(0.05):
            most[0] = max(most[0], psutil.Process().memory_info().rss - before)

    def serve(recorder: Recorder) -> None:
        for number in range(ROWS // THREADS):
            recorder.log(rows[number % len(rows)], 0.5, 0.001)

    noon = START + timedelta(hours=12)
    watch = threading.Thread(target=look)
    watch.start()
    with Recorder("churn", config.log, capacity=WAITING, clock=noon.timestamp) as recorder:
        threads = [threading.Thread(target=serve, args=(recorder,)) for _ in range(THREADS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert recorder.flush(60)
    stop.set()
    watch.join()
    assert recorder.recorded + recorder.dropped == ROWS
    assert recorder.recorded >= WAITING
    with Store(f"sqlite:///{tmp_path}/mirante.db") as store:
        monitor = ModelMonitor(config, "1", baseline, store, InferenceLog(config.log))
        for _ in range(40):  # a look takes a portion of what has come
            monitor.advance(START + timedelta(days=1, hours=2))
        (window,) = [one for one in store.windows.list(config.subject) if one.rows]
    print(
        f"\n{ROWS:,} rows: {recorder.recorded:,} in the window, {recorder.dropped:,} counted; "
        f"memory rose by {most[0] / 1e6:.0f} MB"
    )
    assert window.rows == recorder.recorded
    assert most[0] < 500e6
