"""The tests of categories: χ² as scipy has it, rare levels by themselves, own windows."""

import numpy as np
import pytest
from scipy import stats

from mirante.drift.categorical import CategoricalTests
from mirante.drift.monitor import DriftMonitor
from mirante.profiles import CategoricalProfile, TableProfile
from mirante.profiles.counting import CategoryCounts, NumberCounts
from mirante.profiles.layout import Layout

BASE = {"a": 5000, "b": 3000, "c": 2000}


def profile(counts, like=None):
    """Return the profile of a table of one column from counts, without making its rows."""
    column = CategoricalProfile.of("c", counts, like=None if like is None else like.columns["c"])
    layout = Layout.of([column]) if like is None else like.layout
    return TableProfile(sum(counts.values()), layout, NumberCounts.of([]), CategoryCounts.of([column]))


def judge(counts, base=BASE, own=(), level=0.01):
    first = profile(base)
    windows = [profile(one, like=first) for one in own]
    monitor = DriftMonitor(first, own_windows=windows, alarm_budget=f"{level * 100} in 100 windows")
    monitor._scales._pooled = ()  # the window itself has all of the level
    return monitor.update(profile(counts, like=first)).columns["c"]


def findings_of(counts, base=BASE):
    first = profile(base)
    window = profile(counts, like=first)
    tests = CategoricalTests(first.layout, first.categories.levels)
    return tests.judge(window.categories.levels[None].astype(float))


def test_chi_squared_is_scipys():
    found = judge({"a": 200, "b": 180, "c": 120})
    expected = stats.chi2_contingency([[5000, 3000, 2000], [200, 180, 120]], correction=False)
    assert found.score == "chi2"
    assert found.value == pytest.approx(expected.statistic)
    assert found.p_value == pytest.approx(expected.pvalue)
    assert found.threshold == pytest.approx(stats.chi2.isf(0.01, 2))
    assert found.effect == pytest.approx(0.1)
    assert found.direction == "a: 50 % -> 40 %"


def test_rare_levels_are_one_and_have_a_tenth_of_the_level():
    base = {"a": 9000, "b": 900, **{f"r{i}": 10 for i in range(10)}}
    now = {"a": 440, "b": 50, "r0": 10}
    found = judge(now, base)
    expected = stats.chi2_contingency([[9000, 1000], [440, 60]], correction=False)  # rare together promise 5
    assert found.scores["chi2"] == pytest.approx(expected.statistic)
    assert found.score == "total_variation" if found.drifted else "chi2"
    assert found.p_value < expected.pvalue  # r0 was to have half a row and has ten
    assert findings_of(now, base).common[0, 0] == 0.9


def test_a_total_variation_of_the_smallest_visible_size_is_always_seen():
    rng = np.random.default_rng(0)
    seen = 0
    for _ in range(200):
        counts = dict(zip("abc", rng.multinomial(300, rng.dirichlet([5, 3, 2])).tolist(), strict=True))
        found = judge(counts)
        if found.effect >= found.smallest_effect:
            seen += 1
            assert found.p_value <= 0.01
    assert seen > 50


def test_new_categories_are_seen_by_their_own_test():
    few = judge({"a": 250, "b": 150, "c": 98, "new": 2})
    assert few.effect < 0.03
    assert not few.drifted
    many = judge({"a": 240, "b": 145, "c": 90, "new": 25})
    assert many.p_value < 1e-20
    assert many.effect == pytest.approx(0.05)
    assert many.direction == "new levels: 0 % -> 5.0 %"


def test_new_levels_are_no_news_where_levels_of_a_single_row_promise_them():
    """A window holds what the baseline happened to miss; that much of it is chance."""
    rng = np.random.default_rng(2)
    share = 1.0 / np.arange(1, 400) ** 1.2
    names = [f"level {i}" for i in range(share.size)]

    def drawn(rows):
        return dict(zip(names, rng.multinomial(rows, share / share.sum()).tolist(), strict=True))

    base = {name: count for name, count in drawn(2_000).items() if count}
    found = [judge(drawn(rows), base) for rows in (500, 2_000, 20_000) for _ in range(20)]
    assert sum(one.new_category_ratio > 0.02 for one in found) > 50
    assert sum(one.drifted for one in found) <= 2


def test_one_category_only():
    base = {"a": 1000}
    assert judge({"a": 50}, base).p_value == 1.0
    assert judge({"x": 50}, base).p_value < 1e-9


def test_a_window_larger_than_the_baseline_is_trusted_no_more_than_it():
    base = {"a": 500, "b": 500}
    exact = stats.chi2_contingency([[500, 500], [52_500, 47_500]], correction=False).pvalue
    assert judge({"a": 52_500, "b": 47_500}, base).p_value > exact


