"""Runs as columns: nothing is lost, whatever comes in whatever order."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from mirante.tracking.runs.columns import RunFolder, utc_moment
from tests.views.made_runs import as_json, columns_of

T0 = datetime(2013, 2, 8, 5, 30, 0, 123_000, tzinfo=UTC)
RUNS = [
    as_json("b", started=T0, ended=T0 + timedelta(hours=1), metrics={"loss": "NaN", "acc": 0.5}),
    as_json(
        "a", started=T0, params={"lr": "0.1"}, tags={"mlflow.runName": "x", "team": "ml"}, status="FAILED"
    ),
    as_json("c", started=T0 - timedelta(days=1), metrics={"loss": "Infinity"}, datasets=2, models=("m-1",)),
    as_json("d", metrics={"loss": -1.7976931348623157e308}, params={"lr": "auto"}),
]


def test_everything_is_in_its_place_oldest_first():
    columns = columns_of(RUNS)
    assert columns.run_ids.tolist() == ["c", "a", "b", "d"]  # one without a start comes last
    assert columns.statuses.tolist() == ["FINISHED", "FAILED", "FINISHED", "FINISHED"]
    assert [utc_moment(one) for one in columns.started] == [T0 - timedelta(days=1), T0, T0, None]
    assert utc_moment(columns.ended[2]) == T0 + timedelta(hours=1)
    loss = columns.metrics["loss"]
    assert (loss.rows.tolist(), str(loss.values.tolist())) == ([0, 2, 3], "[inf, nan, -inf]")
    assert columns.params["lr"].dense(4).tolist() == [None, "0.1", None, "auto"]
    assert columns.params["lr"].numbers() is None
    assert list(columns.tags) == ["team"]  # the name is a field of its own
    assert (columns.datasets.tolist(), list(columns.models)) == ([2, 0, 0, 0], [("m-1",), (), (), ()])
    assert columns.last_steps.tolist() == [1, -1, 1, 1]
    assert [utc_moment(one) for one in columns.last_logged] == [T0 - timedelta(days=1), None, T0, None]


@pytest.mark.parametrize("senseless", [1_360_301_400_123_000_000, 253_402_300_800_000, -(10**15), 10**30])
def test_times_outside_the_calendar_are_never(senseless):
    run = as_json("x", started=T0, ended=T0, metrics={"loss": 0.5})
    run["info"].update(start_time=senseless, end_time=str(senseless))
    late = dict(run["data"]["metrics"][0], key="acc", timestamp=senseless)
    run["data"]["metrics"].append(late)
    alone = as_json("y", started=T0)
    alone["data"]["metrics"] = [late]
    columns = columns_of([run, alone])
    assert columns.run_ids.tolist() == ["y", "x"]
    assert [utc_moment(one) for one in columns.started] == [T0, None]
    assert [utc_moment(one) for one in columns.ended] == [None, None]
    assert [utc_moment(one) for one in columns.last_logged] == [None, T0]
    assert columns.metrics["acc"].values.tolist() == [0.5, 0.5]


def test_the_first_and_the_last_moment_of_the_calendar():
    run = as_json("a")
    run["info"].update(start_time=-62_135_596_800_000, end_time=253_402_300_799_999)
    columns = columns_of([run])
    assert utc_moment(columns.started[0]) == datetime.min.replace(tzinfo=UTC)
    assert utc_moment(columns.ended[0]) == datetime.max.replace(microsecond=999_000, tzinfo=UTC)
    assert utc_moment(columns.ended[0] + np.timedelta64(1, "ms")) is None


def test_a_run_that_comes_twice_is_there_once():
    assert len(columns_of([*RUNS, *RUNS])) == len(RUNS)


def test_no_runs_at_all():
    columns = RunFolder().columns()
    assert len(columns) == 0
    assert columns.frame().empty
    assert len(columns.take(np.zeros(0, dtype=bool))) == 0


def test_some_of_the_runs():
    taken = columns_of(RUNS).take(np.array([False, True, False, True]))
    assert taken.run_ids.tolist() == ["a", "d"]
    assert taken.params["lr"].dense(2).tolist() == ["0.1", "auto"]
    assert list(taken.metrics) == ["loss"]
    backwards = columns_of(RUNS).take(np.array([3, 0]))
    assert backwards.run_ids.tolist() == ["d", "c"]
    assert backwards.metrics["loss"].dense(2).tolist() == [-math.inf, math.inf]


def test_a_frame_is_typed():
    frame = columns_of(RUNS).frame()
    assert str(frame["started"].dt.tz) == "UTC"
    assert frame["metrics.loss"].dtype == np.float64
    assert frame["params.lr"].isna().tolist() == [True, False, True, False]
    assert frame["status"].dtype == "category"


def test_columns_take_what_their_values_take():
    wide = columns_of(
        as_json(f"{run:032x}", metrics={f"m{run}_{place}": 1.0 for place in range(100)}) for run in range(100)
    )
    assert len(wide.metrics) == 10_000
    assert wide.nbytes < 10_000 * 12 + 100 * 400


def test_numbers_of_texts():
    columns = columns_of(
        [as_json("a", params={"lr": "1e-3", "odd": "nan"}), as_json("b", params={"lr": "2"})]
    )
    assert columns.params["lr"].numbers() == pytest.approx([0.001, 2.0])
    assert columns.params["odd"].numbers() is None
