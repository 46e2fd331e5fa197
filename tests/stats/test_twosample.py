"""Two-sample tests equal scipy's, from raw values and from counts."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from mirante.errors import InputError
from mirante.stats import twosample
from mirante.stats.histograms import cells, choose_edges, side_counts


def running(values, edges):
    return cells(*side_counts(values, edges), values.size)


@pytest.mark.parametrize("sizes", [(50, 70), (997, 1009), (12_000, 300)])
def test_ks_on_raw_values_equals_scipy(sizes):
    rng = np.random.default_rng(sum(sizes))
    for draw in (rng.normal, lambda loc, s, n: np.round(rng.normal(loc, s, n), 1)):
        a, b = draw(0.0, 1.0, sizes[0]), draw(0.1, 1.0, sizes[1])
        found, expected = twosample.ks(a, b), stats.ks_2samp(a, b)
        assert found.statistic == pytest.approx(expected.statistic, abs=1e-12)
        assert found.p_value == pytest.approx(expected.pvalue, abs=1e-12)


@settings(deadline=None)
@given(
    st.lists(
        st.integers(-5, 5) | st.floats(-5, 5) | st.sampled_from([np.inf, -np.inf]), min_size=1, max_size=40
    ),
    st.lists(
        st.integers(-6, 6) | st.floats(-6, 6) | st.sampled_from([np.inf, -np.inf]), min_size=1, max_size=40
    ),
)
def test_ks_from_counts_is_exact_when_all_baseline_values_are_edges(base, window):
    a, b = np.array(base, float), np.array(window, float)
    edges = choose_edges(a)
    found = twosample.ks_distance(running(a, edges), running(b, edges))
    assert found == pytest.approx(twosample.ks(a, b).statistic, abs=1e-12)


def test_ks_from_quantile_edges_is_within_a_thousandth():
    rng = np.random.default_rng(9)
    base, window = rng.lognormal(size=30_000), rng.lognormal(0.05, 1, 2_000)
    edges = choose_edges(base)
    found = twosample.ks_distance(running(base, edges), running(window, edges))
    assert found == pytest.approx(stats.ks_2samp(base, window).statistic, abs=1.1e-3)


def test_kolmogorov_limit_is_the_inverse():
    limit = twosample.kolmogorov_limit(1e-3, 4000, 500)
    assert twosample.kolmogorov_p(limit, 4000, 500) == pytest.approx(1e-3)


def test_ks_refuses_nothing_and_nan():
    with pytest.raises(InputError, match="reference has 0 values"):
        twosample.ks([], [1.0])
    with pytest.raises(InputError, match="current"):
        twosample.ks([1.0], [np.nan])


def test_mann_whitney_from_counts_equals_scipy_where_ranks_are_not_skewed():
    rng = np.random.default_rng(2)
    a, b = rng.normal(0, 1, 800), rng.normal(0.1, 1, 800)
    edges = np.unique(np.r_[a, b])
    found = twosample.mann_whitney(
        np.diff(running(a, edges), prepend=0), np.diff(running(b, edges), prepend=0)
    )
    expected = stats.mannwhitneyu(b, a, use_continuity=False, method="asymptotic")
    assert found.statistic == pytest.approx(expected.statistic / 800**2, abs=1e-12)
    assert found.p_value == pytest.approx(expected.pvalue, rel=2e-3)


def test_the_skew_correction_brings_rare_values_back_to_their_level():
    rng = np.random.default_rng(4)
    base = np.array([4900, 100])  # 98 % zeros, the shape that alarms too often
    hits = rng.binomial(100, 0.02, 20_000)
    corrected = [twosample.mann_whitney(base, [100 - h, h]).p_value for h in range(hits.max() + 1)]
    assert np.mean(np.array(corrected)[hits] <= 1e-3) <= 1.5e-3


def test_one_value_only_is_no_evidence():
    assert twosample.mann_whitney([0, 50], [0, 7]) == twosample.TwoSample(0.5, 1.0)


def test_a_window_larger_than_the_baseline_is_trusted_no_more_than_it():
    plain = twosample.mann_whitney([500, 500], [45_000, 55_000])
    held = twosample.mann_whitney([500, 500], [45_000, 55_000], most=1000)
    assert plain.p_value < held.p_value


def test_chi2_equals_scipy_without_rare_levels():
    table = np.array([[500, 300, 200], [40, 35, 50]])
    expected = stats.chi2_contingency(table, correction=False)
    found = twosample.chi2(table[0], table[1])
    assert found.statistic == pytest.approx(expected.statistic, abs=1e-9)
    assert found.p_value == pytest.approx(expected.pvalue, abs=1e-12)
    assert found.freedom == expected.dof


def test_rare_levels_are_merged_and_nothing_alone_is_no_evidence():
    assert twosample.merge_rare(np.r_[9_000, np.ones(1_000)], 100).tolist() == [0] + [1] * 1_000
    assert twosample.merge_rare([5, 3], 2).tolist() == [0, 0]
    assert twosample.chi2([10, 0], [3, 0]) == twosample.TwoSample(0.0, 1.0, 0)


def test_rare_p_is_the_binomial_tail_and_holds_its_level():
    found = twosample.rare_p([3, 0, 7], [2, 4, 0], 900, 100)
    expected = [stats.binom.sf(1, 5, 0.1), stats.binom.sf(3, 4, 0.1), 1.0]
    np.testing.assert_allclose(found, expected, rtol=1e-9)
    rng = np.random.default_rng(3)
    base, now = rng.poisson(4.5, 40_000), rng.poisson(0.5, 40_000)
    assert np.mean(twosample.rare_p(base, now, 900, 100) <= 0.01) <= 0.01