def test_several_scales_and_columns_are_judged_as_each_alone():
    rng = np.random.default_rng(1)
    frames = {
        "c": rng.choice(list("abcde"), 3000),
        "d": rng.choice(list("xyz"), 3000, p=[0.99, 0.006, 0.004]),
    }
    base = TableProfile.of(frames)
    tests = CategoricalTests(base.layout, base.categories.levels)
    rows = np.array(
        [[*rng.multinomial(n, [0.2] * 5 + [0]).tolist(), n - 3, 2, 1, 0] for n in (300, 900, 1800)], float
    )
    together = tests.judge(rows)
    for row in range(3):
        alone = tests.judge(rows[row : row + 1], rare=row == 0)
        for name in ("n", "distance", "chi2", "freedom", "p_value"):
            np.testing.assert_allclose(getattr(together, name)[row], getattr(alone, name)[0], err_msg=name)


def test_one_level_that_leaves_its_narrow_range_is_named():
    rng = np.random.default_rng(3)
    days = []
    for _ in range(31):
        wide = int(rng.integers(300, 500))  # a and b trade places from day to day, c never moves
        days.append({"a": wide, "b": 800 - wide, "c": int(rng.binomial(1000, 0.2))})
    base = {name: sum(day[name] for day in days) for name in "abc"}
    found = judge({"a": 380, "b": 310, "c": 310}, base, days)
    assert found.drifted
    assert found.score == "share"
    assert found.value == pytest.approx(0.31)
    assert 0.2 < found.threshold < 0.31
    assert "share of c 31 %" in found.sentence
    usual = judge({"a": 310, "b": 490, "c": 200}, base, days)
    assert usual.p_value > 0.01
    assert usual.value < usual.threshold


def test_the_limit_of_a_quiet_window_does_not_depend_on_how_quiet_it_was():
    own = [{"a": 100 + one, "b": 60 - one, "c": 40} for one in (-9, -6, -3, 0, 0, 3, 6, 9)] * 3
    still, quiet = (judge({"a": 100 + one, "b": 60 - one, "c": 40}, own=own) for one in (0, 8))
    assert not still.drifted
    assert not quiet.drifted
    assert still.threshold == pytest.approx(quiet.threshold, rel=0.05)
    # what surely passes: 4 TV² n m / (n + m) is at least the limit of χ²
    surely = np.sqrt(stats.chi2.isf(0.009, 2) * (1 / 200 + 1 / 10_000) / 4)
    assert still.threshold == still.smallest_effect == pytest.approx(surely)
    for away in range(20, 60, 5):
        moved = judge({"a": 100 - away, "b": 60 + away, "c": 40}, own=own)
        assert moved.drifted or moved.effect < still.smallest_effect


@pytest.mark.parametrize("rows", [6, 22, 50, 200])
def test_no_quiet_window_is_beyond_the_limit_that_it_is_told_with(rows):
    rng = np.random.default_rng(rows)
    names, share = list("abcdefgh"), np.array([0.5, 0.2, 0.1, 0.08, 0.05, 0.04, 0.02, 0.01])
    own = [dict(zip(names, rng.multinomial(rows, share), strict=True)) for _ in range(24)]
    base = dict(zip(names, rng.multinomial(1_000, share), strict=True))
    for _ in range(20):
        found = judge(dict(zip(names, rng.multinomial(rows, share), strict=True)), base=base, own=own)
        assert found.drifted or found.score != "total_variation" or found.value <= found.threshold


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("rows", [300, 600, 700, 1_000])
def test_names_of_rows_make_one_group_and_no_nan(rows):
    names = [f"c-{number}" for number in range(rows)]
    own = [dict.fromkeys(names[start : start + 24], 1) for start in range(0, rows, 24)]
    verdict = judge(dict.fromkeys(names[:30], 1), dict.fromkeys(names, 1), own)
    assert not verdict.drifted
    assert verdict.smallest_effect == np.inf  # too few rows to see any shift


def test_many_rare_levels_that_are_merged_into_one_are_no_more_than_all():
    rng = np.random.default_rng(1)
    days = [{"c": rng.choice([f"v{k}" for k in range(30)], 20)} for _ in range(10)]
    whole = TableProfile.of({"c": np.concatenate([day["c"] for day in days])})
    monitor = DriftMonitor(whole, own_windows=[TableProfile.of(day, like=whole) for day in days])
    few = TableProfile.of({"c": ["v1", "v2", "v3"]}, like=whole)
    assert not monitor.update(few).drifted  # a warning, of the root of a negative number, would be an error
