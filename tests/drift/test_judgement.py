"""From findings to a verdict: which scale speaks, and what it says."""

import numpy as np
import pytest

from mirante.drift.monitor import DriftMonitor
from mirante.profiles import TableProfile


@pytest.mark.parametrize(
    ("base", "now", "direction"),
    [
        ([1.0, 2.0, 3.0] * 50, [11.0, 12.0, 13.0] * 50, "median 2 -> 12"),
        ([0.0] * 60 + [5.0] * 40, [0.0] * 60 + [50.0] * 40, "mean 2 -> 20"),
        ([-1.0, 0.0, 1.0] * 50, [-3.0, 0.0, 3.0] * 50, "standard deviation 0.816 -> 2.45"),
        ([7.0] * 9, [7.0] * 9, "median 7 -> 7"),
        (["a", "b"] * 50, ["a"] * 80 + ["b"] * 20, "a: 50 % -> 80 %"),
        (["a", "b"] * 50, ["a", "z"] * 50, "b: 50 % -> 0 %"),
    ],
)
def test_direction_names_what_moved(base, now, direction):
    profile = TableProfile.of({"x": base})
    verdict = DriftMonitor(profile).update(TableProfile.of({"x": now}, like=profile))
    assert verdict.columns["x"].direction == direction


def test_the_verdict_follows_from_its_own_p_value_and_effect():
    rng = np.random.default_rng(0)
    base = TableProfile.of({"x": rng.normal(size=20_000), "c": rng.choice(list("abcd"), 20_000)})
    monitor = DriftMonitor(base, alarm_budget="1 in 20 windows")
    seen = set()
    for shift in np.linspace(0.0, 0.3, 40):
        share = 0.25 + shift / 3
        mix = [share, (1 - share) / 3, (1 - share) / 3, (1 - share) / 3]
        table = {"x": rng.normal(shift, 1, 500), "c": rng.choice(list("abcd"), 500, p=mix)}
        verdict = monitor.update(TableProfile.of(table, like=base))
        for name, column in verdict.columns.items():
            assert column.drifted == (column.p_value <= column.level and column.effect > 0.03)
            assert column.drifted == (name in verdict.drifted_columns)
            seen.add((column.drifted, column.scale > 1))
    assert seen >= {(True, False), (True, True), (False, False)}


def test_columns_come_in_the_order_of_the_baseline():
    base = TableProfile.of({"c": ["a", "b"], "x": [1.0, 2.0], "d": ["u", "v"]})
    verdict = DriftMonitor(base).update(TableProfile.of({"c": ["a"], "x": [1.0], "d": ["u"]}, like=base))
    assert list(verdict.columns) == ["c", "x", "d"]
    assert [column.kind for column in verdict.columns.values()] == ["categorical", "numeric", "categorical"]


def test_more_rows_than_the_baseline_must_exceed_its_error_too():
    """A small shift on top of an unlucky baseline: 0.033 is over the floor."""
    ranks = (np.arange(2_000) + 0.5) / 2_000
    base = TableProfile.of({"x": ranks})
    moved = np.where(np.arange(50_000) % 1_000 < 33, 0.9999, np.resize(ranks, 50_000))

    def judged(floor):
        monitor = DriftMonitor(base, alarm_budget="1 in 3 windows", floor=floor)
        return monitor.update(TableProfile.of({"x": moved}, like=base)).columns["x"]

    found = judged(0.03)
    assert 0.032 < found.effect < 0.034
    assert found.p_value <= found.level
    assert not found.drifted
    assert not judged(0.02).drifted
    assert judged(0.01).drifted  # two standard errors of the baseline are 0.022
