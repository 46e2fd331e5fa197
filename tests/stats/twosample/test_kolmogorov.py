"""Kolmogorov-Smirnov: raw values equal scipy, counts equal raw values, the limit law is not too small."""

import numpy as np
import pytest
from hypothesis import given, settings
from scipy import stats

from mirante.errors import InputError
from mirante.stats import twosample
from mirante.stats.histograms import cells, choose_edges, side_counts
from tests.stats.twosample.drawn import TIED, cell_counts


def running(values, edges):
    return cells(*side_counts(values, edges), values.size)


@pytest.mark.parametrize("sizes", [(50, 70), (997, 1009), (12_000, 300)])
def test_raw_values_equal_scipy(sizes):
    rng = np.random.default_rng(sum(sizes))
    for draw in (rng.normal, lambda loc, s, n: np.round(rng.normal(loc, s, n), 1)):
        a, b = draw(0.0, 1.0, sizes[0]), draw(0.1, 1.0, sizes[1])
        found, expected = twosample.ks(a, b), stats.ks_2samp(a, b)
        assert found.statistic == pytest.approx(expected.statistic, abs=1e-12)
        assert found.p_value == pytest.approx(expected.pvalue, abs=1e-12)


@pytest.mark.filterwarnings("ignore:ks_2samp. Exact calculation unsuccessful:RuntimeWarning")
@settings(deadline=None)
@given(TIED)
def test_raw_values_equal_scipy_whatever_they_are(samples):
    found, expected = twosample.ks(*samples), stats.ks_2samp(*samples)
    assert found.statistic == pytest.approx(expected.statistic, abs=1e-12)
    assert found.p_value == pytest.approx(expected.pvalue, abs=1e-12)


@settings(deadline=None)
@given(TIED)
def test_counts_are_exact_when_all_baseline_values_are_edges(samples):
    a, b = np.array(samples[0], float), np.array(samples[1], float)
    edges = choose_edges(a)
    found = twosample.ks_distance(running(a, edges), running(b, edges))
    assert found == pytest.approx(twosample.ks(a, b).statistic, abs=1e-12)


@settings(deadline=None)
@given(TIED)
def test_counts_over_the_values_have_the_distance_and_the_limit_law(samples):
    found, raw = twosample.ks_counts(*cell_counts(*samples)), twosample.ks(*samples)
    assert found.statistic == pytest.approx(raw.statistic, abs=1e-12)
    m, n = len(samples[0]), len(samples[1])
    root = np.sqrt(m * n / (m + n)) * raw.statistic
    assert found.p_value == pytest.approx(stats.kstwobign.sf(root), abs=1e-9)


def test_quantile_edges_are_within_a_thousandth():
    rng = np.random.default_rng(9)
    base, window = rng.lognormal(size=30_000), rng.lognormal(0.05, 1, 2_000)
    edges = choose_edges(base)
    found = twosample.ks_distance(running(base, edges), running(window, edges))
    assert found == pytest.approx(stats.ks_2samp(base, window).statistic, abs=1.1e-3)


@pytest.mark.parametrize("sizes", [(3, 3), (5, 5), (4, 100), (20, 20), (50, 60), (500, 500), (5000, 500)])
def test_the_limit_law_is_never_much_too_small(sizes):
    m, n = sizes
    for shift in range(1, m, max(1, m // 25)):
        # reference before current but for a few: every distance can be had
        a = np.arange(m) * 1.0
        b = shift - 0.5 + np.linspace(0, 1e-3, n)
        exact = stats.ks_2samp(a, b)
        if 1e-300 < exact.pvalue < 0.2:
            assert twosample.kolmogorov_p(exact.statistic, m, n) >= 0.98 * exact.pvalue


def test_the_limit_is_the_inverse():
    limit = twosample.kolmogorov_limit(1e-3, 4000, 500)
    assert twosample.kolmogorov_p(limit, 4000, 500) == pytest.approx(1e-3)


def test_nothing_and_nan_are_refused():
    with pytest.raises(InputError, match="reference has 0 values"):
        twosample.ks([], [1.0])
    with pytest.raises(InputError, match="current has 1 NaN among 2 values; drop NaN first"):
        twosample.ks([1.0], [np.nan, 1.0])
