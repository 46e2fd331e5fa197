"""A column of numbers: quantiles, histogram, infinities, constants."""

import numpy as np
import pytest

from mirante.errors import InputError
from mirante.profiles import CategoricalProfile, NumericProfile


def test_quantiles_of_a_baseline_are_exact():
    values = np.random.default_rng(0).normal(size=1000)
    profile = NumericProfile.of("x", values)
    for q in (0.0, 0.01, 0.25, 0.5, 0.9, 1.0):
        assert profile.quantile(q) == np.quantile(values, q, method="inverted_cdf")


def test_quantiles_of_a_window_lie_between_the_edges_around_them():
    base = NumericProfile.of("x", np.arange(0.0, 101.0, 10.0))
    window = NumericProfile.of("x", np.array([12.0, 13.0, 17.0, 250.0]), like=base)
    assert 10 < window.quantile(0.5) < 20
    assert window.quantile(1.0) == 250.0
    assert NumericProfile.of("x", np.array([-50.0]), like=base).quantile(0.5) == -50.0
    with pytest.raises(InputError, match=r"q is 1\.5"):
        window.quantile(1.5)


def test_histogram_counts_every_value_once():
    rng = np.random.default_rng(1)
    values = rng.gamma(2, 3, 900)  # all of them are edges
    profile = NumericProfile.of("x", values)
    walls, counts = profile.histogram(40)
    assert walls.size == 41
    assert counts.size == 40
    assert counts.sum() == pytest.approx(900)
    np.testing.assert_allclose(counts, np.histogram(values, walls)[0], atol=1.01)
    window = NumericProfile.of("x", rng.gamma(2, 3, 500), like=profile)
    inside = window.histogram(walls)[1].sum()
    assert 490 <= inside <= 500


def test_histogram_of_whole_numbers_is_exact():
    values = np.random.default_rng(2).integers(0, 20, 500).astype(float)
    walls, counts = NumericProfile.of("x", values).histogram(np.arange(0.0, 21.0, 2.0))
    np.testing.assert_array_equal(counts, np.histogram(values, walls)[0])


def test_infinities_are_values_and_moments_are_of_the_rest():
    profile = NumericProfile.of("x", np.array([1.0, 3.0, np.inf, -np.inf, np.nan]))
    assert (profile.n, profile.missing, profile.mean) == (4, 1, 2.0)
    assert (profile.minimum, profile.maximum) == (-np.inf, np.inf)
    assert profile.quantile(1.0) == np.inf
    assert profile.histogram(4)[1].sum() == pytest.approx(2)


@pytest.mark.parametrize("values", [[5.0] * 9, [], [np.nan] * 3, [np.inf], [1e308, -1e308], [7.0]])
def test_odd_columns_neither_crash_nor_warn(values):
    base = NumericProfile.of("x", np.array(values))
    for other in ([], [5.0], [np.nan, -3.0], [np.inf]):
        window = NumericProfile.of("x", np.array(other), like=base)
        total = window + base
        assert total.n == window.n + base.n
        for profile in (base, window, total):
            profile.histogram()
            profile.quantile(0.5)
            assert profile.moments is not None
    if not [v for v in values if v == v]:
        assert np.isnan(base.mean)
        assert np.isnan(base.quantile(0.5))
        assert np.isnan(base.minimum)


def test_profiles_of_other_baselines_do_not_add():
    with pytest.raises(InputError, match="2 edges on one side and 3 others"):
        NumericProfile.of("x", np.arange(2.0)) + NumericProfile.of("x", np.arange(3.0))
    with pytest.raises(InputError, match="numeric on one side"):
        NumericProfile.of("x", np.arange(2.0)) + CategoricalProfile.of("x", {"a": 1})


def test_equality_sees_a_single_count():
    base = NumericProfile.of("x", np.arange(5.0))
    assert NumericProfile.of("x", np.array([1.0]), like=base) != NumericProfile.of(
        "x", np.array([2.0]), like=base
    )
    assert base != 3


def test_several_quantiles_are_those_asked_for_one_by_one():
    rng = np.random.default_rng(3)
    base = NumericProfile.of("x", rng.normal(0, 1, 9_000))
    window = NumericProfile.of("x", np.r_[rng.normal(1, 2, 500), np.inf, np.nan], like=base)
    shares = [0.0, 0.01, 0.5, 0.99, 1.0]
    assert window.quantiles(shares) == [window.quantile(q) for q in shares]
    assert np.isnan(NumericProfile.of("x", np.array([np.nan])).quantiles(shares)).all()
    with pytest.raises(InputError, match=r"q is 1\.5"):
        window.quantiles([0.5, 1.5])
