"""Performance as labels come in: any order, late, twice, changed, for nobody; the same after a restart."""

import math
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from structlog.testing import capture_logs

from mirante.capture.recorder import Recorder
from mirante.inference_log.reader import InferenceLog
from mirante.monitors.model import ModelMonitor, awaits_labels
from mirante.readings import is_provisional

from .conftest import START, make_rows

DAY, HOUR = timedelta(days=1), timedelta(hours=1)
ROWS = 120
CLOSED = START + DAY + HOUR  # a window is judged an hour after its end, and final after twelve
FINAL = START + DAY + 12 * HOUR


def record(config, *days, count=ROWS, version="1", name="row"):
    with Recorder(config.model, config.log, version=version) as recorder:
        for day in days:
            features, predictions, times = make_rows(day, count)
            ids = [f"{name}-{day}-{number}" for number in range(count)]
            recorder.log(features, predictions, 0.002, id=ids, time=times)


def truth_of(day, count=ROWS):
    return (np.random.default_rng([9, day]).random(count) < make_rows(day, count)[1]).astype(float)


def send(store, day, first, last, *, name="row", at=START + DAY, values=None):
    ids = [f"{name}-{day}-{number}" for number in range(first, last)]
    store.labels.write("churn", ids, (truth_of(day) if values is None else values)[first:last].tolist(), at)


@pytest.fixture
def monitor(config, store, log, baseline):
    return ModelMonitor(config, "1", baseline, store, log)


def kept(store, config, start=START):
    return store.windows.get(config.subject, start).verdicts


def latest(store, name):
    (one,) = store.readings.series(f"performance_{name}")
    return one.values[-1], one.notes[-1]


def test_a_window_is_measured_as_labels_come_and_again_as_more_come(config, store, monitor):
    record(config, 0, 1)
    send(store, 0, 0, 30)
    step = monitor.advance(CLOSED)
    assert step.measured == (START,)
    assert latest(store, "labels") == (30.0, "provisional: 25 % of the labels are in")
    assert latest(store, "labels_share")[0] == 0.25
    assert monitor.advance(CLOSED).measured == ()
    send(store, 0, 20, 60)
    assert monitor.advance(CLOSED + HOUR).measured == (START,)
    assert latest(store, "labels")[0] == 60.0
    lower, value, upper = (
        latest(store, name)[0] for name in ("accuracy_lower", "accuracy", "accuracy_upper")
    )
    assert lower < value < upper
    found = kept(store, config)
    assert found["realised"]["final"] is False
    assert awaits_labels(store.windows.get(config.subject, START))
    assert found["realised"]["intervals"]["accuracy"] == [lower, upper]
    step = monitor.advance(FINAL)
    assert step.measured == (START,)
    assert latest(store, "labels") == (60.0, "")
    assert kept(store, config)["performance"] == found["performance"]
    assert kept(store, config)["realised"]["final"] is True
    assert not awaits_labels(store.windows.get(config.subject, START))
    assert not any(is_provisional(one) for one in step.readings)


def test_labels_that_come_before_their_predictions_are_found(config, store, monitor):
    send(store, 0, 0, ROWS)
    monitor.advance(START + HOUR)
    record(config, 0)
    assert monitor.advance(CLOSED).measured == (START,)
    assert latest(store, "labels")[0] == ROWS


def test_a_label_that_changes_or_comes_after_the_end_is_counted_until_it_is_too_late(config, store, monitor):
    record(config, 0)
    send(store, 0, 0, 60)
    monitor.advance(FINAL)
    before = kept(store, config)["performance"]
    send(store, 0, 0, 60)  # once more the same
    assert monitor.advance(FINAL + HOUR).measured == ()
    send(store, 0, 0, 10, values=1.0 - truth_of(0))
    assert monitor.advance(FINAL + DAY).measured == (START,)
    changed = kept(store, config)
    assert changed["performance"]["labels"] == 60.0
    assert changed["performance"]["accuracy"] != before["accuracy"]
    assert changed["realised"]["final"] is True
    assert latest(store, "accuracy") == (changed["performance"]["accuracy"], "")
    send(store, 0, 60, 70)
    too_late = START + DAY + config.label_delay + config.label_lateness
    assert monitor.advance(too_late).measured == ()
    assert kept(store, config) == changed
    assert store.labels.count("churn") == 70, "what comes too late is kept all the same"


