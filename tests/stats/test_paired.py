"""Paired tests against scipy and by simulation: intervals that hold, p-values that are uniform."""

import math

import numpy as np
import pytest
from scipy import stats

from mirante.errors import InputError
from mirante.stats.paired import paired_auc, paired_means, paired_shares


def test_mcnemar_is_scipys_binomial_test():
    rng = np.random.default_rng(1)
    one, other = rng.random(300) < 0.7, rng.random(300) < 0.75
    lost, won = np.sum(one & ~other), np.sum(~one & other)
    found = paired_shares(one, other)
    assert found.p_value == pytest.approx(stats.binomtest(int(won), int(won + lost)).pvalue, rel=1e-9)
    assert (found.first, found.second) == (one.mean(), other.mean())


def test_the_paired_t_test_is_scipys():
    rng = np.random.default_rng(2)
    one = rng.exponential(1, 80)
    other = one + rng.normal(0.1, 0.4, 80)
    found, known = paired_means(one, other), stats.ttest_rel(other, one)
    assert found.p_value == pytest.approx(known.pvalue, rel=1e-9)
    low, high = known.confidence_interval()
    assert (found.low, found.high) == pytest.approx((low, high), rel=1e-9)


def test_the_area_is_the_chance_to_rank_right_ties_counting_half():
    rng = np.random.default_rng(3)
    truth, one, other = rng.random(60) < 0.4, rng.integers(0, 5, 60) / 4, rng.integers(0, 9, 60) / 8
    found = paired_auc(truth, one, other)
    for said, area in ((one, found.first), (other, found.second)):
        gaps = said[truth][:, None] - said[~truth][None, :]
        assert area == pytest.approx(np.mean((gaps > 0) + 0.5 * (gaps == 0)))


def simulated(kind, rng, *, shift):
    rows = 200
    truth = rng.random(rows) < 0.4
    one, other = truth + rng.normal(0, 1, rows), truth * (1 + shift) + rng.normal(0, 1, rows)
    if kind == "auc":
        return paired_auc(truth, one, other)
    if kind == "shares":
        return paired_shares((one > 0.5) == truth, (other > 0.5) == truth)
    return paired_means(np.abs(one - truth), np.abs(other - truth))


@pytest.mark.parametrize("kind", ["auc", "shares", "means"])
def test_without_a_difference_intervals_hold_zero_in_95_of_100(kind):
    found = [simulated(kind, np.random.default_rng([7, n]), shift=0.0) for n in range(600)]
    held = np.mean([one.low <= 0 <= one.high for one in found])
    assert 0.925 <= held <= 0.985
    assert np.mean([one.p_value < 0.05 for one in found]) <= 0.075


@pytest.mark.parametrize("kind", ["auc", "shares"])
def test_a_difference_is_found(kind):
    found = [simulated(kind, np.random.default_rng([8, n]), shift=1.5) for n in range(30)]
    assert np.mean([one.p_value < 0.05 for one in found]) > 0.6
    assert all(one.low <= one.difference <= one.high for one in found)


@pytest.mark.parametrize("call", [paired_shares, paired_means])
def test_no_rows_and_one_row_are_no_error(call):
    none = call([], [])
    assert none.rows == 0
    assert math.isnan(none.p_value)
    one = call([1.0], [1.0])
    assert (one.first, one.second, one.difference) == (1.0, 1.0, 0.0)


def test_models_that_agree_everywhere_are_equal():
    same = np.random.default_rng(4).random(50)
    assert paired_means(same, same).p_value == 1.0
    assert paired_shares(same > 0.5, same > 0.5).p_value == 1.0
    found = paired_means(same, same + 1.0)
    assert (found.low, found.high, found.p_value) == pytest.approx((1.0, 1.0, 0.0))


@pytest.mark.parametrize("labels", [[True] * 4, [False] * 4])
def test_an_area_needs_both_classes(labels):
    found = paired_auc(labels, [1.0, 2.0, 3.0, 4.0], [1.0, 2.0, 3.0, 4.0])
    assert math.isnan(found.first)
    assert math.isnan(found.p_value)


def test_a_single_row_of_a_class_has_an_area_and_no_interval():
    found = paired_auc([True, False, False], [3.0, 1.0, 2.0], [0.0, 1.0, 2.0])
    assert (found.first, found.second) == (1.0, 0.0)
    assert math.isnan(found.low)


@pytest.mark.parametrize("call", [paired_shares, paired_means])
def test_lengths_must_fit(call):
    with pytest.raises(InputError, match="one value of each model per row"):
        call([1, 0], [1])
