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


def test_sealed_segments_go_to_the_archive_and_readings_say_how_that_goes(tmp_path, store, capsys):
    root, url = tmp_path / "log", f"file://{tmp_path}/archive"
    for days in (10, 3, 0):
        record(root, days)
    watched = ModelConfig(model="m", log=root, archive=url, archive_after="1d2h")
    log = InferenceLog(root, watched.archive_address())
    task = LogUpkeep(store, lambda: [(watched, log), (watched.model_copy(update={"alias": "b"}), log)])
    (tmp_path / "archive").write_text("in the way")
    for _ in range(3):
        log.archive.objects.retry()
        task.advance(NOW)
    assert value(store, "monitor_archive_up") == 0
    assert value(store, "monitor_archive_waiting") == 2
    [reading] = store.readings.latest(names=["monitor_archive_up"])
    assert "could not" in reading.note
    said = [line for line in capsys.readouterr().out.splitlines() if "takes nothing" in line]
    assert len(said) == 1, "once, and not at each turn"
    (tmp_path / "archive").unlink()
    log.archive.objects.retry()
    task.advance(NOW + timedelta(minutes=5))
    assert value(store, "monitor_archive_up") == 1
    assert value(store, "monitor_archive_waiting") == 0
    assert len(list((tmp_path / "archive").rglob("*.parquet"))) == 2
    assert len(list(root.rglob("*.parquet"))) == 1, "until it is judged it stays"
    assert "takes segments again" in capsys.readouterr().out
    assert log.scan("m").num_rows == 15
    assert value(store, "monitor_log_bytes") > 0


def test_a_log_without_an_archive_says_nothing_about_one(tmp_path, store):
    record(tmp_path / "log", 10)
    upkeep(store, tmp_path / "log").advance(NOW)
    assert store.readings.latest(names=["monitor_archive_up"]) == []
