"""Windows are estimated before labels are in; where nothing can be, it is said once and nothing fails."""

import json
import shutil
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pandas as pd
import pytest
from structlog.testing import capture_logs

from mirante.capture.recorder import Recorder
from mirante.inference_log.reader import InferenceLog
from mirante.monitors.baseline import ModelBaseline
from mirante.monitors.config import ModelConfig
from mirante.monitors.model import ModelMonitor

from .conftest import START, make_rows

DAY = timedelta(days=1)


def record(config, day, count=300, *, unsure=False, version="1", predictions=None):
    features, said, times = make_rows(day, count)
    if unsure:
        said = 0.5 + (said - 0.5) / 10
    said = said if predictions is None else predictions
    with Recorder(config.model, config.log, version=version) as recorder:
        return recorder.log(features, said, 0.002, time=times), said


def about_estimates(logs):
    return [one for one in logs if one["event"] == "performance not estimated"]


def estimated(store, config):
    rows = store.windows.list(config.subject)
    return {(row.start - START).days: row.verdicts["estimated"] for row in rows if row.closed}


def test_a_window_is_estimated_at_once_and_measured_when_labels_are_due(config, store, log, baseline):
    ids, said = record(config, 0)
    record(config, 1, unsure=True)
    record(config, 1, version="2")
    monitor = ModelMonitor(config, "1", baseline, store, log)
    readings = list(monitor.advance(START + DAY + config.lateness).readings)
    assert store.windows.get(config.subject, START, version="1").verdicts["performance"] is None
    truth = (np.random.default_rng(1).random(300) < said).astype(float)
    store.labels.write(config.model, ids, truth.tolist(), START + DAY)
    readings += monitor.advance(START + 2 * DAY + config.lateness).readings
    values = {(one.name, (one.time - START).days): one for one in readings}
    realised = store.windows.get(config.subject, START, version="1").verdicts["performance"]
    for name in ("accuracy", "roc_auc", "log_loss", "f1"):
        low, value, high = (values[f"estimated_{name}{end}", 0].value for end in ("_lower", "", "_upper"))
        assert low < value < high
        assert low <= realised[name] <= high, name
    assert values["estimated_performance_dropped", 0].value == 0.0
    dropped = values["estimated_performance_dropped", 1]
    assert dropped.value == 1.0
    assert dropped.note.startswith("Accuracy is estimated at 0.5")
    assert values["estimated_accuracy", 1].value < values["estimated_accuracy_threshold", 1].value
    kept = estimated(store, config)
    assert kept[1]["measures"]["accuracy"]["value"] == values["estimated_accuracy", 1].value
    assert kept[1]["sentence"] == dropped.note
    assert kept[0]["sentence"] == ""


def test_one_row_an_empty_window_and_no_prediction(config, store, log, baseline):
    record(config, 0, 1)
    record(config, 2, 5, predictions=[None] * 5)
    record(config, 3, 5)
    with capture_logs() as logs:
        step = ModelMonitor(config, "1", baseline, store, log).advance(START + 4 * DAY + config.lateness)
    kept = estimated(store, config)
    assert kept[0]["measures"]["accuracy"]["upper"] - kept[0]["measures"]["accuracy"]["lower"] > 0.5
    assert kept[0]["measures"]["roc_auc"]["value"] is None
    assert kept[1] == {"measures": {}, "sentence": ""}
    assert kept[2]["measures"]["accuracy"]["value"] is None
    assert not [
        one for one in step.readings if one.name.startswith("estimated_") and one.time == START + 2 * DAY
    ]
    assert about_estimates(logs) == []


def test_a_baseline_without_labels_is_said_once(config, store, log, baseline):
    for day in range(3):
        record(config, day)
    with capture_logs() as logs:
        older = ModelBaseline.from_files(
            {name: content for name, content in baseline.to_files().items() if name != "estimated.bin"}
        )
        step = ModelMonitor(config, "1", older, store, log).advance(START + 3 * DAY + config.lateness)
    assert len(step.closed) == 3
    assert {one["reason"] for one in estimated(store, config).values()} == {"no_labels"}
    (said,) = about_estimates(logs)
    assert "--label COLUMN" in said["error"]
    assert not [one for one in step.readings if one.name.startswith("estimated_")]


