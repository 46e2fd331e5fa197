"""Rank correlation and enrichment, against scipy and by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from mirante.stats.association import enrichment, rank_correlation


@pytest.mark.parametrize(("count", "levels"), [(3, 100), (10, 4), (200, 3), (1_000, 10_000)])
def test_the_rank_correlation_is_scipys(count, levels):
    rng = np.random.default_rng(count)
    first = rng.integers(0, levels, count)
    second = first + rng.integers(0, levels, count)
    ours, theirs = rank_correlation(first, second), stats.spearmanr(first, second)
    assert ours.rho == pytest.approx(theirs.statistic, abs=1e-12)
    assert ours.p_value == pytest.approx(theirs.pvalue, rel=1e-9, abs=1e-12)


def test_what_is_constant_or_short_has_none():
    for first, second in (([1, 1, 1], [1, 2, 3]), ([1, 2], [2, 1]), ([], [])):
        assert math.isnan(rank_correlation(first, second).rho)
        assert math.isnan(rank_correlation(first, second).p_value)
    assert rank_correlation([1, 2, 3, 4], [4, 3, 2, 1]) == rank_correlation([1, 5, 6, 9], [-1, -2, -3, -4])
    assert rank_correlation([1, 2, 3, 4], [4, 3, 2, 1]).rho == -1.0


@settings(deadline=None)
@given(st.integers(1, 60), st.integers(0, 60), st.integers(0, 60), st.data())
def test_enrichment_is_fishers_one_sided_test(failed, finished, cases, data):
    total = failed + finished
    cases = min(cases, total)
    both = data.draw(st.integers(max(0, cases - finished), min(cases, failed)))
    lift, p_value = enrichment([both], [cases], failed, total)
    table = [[both, cases - both], [failed - both, finished - cases + both]]
    assert p_value[0] == pytest.approx(stats.fisher_exact(table, alternative="greater").pvalue, abs=1e-9)
    if cases:
        assert lift[0] == pytest.approx((both / cases) / (failed / total))
    else:
        assert math.isnan(lift[0])
