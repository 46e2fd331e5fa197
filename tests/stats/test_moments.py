"""Moments equal scipy's, and say NaN where they are 0/0."""

import numpy as np
import pytest
from scipy import stats

from mirante.stats.moments import from_powers, from_values


@pytest.mark.parametrize(
    "make",
    [lambda r: r.normal(5, 2, 999), lambda r: r.lognormal(0, 1, 500), lambda r: 1e9 + r.normal(size=400)],
)
def test_equal_scipy_from_values_and_from_powers(make):
    values = make(np.random.default_rng(3))
    expected = (values.mean(), values.std(), stats.skew(values), stats.kurtosis(values))
    np.testing.assert_allclose(from_values(values), expected, rtol=1e-7, atol=1e-7)
    shift, scale = values[0], 3.0
    z = (values - shift) / scale
    powers = np.array([(z**k).sum() for k in (1, 2, 3, 4)])
    np.testing.assert_allclose(
        from_powers(powers, values.size, shift=shift, scale=scale), expected, rtol=1e-6, atol=1e-7
    )


@pytest.mark.parametrize("value", [0.0, 0.1, -1e12, 1e-300])
def test_a_constant_has_no_shape(value):
    found = from_values(np.full(7, value))
    assert found.mean == pytest.approx(value)
    assert found.std == 0.0
    assert np.isnan(found.skew)
    assert np.isnan(found.kurtosis)


def test_constant_far_from_the_shift_is_still_constant():
    z = np.full(100, 12345.678)
    found = from_powers(np.array([(z**k).sum() for k in (1, 2, 3, 4)]), 100)
    assert found.std == 0.0
    assert np.isnan(found.skew)


def test_nothing_and_infinity_do_not_warn():
    assert np.isnan(from_values(np.empty(0)).mean)
    assert np.isnan(from_powers(np.zeros(4), 0).std)
    assert from_values(np.array([1.0, np.inf])).mean == np.inf
