"""Mann-Whitney: scipy's from raw values and from counts, and the form corrected for skewed ranks."""

import numpy as np
import pytest
from hypothesis import given, settings
from scipy import stats

from mirante.stats import twosample
from tests.stats.twosample.drawn import TIED, cell_counts


@settings(deadline=None)
@given(TIED)
@pytest.mark.parametrize("continuity", [True, False])
def test_raw_values_and_counts_equal_scipy(continuity, samples):
    found = twosample.mann_whitney(*samples, continuity=continuity)
    assert twosample.mann_whitney_counts(*cell_counts(*samples), continuity=continuity) == found
    if np.unique(np.concatenate(samples)).size == 1 and not continuity:
        assert found == (len(samples[0]) * len(samples[1]) / 2, 1.0, 0)  # scipy says 0 / 0
        return
    expected = stats.mannwhitneyu(*samples, method="asymptotic", use_continuity=continuity)
    assert found.statistic == pytest.approx(expected.statistic, abs=1e-12)
    assert found.p_value == pytest.approx(expected.pvalue, abs=1e-12)


def test_many_rows_equal_scipy():
    rng = np.random.default_rng(6)
    for draw in (lambda size: rng.normal(0, 1, size), lambda size: rng.poisson(0.3, size).astype(float)):
        a, b = draw(200_000), draw(3_000)
        found, expected = twosample.mann_whitney(a, b), stats.mannwhitneyu(a, b, method="asymptotic")
        assert found.statistic == expected.statistic
        assert found.p_value == pytest.approx(expected.pvalue, abs=1e-12)


def test_continuity_is_the_default_of_both_forms():
    a, b = [1.0, 2.0, 3.0], [2.5, 3.5, 4.5]
    expected = stats.mannwhitneyu(a, b, method="asymptotic").pvalue
    assert twosample.mann_whitney(a, b).p_value == pytest.approx(expected, abs=1e-12)
    assert twosample.mann_whitney_counts(*cell_counts(a, b)).p_value == pytest.approx(expected, abs=1e-12)
    assert twosample.mann_whitney(a, b, continuity=False).p_value < expected


@settings(deadline=None)
@given(TIED)
def test_superiority_is_the_other_sides_share_of_pairs(samples):
    pairs = len(samples[0]) * len(samples[1])
    above = twosample.superiority(*cell_counts(*samples))
    assert above == pytest.approx(1 - twosample.mann_whitney(*samples).statistic / pairs, abs=1e-12)


def test_the_corrected_form_equals_scipy_where_ranks_are_not_skewed():
    rng = np.random.default_rng(2)
    a, b = rng.normal(0, 1, 800), rng.normal(0.1, 1, 800)
    found = twosample.mann_whitney_corrected(*cell_counts(a, b))
    expected = stats.mannwhitneyu(b, a, use_continuity=False, method="asymptotic")
    assert found.statistic == pytest.approx(expected.statistic / 800**2, abs=1e-12)
    assert found.p_value == pytest.approx(expected.pvalue, rel=2e-3)


def test_the_skew_correction_brings_rare_values_back_to_their_level():
    rng = np.random.default_rng(4)
    base = np.array([4900, 100])  # 98 % zeros, the shape that alarms too often
    hits = rng.binomial(100, 0.02, 20_000)

    def share(test):
        p = np.array([test(base, [100 - h, h]).p_value for h in range(hits.max() + 1)])
        return np.mean(p[hits] <= 1e-3)

    assert share(twosample.mann_whitney_corrected) <= 1.5e-3
    assert share(twosample.mann_whitney_counts) > 2e-3, "else the correction has nothing to do"


def test_one_value_only_is_no_evidence():
    assert twosample.mann_whitney_corrected([0, 50], [0, 7]) == twosample.TwoSample(0.5, 1.0)
    assert twosample.mann_whitney([3.0] * 50, [3.0] * 7) == twosample.TwoSample(175.0, 1.0)


def test_a_window_larger_than_the_baseline_is_trusted_no_more_than_it():
    plain = twosample.mann_whitney_corrected([500, 500], [45_000, 55_000])
    held = twosample.mann_whitney_corrected([500, 500], [45_000, 55_000], most=1000)
    assert plain.p_value < held.p_value
