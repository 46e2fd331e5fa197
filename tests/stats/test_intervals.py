"""Intervals: published values, closed forms of scipy, ends and nothing."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from mirante.stats.intervals import (
    UNKNOWN,
    Interval,
    auc_score_interval,
    f1_interval,
    log_interval,
    logit_interval,
    mean_interval,
    median_interval,
    mover,
    wilson,
)


@pytest.mark.parametrize(
    ("hits", "count", "lower", "upper"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_wilson_is_that_of_newcombes_table(hits: int, count: int, lower: float, upper: float) -> None:
    found = wilson(hits, count)
    assert (found.lower, found.upper) == (pytest.approx(lower, abs=5e-5), pytest.approx(upper, abs=5e-5))
    known = stats.binomtest(hits, count).proportion_ci(method="wilson")
    assert (found.lower, found.upper) == (pytest.approx(known.low), pytest.approx(known.high))


def test_a_mean_has_students_interval() -> None:
    values = np.random.default_rng(1).exponential(2.0, 40)
    known = stats.ttest_1samp(values, 0.0).confidence_interval(0.95)
    assert mean_interval(values)[1:] == (pytest.approx(known.low), pytest.approx(known.high))
    assert mean_interval(np.array([0.1, 0.0, 3.0]), 0.0).lower == 0.0


def test_the_f1_is_between_the_same_ends_whichever_way_it_is_asked() -> None:
    found = f1_interval(40, 50, 60)
    assert found.value == pytest.approx(2 * 40 / 110)
    assert f1_interval(40, 60, 50) == found
    assert f1_interval(0, 5, 0).value == 0.0


def test_a_median_lies_between_values_by_their_binomial_ranks() -> None:
    for count, ranks in ((6, (1, 6)), (20, (6, 15)), (100, (40, 61))):
        values = np.random.default_rng(count).permutation(np.arange(1.0, count + 1))
        assert median_interval(values)[1:] == ranks  # Conover 1999, table A3
        assert stats.binom.cdf(ranks[0] - 1, count, 0.5) <= 0.025 < stats.binom.cdf(ranks[0], count, 0.5)
    assert math.isnan(median_interval(np.arange(5.0)).lower)


def test_the_difference_of_recalls_is_newcombes_for_two_shares() -> None:
    # Newcombe (1998), method 10, for 56/70 - 48/80: 0.0524 to 0.3339; half of a sum with one turned round
    left, right = wilson(56, 70), wilson(48, 80)
    turned = Interval(1 - right.value, 1 - right.upper, 1 - right.lower)
    found = mover([left, turned])
    assert 2 * found.lower - 1 == pytest.approx(0.0524, abs=5e-5)
    assert 2 * found.upper - 1 == pytest.approx(0.3339, abs=5e-5)


def test_parts_that_move_together_spread_further() -> None:
    parts = [wilson(45, 50), wilson(40, 50)]
    alone, together = mover(parts), mover(parts, correlation=np.ones((2, 2)))
    assert together.lower == pytest.approx(np.mean([one.lower for one in parts]))
    assert together.lower < alone.lower
    assert mover([parts[0], UNKNOWN]) == pytest.approx(parts[0])
    assert mover(parts, weights=[1.0, 0.0]) == pytest.approx(parts[0])


def test_the_area_of_one_has_a_lower_end_and_the_others_lie_around_it() -> None:
    found = [auc_score_interval(value, 30, 40) for value in (0.0, 0.5, 0.8, 1.0)]
    assert found[0][1:] == (0.0, pytest.approx(1 - found[3].lower))
    assert all(one.lower <= one.value <= one.upper for one in found)
    assert found[1].lower == pytest.approx(1 - found[1].upper)


def test_the_delta_method_takes_the_other_interval_at_the_end() -> None:
    other = Interval(0.5, 0.1, 0.7)
    assert logit_interval(1.0, 0.0, other) == (1.0, 0.1, 0.7)
    assert logit_interval(0.6, math.nan, other) == (0.6, 0.1, 0.7)
    assert logit_interval(math.nan, 0.1, other).value is not None


@pytest.mark.parametrize(
    "found",
    [
        wilson(0, 0),
        f1_interval(0, 0, 0),
        mean_interval(np.array([])),
        median_interval(np.array([])),
        auc_score_interval(0.5, 0, 3),
        mover([UNKNOWN]),
        mover([]),
    ],
)
def test_nothing_is_unknown_and_warns_nobody(found: Interval) -> None:
    assert all(math.isnan(one) for one in found)


def test_what_is_infinite_has_no_ends() -> None:
    assert mean_interval(np.array([1.0, math.inf])).value == math.inf
    assert math.isnan(mean_interval(np.array([1.0, math.inf])).lower)
    assert math.isnan(mean_interval(np.array([1.0])).upper)
    assert math.isnan(log_interval(0.0, 1.0).lower)
    assert math.isnan(log_interval(math.inf, 1.0).lower)
