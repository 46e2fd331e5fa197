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


def left_out(days):
    """Return what each day differs from the mean of the others."""
    return days - (days.sum() - days) / (days.size - 1)


def test_without_spread_it_is_the_normal_law():
    error, freedom = Spread.none().error(0.04)
    assert (float(error), float(freedom)) == (pytest.approx(0.2), np.inf)
    assert student_p(0.4, error, freedom) == pytest.approx(2 * stats.norm.sf(2))


def test_all_spread_is_student_with_windows_less_one():
    days = np.arange(31.0)
    error, freedom = spread_of(left_out(days), np.zeros(31), 30).error(0.0)
    assert float(freedom) == 30
    # the mean square of left-out differences is the variance of a new day against the mean of 30
    assert float(error) == pytest.approx(days.std(ddof=1) * np.sqrt(1 + 1 / 30), rel=1e-6)
    assert student_p(student_limit(0.01, error, freedom), error, freedom) == pytest.approx(0.01)


def test_sampling_is_taken_off_per_level_and_gaps_are_left_out():
    table = np.array([[-2.0, 0.1, np.nan], [2.0, -0.1, 3.0], [np.nan, 0.1, -3.0]])
    assert spread_of(table, np.ones((3, 3)), 2).between.tolist() == [3.0, 0.0, 8.0]


def test_a_new_window_of_the_same_kind_alarms_at_its_level():
    """The level holds when days differ, and would be far off if they were ignored."""
    rng = np.random.default_rng(8)
    alarms = []
    for _ in range(3000):
        days = rng.normal(0, 1, 31) + rng.normal(0, 0.3, 31)
        new = rng.normal(0, 1) + rng.normal(0, 0.3)
        sampling = 0.09 * (1 + 1 / 30)
        error, freedom = spread_of(left_out(days), np.full(31, sampling), 30).error(sampling)
        alarms.append(float(student_p(new - days.mean(), error, freedom)) <= 0.01)
    assert 0.005 < np.mean(alarms) < 0.016


@pytest.mark.parametrize("noise", [0.0, 0.02, 0.2])
def test_distances_of_new_windows_hold_their_level(noise):
    """Days that move the mean, and sampling beside it: from nothing to everything."""
    rng = np.random.default_rng(11)
    n = 900
    unit, alarms, plain = 3 * noise**2 * n / (1 + 1 / 30), [], []
    for _ in range(4000):
        shift = rng.normal(0, 0.05, 32)[:, None] * np.array([1.0, 0.0, 0.0])
        d = np.linalg.norm(shift + rng.normal(0, noise, (32, 3)), axis=1)
        spread = distance_spread(d[:31], n, n * 30, unit, 3.0, 30)
        alarms.append(spread.p_value(d[31], n, n * 30) <= 0.01)
        plain.append(d[31] > noise * np.sqrt(stats.chi2.isf(0.01, 3)))  # the limit if days were alike
    assert np.mean(alarms) < 0.0155
    assert noise > 0.1 or np.mean(plain) > 0.1


def test_distance_limit_is_the_inverse_and_small_windows_get_a_wider_one():
    spread = distance_spread(np.linspace(0.05, 0.2, 31), 900, 27_000, np.pi**2 / 12, 5.0, 30)
    assert spread.p_value(spread.limit(0.001, 900, 27_900), 900, 27_900) == pytest.approx(0.001)
    assert spread.limit(0.001, 10, 27_900) > 1.5 * spread.limit(0.001, 900, 27_900)
    assert spread.p_value(0.0, 900, 27_900) == 1.0


def test_a_spread_that_sampling_explains_is_the_law_of_sampling():
    spread = distance_spread([0.01] * 31, 900, 27_000, 0.5, 4.0, 30)
    expected = stats.chi2.isf(0.001, 4) / 4 * 0.5 * (1 / 900 + 1 / 27_900)
    assert spread.limit(0.001, 900, 27_900) == pytest.approx(np.sqrt(expected), rel=1e-3)


def test_columns_are_measured_each_by_itself():
    rng = np.random.default_rng(2)
    table = np.abs(rng.normal(0, [0.05, 0.2], (31, 2)))
    table[3, 1] = np.nan
    both = distance_spread(table, 900, 27_000, 0.8, 5.0, 30)
    one = distance_spread(table[:, 0], 900, 27_000, 0.8, 5.0, 30)
    assert both.limit(0.01, 900, 27_900)[0] == pytest.approx(float(one.limit(0.01, 900, 27_900)))
    assert both.limit(0.01, 900, 27_900)[1] > 2 * both.limit(0.01, 900, 27_900)[0]


@pytest.mark.parametrize("share", [0.0, 0.02, 0.5, 0.99])
def test_the_variance_of_a_stabilised_share_does_not_depend_on_it(share):
    hits = np.random.default_rng(1).binomial(400, share, 20_000)
    values, variance = variance_stable_share(hits, 400)
    assert values.var() <= 1.15 * float(variance)
    assert share == 0.0 or values.var() >= 0.8 * float(variance)
