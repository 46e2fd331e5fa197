from datetime import datetime, timedelta

import numpy as np
import pandas as pd
import pytest

from mirante.capture.recorder import Recorder
from mirante.monitors.limits.duplicates import DistinctRows
from mirante.monitors.limits.judging import LimitsJudge, limit_readings
from mirante.monitors.model import ModelMonitor
from mirante.profiles import TableProfile
from mirante.readings import READINGS
from tests.monitors.conftest import START, make_rows

KINDS = ("out_of_range", "new_category", "duplicates", "row_count", "freshness")
LABELS = {"model": "churn", "alias": "champion", "version": "1"}
MONDAY = datetime(2026, 1, 5)


def judged(baseline, features, predictions, *, rows=200, level=0.01, kinds=KINDS, distinct=None, locale="en"):
    judge = LimitsJudge(baseline, level, kinds, locale=locale)
    table = features.assign(prediction=predictions)
    profile = TableProfile.of(table, like=baseline.profile)
    found = judge.judge(profile, MONDAY, rows=rows, distinct=distinct)
    return {(one.limit, one.column): one for one in found}


def sentences(found):
    return {key: one.sentence for key, one in found.items() if one.judged.beyond}


def test_a_quiet_window_has_its_numbers_and_no_sentence(baseline):
    found = judged(baseline, *make_rows(0, 200)[:2])
    assert set(found) == {
        ("out_of_range", "age"),
        ("new_category", "plan"),
        ("out_of_range", "prediction"),
        ("row_count", ""),
    }
    assert sentences(found) == {}


def test_each_limit_says_what_is_wrong(baseline):
    features, predictions, _ = make_rows(0, 200)
    features.loc[:19, "age"] = 400.0
    features.loc[:29, "plan"] = "gratis"
    distinct = DistinctRows()
    distinct.add(np.repeat(np.arange(100, dtype=np.uint64), 2))
    told = sentences(judged(baseline, features, predictions, rows=900, distinct=distinct))
    assert set(told) == {
        ("out_of_range", "age"),
        ("new_category", "plan"),
        ("duplicates", ""),
        ("row_count", ""),
    }
    assert "of age lies outside" in told["out_of_range", "age"]
    assert told["new_category", "plan"].startswith("15 % of plan are categories that the baseline")
    assert told["duplicates", ""].startswith("50 % of the rows are copies")
    assert told["row_count", ""].startswith("900 rows came; normal windows of this kind have")


def test_sentences_are_in_the_language_of_the_config(baseline):
    features, predictions, _ = make_rows(0, 200)
    features["age"] = 1e6
    (text,) = sentences(judged(baseline, features, predictions, locale="pt_BR")).values()
    assert text.startswith("100 % de age está fora de")


def test_limits_that_are_not_asked_for_are_not_judged(baseline):
    found = judged(baseline, *make_rows(0, 200)[:2], kinds=("new_category",))
    assert set(found) == {("new_category", "plan")}


def test_an_empty_window_is_judged_by_its_number_of_rows_alone(baseline):
    nothing = pd.DataFrame({"age": pd.Series(dtype=float), "plan": pd.Series(dtype=object)})
    found = judged(baseline, nothing, [], rows=0)
    assert set(sentences(found)) == {("row_count", "")}


@pytest.mark.parametrize("values", [[np.nan], [np.inf, -np.inf], ["text"], [None, 5]])
def test_hostile_columns_do_not_stop_it(baseline, values):
    features = pd.DataFrame({"age": pd.Series(values, dtype=object), "plan": ["<script>\n\0"] * len(values)})
    found = judged(baseline, features, [0.5] * len(values), rows=len(values))
    for reading in limit_readings(list(found.values()), START, LABELS):
        assert set(reading.labels) - set(LABELS) == set(READINGS[reading.name].labels)


def test_quiet_windows_are_within_the_level(baseline):
    found = [judged(baseline, *make_rows(day, 200)[:2]) for day in range(300)]
    assert np.mean([bool(sentences(one)) for one in found]) <= 0.02


def record(config, rows):
    features, predictions, times = rows
    with Recorder("churn", config.log) as recorder:
        recorder.log(features, predictions, time=times, version="1")


def test_the_monitor_tells_of_copies_that_came_in_two_portions_with_a_restart_between(
    config, store, log, baseline
):
    rows = make_rows(0, 200)
    record(config, rows)
    ModelMonitor(config, "1", baseline, store, log).advance(START + timedelta(hours=23))
    record(config, rows)
    ModelMonitor(config, "1", baseline, store, log).advance(START + timedelta(days=1, hours=2))
    (window,) = store.windows.list(config.subject)
    assert {one["limit"] for one in window.verdicts["limits"]} == {"duplicates", "row_count"}
    assert "distinct" not in window.verdicts
    latest = {one.name: one for one in store.readings.latest(subject=config.subject)}
    assert latest["duplicate_ratio"].value == pytest.approx(0.5, abs=0.01)
    assert latest["duplicates_detected"].value == 1.0
    assert latest["duplicates_detected"].note.startswith("50")
    assert latest["row_count_detected"].value == 1.0


def test_a_silent_model_is_told_and_a_row_from_the_future_does_not_hide_it(config, store, log, baseline):
    rows = make_rows(0, 200)
    record(config, rows)
    record(config, (rows[0][:1], rows[1][:1], rows[2][:1] + pd.Timedelta(days=5_000)))
    monitor = ModelMonitor(config, "1", baseline, store, log)
    monitor.advance(START + timedelta(days=1))
    latest = {one.name: one.value for one in store.readings.latest(subject=config.subject)}
    assert latest["freshness_detected"] == 0.0
    again = ModelMonitor(config, "1", baseline, store, log)
    again.advance(START + timedelta(days=2))
    latest = {one.name: one.value for one in store.readings.latest(subject=config.subject)}
    assert latest["freshness_seconds"] == pytest.approx(86_400, abs=60)
    assert latest["freshness_detected"] == 1.0


def test_without_freshness_among_the_limits_the_age_is_still_told(config, store, log, baseline):
    quiet = config.model_copy(update={"limits": ("out_of_range",)})
    record(quiet, make_rows(0, 200))
    ModelMonitor(quiet, "1", baseline, store, log).advance(START + timedelta(days=9))
    names = {one.name for one in store.readings.latest(subject=config.subject)}
    assert "freshness_seconds" in names
    assert not names & {"freshness_detected", "row_count_detected", "new_category_detected"}
