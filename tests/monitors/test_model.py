from datetime import timedelta

import numpy as np
import pandas as pd
import pytest

from mirante.capture.recorder import Recorder
from mirante.monitors.model import ModelMonitor
from mirante.monitors.windows import Window

from .conftest import START, make_rows

DAY = timedelta(days=1)


def record(config, *days, version="1", count=120, shift=0.0, name="row"):
    with Recorder(config.model, config.log, version=version) as recorder:
        for day in days:
            features, predictions, times = make_rows(day, count, shift=shift)
            ids = [f"{name}-{day}-{number}" for number in range(count)]
            recorder.log(features, predictions, 0.002, id=ids, time=times)


def values(store, name, **where):
    found = store.readings.series(name, where=where or None)
    return (
        {}
        if not found
        else dict(zip(found[0].times.astype("datetime64[D]").astype(str), found[0].values, strict=True))
    )


def test_windows_close_after_their_lateness_and_hold_every_row(config, store, log, baseline):
    record(config, 0, 1, 2)
    monitor = ModelMonitor(config, "1", baseline, store, log)
    step = monitor.advance(START + 2 * DAY + timedelta(minutes=59))
    assert [row.rows for row in step.closed] == [120]  # the second day still waits for late rows
    assert step.rows == 360
    step = monitor.advance(START + 3 * DAY + timedelta(hours=1))
    assert [row.start for row in step.closed] == [START + DAY, START + 2 * DAY]
    assert values(store, "predictions") == {"2026-01-01": 120.0, "2026-01-02": 120.0, "2026-01-03": 120.0}
    assert 0.001 < values(store, "prediction_latency_seconds_p50")["2026-01-01"] < 0.003


def test_notes_are_in_the_locale(config, store, log, baseline):
    record(config, 0, shift=15.0)
    step = ModelMonitor(config, "1", baseline, store, log, locale="pt_BR").advance(START + 3 * DAY)
    notes = {
        reading.name: reading.note for reading in step.readings if reading.labels.get("feature") == "age"
    }
    assert notes["drift_detected"].startswith("age mudou: ")
    assert "mediana" in notes["drift_detected"]
    assert "ausentes (limite" in notes["missing_detected"]


def test_a_shift_is_found_and_a_quiet_day_is_not(config, store, log, baseline):
    record(config, 0)
    record(config, 1, shift=15.0, name="moved")
    ModelMonitor(config, "1", baseline, store, log).advance(START + 3 * DAY)
    detected = values(store, "drift_detected", feature="age")
    assert detected["2026-01-01"] == 0.0
    assert detected["2026-01-02"] == 1.0
    note = store.readings.series("drift_detected", where={"feature": "age"})[0].notes[1]
    assert "age" in note


@pytest.mark.parametrize("seed", range(3))
def test_restarts_and_portions_change_nothing(config, store, log, baseline, seed):
    rng = np.random.default_rng(seed)
    for day in range(3):
        features, predictions, times = make_rows(day, 90)
        cuts = np.sort(rng.choice(90, 4, replace=False))
        for part in np.split(np.arange(90), cuts):
            if len(part):
                with Recorder(config.model, config.log, version="1") as recorder:
                    recorder.log(
                        features.iloc[part],
                        predictions[part],
                        0.001,
                        id=[f"{day}-{i}" for i in part],
                        time=times.iloc[part],
                    )
            ModelMonitor(config, "1", baseline, store, log).advance(START + day * DAY + timedelta(hours=2))
    ModelMonitor(config, "1", baseline, store, log).advance(START + 4 * DAY - timedelta(hours=1))
    rows = store.windows.list(config.subject, with_profile=True)
    assert [(row.rows, row.closed) for row in rows] == [(90, True)] * 3
    whole = make_rows(1, 90)[0].assign(prediction=make_rows(1, 90)[1])
    assert type(baseline.profile).from_bytes(rows[1].profile) == type(baseline.profile).of(
        whole, like=baseline.profile
    )


