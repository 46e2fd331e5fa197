"""From the config's slices to those that are judged: the baseline's own, its sample, or why not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from mirante.drift.monitor import DriftMonitor
from mirante.monitors.columns import watched_columns
from mirante.monitors.slices.resolving import own_effects, resolve
from mirante.profiles import TableProfile
from mirante.sources.rows.config import ColumnChoice


def test_without_a_config_the_baseline_s_own(baseline):
    assert resolve(None, baseline, "churn").slices == ()
    assert resolve((), baseline, "churn").problems == ()


def test_the_sample_gives_a_slice_whose_floor_is_what_days_differ_by(baseline):
    (pro, *_others) = resolve(["plan"], baseline, "churn").slices[::-1]
    assert pro.slice.label == "plan=pro"
    assert pro.profile.rows == sum(value == "pro" for value in baseline.sample["plan"].to_pylist())
    assert pro.own == ()
    days = own_effects(baseline.drift)
    monitor = pro.monitor(baseline.drift, 0.1)
    assert monitor.floor_of("age") == pytest.approx(max(days["age"], 0.03))
    assert monitor.floor_of("age") > 0.03


def test_own_effects_are_the_largest_distances_of_own_windows():
    rng = np.random.default_rng(0)
    days = [{"x": rng.normal(day % 3, 1, 200), "c": rng.choice(["a", "b"], 200)} for day in range(9)]
    whole = TableProfile.of({name: np.concatenate([day[name] for day in days]) for name in ("x", "c")})
    own = [TableProfile.of(day, like=whole) for day in days]
    found = own_effects(DriftMonitor(whole, own_windows=own))
    every = np.concatenate([day["x"] for day in days])
    distances = []
    for day in days:
        at = np.sort(every)
        mine = np.searchsorted(np.sort(day["x"]), at, "right") / 200
        distances.append(np.abs(mine - np.arange(1, at.size + 1) / at.size).max())
    assert found["x"] == pytest.approx(max(distances), abs=2e-3)
    share = np.mean([np.mean(day["c"] == "a") for day in days])
    assert found["c"] == pytest.approx(max(abs(np.mean(day["c"] == "a") - share) for day in days), abs=1e-9)
    assert own_effects(DriftMonitor(whole)) == {}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("plan ==", "cannot be read"),
        ("plna", "did you mean 'plan'"),
        ("age >= 90", "write it again: mirante baseline churn --data FILE … --slice 'age >= 90'"),
    ],
)
def test_what_cannot_be_judged_is_said_and_the_others_are_judged(baseline, text, said):
    found = resolve([text, "plan"], baseline, "churn")
    assert [one.slice.label for one in found.slices] == ["plan=basic", "plan=plus", "plan=pro"]
    (problem,) = found.problems
    assert problem.entry == text
    assert said in problem.reason


def test_without_rows_there_is_only_a_reason(baseline):
    (problem,) = resolve(["plan"], replace(baseline, sample=None), "churn").problems
    assert "keeps no rows; write it again: mirante baseline churn" in problem.reason


def test_a_slice_by_a_column_that_is_not_watched_says_so(baseline):
    watched = watched_columns(baseline, ColumnChoice(exclude=["plan"]))
    (problem,) = resolve(["plan"], watched, "churn").problems
    assert "is by 'plan', which columns: in the config leaves out" in problem.reason
    assert "write it again: mirante baseline churn --data FILE … --slice plan" in problem.reason
    (problem,) = resolve(["plna"], watched, "churn").problems
    assert "there is no column 'plna'" in problem.reason