@pytest.mark.parametrize("seed", range(3))
def test_any_order_any_portions_and_any_restarts_give_the_same_figures(config, store, log, baseline, seed):
    rng = np.random.default_rng(seed)
    record(config, 0, 1, 2)
    labels = [(day, number) for day in range(3) for number in range(ROWS) if rng.random() < 0.8]
    twice = [labels[place] for place in rng.choice(len(labels), 40)]
    order = rng.permutation(len(labels) + len(twice))
    monitor = ModelMonitor(config, "1", baseline, store, log)
    now = START + 3 * DAY
    for part in np.array_split(order, 9):
        for place in part.tolist():
            day, number = [*labels, *twice][place]
            store.labels.write("churn", [f"row-{day}-{number}"], [truth_of(day)[number]], now)
        if rng.random() < 0.5:
            monitor = ModelMonitor(config, "1", baseline, store, log)
        now += timedelta(hours=2)
        monitor.advance(now)
    ModelMonitor(config, "1", baseline, store, log).advance(START + 5 * DAY)
    for day in range(3):
        found = kept(store, config, START + day * DAY)
        chosen = sorted({number for each, number in labels if each == day})
        said = make_rows(day, ROWS)[1][chosen]
        assert found["performance"]["labels"] == len(chosen)
        assert found["performance"]["brier"] == pytest.approx(np.mean((said - truth_of(day)[chosen]) ** 2))
        assert found["realised"]["final"] is True


def test_a_step_that_is_not_saved_is_taken_again(config, store, log, baseline, monkeypatch):
    record(config, 0)
    monitor = ModelMonitor(config, "1", baseline, store, log)
    monitor.advance(CLOSED)
    send(store, 0, 0, 50)

    def full(*args, **kwargs):
        raise OSError("disk full")

    with monkeypatch.context() as patch:
        patch.setattr(store.readings, "write", full)
        with pytest.raises(OSError, match="disk full"):
            monitor.advance(CLOSED + HOUR)
    assert monitor.advance(CLOSED + HOUR).measured == (START,)
    assert ModelMonitor(config, "1", baseline, store, log).advance(CLOSED + HOUR).measured == ()
    assert latest(store, "labels")[0] == 50.0


def test_labels_for_nobody_are_counted_until_their_prediction_comes(config, store, monitor):
    record(config, 0)
    send(store, 0, 0, 20, at=START)
    send(store, 1, 0, 30, at=START + HOUR)  # before the predictions of the next day
    send(store, 7, 0, 5, name="nobody", at=START + HOUR)
    monitor.advance(START + 2 * DAY)
    assert latest(store, "labels_unmatched")[0] == 35.0
    record(config, 1)
    monitor.advance(START + 3 * DAY)
    assert latest(store, "labels_unmatched")[0] == 5.0
    assert latest(store, "labels")[0] == 30.0
    assert store.labels.count("churn") == 55


def test_labels_of_the_last_hours_may_still_meet_their_window(config, store, monitor):
    record(config, 0)
    monitor.advance(CLOSED)
    send(store, 1, 0, 30, at=CLOSED)
    monitor.advance(CLOSED + HOUR)
    assert store.readings.series("performance_labels_unmatched") == []


def test_rows_that_come_late_are_found_by_their_labels(config, store, monitor):
    record(config, 0)
    send(store, 0, 0, 20)
    monitor.advance(CLOSED)
    record(config, 0, count=7, name="late")
    send(store, 0, 0, 7, name="late")
    assert monitor.advance(CLOSED + HOUR).measured == (START,)
    assert latest(store, "labels")[0] == 27.0


def test_figures_stay_when_their_rows_are_gone(config, store, log, baseline):
    record(config, 0)
    send(store, 0, 0, 60)
    monitor = ModelMonitor(config, "1", baseline, store, log)
    monitor.advance(FINAL)
    before = kept(store, config)
    log.delete([f"row-0-{number}" for number in range(60, 120)], by="me", forget=store.forget)
    send(store, 0, 0, 30, values=1.0 - truth_of(0))
    assert monitor.advance(FINAL + HOUR).measured == ()
    assert kept(store, config)["performance"] == before["performance"]


def scanned(log, monkeypatch):
    """The starts of windows whose predictions are read from now on; ids alone are looked at more often."""
    scans, real = [], log.scan

    def scan(*args, **options):
        if "__prediction" in options["columns"]:
            scans.append(options["start"])
        return real(*args, **options)

    monkeypatch.setattr(log, "scan", scan)
    return scans


