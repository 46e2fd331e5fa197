"""Recent readings of each series."""

from __future__ import annotations

import numpy as np
import pytest

from mirante.alerts.evaluation import rings as module
from mirante.alerts.evaluation.rings import Rings


def count(rings: Rings, window: int, now: int, series: int = 3) -> float:
    into = np.full(8, np.nan)
    rings.fill(into, "count", window, now)
    return float(into[series])


def test_as_many_readings_as_the_longest_window_holds() -> None:
    rings = Rings(1000)
    for time in range(3000):
        rings.add(3, time, 1.0)
        rings.add(4, time, 1.0)
    assert [count(rings, window, 2999) for window in (1, 100, 1000)] == [1.0, 100.0, 1000.0]
    assert count(rings, 1000, 2999, series=4) == 1000.0


def test_the_same_time_replaces_and_an_older_one_is_left_out() -> None:
    rings = Rings(1000)
    for time, value in [(10, 1.0), (20, 2.0), (20, 8.0), (15, 99.0)]:
        rings.add(3, time, value)
    into = np.full(8, np.nan)
    rings.fill(into, "sum_over", 1000, 20)
    assert into[3] == 9.0


def test_a_series_that_is_gone_leaves_nothing_to_the_next() -> None:
    rings = Rings(1000)
    rings.add(3, 10, 1.0)
    rings.forget(3)
    rings.forget(5)
    rings.add(7, 20, 1.0)
    assert count(rings, 1000, 20, series=7) == 1.0
    assert np.isnan(count(rings, 1000, 20))


def test_a_window_that_does_not_fit_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_MOST_CELLS", 16 * 64)
    rings = Rings(1000)
    for time in range(200):
        rings.add(3, time, 1.0)
    assert np.isnan(count(rings, 1000, 199))
    assert count(rings, 50, 199) == 50.0


def test_readings_of_before_a_clock_was_set_back_make_room_for_the_next() -> None:
    rings = Rings(1_000)
    for time in (10, 20, 300):
        rings.add(1, time, float(time))
    rings.clip(25)
    rings.add(1, 30, 60.0)
    into = np.full(2, np.nan)
    rings.fill(into, "avg_over", 100, 40)
    assert into[1] == 30.0