def test_what_fails_to_be_saved_is_read_again(config, store, log, baseline, monkeypatch):
    record(config, 0)
    monitor = ModelMonitor(config, "1", baseline, store, log)

    def full(*args, **kwargs):
        raise OSError("disk full")

    with monkeypatch.context() as patch:
        patch.setattr(store.readings, "write", full)
        with pytest.raises(OSError, match="disk full"):
            monitor.advance(START + 2 * DAY)
    assert store.windows.list(config.subject) == []
    again = ModelMonitor(config, "1", baseline, store, log)
    assert [row.rows for row in again.advance(START + 2 * DAY - timedelta(hours=1)).closed] == [120]
    assert values(store, "predictions") == {"2026-01-01": 120.0}


def test_a_failed_save_does_not_lose_rows_in_the_same_process(config, store, log, baseline, monkeypatch):
    record(config, 0)
    monitor = ModelMonitor(config, "1", baseline, store, log)
    with monkeypatch.context() as patch:
        patch.setattr(store.cursors, "set", lambda *a, **k: (_ for _ in ()).throw(OSError("disk full")))
        with pytest.raises(OSError, match="disk full"):
            monitor.advance(START + 2 * DAY - timedelta(hours=1))
    step = monitor.advance(START + 2 * DAY - timedelta(hours=1))
    assert [row.rows for row in step.closed] == [120]


def test_rows_that_come_too_late_are_counted(config, store, log, baseline):
    record(config, 0, 1)
    monitor = ModelMonitor(config, "1", baseline, store, log)
    monitor.advance(START + 2 * DAY)
    record(config, 0, count=7, name="late")
    assert monitor.advance(START + 2 * DAY).late == 7
    assert store.readings.latest(names=["monitor_late_total"])[0].value == 7
    assert values(store, "predictions")["2026-01-01"] == 120


def test_rows_of_other_versions_are_passed_over(config, store, log, baseline):
    record(config, 0, version="1", count=50)
    record(config, 0, version="2", count=70)
    step = ModelMonitor(config, "2", baseline, store, log).advance(START + DAY + timedelta(hours=1))
    assert step.rows == 70
    assert [row.rows for row in step.closed] == [70]


def test_a_day_without_traffic_is_a_window_of_none(config, store, log, baseline):
    record(config, 0, 2)
    step = ModelMonitor(config, "1", baseline, store, log).advance(START + 3 * DAY + timedelta(hours=1))
    assert [row.rows for row in step.closed] == [120, 0, 120]
    assert values(store, "predictions")["2026-01-02"] == 0
    assert "2026-01-02" not in values(store, "drift_share")


def test_performance_comes_once_labels_are_due(config, store, log, baseline):
    record(config, 0)
    _features, predictions, _ = make_rows(0, 120)
    truth = (predictions > 0.5).astype(float)
    monitor = ModelMonitor(config, "1", baseline, store, log)
    monitor.advance(START + DAY + timedelta(hours=1))
    assert store.readings.series("performance_accuracy") == []
    store.labels.write("churn", [f"row-0-{n}" for n in range(100)], truth[:100].tolist(), START + DAY)
    step = monitor.advance(START + DAY + timedelta(hours=12))
    assert step.measured == (START,)
    assert values(store, "performance_accuracy") == {"2026-01-01": 1.0}
    assert values(store, "performance_labels") == {"2026-01-01": 100.0}
    assert values(store, "performance_labels_missing") == {"2026-01-01": 20.0}
    assert store.windows.get(config.subject, START).verdicts["performance"]["accuracy"] == 1.0
    assert monitor.advance(START + DAY + timedelta(hours=13)).measured == ()


def test_performance_is_still_owed_after_a_restart(config, store, log, baseline):
    record(config, 0)
    ModelMonitor(config, "1", baseline, store, log).advance(START + DAY + timedelta(hours=1))
    again = ModelMonitor(config, "1", baseline, store, log)
    assert again.advance(START + 2 * DAY - timedelta(hours=1)).measured == (START,)


