import math
from datetime import timedelta

import pandas as pd
import pytest
from structlog.testing import capture_logs

from mirante.capture.recorder import Recorder
from mirante.monitors.model import ModelMonitor
from tests.monitors.conftest import START, make_rows

HERE = "tests.monitors.metrics.test_computing"
DAY = timedelta(days=1)


def oldest(rows: pd.DataFrame) -> float:
    rows["spoilt"] = 1.0
    return float(rows["age"].max())


def sure(rows: pd.DataFrame) -> float:
    assert list(rows) == ["age", "plan", "prediction"], "what another metric did to its rows is seen here"
    return float((rows["prediction"] > 0.9).mean())


def broken(rows: pd.DataFrame) -> float:
    raise KeyError("a column of mine")


def text(rows: pd.DataFrame) -> str:
    return "3"


def watched(config, store, log, baseline, metrics, days=1):
    config = config.model_copy(update={"metrics": type(config)(model="m", metrics=metrics).metrics})
    for day in range(days):
        features, predictions, times = make_rows(day, 100)
        with Recorder("churn", config.log) as recorder:
            recorder.log(features, predictions, time=times, version="1")
    with capture_logs() as logs:
        ModelMonitor(config, "1", baseline, store, log).advance(START + days * DAY + timedelta(hours=2))
    found = store.readings.latest(subject=config.subject, names=["custom_metric"])
    return {one.labels["metric"]: one for one in found}, [
        one for one in logs if one["event"] == "metric not computed"
    ]


def test_expressions_and_functions_give_readings_of_the_window(config, store, log, baseline):
    found, logs = watched(
        config,
        store,
        log,
        baseline,
        [
            {"name": "mean age", "expression": "mean(age)"},
            {"name": "oldest", "call": f"{HERE}:oldest"},
            {"name": "sure", "call": f"{HERE}:sure"},
        ],
    )
    features, predictions, _ = make_rows(0, 100)
    assert found["mean age"].value == pytest.approx(features["age"].mean())
    assert found["oldest"].value == features["age"].max()
    assert found["sure"].value == pytest.approx((predictions > 0.9).mean())
    assert {one.time for one in found.values()} == {START}
    assert logs == []


@pytest.mark.parametrize(
    ("metric", "word"),
    [
        ({"call": f"{HERE}:broken"}, "KeyError: 'a column of mine'"),
        ({"call": f"{HERE}:text"}, "returned str; it has to return a number"),
        ({"call": f"{HERE}:gone"}, "cannot be loaded"),
        ({"call": "no_such_package:gone"}, "install its package"),
        ({"expression": "mean(wage)"}, "did you mean 'age'"),
    ],
)
def test_one_that_fails_is_nan_with_its_reason_and_stops_nothing(config, store, log, baseline, metric, word):
    metrics = [{"name": "bad", **metric}, {"name": "good", "expression": "rows"}]
    found, logs = watched(config, store, log, baseline, metrics, days=3)
    assert math.isnan(found["bad"].value)
    assert word in found["bad"].note
    assert found["good"].value == 100.0
    assert len(logs) == 1  # not once for each window
    assert len([row for row in store.windows.list(config.subject) if row.closed]) == 3


def test_a_window_without_rows_has_no_metrics(config, store, log, baseline):
    found, _ = watched(config, store, log, baseline, [{"name": "n", "expression": "rows"}])
    monitor = ModelMonitor(config, "1", baseline, store, log)
    monitor.advance(START + 3 * DAY)
    assert found["n"].time == START


def test_a_column_that_the_baseline_lacks_is_told_before_the_first_window_and_once(
    config, store, log, baseline
):
    _, logs = watched(config, store, log, baseline, [{"name": "x", "expression": "mean(aeg)"}], days=0)
    [told] = logs
    assert told["error"] == "InputError: the baseline has no column 'aeg'; did you mean 'age'?"
    assert "first_window" not in told
    assert (
        len(watched(config, store, log, baseline, [{"name": "x", "expression": "mean(aeg)"}], days=2)[1]) == 1
    )
    fine = [{"name": "x", "expression": "mean(age) / 0"}, {"name": "y", "expression": "missing(plan)"}]
    assert watched(config, store, log, baseline, fine, days=0)[1] == []


def test_a_slice_that_does_not_fit_is_told_before_the_first_window(config, store, log, baseline):
    wrong = config.model_copy(update={"slices": ("paln",)})
    with capture_logs() as logs:
        ModelMonitor(wrong, "1", baseline, store, log)
    [told] = [one for one in logs if one["event"] == "a declared slice is not judged"]
    assert "there is no column 'paln'; did you mean 'plan'?" in told["reason"]
