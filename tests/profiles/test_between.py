import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from mirante.profiles import CategoricalProfile, NumericProfile
from mirante.profiles.between import between_levels, between_numbers

NUMBERS = st.lists(
    st.sampled_from([-np.inf, -1e308, -2.5, 0.0, 1.0, 3.0, 7.25, 1e308, np.inf, np.nan]), max_size=30
)


def profile(values):
    return NumericProfile.of("x", np.asarray(values, np.float64))


def truth(first, second):
    sides = [np.asarray(side)[~np.isnan(side)] for side in (first, second)]
    points = np.unique(np.concatenate(sides))
    shares = [np.searchsorted(np.sort(side), points, "right") / side.size for side in sides]
    return np.abs(shares[0] - shares[1]).max()


@settings(max_examples=200, deadline=None)
@given(NUMBERS, NUMBERS)
def test_few_distinct_values_are_exact(first, second):
    found = between_numbers(profile(first), profile(second))
    if np.isnan(first).all() or np.isnan(second).all():
        assert np.isnan([found.distance, found.low, found.high]).all()
        return
    assert found.low == pytest.approx(truth(first, second), abs=1e-12)
    assert found.distance == found.low == pytest.approx(found.high, abs=1e-12)


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("shift", [0.0, 0.02, 0.5, 40.0])
def test_bounds_hold_where_both_chose_other_edges(seed, shift):
    rng = np.random.default_rng(seed)
    first = rng.normal(0, 1, 20_000)
    second = np.where(rng.random(30_000) < 0.2, 0.0, rng.standard_t(3, 30_000)) + shift
    found = between_numbers(profile(first), profile(second))
    exact = stats.ks_2samp(first, second).statistic
    assert found.low <= exact + 1e-12
    assert exact <= found.high + 1e-12
    assert found.low <= found.distance <= found.high
    assert found.high - found.low < 0.005
    assert abs(found.distance - exact) < 0.002


def test_the_sides_can_be_exchanged():
    rng = np.random.default_rng(1)
    sides = [profile(rng.normal(shift, 1, 9_000)) for shift in (0.0, 0.3)]
    assert between_numbers(*sides) == between_numbers(*sides[::-1])


@pytest.mark.parametrize(
    ("first", "second", "distance"),
    [
        ({"a": 3, "b": 1}, {"a": 3, "b": 1}, 0.0),
        ({"a": 1}, {"b": 1}, 1.0),
        ({"a": 1, "b": 1}, {"a": 30, "b": 10}, 0.25),
        ({"a": 1, "<b>\n": 1}, {"<b>\n": 1}, 0.5),
    ],
)
def test_levels_that_are_known_are_exact(first, second, distance):
    found = between_levels(CategoricalProfile.of("c", first), CategoricalProfile.of("c", second))
    assert (found.distance, found.low, found.high) == (distance, distance, distance)


def test_no_values_have_no_distance():
    full, empty = CategoricalProfile.of("c", {"a": 1}), CategoricalProfile.of("c", {}, missing=3)
    assert np.isnan(between_levels(full, empty).distance)


@settings(max_examples=100, deadline=None)
@given(*[st.dictionaries(st.sampled_from("abcdefgh"), st.integers(1, 9), min_size=1) for _ in "12"])
def test_bounds_hold_where_levels_were_left_out(first, second):
    p, q = ({level: count / sum(side.values()) for level, count in side.items()} for side in (first, second))
    exact = 1 - sum(min(p.get(level, 0), q.get(level, 0)) for level in "abcdefgh")
    sides = [CategoricalProfile.of("c", side, most=3) for side in (first, second)]
    found = between_levels(*sides)
    assert found.low <= exact + 1e-12
    assert exact <= found.high + 1e-12
    assert between_levels(*sides[::-1]).low == pytest.approx(found.low)
