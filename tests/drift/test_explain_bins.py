"""The bins of a column cover every row once, and carry names."""

import numpy as np
import pytest

from mirante.drift.explain.bins import bins_of, interval, number
from mirante.profiles import TableProfile

RNG = np.random.default_rng(5)
COLUMNS = {
    "normal": RNG.normal(size=4000),
    "zeros": np.where(RNG.random(4000) < 0.6, 0.0, RNG.exponential(size=4000)),
    "constant": np.full(300, 5.0),
    "two": np.repeat([0.0, 10.0], 200),
    "infinite": np.r_[np.arange(100.0), np.inf, -np.inf, np.nan],
    "nothing": np.full(50, np.nan),
    "one": np.array([3.0]),
    "text": RNG.choice(["a", "b", "c"], 500),
    "ids": np.array([f"id{i}" for i in range(500)]),
    "no text": np.array([None, None], object),
}


def both(before, after, name="x"):
    base = TableProfile.of({name: before})
    return bins_of(base.columns[name], TableProfile.of({name: after}, like=base).columns[name])


@pytest.mark.parametrize("name", COLUMNS)
def test_every_row_is_in_one_bin(name):
    before = COLUMNS[name]
    after = np.concatenate([before[:7], before[:1]])
    found = both(before, after)
    assert found.before.sum() == len(before)
    assert found.after.sum() == len(after)
    assert len(found.names) == len(set(found.names)) == found.before.size == found.after.size


def test_numbers_are_counted_between_deciles():
    found = both(np.arange(1000.0), np.array([-1.0, 99.0, 100.0, 5000.0, np.nan]))
    assert found.names[:3] == ("x < 0", "0 <= x <= 99", "99 < x <= 199")
    assert found.names[-3:] == ("899 < x <= 999", "x > 999", "x missing")
    assert found.before.tolist() == [0] + [100] * 10 + [0, 0]
    assert found.after.tolist() == [1, 1, 1] + [0] * 8 + [1, 1]


def test_a_heavy_value_is_a_bin_of_its_own_so_that_nothing_hides_beside_it():
    found = both(np.repeat([0.0, 10.0], 200), np.full(50, 5.0))
    assert found.after[found.names.index("0 < x < 10")] == 50
    assert both(np.full(300, 5.0), np.full(9, 4.0)).after.tolist() == [9, 0, 0, 0]


def test_rare_levels_are_taken_together_with_the_new_ones():
    before = ["a"] * 300 + ["b"] * 200 + ["c"] * 9 + [None]
    found = both(before, ["a", "c", "d", "e", None])
    assert found.names == ("x = a", "x = b", "x = a rare or new level", "x missing")
    assert found.before.tolist() == [300, 200, 9, 1]
    assert found.after.tolist() == [1, 0, 3, 1]
    assert found.rare.tolist() == [2]


def test_a_small_baseline_keeps_its_levels():
    assert both(["a", "a", "b"], ["c"]).names == ("x = a", "x = b", "x = a new level", "x missing")


def test_conditions_name_their_ends():
    assert interval("x", "1", "2", open_low=False, open_high=True) == "1 <= x < 2"
    assert interval("x", "1", None, open_low=False) == "x >= 1"
    assert interval("x", None, None) == "x present"
    assert number(-1234.56) == "-1235"
