"""Single windows and pools: which scales there are, their parts of the level, and what is left out."""

import numpy as np
import pytest

from mirante.drift.monitor import DriftMonitor
from mirante.profiles import TableProfile


def base_of(rows, seed=0):
    return TableProfile.of({"x": np.random.default_rng(seed).normal(size=rows)})


def shifted(base, rng, shift, rows=500):
    return TableProfile.of({"x": rng.normal(shift, 1, rows)}, like=base)


def scales_of(monitor, window):
    """Return the windows and weight of each scale that a window is judged at."""
    judged = monitor._scales.judge
    seen = []
    monitor._scales.judge = lambda *given: seen.append(judged(*given)) or seen[-1]
    monitor.update(window)
    return [(scale.windows, scale.weight) for scale in seen[0]]


def test_pools_hold_no_more_rows_than_the_baseline():
    rng, base = np.random.default_rng(1), base_of(5_000)
    monitor = DriftMonitor(base)
    for _ in range(40):
        monitor.update(shifted(base, rng, 0.0))
    assert scales_of(monitor, shifted(base, rng, 0.0)) == [(1, 0.5), (4, 1 / 6), (6, 1 / 6), (8, 1 / 6)]
    large = DriftMonitor(base)
    for _ in range(4):
        large.update(shifted(base, rng, 0.0, 2_000))
    assert scales_of(large, shifted(base, rng, 0.0, 2_000)) == [(1, 1.0)]


def test_a_scale_keeps_its_part_of_the_level_until_there_are_windows_for_it():
    rng, base = np.random.default_rng(2), base_of(5_000)
    assert scales_of(DriftMonitor(base), shifted(base, rng, 0.0)) == [(1, 0.5)]


def test_a_small_shift_that_lasts_is_seen_in_the_pool():
    rng, base = np.random.default_rng(3), base_of(50_000)
    monitor = DriftMonitor(base, alarm_budget="1 in 100 windows")
    verdicts = [monitor.update(shifted(base, rng, 0.1)) for _ in range(12)]
    found = [verdict.columns["x"] for verdict in verdicts if verdict.drifted]
    assert found
    assert found[-1].scale > 1
    assert found[-1].n_window == 500 * found[-1].scale
    assert f"over the last {found[-1].scale} windows" in found[-1].sentence


def test_a_storm_does_not_alarm_after_it_has_passed():
    rng, base = np.random.default_rng(4), base_of(50_000)
    monitor = DriftMonitor(base, alarm_budget="1 in 100 windows")
    for _ in range(8):
        monitor.update(shifted(base, rng, 0.0))
    assert monitor.update(shifted(base, rng, 1.0)).drifted
    assert not any(monitor.update(shifted(base, rng, 0.0)).drifted for _ in range(31))


def test_windows_without_rows_take_no_place_in_a_pool():
    rng, base = np.random.default_rng(5), base_of(50_000)
    monitor = DriftMonitor(base)
    for _ in range(3):
        monitor.update(shifted(base, rng, 0.0))
        monitor.update(TableProfile.empty(base))
    assert 4 not in dict(scales_of(monitor, TableProfile.empty(base)))
    assert 4 in dict(scales_of(monitor, shifted(base, rng, 0.0)))


@pytest.mark.parametrize(("days", "longest"), [(31, 0), (48, 4), (100, 8)])
def test_own_windows_pool_as_far_as_their_own_pools_can_be_compared(days, longest):
    rng = np.random.default_rng(6)
    parts = [rng.normal(size=50) for _ in range(days)]
    base = TableProfile.of({"x": np.concatenate(parts)})
    monitor = DriftMonitor(base, own_windows=[TableProfile.of({"x": part}, like=base) for part in parts])
    assert monitor.memory == longest


def test_a_monitor_that_remembers_judges_like_one_that_saw():
    rng, base = np.random.default_rng(7), base_of(50_000)
    windows = [shifted(base, rng, 0.07) for _ in range(40)]
    saw, fresh = DriftMonitor(base), DriftMonitor(base)
    for window in windows[:-1]:
        saw.update(window)
    for window in windows[-1 - fresh.memory : -1]:
        fresh.remember(window)
    assert fresh.update(windows[-1]) == saw.update(windows[-1])
