"""The judge of categories: χ² as scipy has it, rare levels by themselves, own windows."""

import numpy as np
import pytest
from scipy import stats

from mirante.drift.categorical import CategoricalJudge
from mirante.profiles import CategoricalProfile


def profile(counts, like=None):
    return CategoricalProfile.of("c", counts, like=like)


BASE = profile({"a": 5000, "b": 3000, "c": 2000})


def judge(counts, base=BASE, own=(), level=0.01):
    return CategoricalJudge(base, own).judge(profile(counts, like=base), level, 0.03)


def test_chi_squared_is_scipys_and_has_nine_tenths_of_the_level():
    found = judge({"a": 200, "b": 180, "c": 120})
    expected = stats.chi2_contingency([[5000, 3000, 2000], [200, 180, 120]], correction=False)
    assert found.score == "chi2"
    assert found.value == pytest.approx(expected.statistic)
    assert found.p_value == pytest.approx(expected.pvalue / 0.9)
    assert found.threshold == pytest.approx(stats.chi2.isf(0.009, 2))
    assert found.effect == pytest.approx(0.1)
    assert found.direction == "a: 50 % -> 40 %"


def test_a_total_variation_of_the_smallest_visible_size_is_always_seen():
    rng = np.random.default_rng(0)
    for _ in range(200):
        counts = dict(zip("abc", rng.multinomial(300, rng.dirichlet([5, 3, 2])).tolist(), strict=True))
        found = judge(counts)
        if found.effect >= found.smallest_effect:
            assert found.p_value <= 0.01


def test_new_categories_are_seen_by_their_own_test():
    few = judge({"a": 250, "b": 150, "c": 98, "new": 2})
    assert few.effect < 0.03
    many = judge({"a": 240, "b": 145, "c": 90, "new": 25})
    assert many.p_value < 1e-20
    assert many.effect == pytest.approx(0.05)
    assert many.direction == "new levels: 0 % -> 5.0 %"


def test_one_category_only():
    base = profile({"a": 1000})
    assert judge({"a": 50}, base).p_value == 1.0
    assert judge({"x": 50}, base).p_value < 1e-9


def test_a_window_larger_than_the_baseline_is_trusted_no_more_than_it():
    base = profile({"a": 500, "b": 500})
    exact = stats.chi2_contingency([[500, 500], [52_500, 47_500]], correction=False).pvalue
    assert judge({"a": 52_500, "b": 47_500}, base).p_value > exact


def test_one_level_that_leaves_its_narrow_range_is_named():
    rng = np.random.default_rng(3)
    days = []
    for _ in range(31):
        wide = int(rng.integers(300, 500))  # a and b trade places from day to day, c never moves
        days.append({"a": wide, "b": 800 - wide, "c": int(rng.binomial(1000, 0.2))})
    base = profile({name: sum(day[name] for day in days) for name in "abc"})
    own = [profile(day, like=base) for day in days]
    found = judge({"a": 380, "b": 310, "c": 310}, base, own)
    assert found.p_value <= 0.01
    assert found.score == "share"
    assert found.subject == "c"
    assert found.value == pytest.approx(0.31)
    assert 0.2 < found.threshold < 0.31
    usual = judge({"a": 310, "b": 490, "c": 200}, base, own)
    assert usual.p_value > 0.01
    assert usual.value < usual.threshold
