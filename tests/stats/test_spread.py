"""Own windows that differ widen the null; own windows that do not leave it alone."""

import numpy as np
import pytest
from scipy import stats

from mirante.stats.spread import (
    Spread,
    distance_spread,
    spread_of,
    student_limit,
    student_p,
    variance_stable_share,
)


def test_without_spread_it_is_the_normal_law():
    error, freedom = Spread(0, np.zeros(())).error(0.04, 0.0)
    assert (float(error), float(freedom)) == (pytest.approx(0.2), np.inf)
    assert student_p(0.4, error, freedom) == pytest.approx(2 * stats.norm.sf(2))


def test_all_spread_is_student_with_windows_less_one():
    spread = spread_of(np.arange(31.0), np.zeros(31))
    error, freedom = spread.error(0.0, 0.0)
    assert float(freedom) == 30
    assert float(error) == pytest.approx(np.arange(31.0).std(ddof=1) * np.sqrt(1 + 1 / 31))
    assert student_p(student_limit(0.01, error, freedom), error, freedom) == pytest.approx(0.01)


def test_sampling_is_taken_off_per_level():
    table = np.array([[0.0, 1.0], [2.0, 1.0], [4.0, 1.0]])
    assert spread_of(table, np.ones((3, 1))).between.tolist() == [3.0, 0.0]
    assert spread_of(table[:1], 1.0).windows == 0


def test_a_new_window_of_the_same_kind_alarms_at_its_level():
    """The level holds when days differ, and would be far off if they were ignored."""
    rng = np.random.default_rng(8)
    alarms = []
    for _ in range(3000):
        days = rng.normal(0, 1, 31) + rng.normal(0, 0.3, 31)
        new = rng.normal(0, 1) + rng.normal(0, 0.3)
        error, freedom = spread_of(days, np.full(31, 0.09)).error(0.09, 0.09 / 31)
        alarms.append(float(student_p(new - days.mean(), error, freedom)) <= 0.01)
    assert 0.005 < np.mean(alarms) < 0.016


def test_distances_of_new_windows_hold_their_level():
    rng = np.random.default_rng(11)
    alarms, plain = [], []
    for _ in range(3000):
        d = np.abs(rng.normal(0, 0.05, 32))  # the distance that a moving mean makes
        spread = distance_spread(d[:31], [900] * 31, 900 * 31, np.pi**2 / 12)
        p = spread.p_value(d[31], 900, 900 * 31)
        alarms.append(p <= 0.01)
        plain.append(d[31] > 0.055)  # the limit among independent rows
    assert np.mean(alarms) < 0.02
    assert np.mean(plain) > 0.1


def test_distance_limit_is_the_inverse_and_small_windows_get_a_wider_one():
    spread = distance_spread(np.linspace(0.05, 0.2, 31), [900] * 31, 27_900, np.pi**2 / 12)
    assert spread.p_value(spread.limit(0.001, 900, 27_900), 900, 27_900) == pytest.approx(0.001)
    assert spread.limit(0.001, 10, 27_900) > 2 * spread.limit(0.001, 900, 27_900)
    assert spread.p_value(0.0, 900, 27_900) == 1.0


def test_too_few_windows_are_no_spread():
    assert distance_spread([0.1] * 6, [100] * 6, 600, 1.0) is None
    assert distance_spread([0.1] * 8, [100] * 6 + [0, 0], 600, 1.0) is None


@pytest.mark.parametrize("share", [0.0, 0.02, 0.5, 0.99])
def test_the_variance_of_a_stabilised_share_does_not_depend_on_it(share):
    hits = np.random.default_rng(1).binomial(400, share, 20_000)
    values, variance = variance_stable_share(hits, 400)
    assert values.var() <= 1.15 * float(variance)
    assert share == 0.0 or values.var() >= 0.8 * float(variance)
