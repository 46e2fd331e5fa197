"""What is counted of a version that has no baseline."""

from datetime import UTC, datetime, timedelta

import pytest

from mirante.capture.recorder import Recorder
from mirante.inference_log.reader import InferenceLog
from mirante.monitors.config import ModelConfig
from mirante.monitors.model import VolumeMonitor, counted_until
from mirante.store import Store, WindowRow
from tests.monitors.conftest import START

HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)


@pytest.fixture
def store(tmp_path):
    with Store(f"sqlite:///{tmp_path / 'mirante.db'}") as opened:
        yield opened


@pytest.fixture
def config(tmp_path):
    return ModelConfig(model="churn", log=tmp_path / "log", lateness="5m")


def record(config, *minutes, version="1", latency=0.01):
    with Recorder(config.model, config.log, version=version) as recorder:
        for minute in minutes:
            recorder.log({"age": 40.0}, 0.5, latency, time=START + minute * MINUTE)


def make(config, store, **more):
    return VolumeMonitor(config, "1", store, InferenceLog(config.log), **more)


def told(store, name="predictions"):
    """Hours after START, and what was told of them."""
    return {
        int((time.replace(tzinfo=UTC) - START) / HOUR): value
        for one in store.readings.series(name)
        for time, value in zip(one.times.tolist(), one.values.tolist(), strict=True)
    }


def test_predictions_are_counted_and_timed_by_windows(config, store):
    record(config, 1, 2, 3, 130, latency=0.2)
    record(config, 4, version="2")
    monitor = make(config, store)
    assert monitor.advance(START + HOUR + 4 * MINUTE).rows == 4
    assert told(store) == {}, "the window waits for late rows"
    done = monitor.advance(START + 3 * HOUR + 5 * MINUTE)
    assert told(store) == {0: 3, 1: 0, 2: 1}
    assert done.closed == ()
    assert told(store, "prediction_latency_seconds_p95") == pytest.approx({0: 0.2, 2: 0.2}, rel=0.06)
    assert told(store, "freshness_seconds")
    assert store.windows.list(config.subject) == []
    (total,) = store.readings.latest(names=["predictions_read_total"])
    assert (total.value, total.labels) == (4, {"model": "churn", "alias": "champion", "version": "1"})


def test_no_row_is_counted_twice_and_none_lost_by_a_restart(config, store):
    record(config, 1, 61)
    make(config, store).advance(START + HOUR + 10 * MINUTE)
    record(config, 62, 30)
    monitor = make(config, store)
    monitor.advance(START + 2 * HOUR + 10 * MINUTE)
    assert told(store) == {0: 1, 1: 2}
    (late,) = store.readings.latest(names=["monitor_late_total"])
    assert late.value == 1


def test_a_step_that_fails_is_taken_again_as_a_whole(config, store, monkeypatch):
    record(config, 1, 2)
    monitor = make(config, store)
    with monkeypatch.context() as patch:
        patch.setattr(store.cursors, "set", lambda *_, **__: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            monitor.advance(START + 2 * HOUR)
    monitor.advance(START + 2 * HOUR)
    assert told(store) == {0: 2}


def test_what_was_judged_or_was_of_another_time_is_left_alone(config, store):
    record(config, 1, 61, 121)
    row = WindowRow(config.subject, "1", START, START + HOUR, 1, 0, True, b"", {})
    store.windows.put(row)
    make(config, store).advance(START + 3 * HOUR + 10 * MINUTE)
    assert told(store) == {1: 1, 2: 1}
    assert store.readings.latest(names=["monitor_late_total"])[0].value == 0


def test_an_alias_that_moves_away_and_back_leaves_the_window_whole(config, store):
    record(config, 1, 61)
    make(config, store).advance(START + HOUR + 10 * MINUTE, last=True)
    assert told(store) == {0: 1, 1: 1}
    record(config, 70)
    back = make(config, store, since=START + HOUR + 15 * MINUTE)
    back.advance(START + 2 * HOUR + 10 * MINUTE)
    assert told(store) == {0: 1, 1: 2}
    record(config, 370)
    later = make(config, store, since=START + 6 * HOUR)
    later.advance(START + 7 * HOUR + 10 * MINUTE)
    assert told(store) == {0: 1, 1: 2, 6: 1}


def test_a_share_that_is_recorded_stands_for_all(config, store):
    with Recorder("churn", config.log, version="1", sample=0.5) as recorder:
        for n in range(100):
            recorder.log({"age": 40.0}, 0.5, time=START + n * timedelta(seconds=1))
    make(config, store).advance(START + 2 * HOUR)
    (reading,) = store.readings.latest(names=["predictions"])
    rows = InferenceLog(config.log).scan("churn").num_rows
    assert 0 < rows < reading.value
    assert reading.note == f"{rows} of them were recorded"


def test_windows_on_another_clock_are_not_counted_again(config, store):
    record(config, 1)
    assert counted_until(store, config, "1") is None
    make(config, store).advance(START + 3 * HOUR + 10 * MINUTE)
    assert counted_until(store, config, "1") is None
    longer = config.model_copy(update={"window": "2h"})
    assert counted_until(store, longer, "1") == START + 3 * HOUR
    record(config, 181, 241)
    make(longer, store).advance(datetime(2026, 1, 1, 6, 10, tzinfo=UTC))
    assert told(store) == {0: 1, 1: 0, 2: 0, 4: 1}