def test_a_nameless_time_and_an_unknown_column_do_no_harm(config, store, log, baseline):
    with Recorder(config.model, config.log, version="1") as recorder:
        frame = pd.DataFrame({"age": ["forty", "41"], "plan": ["basic", "new"], "extra": [1, 2]})
        recorder.log(frame, [0.5, 0.6], time=pd.to_datetime(["2026-01-01T10:00Z", "2026-01-01T11:00Z"]))
    step = ModelMonitor(config, "1", baseline, store, log).advance(START + DAY + timedelta(hours=1))
    assert [row.rows for row in step.closed] == [2]
    assert values(store, "missing_ratio", feature="age") == {"2026-01-01": 0.5}
    assert values(store, "new_category_ratio", feature="plan") == {"2026-01-01": 0.5}


def test_windows_of_a_silent_model_are_not_made_without_end(config, store, log, baseline):
    record(config, 0)
    step = ModelMonitor(config, "1", baseline, store, log).advance(START + 5_000 * DAY)
    assert len(step.closed) <= 1_001
    assert isinstance(config.clock().of(START), Window)


def test_the_budget_of_the_config_takes_the_place_of_the_baselines(config, store, log, baseline):
    strict = config.model_copy(update={"alarm_budget": "1 per 300d"})
    assert ModelMonitor(config, "1", baseline, store, log).judge.drift.level == baseline.drift.level
    assert ModelMonitor(strict, "1", baseline, store, log).judge.drift.level == pytest.approx(
        baseline.drift.level / 10
    )


def kept(store, config):
    return [
        note["id"]
        for row in store.windows.list(config.subject)
        for note in row.verdicts.get("top_outliers") or ()
    ]


def test_rows_that_were_deleted_do_not_come_back_from_memory(config, store, log, baseline, monkeypatch):
    record(config, 0, shift=100.0)
    monitor = ModelMonitor(config, "1", baseline, store, log)
    monitor.advance(START + timedelta(hours=13))
    [gone, *others] = kept(store, config)
    log.delete([gone], by="me", forget=store.forget)
    assert kept(store, config) == others
    real = log.read_new

    def read_new(*arguments):  # somebody deletes just while the monitor is at work
        if len(others) > 5:
            log.delete([others.pop(0)], by="me", forget=store.forget)
        return real(*arguments)

    monkeypatch.setattr(log, "read_new", read_new)
    before = set(others[4:])
    step = monitor.advance(START + 2 * DAY)
    assert [row.rows for row in step.closed] == [120], "what was counted stays counted"
    assert gone not in kept(store, config)
    assert set(kept(store, config)) <= before


def test_a_version_whose_time_began_later_leaves_earlier_windows_alone(config, store, log, baseline):
    record(config, 0, 1, 2)
    monitor = ModelMonitor(config, "1", baseline, store, log, since=START + DAY + timedelta(hours=5))
    step = monitor.advance(START + 3 * DAY + timedelta(hours=1))
    assert [(row.start, row.rows) for row in step.closed] == [(START + DAY, 120), (START + 2 * DAY, 120)]
    record(config, 0, count=7, name="late")
    assert monitor.advance(START + 4 * DAY).late == 0, "they are another version's"


def test_a_retired_version_drops_windows_that_clocks_ahead_have_begun(config, store, log, baseline):
    record(config, 0, 1, 2)
    monitor = ModelMonitor(config, "1", baseline, store, log)
    monitor.advance(START + timedelta(hours=1))
    monitor.retire(START + timedelta(hours=2))
    assert not monitor.windows_over
    step = monitor.advance(START + 4 * DAY)
    assert [row.start for row in step.closed] == [START]
    assert (monitor.windows_over, monitor.finished) == (True, True)


def test_a_retired_version_waits_for_the_end_of_its_last_window(config, store, log, baseline):
    monitor = ModelMonitor(config, "1", baseline, store, log)
    monitor.advance(START + timedelta(hours=1))
    monitor.retire(START + timedelta(hours=2))
    monitor.advance(START + timedelta(hours=2))
    assert not monitor.windows_over, "servers are slow to follow"
    record(config, 0)
    step = monitor.advance(START + DAY + timedelta(hours=1))
    assert [row.rows for row in step.closed] == [120]
    assert monitor.windows_over
