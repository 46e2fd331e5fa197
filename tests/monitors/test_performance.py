from datetime import timedelta

import numpy as np
import pytest
from sklearn import metrics
from structlog.testing import capture_logs

from mirante.capture.recorder import Recorder
from mirante.monitors.model import ModelMonitor
from mirante.monitors.performance import measure_performance
from mirante.monitors.predictions import Predictions

from .conftest import START, make_rows

DAY = timedelta(days=1)
ROWS = 100


def record(config, predictions, *, day=0, version="1", name="row"):
    features, _, times = make_rows(day, len(predictions))
    ids = [f"{name}-{day}-{number}" for number in range(len(predictions))]
    with Recorder(config.model, config.log, version=version) as recorder:
        recorder.log(features, predictions, 0.001, id=ids, time=times)
    return ids


def measure(log, store, config, task, *, version="1", start=START, end=START + DAY):
    return measure_performance(log, store, config, version, Predictions(task), start, end).figures


@pytest.fixture
def said():
    return np.random.default_rng(8).random(ROWS)


@pytest.fixture
def truth(said):
    return (np.random.default_rng(9).random(ROWS) < said).astype(float)


def test_only_predictions_with_a_label_are_measured(config, store, log, said, truth):
    ids = record(config, said)
    chosen = np.random.default_rng(1).permutation(ROWS)[:60]  # labels come in any order
    store.labels.write("churn", [ids[place] for place in chosen], truth[chosen].tolist(), START + DAY)
    found = measure(log, store, config, "probability")
    assert (found["labels"], found["labels_missing"]) == (60.0, 40.0)
    assert found["log_loss"] == pytest.approx(metrics.log_loss(truth[chosen], said[chosen]), abs=1e-12)
    assert found["roc_auc"] == pytest.approx(metrics.roc_auc_score(truth[chosen], said[chosen]), abs=1e-12)


def test_without_labels_only_their_absence_is_said(config, store, log, said):
    record(config, said)
    store.labels.write("other model", ["row-0-0"], [1.0], START)
    assert measure(log, store, config, "probability") == {
        "labels": 0.0,
        "labels_missing": float(ROWS),
        "labels_share": 0.0,
    }


def test_other_versions_and_other_windows_are_left_out(config, store, log, said, truth):
    ids = record(config, said)
    other = record(config, 1 - said, version="2", name="other")
    next_day = record(config, 1 - said, day=1)
    for names in (ids, other, next_day):
        store.labels.write("churn", names, truth.tolist(), START + DAY)
    for version, values in (("1", said), ("2", 1 - said)):
        found = measure(log, store, config, "probability", version=version)
        assert found["labels"] == ROWS
        assert found["brier"] == pytest.approx(metrics.brier_score_loss(truth, values), abs=1e-12)


def test_a_window_is_half_open(config, store, log):
    with Recorder(config.model, config.log, version="1") as recorder:
        for time in (
            START - timedelta(microseconds=1),
            START,
            START + DAY - timedelta(microseconds=1),
            START + DAY,
        ):
            recorder.log({"age": 1.0, "plan": "pro"}, 0.5, time=time)
    assert measure(log, store, config, "probability") == {
        "labels": 0.0,
        "labels_missing": 2.0,
        "labels_share": 0.0,
    }


@pytest.mark.parametrize(
    ("predictions", "labels"),
    [
        (np.array([0, 1, 2, 1]), [0.0, 1.0, 2.0, 2.0]),
        (np.array([0, 1, 2, 1]), [0, 1, 2, 2]),
        (np.array([0, 1, 2, 1]), ["0", "1", "2", "2"]),
        (np.array([True, False, True, True]), [1, 0, 1, 0]),
        (np.array(["a", "b", "c", "b"], dtype=object), ["a", "b", "c", "c"]),
        (np.array(["a", "b", "c", None], dtype=object), ["a", "b", "x", "x"]),
    ],
)
def test_classes_meet_their_labels_whatever_the_types(config, store, log, predictions, labels):
    ids = record(config, predictions)
    store.labels.write("churn", ids, labels, START + DAY)
    known = 3 if any(one is None for one in predictions.tolist()) else 4
    found = measure(log, store, config, "class")
    assert found["accuracy"] == ((known - 1) / known)


def test_numbers(config, store, log):
    said = np.random.default_rng(2).normal(100, 20, ROWS)
    truth = said + np.random.default_rng(3).normal(0, 5, ROWS)
    store.labels.write("churn", record(config, said), truth.tolist(), START + DAY)
    found = measure(log, store, config, "regression")
    assert found["mae"] == pytest.approx(metrics.mean_absolute_error(truth, said), abs=1e-9)
    assert found["r2"] == pytest.approx(metrics.r2_score(truth, said), abs=1e-12)


@pytest.mark.parametrize("wrong", [["yes"], [2.0]])
def test_labels_that_do_not_fit_are_said_and_do_not_stop_the_monitor(
    config, store, log, baseline, said, wrong
):
    ids = record(config, said)
    store.labels.write("churn", ids[:1], wrong, START + DAY)
    with capture_logs() as logs:
        step = ModelMonitor(config, "1", baseline, store, log).advance(START + 2 * DAY)
    assert step.measured == (START,)
    assert store.windows.get(config.subject, START).verdicts["performance"] == {
        "labels": 1.0,
        "labels_missing": ROWS - 1.0,
        "labels_share": 1.0 / ROWS,
    }
    (entry,) = [entry for entry in logs if entry["event"] == "performance not measured"]
    assert entry["subject"] == config.subject
    assert str(wrong[0]).removesuffix(".0") in entry["error"]


def test_the_task_of_the_config_comes_before_the_baselines(config, store, log, baseline, said, truth):
    store.labels.write("churn", record(config, said), truth.tolist(), START + DAY)
    numbers = config.model_copy(update={"task": "regression"})
    ModelMonitor(numbers, "1", baseline, store, log).advance(START + 2 * DAY)
    names = {series.name for series in store.readings.series()}
    assert "performance_mae" in names
    assert "performance_log_loss" not in names
