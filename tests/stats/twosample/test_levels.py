"""χ² and G equal scipy's contingency tables; rare levels are merged, or have a binomial tail."""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy import stats

from mirante.stats import twosample

TABLES = st.lists(st.tuples(st.integers(0, 900), st.integers(0, 300)), min_size=1, max_size=30).filter(
    lambda pairs: all(sum(side) > 0 for side in zip(*pairs, strict=True))
)
LEVELS = st.lists(st.sampled_from(["UA", "AA", "DL", "", "9E", 3, 3.5, True]), min_size=1)
BOTH = pytest.mark.parametrize(
    ("counts", "values", "power"),
    [
        (twosample.chi2, twosample.chi2_values, "pearson"),
        (twosample.g_test, twosample.g_test_values, "log-likelihood"),
    ],
    ids=["chi2", "g_test"],
)


def contingency(table, power):
    return stats.chi2_contingency(table[:, table.sum(axis=0) > 0], correction=False, lambda_=power)


@BOTH
@settings(deadline=None)
@given(pairs=TABLES)
def test_counts_equal_scipy(counts, values, power, pairs):
    table = np.array(pairs).T
    expected = contingency(table, power)
    found = counts(*table)
    assert found.statistic == pytest.approx(max(0.0, expected.statistic), rel=1e-12, abs=1e-12)
    assert found.p_value == pytest.approx(expected.pvalue, abs=1e-12)
    assert found.freedom == expected.dof


@BOTH
@settings(deadline=None)
@given(a=LEVELS, b=LEVELS)
def test_raw_values_equal_scipy(counts, values, power, a, b):
    levels = list(dict.fromkeys(a + b))
    table = np.array([[sum(one == level for one in side) for level in levels] for side in (a, b)])
    expected = contingency(table, power)
    found = values(a, b)
    assert found.statistic == pytest.approx(expected.statistic, rel=1e-12, abs=1e-12)
    assert found.p_value == pytest.approx(expected.pvalue, abs=1e-12)
    assert found.freedom == expected.dof


@BOTH
def test_millions_of_rows_and_shares_are_counted_alike(counts, values, power):
    table = np.array([[5_000_000, 3_000_000, 20], [40_100, 35_000, 50]])
    expected = contingency(table, power)
    found = counts(*table)
    assert found.statistic == pytest.approx(expected.statistic, rel=1e-12)
    assert found.p_value == pytest.approx(expected.pvalue, rel=1e-9)


@settings(deadline=None)
@given(TABLES)
def test_g_is_a_divergence_of_the_shares(pairs):
    a, b = np.array(pairs, float).T
    m, n = a.sum(), b.sum()
    pooled = (a + b) / (m + n)
    expected = 2 * (m * stats.entropy(a / m, pooled) + n * stats.entropy(b / n, pooled))
    assume(np.isfinite(expected))  # entropy takes no level that is empty on both sides
    assert twosample.g_test(a, b).statistic == pytest.approx(expected, abs=1e-8)
    assert twosample.g_test(a, b).statistic <= 2 * (m + n) * np.log(2) + 1e-9


def test_yates_correction_is_not_applied():
    table = np.array([[12, 3], [17, 16]])
    plain = stats.chi2_contingency(table, correction=False)
    corrected = stats.chi2_contingency(table, correction=True)
    assert twosample.chi2(*table).p_value == pytest.approx(plain.pvalue, abs=1e-12)
    assert twosample.chi2(*table).p_value < corrected.pvalue


def test_rare_levels_are_merged_and_nothing_alone_is_no_evidence():
    assert twosample.merge_rare(np.r_[9_000, np.ones(1_000)], 100).tolist() == [0] + [1] * 1_000
    assert twosample.merge_rare([5, 3], 2).tolist() == [0, 0]
    assert twosample.chi2([10, 0], [3, 0]) == twosample.TwoSample(0.0, 1.0, 0)
    assert twosample.g_test([10, 0], [3, 0]) == twosample.TwoSample(0.0, 1.0, 0)


def test_rare_p_is_the_binomial_tail_and_holds_its_level():
    found = twosample.rare_p([3, 0, 7], [2, 4, 0], 900, 100)
    expected = [stats.binom.sf(1, 5, 0.1), stats.binom.sf(3, 4, 0.1), 1.0]
    np.testing.assert_allclose(found, expected, rtol=1e-9)
    rng = np.random.default_rng(3)
    base, now = rng.poisson(4.5, 40_000), rng.poisson(0.5, 40_000)
    assert np.mean(twosample.rare_p(base, now, 900, 100) <= 0.01) <= 0.01
