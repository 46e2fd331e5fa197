"""The slices of a drifted window: named in store and notice, in the locale; and nothing fails without."""

import re
import shutil
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest
from structlog.testing import capture_logs

from mirante.alerts.channels.base import Notice
from mirante.alerts.channels.console import ConsoleChannel
from mirante.alerts.channels.texts import plain_text
from mirante.alerts.engine import AlertEngine
from mirante.alerts.routing import Route
from mirante.alerts.rules import Rule
from mirante.capture.recorder import Recorder
from mirante.monitors import found_slices
from mirante.monitors.baseline import ModelBaseline
from mirante.monitors.model import ModelMonitor, judging

from .conftest import START, make_rows

DAY = timedelta(days=1)
END = START + 3 * DAY


def record(config, day, *, shift=0.0, plan="plus", count=400, version="1", column="age"):
    """One day in which `column` moved where the plan is `plan`, and nothing else did."""
    features, predictions, times = make_rows(day, count)
    there = features["plan"].to_numpy() == plan
    if column == "age":
        features["age"] = features["age"] + shift * there
    else:
        features["age"] = np.where(
            there & (np.random.default_rng(day).random(count) < shift), np.nan, features["age"]
        )
    with Recorder(config.model, config.log, version=version) as recorder:
        recorder.log(features, predictions, 0.002, time=times)


def about_slices(logs):
    return [one for one in logs if "slices" in one["event"]]


def slices_of_days(store, config):
    rows = store.windows.list(config.subject)
    return {(row.start - START).days: row.verdicts.get("slices") for row in rows if row.closed}


def test_the_slice_that_moved_is_named_in_the_stored_window_and_a_quiet_day_names_none(
    config, store, log, baseline
):
    record(config, 0)
    record(config, 1, shift=20.0)
    record(config, 1, shift=-90.0, plan="basic", version="2")
    ModelMonitor(config, "1", baseline, store, log).advance(END)
    found = slices_of_days(store, config)
    assert found[0] is None
    (one,) = found[1]
    assert (one["column"], one["slice"], one["level"], one["kind"]) == (
        "age",
        "plan = plus",
        "plus",
        "inside",
    )
    assert one["inside"] > 0.5 > 0.1 > one["outside"]
    there = (make_rows(1, 400)[0]["plan"] == "plus").sum()
    assert one["sentence"].startswith("age moved mainly where plan = plus: median ")
    assert one["sentence"].endswith(f" there ({there} rows), hardly elsewhere.")


def test_the_sentence_is_in_the_locale(config, store, log, baseline):
    record(config, 0, shift=20.0)
    ModelMonitor(config, "1", baseline, store, log, locale="pt_BR").advance(END)
    ((one,),) = [found for found in slices_of_days(store, config).values() if found]
    assert one["sentence"].startswith("age mudou principalmente onde plan = plus: mediana ")
    assert one["sentence"].endswith(" linhas), e quase nada fora dali.")


def test_values_that_went_missing_in_a_drifted_window_name_their_slice(config, store, log, baseline):
    record(config, 0, shift=0.9, column="missing")
    features, predictions, times = make_rows(0, 400, seed=9)
    with Recorder(config.model, config.log, version="1") as recorder:  # and the plans moved too
        recorder.log(features.assign(plan="pro"), predictions, 0.002, time=times)
    ModelMonitor(config, "1", baseline, store, log).advance(END)
    found = slices_of_days(store, config)[0]
    assert "age: missing values changed mainly where plan = plus: " in " ".join(
        one["sentence"] for one in found
    )


@pytest.mark.parametrize("locale", ["en", "pt_BR"])
def test_the_notice_names_the_slice(config, store, log, baseline, capsys, locale):
    record(config, 1, shift=20.0)
    step = ModelMonitor(config, "1", baseline, store, log, locale=locale).advance(END)
    channels = {"console": ConsoleChannel()}
    rule = Rule("drift", "drift_share > 0", severity="warning")
    engine = AlertEngine(store, [rule], Route(tuple(channels)), locale=locale)
    for wait in (timedelta(), timedelta(minutes=5)):
        engine.advance(END + wait, lambda _: 9 * DAY)
    assert step.closed
    (notice,) = [Notice.from_payload(row.payload) for row in store.outbox.list()]
    (alert,) = notice.alerts
    said = {"en": "age moved mainly where plan = plus", "pt_BR": "age mudou principalmente onde plan = plus"}
    assert [one[: len(said[locale])] for one in alert.slices] == [said[locale]]
    lines = plain_text(notice).splitlines()
    assert [n for n, line in enumerate(lines) if said[locale] in line] == [len(alert.moved) + 1]


def test_a_shift_that_all_slices_share_names_none(config, store, log, baseline):
    features, predictions, times = make_rows(0, 400, shift=15.0)
    with Recorder(config.model, config.log, version="1") as recorder:
        recorder.log(features, predictions, 0.002, time=times)
    (row,) = ModelMonitor(config, "1", baseline, store, log).advance(START + DAY + config.lateness).closed
    assert row.verdicts["drifted"]
    assert "slices" not in row.verdicts