@pytest.mark.parametrize("fault", ["log", "text", "range", "task"])
def test_what_is_wrong_with_a_window_is_said_once_and_the_window_is_judged(
    config, store, log, baseline, fault
):
    wrong = {"text": ["?"] * 300, "range": [1.5] * 300}.get(fault)
    for day in range(2):
        record(config, day, predictions=wrong)
    config = config.model_copy(update={"task": "class"} if fault == "task" else {})
    monitor = ModelMonitor(config, "1", baseline, store, log)
    monitor.advance(START)
    if fault == "log":
        shutil.rmtree(config.log)
    with capture_logs() as logs:
        step = monitor.advance(START + 2 * DAY + config.lateness)
    assert [row.rows for row in step.closed] == [300, 300]
    assert {one["reason"] for one in estimated(store, config).values()} == {
        "task" if fault == "task" else "error"
    }
    (said,) = about_estimates(logs)
    expected = {
        "log": "has 0 of the 300",
        "text": "no numbers",
        "range": "1.5 is not in [0, 1]",
        "task": "'class'",
    }
    assert expected[fault] in said["error"]


@pytest.mark.parametrize(("gone", "known"), [(1, True), (15, True), (16, False)])
def test_rows_of_a_few_people_may_be_deleted_before_the_window_closes(
    config, store, log, baseline, gone, known
):
    ids, _ = record(config, 0)
    monitor = ModelMonitor(config, "1", baseline, store, log)
    monitor.advance(START + DAY / 2)
    monitor.advance(START + DAY)
    assert log.delete(ids[:gone], by="the tests").rows == gone
    with capture_logs() as logs:
        step = monitor.advance(START + DAY + config.lateness)
    assert [row.rows for row in step.closed] == [300]
    found = estimated(store, config)[0]
    assert ("accuracy" in found.get("measures", ())) is known
    assert [one["error"] for one in about_estimates(logs)] == ([] if known else [found["detail"]])
    assert known or "has 284 of the 300 rows" in found["detail"]


def test_numbers_are_estimated_from_features_also_odd_ones(tmp_path, store):
    config = ModelConfig(model="price", log=tmp_path / "log", window="1d", lateness="0s")
    rng = np.random.default_rng(3)
    features = pd.DataFrame({"size": rng.random(3_000), "kind": rng.choice(["a", "b"], 3_000)})
    said = 10 + features["size"].to_numpy()
    labels = said + rng.normal(0, 0.1 + features["size"])
    times = pd.Series(pd.Timestamp(START) - pd.to_timedelta(rng.random(3_000) * 20, unit="D"))
    baseline = ModelBaseline.fit(features, said, times, clock=config.clock(), labels=labels)
    assert baseline.estimator.measures == ("mae", "rmse", "mape")
    odd = pd.DataFrame({"size": [np.inf, np.nan, 0.9] * 50, "kind": ["new", None, "a"] * 50})
    when = pd.Series([pd.Timestamp(START)] * 150)
    with Recorder("price", config.log, version="1") as recorder:
        recorder.log(odd, np.full(150, 10.9), 0.001, time=when)
    again = ModelBaseline.from_files(baseline.to_files())
    monitor = ModelMonitor(config, "1", again, store, InferenceLog(config.log))
    step = monitor.advance(START + DAY)
    values = {one.name: one.value for one in step.readings}
    assert values["estimated_mae"] > 0.3
    assert values["estimated_mae_lower"] < values["estimated_mae"] < values["estimated_mae_upper"]


def test_why_a_baseline_has_no_estimator_is_kept_with_it(baseline):
    features, said, _ = make_rows(0, 50)
    clock = ModelConfig(model="m", window="1d").clock()
    few = ModelBaseline.fit(features, said, clock=clock, labels=np.ones(50))
    assert few.estimator is None
    again = ModelBaseline.from_files(few.to_files())
    assert "got 50 rows with a label" in again.about["not_estimated"]
    assert "not_estimated" not in ModelBaseline.fit(features, said, clock=clock).about
    whole = baseline.to_files()["estimated.bin"]
    name, extra = (int.from_bytes(whole[at : at + 2], "little") for at in (26, 28))
    begin = 30 + name + extra
    for content in (b"no", whole[:begin] + b"\xff" + whole[begin + 1 :]):  # no file of skops; fallen bits
        broken = ModelBaseline.from_files(baseline.to_files() | {"estimated.bin": content})
        assert broken.estimator is None
        assert "no saved performance estimator" in broken.about["not_estimated"]
        json.dumps(dict(broken.about))
    assert replace(baseline, estimator=None).to_files().keys() == baseline.to_files().keys() - {
        "estimated.bin"
    }


def test_the_alarm_budget_sets_the_threshold(config, store, log, baseline):
    record(config, 0)
    found = []
    for budget in ("1 in 10 windows", "1 in 1000 windows"):
        strict = config.model_copy(update={"alarm_budget": budget, "alias": budget.split()[2]})
        step = ModelMonitor(strict, "1", baseline, store, log).advance(START + DAY + config.lateness)
        found += [one.value for one in step.readings if one.name == "estimated_accuracy_threshold"]
    assert found[1] < found[0] - 0.01
