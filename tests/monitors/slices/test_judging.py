"""The budget of slices, in a simulation; and how much of them is told."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd

from mirante.drift.monitor import DriftMonitor
from mirante.monitors.slices.baselines import SliceBaselines
from mirante.monitors.slices.judging import ALL_ROWS_SHARE, SliceJudge
from mirante.monitors.slices.resolving import Resolved
from mirante.monitors.windows import Window, WindowClock
from mirante.profiles import TableProfile
from mirante.profiles.parts import profile_parts

BUDGET = "1 in 20 windows"
CLOCK = WindowClock("1d")
FIRST = datetime(2026, 1, 1, tzinfo=UTC)
LABELS = {"model": "m", "alias": "champion", "version": "1"}
COLUMNS = 5


def draw(rng, count, shift=0.0):
    """Rows of ten regions, alike in all columns but for a shift in one of the regions."""
    table = {f"x{k}": rng.normal(0, 1, count) for k in range(COLUMNS)}
    region = rng.integers(0, 10, count)
    table["x0"] = table["x0"] + shift * (region == 3)
    return pd.DataFrame({**table, "region": np.array([f"r{one}" for one in range(10)])[region]})


def monitors(rng):
    baseline = draw(rng, 5_000)
    profile = TableProfile.of(baseline)
    fitted = SliceBaselines.fit(["region"], baseline, profile)
    whole = DriftMonitor(profile, alarm_budget=BUDGET, window="1d", share=ALL_ROWS_SHARE)
    resolved = Resolved(fitted.like, fitted.slices, (), fitted.like.layout.numeric)
    judge = SliceJudge(resolved, whole, CLOCK, "model/m@champion", "1", LABELS)
    return profile, fitted, whole, judge


def judged(fitted, judge, table, day):
    codes = table["region"].to_numpy()
    parts = [np.flatnonzero(codes == one.slice.value) for one in fitted.slices]
    profiles = dict(enumerate(profile_parts(table, parts, like=fitted.like)))
    start = FIRST + day * timedelta(days=1)
    return judge.judge(Window(start, start + timedelta(days=1)), profiles, rows=len(table))


def test_false_alarms_of_the_model_stay_within_its_budget_and_one_slice_s_shift_is_found():
    """40 baselines of 10 windows; a budget of 1 in 20 would be 20 windows with an alarm of any kind."""
    rng = np.random.default_rng(20_260_101)
    alarms = windows = found = hidden = trials = 0
    for _ in range(40):
        profile, fitted, whole, judge = monitors(rng)
        for day in range(10):
            table = draw(rng, 500)
            one = whole.update(TableProfile.of(table, like=profile))
            rows, _readings = judged(fitted, judge, table, day)
            windows += 1
            alarms += one.drifted or any(row.drifted for row in rows)
        table = draw(rng, 500, shift=1.2)
        seen = whole.update(TableProfile.of(table, like=profile)).drifted
        rows, _readings = judged(fitted, judge, table, 10)
        trials += 1
        hidden += not seen
        found += any(row.drifted and row.value == "r3" and row.strongest == "x0" for row in rows)
    assert windows == 400
    assert alarms <= 20
    assert found >= 0.9 * trials
    assert hidden >= 0.7 * trials


def test_quiet_slices_say_little_and_moved_ones_what_moved():
    rng = np.random.default_rng(5)
    _profile, fitted, _whole, judge = monitors(rng)
    rows, readings = judged(fitted, judge, draw(rng, 500), 0)
    assert len(rows) == 10
    assert {reading.name for reading in readings} == {"predictions", "drift_share"}
    rows, readings = judged(fitted, judge, draw(rng, 500, shift=3.0), 1)
    told = [reading for reading in readings if "feature" in reading.labels]
    assert {(reading.labels["slice"], reading.labels["feature"]) for reading in told} == {("region=r3", "x0")}
    assert sorted(reading.name for reading in told) == ["drift_detected", "drift_effect"]
    assert len(readings) == 22


def test_a_window_without_rows_says_nothing_and_an_empty_slice_that_it_is_empty():
    rng = np.random.default_rng(6)
    _profile, _fitted, _whole, judge = monitors(rng)
    window = Window(FIRST, FIRST + timedelta(days=1))
    assert judge.judge(window, {}, rows=0) == ([], [])
    rows, readings = judge.judge(window, {}, rows=7)
    assert rows == []
    assert {(reading.name, reading.value) for reading in readings} == {("predictions", 0.0)}
    assert len(readings) == 10


def test_sentences_are_in_the_locale():
    rng = np.random.default_rng(7)
    _profile, fitted, whole, _judge = monitors(rng)
    resolved = Resolved(fitted.like, fitted.slices, (), fitted.like.layout.numeric)
    judge = SliceJudge(resolved, whole, CLOCK, "s", "1", LABELS, locale="pt_BR")
    _rows, readings = judged(fitted, judge, draw(rng, 500, shift=3.0), 1)
    notes = [reading.note for reading in readings if reading.name == "drift_detected"]
    assert notes[0].startswith("region=r3: x0 mudou: ")
