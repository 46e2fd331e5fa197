"""Some of a baseline's columns."""

import pytest

from mirante.errors import InputError
from mirante.monitors.columns import watched_columns
from mirante.monitors.model import ModelMonitor
from mirante.sources.rows.config import ColumnChoice

from .conftest import START
from .test_model import DAY, record


def test_without_a_choice_it_is_the_same_baseline(baseline):
    assert watched_columns(baseline, None) is baseline
    assert watched_columns(baseline, ColumnChoice()) is baseline


def test_only_the_columns_that_are_let_in_are_judged(config, store, log, baseline):
    some = watched_columns(baseline, ColumnChoice(exclude=["age"]))
    assert len(some.drift.own_windows) == len(baseline.drift.own_windows)
    assert some.features == baseline.features
    record(config, 0)
    record(config, 1, shift=15.0, name="moved")
    step = ModelMonitor(config, "1", some, store, log).advance(START + 3 * DAY)
    assert [sorted(row.verdicts["columns"]) for row in step.closed] == [["plan", "prediction"]] * 2
    assert [row.verdicts["drifted"] for row in step.closed] == [False, False]
    assert step.closed[1].verdicts["outliers"] > 0  # rows are strange in all that the model is given
    assert step.closed[0].verdicts["estimated"]["measures"]


def test_another_choice_counts_open_windows_anew(config, store, log, baseline):
    record(config, 0)
    ModelMonitor(config, "1", baseline, store, log).advance(START + DAY / 2)
    some = watched_columns(baseline, ColumnChoice(include=["age"]))
    (row,) = ModelMonitor(config, "1", some, store, log).advance(START + 2 * DAY - DAY / 2).closed
    assert (row.rows, list(row.verdicts["columns"])) == (120, ["age"])


def test_a_column_that_the_baseline_has_not_is_named(baseline):
    with pytest.raises(
        InputError, match=r"columns.exclude: the baseline has no column 'aeg'; the nearest is 'age'"
    ):
        watched_columns(baseline, ColumnChoice(exclude=["aeg"]))
    with pytest.raises(InputError, match="leave no column of the baseline"):
        watched_columns(baseline, ColumnChoice(exclude=["age", "plan", "prediction"]))