def test_columns_that_the_verdict_does_not_call_moved_are_left_out(config, store, log, baseline):
    record(config, 0, shift=20.0)
    high = config.model_copy(update={"effect_floor": {"age": 0.9}})
    features, predictions, times = make_rows(0, 400, seed=9)
    with Recorder(config.model, config.log, version="1") as recorder:
        recorder.log(features.assign(plan="pro"), predictions, 0.002, time=times)
    (row,) = ModelMonitor(high, "1", baseline, store, log).advance(START + DAY + config.lateness).closed
    assert row.verdicts["drifted"]
    assert [one for one in row.verdicts.get("slices", []) if one["column"] == "age"] == []


def test_a_baseline_without_rows_names_none_and_reads_nothing(config, store, log, baseline, monkeypatch):
    record(config, 0, shift=20.0)
    monkeypatch.setattr(type(log), "sample", None)
    with capture_logs() as logs:
        without = replace(baseline, sample=None, estimator=None)
        (row,) = ModelMonitor(config, "1", without, store, log).advance(START + DAY + config.lateness).closed
    assert row.verdicts["drifted"]
    assert "slices" not in row.verdicts
    assert about_slices(logs) == []


def test_a_log_that_is_gone_stops_nothing_and_is_said_once(config, store, log, baseline, monkeypatch):
    for day in range(3):
        record(config, day, shift=20.0)
    monitor = ModelMonitor(config, "1", baseline, store, log)
    monitor.advance(START)  # the rows are read, and no window is over
    shutil.rmtree(config.log)
    with capture_logs() as logs:
        step = monitor.advance(START + 4 * DAY)
    assert [row.verdicts["drifted"] for row in step.closed] == [True] * 3
    assert set(slices_of_days(store, config).values()) == {None}
    (said,) = about_slices(logs)
    assert (said["event"], said["version"]) == ("no slices are named in windows with drift", "1")
    assert "has 0 of the 400 rows" in said["error"]


def test_a_fault_in_the_explanation_stops_nothing(config, store, log, baseline, monkeypatch):
    record(config, 0, shift=20.0)

    def fails(*_, **__):
        raise ZeroDivisionError("oh")

    monkeypatch.setattr("mirante.drift.explain.explain", fails)
    with capture_logs() as logs:
        (row,) = ModelMonitor(config, "1", baseline, store, log).advance(START + DAY + config.lateness).closed
    assert row.verdicts["drifted"]
    assert [(said["reason"], said["error"]) for said in logs] == [("ZeroDivisionError", "oh")]


def test_a_window_of_few_rows_names_none_and_says_why_once(config, store, log, baseline):
    for day in range(3):
        record(config, day, shift=200.0, plan="basic", count=40)
    with capture_logs() as logs:
        step = ModelMonitor(config, "1", baseline, store, log).advance(START + 4 * DAY)
    assert [row.verdicts["drifted"] for row in step.closed] == [True] * 3
    assert [said["error"] for said in logs] == ["slices need at least 60 rows, and it has 40"]


def test_rows_of_a_large_window_are_a_lot_and_their_number_an_estimate(
    config, store, log, baseline, monkeypatch
):
    monkeypatch.setattr(found_slices, "SAMPLE_ROWS", 500)
    record(config, 0, shift=20.0, count=4_000)
    (row,) = ModelMonitor(config, "1", baseline, store, log).advance(START + DAY + config.lateness).closed
    (one,) = row.verdicts["slices"]
    assert one["n_inside"] + one["n_outside"] <= 500
    assert re.search(r" there \(about 1,[0-4]00 rows\), hardly elsewhere\.$", one["sentence"])


def test_a_long_catch_up_names_slices_in_the_newest_windows(config, store, log, baseline, monkeypatch):
    monkeypatch.setattr(judging, "_MOST_SLICED", 2)
    for day in range(5):
        record(config, day, shift=20.0)
    ModelMonitor(config, "1", baseline, store, log).advance(START + 6 * DAY)
    assert [day for day, found in slices_of_days(store, config).items() if found] == [3, 4]


def test_names_of_any_kind_and_length_are_kept_short(config, store, log):
    column, level = "age\r\nBcc: <img src=x>\u202e" + "c" * 500, '"><script>\x00' + "l" * 5_000
    names = {"age": column, "plan": "a" * 300}
    features, predictions, _ = make_rows(0, 2_000)
    features["plan"] = features["plan"].replace("plus", level)
    hostile = ModelBaseline.fit(features.rename(columns=names), predictions, clock=config.clock())
    now, said, times = make_rows(1, 400)
    now["age"] = now["age"] + 20.0 * (now["plan"] == "plus")
    now["plan"] = now["plan"].replace("plus", level)
    with Recorder(config.model, config.log, version="1") as recorder:
        recorder.log(now.rename(columns=names), said, 0.002, time=times)
    ModelMonitor(config, "1", ModelBaseline.from_files(hostile.to_files()), store, log).advance(END)
    (one,) = store.windows.get(config.subject, START + DAY).verdicts["slices"]
    assert one["column"] == column  # whole: alerts are matched with it
    assert len(one["sentence"]) < 350
    assert {len(one[name]) for name in ("slice", "level", "by")} == {200}
    assert one["sentence"].startswith(
        f"{column[:59]}… moved mainly where {'a' * 59}… = {level[:59]}…: median "
    )
