from datetime import UTC, datetime, timedelta

import pytest

from mirante.app.upkeep import LogUpkeep
from mirante.capture.recorder import Recorder
from mirante.inference_log import requests
from mirante.inference_log.reader import InferenceLog
from mirante.monitors.config import ModelConfig
from mirante.store import Store

NOW = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.fixture
def store(tmp_path):
    with Store(f"sqlite:///{tmp_path}/mirante.db") as store:
        yield store


def record(root, days, model="m"):
    with Recorder(
        model, root, segment_rows=5, clock=lambda: (NOW - timedelta(days=days)).timestamp()
    ) as recorder:
        for number in range(5):
            recorder.log({"x": number}, 0, id=f"{days}.{number}")


def upkeep(store, root, **config):
    watched = ModelConfig(model="m", log=root, **config)
    return LogUpkeep(store, lambda: [(watched, InferenceLog(watched.log))])


def value(store, name):
    [reading] = store.readings.latest(names=[name])
    return reading.value


def test_old_rows_go_and_readings_say_so(tmp_path, store):
    root = tmp_path / "log"
    for days in (100, 40, 1):
        record(root, days)
    task = upkeep(store, root, retention="90d")
    task.advance(NOW)
    assert value(store, "monitor_log_removed_total") == 5
    assert value(store, "monitor_log_bytes") == sum(p.stat().st_size for p in (root / "m" / "1").iterdir())
    task.advance(NOW + timedelta(days=60))
    assert value(store, "monitor_log_removed_total") == 10
    assert InferenceLog(root).scan("m", columns=["x"]).num_rows == 5


def test_without_a_limit_nothing_goes(tmp_path, store):
    record(tmp_path / "log", 4_000)
    upkeep(store, tmp_path / "log").advance(NOW)
    assert value(store, "monitor_log_removed_total") == 0
    upkeep(store, tmp_path / "log", max_size="1B").advance(NOW)
    assert value(store, "monitor_log_bytes") == 0


def test_a_deletion_that_was_cut_short_is_ended(tmp_path, store):
    root = tmp_path / "log"
    record(root, 1)
    store.labels.write("m", ["1.0", "1.1"], [0, 1], NOW)
    key = requests.key_of(root)
    requests.keep(root, requests.Request.of("__id", ["1.1"], ["1.1"], key=key, models=None, by="me", now=NOW))
    with requests.alone(root):
        upkeep(store, root, max_size="1B").advance(NOW)
    assert InferenceLog(root).scan("m").num_rows == 5, "somebody else was at it"
    upkeep(store, root).advance(NOW)
    assert InferenceLog(root).scan("m", columns=["__id"])["__id"].to_pylist() == ["1.0", "1.2", "1.3", "1.4"]
    assert store.labels.count("m") == 1
