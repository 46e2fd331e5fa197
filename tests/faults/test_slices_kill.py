"""`kill -9` of a monitor at any moment: each row counts once in its window and once in each of its slices."""

from __future__ import annotations

import os
import random
import time
from datetime import datetime, timedelta
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np
import pandas as pd

from mirante.capture.recorder import Recorder
from mirante.inference_log import InferenceLog
from mirante.monitors.baseline import ModelBaseline
from mirante.monitors.config import ModelConfig
from mirante.monitors.model import ModelMonitor
from mirante.profiles import TableProfile
from mirante.store import Store
from tests.faults.lives import Lives
from tests.monitors.conftest import START, make_rows

KILLS = min(int(os.environ.get("MIRANTE_KILLS", "5")), 20)
PORTION = 150


def forked_life(folder: Path, now: datetime, sign: Connection) -> None:
    """Monitor a model until it is killed."""
    files = {path.name: path.read_bytes() for path in (folder / "baseline").iterdir()}
    config = ModelConfig(model="churn", log=folder / "log", window="1d", lateness="1h")
    with Store(f"sqlite:///{folder}/mirante.db") as store:
        monitor = ModelMonitor(config, "1", ModelBaseline.from_files(files), store, InferenceLog(config.log))
        sign.send("ready")
        while True:
            monitor.advance(now)


def fitted() -> ModelBaseline:
    parts = [make_rows(-day, 200, seed=1) for day in range(10, 0, -1)]
    features = pd.concat([part[0] for part in parts], ignore_index=True)
    predictions = np.concatenate([part[1] for part in parts])
    config = ModelConfig(model="churn", window="1d")
    return ModelBaseline.fit(features, predictions, clock=config.clock(), slices=["plan", "age >= 50"])


def test_each_row_counts_once_in_each_of_its_slices_whenever_the_monitor_is_killed(tmp_path: Path):
    baseline, config = fitted(), ModelConfig(model="churn", log=tmp_path / "log", window="1d", lateness="1h")
    (tmp_path / "baseline").mkdir()
    for name, content in baseline.to_files().items():
        (tmp_path / "baseline" / name).write_bytes(content)
    moments = random.Random(int(os.environ.get("MIRANTE_SEED", "7")))
    count = KILLS * PORTION
    features, predictions, times = make_rows(0, count)
    now, lives = START + timedelta(hours=2), Lives(forked_life)
    for kill in range(KILLS):
        with lives.life(tmp_path, now):
            part = slice(kill * PORTION, (kill + 1) * PORTION)
            with Recorder("churn", config.log, version="1") as recorder:
                recorder.log(features[part], predictions[part], 0.001, time=times[part])
            time.sleep(moments.random() * 0.2)
    with Store(f"sqlite:///{tmp_path}/mirante.db") as store:
        ModelMonitor(config, "1", baseline, store, InferenceLog(config.log)).advance(
            START + timedelta(hours=3)
        )
        found = {row.label: row for row in store.slice_windows.kept(config.subject, "1")}
        (window,) = store.windows.list(config.subject)
    table = features.assign(prediction=predictions)
    assert window.rows == count
    assert sum(row.rows for row in found.values() if row.key == "plan") == count
    like = baseline.slices.like
    for label, mine in (("plan=pro", table["plan"] == "pro"), ("age >= 50", table["age"] >= 50)):
        counted = TableProfile.from_bytes(found[label].profile, like=like)
        assert counted == TableProfile.of(table[mine], like=like)
