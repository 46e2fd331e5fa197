"""Pools: sums over the last windows, exactly."""

import numpy as np
import pytest

from mirante.drift.pools import SCALES, Pools


def test_pools_are_the_sums_of_the_last_windows():
    rng = np.random.default_rng(0)
    pools, windows = Pools(3), []
    for _ in range(150):
        windows.append(rng.integers(0, 1000, 3).astype(float))
        pools.add(windows[-1])
        ready = tuple(scale for scale in SCALES if scale <= len(windows))
        if ready:
            expected = [np.sum(windows[-scale:], axis=0) for scale in ready]
            np.testing.assert_array_equal(pools.of(ready), expected)
    assert pools.windows == 150


def test_a_part_of_the_last_window_can_be_taken_back():
    pools = Pools(2)
    for _ in range(40):
        pools.add(np.array([1.0, 10.0]))
    pools.take_back(np.array([0.0, 10.0]))
    pools.add(np.array([1.0, 10.0]))
    np.testing.assert_array_equal(pools.of((4, 32)), [[4.0, 30.0], [32.0, 310.0]])


@pytest.mark.parametrize("size", [1e14, 1e13])
def test_sums_start_anew_before_they_lose_a_digit(size):
    pools = Pools(1)
    for _ in range(1200):
        pools.add(np.array([size]))
    np.testing.assert_array_equal(pools.of((4,)), [[4 * size]])
    pools.add(np.array([1.0]))
    assert pools.of((4,))[0, 0] == 3 * size + 1
