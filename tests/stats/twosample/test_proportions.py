"""The z-test of two proportions is its closed form, and the root of χ²."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from mirante.errors import InputError
from mirante.stats.twosample import TwoSample, chi2, z_proportions, z_proportions_values

SIDE = st.tuples(st.integers(0, 5000), st.integers(0, 5000)).filter(lambda side: sum(side) > 0)


@settings(deadline=None)
@given(SIDE, SIDE)
def test_it_is_the_closed_form_and_the_root_of_chi2(a, b):
    found = z_proportions(a, b)
    m, n, pooled = sum(a), sum(b), (a[1] + b[1]) / (sum(a) + sum(b))
    if 0 < pooled < 1:
        z = (b[1] / n - a[1] / m) / math.sqrt(pooled * (1 - pooled) * (1 / m + 1 / n))
        assert found.statistic == pytest.approx(z, abs=1e-12)
        assert found.p_value == pytest.approx(2 * stats.norm.sf(abs(z)), abs=1e-12)
    squared = chi2(a, b)
    assert found.statistic**2 == pytest.approx(squared.statistic, rel=1e-9, abs=1e-12)
    assert found.p_value == pytest.approx(squared.p_value, abs=1e-12)


def test_the_sign_says_where_the_share_went():
    assert z_proportions([50, 50], [30, 70]).statistic > 0
    assert z_proportions([50, 50], [70, 30]).statistic < 0
    assert z_proportions([1, 2], [700, 1400]) == TwoSample(0.0, 1.0)


@pytest.mark.parametrize(
    ("low", "high"), [(False, True), (0, 1), (0.0, 1.0), ("no", "yes"), (b"n", b"y"), (-np.inf, np.inf)]
)
def test_raw_values_ask_about_the_larger_one(low, high):
    expected = z_proportions([3, 2], [1, 6])
    for a in ([low] * 3 + [high] * 2, [high] * 2 + [low] * 3):  # whichever comes first
        assert z_proportions_values(a, [high] * 6 + [low]) == expected


def test_one_value_only_is_no_evidence():
    assert z_proportions([5, 0], [7, 0]) == TwoSample(0.0, 1.0)
    assert z_proportions_values([True] * 5, [True] * 7) == TwoSample(0.0, 1.0)


def test_what_is_no_proportion_is_refused():
    with pytest.raises(InputError, match="there are 3 levels; give rows without and rows with"):
        z_proportions([1, 2, 3], [1, 2, 3])
    with pytest.raises(
        InputError, match="there are 3 different values; give at most two, or use chi2_values"
    ):
        z_proportions_values([0, 1], [2])
    with pytest.raises(InputError, match="cannot be ordered"):
        z_proportions_values(["a"], [1])
