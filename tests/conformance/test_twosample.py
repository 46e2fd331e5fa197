"""Every two-sample test, in both forms: what must hold whatever the formula is."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mirante.errors import InputError
from mirante.stats.twosample import TESTS, TwoSample
from tests.stats.twosample.drawn import VALUES

ALL = pytest.mark.parametrize("name", list(TESTS))


def samples_for(name):
    value = st.booleans() if name == "z_proportions" else VALUES
    side = st.lists(value, min_size=1, max_size=30)
    return st.tuples(side, side)


@st.composite
def counts_for(draw, name):
    levels = 2 if name == "z_proportions" else draw(st.integers(1, 8))
    side = st.lists(st.integers(0, 60), min_size=levels, max_size=levels).filter(any)
    return np.array(draw(side)), np.array(draw(side))


def over_cells(a, b):
    cells = np.unique(np.r_[a, b])
    if cells.dtype == bool:
        cells = np.array([False, True])
    return tuple(np.array([np.count_nonzero(np.asarray(side) == cell) for cell in cells]) for side in (a, b))


def same(found, expected):
    assert found.statistic == pytest.approx(expected.statistic, rel=1e-9, abs=1e-9)
    assert found.p_value == pytest.approx(expected.p_value, rel=1e-6, abs=1e-7)
    assert found.freedom == expected.freedom


def sane(found):
    assert isinstance(found, TwoSample)
    assert np.isfinite(found.statistic)
    assert 0.0 <= found.p_value <= 1.0
    assert found.freedom >= 0


@ALL
@settings(deadline=None)
@given(data=st.data())
def test_values(name, data):
    test = TESTS[name].values
    a, b = data.draw(samples_for(name))
    found = test(a, b)
    sane(found)
    order = np.random.default_rng(len(a) + len(b))
    same(test(order.permutation(a), order.permutation(b)), found)  # rows have no order
    assert test(a, a).p_value == 1.0
    assert test(np.array(b), a).p_value == pytest.approx(found.p_value, rel=1e-6, abs=1e-7)
    if not TESTS[name].signed:
        assert test(b, a).statistic == pytest.approx(found.statistic, rel=1e-9, abs=1e-9)


@ALL
@settings(deadline=None)
@given(data=st.data())
def test_counts_over_the_values_say_the_same(name, data):
    a, b = data.draw(samples_for(name))
    raw, found = TESTS[name].values(a, b), TESTS[name].counts(*over_cells(a, b))
    assert found.statistic == pytest.approx(raw.statistic, rel=1e-9, abs=1e-9)
    assert found.freedom == raw.freedom
    if name != "ks":  # exact from raw values, by the limit law from counts
        assert found.p_value == pytest.approx(raw.p_value, rel=1e-6, abs=1e-7)


@ALL
@settings(deadline=None)
@given(data=st.data())
def test_counts(name, data):
    test = TESTS[name].counts
    a, b = data.draw(counts_for(name))
    found = test(a, b)
    sane(found)
    assert test(a, a).p_value == 1.0
    assert test(7 * a, a).p_value == pytest.approx(1.0, abs=1e-6)
    assert test(b, a).p_value == pytest.approx(found.p_value, rel=1e-6, abs=1e-7)
    order = (
        np.random.default_rng(a.size).permutation(a.size)
        if not TESTS[name].ordered
        else slice(None, None, -1)
    )
    turned = test(a[order], b[order])
    assert turned.p_value == pytest.approx(found.p_value, rel=1e-6, abs=1e-7)
    if not TESTS[name].signed:
        assert turned.statistic == pytest.approx(found.statistic, rel=1e-9, abs=1e-9)
        assert test(b, a).statistic == pytest.approx(found.statistic, rel=1e-9, abs=1e-9)


@ALL
@settings(deadline=None)
@given(data=st.data())
def test_only_what_values_mean_to_the_test_counts(name, data):
    """Order and nothing else for tests of order; sameness and nothing else for tests of levels."""
    a, b = data.draw(samples_for(name))
    distinct, place = np.unique(np.r_[a, b], return_inverse=True)
    names = (
        np.arange(distinct.size) ** 3.0 if TESTS[name].ordered else np.array(["k", "x", *"abcdefghijlmn"] * 9)
    )
    if not TESTS[name].ordered:
        names = np.char.add(np.repeat(["", "z", "zz", "zzz", "zzzz", "zzzzz"], 15), names[:90])
    renamed = names[place]
    same(TESTS[name].values(renamed[: len(a)], renamed[len(a) :]), TESTS[name].values(a, b))


@pytest.mark.parametrize("name", [name for name in TESTS if name != "z_proportions"])  # always two levels
def test_empty_cells_change_nothing(name):
    test = TESTS[name].counts
    found = test([5, 3, 9], [1, 30, 2])
    same(test([0, 5, 0, 0, 3, 9, 0], [0, 1, 0, 0, 30, 2, 0]), found)


@ALL
def test_one_value_only_is_no_evidence_whatever_the_lengths(name):
    for m, n in ((1, 1), (1, 30), (40, 2), (1000, 100)):
        assert TESTS[name].values([1.0] * m, [1.0] * n).p_value == 1.0
        assert TESTS[name].counts([0, m], [0, n]).p_value == 1.0


@ALL
def test_a_row_a_side_is_an_answer(name):
    sane(TESTS[name].values([False], [True]))
    sane(TESTS[name].counts([1, 0], [0, 1]))
    sane(TESTS[name].counts([1, 0], [500, 500]))


@ALL
def test_a_larger_move_is_a_smaller_p(name):
    p = [TESTS[name].counts([100, 100], [100 - k, 100 + k]).p_value for k in (0, 20, 50, 90)]
    assert p == sorted(p, reverse=True)
    assert p[0] == 1.0
    assert p[-1] < 1e-6
    raw = [
        TESTS[name].values([False] * 100 + [True] * 100, [False] * (100 - k) + [True] * (100 + k)).p_value
        for k in (0, 50, 90)
    ]
    assert raw == sorted(raw, reverse=True)
    assert raw[-1] < 1e-6


@ALL
@pytest.mark.parametrize("sizes", [(100, 100), (2000, 60)])
def test_the_level_is_kept_when_nothing_moved(name, sizes):
    rng = np.random.default_rng(sum(sizes))
    shares = [0.7, 0.3] if name == "z_proportions" else [0.3, 0.25, 0.2, 0.15, 0.1]
    draws = zip(rng.multinomial(sizes[0], shares, 1500), rng.multinomial(sizes[1], shares, 1500), strict=True)
    p = np.array([TESTS[name].counts(a, b).p_value for a, b in draws])
    # 0.05 and 0.01, with 3.5 standard errors of 1,500 draws and what small cells add
    assert np.mean(p <= 0.05) <= 0.07
    assert np.mean(p <= 0.01) <= 0.02


@ALL
def test_wrong_values_are_refused_in_words(name):
    test = TESTS[name].values
    for bad in ([0.0, np.nan], [np.nan], [None, 1.0]):
        with pytest.raises(InputError, match=r"reference has 1 (NaN|missing) among \d values?; drop"):
            test(bad, [0.0, 1.0])
        with pytest.raises(InputError, match=r"current has 1 (NaN|missing) among \d values?; drop"):
            test([0.0, 1.0], bad)
    with pytest.raises(InputError, match="reference has 0 values; give at least one"):
        test([], [1.0])
    with pytest.raises(InputError, match="current has 0 values; give at least one"):
        test([1.0], [])


@ALL
def test_wrong_counts_are_refused_in_words(name):
    test = TESTS[name].counts
    with pytest.raises(
        InputError, match="reference has 2 bins and current has 3; count both with the same edges"
    ):
        test([1, 2], [1, 2, 3])
    with pytest.raises(InputError, match="current holds no rows"):
        test([1, 2], [0, 0])
    for bad in (-2, np.nan, np.inf):
        with pytest.raises(InputError, match="reference holds a count that is negative or not finite"):
            test([1, bad], [1, 1])
    if TESTS[name].ordered:
        with pytest.raises(InputError, match="current holds a count that is not whole"):
            test([1, 1], [0.5, 1.5])