def test_only_windows_with_new_labels_are_read(config, store, log, baseline, monkeypatch):
    days = 12
    record(config, *range(days))
    for day in range(days):
        send(store, day, 0, 10)
    monitor = ModelMonitor(config.model_copy(update={"label_delay": 90 * DAY}), "1", baseline, store, log)
    monitor.advance(START + 20 * DAY)
    send(store, 3, 10, 20)
    send(store, 5, 10, 20)
    scans = scanned(log, monkeypatch)
    assert monitor.advance(START + 20 * DAY + HOUR).measured == (START + 3 * DAY, START + 5 * DAY)
    assert scans == [START + 3 * DAY, START + 5 * DAY]
    assert monitor.advance(START + 20 * DAY + HOUR).measured == ()
    again = ModelMonitor(monitor.config, "1", baseline, store, log)
    assert again.advance(START + 20 * DAY + HOUR).measured == ()
    assert len(scans) == 2, "neither a second look nor a restart reads the windows again"


def test_the_reliability_of_a_window_is_kept_beside_the_baselines(config, store, monitor):
    record(config, 0)
    send(store, 0, 0, ROWS)
    monitor.advance(FINAL)
    found = kept(store, config)["realised"]
    assert sum(one[0] for one in found["reliability"]) == ROWS
    assert len(found["baseline_reliability"]) == 10
    assert latest(store, "calibration_error_lower")[0] == 0.0


def test_one_class_has_a_reason_and_no_area(config, store, monitor):
    record(config, 0)
    send(store, 0, 0, 40, values=np.ones(ROWS))
    monitor.advance(FINAL)
    assert kept(store, config)["realised"]["reasons"]["roc_auc"] == "one_class"
    assert math.isnan(latest(store, "roc_auc")[0])


def test_an_archive_that_is_away_holds_up_labels_and_nothing_else(config, store, log, baseline, tmp_path):
    folder = tmp_path / "archive"
    record(config, 0)
    send(store, 0, 0, 10)
    ModelMonitor(config, "1", baseline, store, log).advance(FINAL)
    away = InferenceLog(config.log, f"file://{folder}")
    assert away.move("churn", datetime.now(UTC) + DAY, older_than=timedelta(0)).segments == 1
    folder.rename(tmp_path / "moved")
    folder.write_text("no folder")
    record(config, 1)
    send(store, 0, 10, 30)
    send(store, 1, 0, 20)
    lost = InferenceLog(config.log, f"file://{folder}")
    monitor = ModelMonitor(config, "1", baseline, store, lost)
    with capture_logs() as logs:
        step = monitor.advance(CLOSED + DAY)
        assert [row.start for row in step.closed] == [START + DAY]
        assert step.measured == monitor.advance(FINAL + DAY).measured == ()
    assert [one["event"] for one in logs if "archive" in one["event"]] == ["labels wait for the archive"]
    folder.unlink()
    (tmp_path / "moved").rename(folder)
    lost._places.archive.objects.retry()  # no half minute's wait
    assert monitor.advance(FINAL + DAY + HOUR).measured == (START, START + DAY)
    assert kept(store, config)["performance"]["labels"] == 30.0
    assert kept(store, config, START + DAY)["realised"]["final"] is True


def test_a_retired_version_waits_for_its_labels(config, store, log, baseline):
    record(config, 0)
    monitor = ModelMonitor(config, "1", baseline, store, log)
    send(store, 0, 0, 10)
    monitor.retire(START + DAY - HOUR)
    monitor.advance(CLOSED)
    assert not monitor.finished
    monitor.advance(FINAL)
    assert monitor.finished


def test_the_first_label_of_all_reads_its_window_alone(config, store, log, baseline, monkeypatch):
    record(config, *range(6))
    monitor = ModelMonitor(config.model_copy(update={"label_delay": 90 * DAY}), "1", baseline, store, log)
    monitor.advance(START + 7 * DAY)
    again = ModelMonitor(monitor.config, "1", baseline, store, log)
    scans = scanned(log, monkeypatch)
    send(store, 4, 0, 10)
    for each in (monitor, again):
        assert each.advance(START + 7 * DAY).measured == (START + 4 * DAY,)
    assert scans == [START + 4 * DAY] * 2


def test_a_long_look_is_followed_by_a_pause_but_nothing_is_lost(config, store, monitor, monkeypatch):
    from mirante.monitors.model import measuring

    record(config, 0)
    monitor.advance(CLOSED)
    clock = iter(np.arange(0.0, 1e6, 8.0).tolist())  # every look takes eight seconds
    monkeypatch.setattr(measuring.time, "perf_counter", lambda: next(clock))
    send(store, 0, 0, 10)
    assert monitor.advance(CLOSED).measured == (START,)
    send(store, 0, 10, 20)
    measured = [monitor.advance(CLOSED).measured for _ in range(12)]
    assert measured[0] == ()
    assert measured.count((START,)) == 1
    assert latest(store, "labels")[0] == 20.0
    send(store, 0, 20, 30)
    assert monitor.advance(FINAL).measured == (START,), "what becomes final does not wait"
    assert latest(store, "labels")[0] == 30.0
