"""Cramér-von Mises: scipy's where no value repeats; a true level where values do."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from mirante.stats import twosample
from tests.stats.twosample.drawn import TIED, UNTIED, cell_counts

FEW = st.lists(st.integers(0, 4), min_size=1, max_size=5)


@settings(deadline=None)
@given(UNTIED)
def test_values_without_repeats_equal_scipy(samples):
    if min(map(len, samples)) < 2:  # scipy refuses one row
        return
    found, expected = twosample.cramer_von_mises(*samples), stats.cramervonmises_2samp(*samples)
    assert found.statistic == pytest.approx(expected.statistic, abs=1e-12)
    assert found.p_value == pytest.approx(expected.pvalue, abs=1e-12)


@pytest.mark.parametrize("sizes", [(20, 20), (20, 17), (2, 20), (21, 20), (21, 2), (997, 1009), (5000, 500)])
@pytest.mark.parametrize("shift", [0.0, 0.1, 0.5, 3.0])
def test_exact_and_limit_law_equal_scipy(sizes, shift):
    rng = np.random.default_rng(sum(sizes))
    a, b = rng.normal(size=sizes[0]), rng.normal(shift, 1, sizes[1])
    found, expected = twosample.cramer_von_mises(a, b), stats.cramervonmises_2samp(a, b)
    assert found.statistic == pytest.approx(expected.statistic, rel=1e-12, abs=1e-12)
    assert found.p_value == pytest.approx(expected.pvalue, abs=1e-12)


@settings(deadline=None)
@given(TIED)
def test_counts_equal_raw_values(samples):
    found, raw = (
        twosample.cramer_von_mises_counts(*cell_counts(*samples)),
        twosample.cramer_von_mises(*samples),
    )
    assert found.statistic == pytest.approx(raw.statistic, abs=1e-12)
    assert found.p_value == pytest.approx(raw.p_value, abs=1e-12)


def on_lines(a, b):
    """Return T by its definition: F - G along straight lines through the rows of each value."""
    m, n = len(a), len(b)
    total, before = 0.0, 0.0
    for value in sorted({*a, *b}):
        after = before + a.count(value) / m - b.count(value) / n
        # Simpson's rule is exact for the square of a line
        mean = (before**2 + 4 * ((before + after) / 2) ** 2 + after**2) / 6
        total += (a.count(value) + b.count(value)) * mean
        before = after
    return m * n / (m + n) ** 2 * total + 1 / (6 * (m + n))


@settings(deadline=None, max_examples=60)
@given(FEW, FEW)
def test_repeated_values_lie_on_lines_and_p_is_the_share_of_all_ways_to_deal_the_rows(a, b):
    pooled = a + b
    found = twosample.cramer_von_mises(a, b)
    assert found.statistic == pytest.approx(on_lines(a, b), abs=1e-12)
    ways = [set(places) for places in combinations(range(len(pooled)), len(a))]
    seen = [
        on_lines([pooled[i] for i in sorted(one)], [x for i, x in enumerate(pooled) if i not in one])
        for one in ways
    ]
    assert found.p_value == pytest.approx(np.mean(np.array(seen) >= found.statistic - 1e-9), abs=1e-12)


@pytest.mark.parametrize("sizes", [(1000, 100), (5, 20), (1, 1), (300, 2)])
def test_one_value_only_is_no_evidence_whatever_the_lengths(sizes):
    found = twosample.cramer_von_mises(np.zeros(sizes[0]), np.zeros(sizes[1]))
    assert found.statistic == pytest.approx(1 / (6 * sum(sizes)), abs=1e-15)
    assert found.p_value == 1.0


@pytest.mark.parametrize("places", [0, 1])
def test_rounded_values_of_unequal_length_keep_the_level(places):
    rng = np.random.default_rng(17)
    draws = [[np.round(rng.normal(size=size), places) for size in (600, 60)] for _ in range(1000)]
    p = np.array([twosample.cramer_von_mises(*pair).p_value for pair in draws])
    assert np.mean(p <= 0.05) <= 0.065
    assert np.mean(p <= 0.05) >= 0.02
    assert np.mean(p <= 0.01) <= 0.017


def test_a_row_alone_is_most_unlikely_at_the_ends():
    many = np.arange(20.0)
    assert twosample.cramer_von_mises([-1.0], many).p_value == pytest.approx(2 / 21)
    assert twosample.cramer_von_mises(many, [30.0]).p_value == pytest.approx(2 / 21)
    assert twosample.cramer_von_mises(many, [9.5]).p_value == 1.0
