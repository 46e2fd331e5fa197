"""The scores of a table in one pass are those of the functions that know one column."""

import numpy as np
import pytest
from scipy import stats

from mirante.drift.cells import Cells
from mirante.drift.scores import Scores
from mirante.profiles import TableProfile
from mirante.stats import distances

RNG = np.random.default_rng(3)


def table(rows, shift=0.0):
    rng = np.random.default_rng(rows)
    return {
        "few": rng.normal(shift, 1, rows),
        "whole": rng.integers(0, 9, rows) + shift,
        "zeros": np.where(rng.random(rows) < 0.6, 0.0, rng.random(rows) + shift),
        "letter": rng.choice(list("abcde"), rows, p=np.array([4, 3, 2, 1, shift + 0.01]) / (10.01 + shift)),
    }


def scores(base, window):
    cells = Cells(base)
    names = (*base.layout.numeric, *base.layout.categorical)
    found = Scores(cells, base).of(window, cells.running(window.numbers.cells)[0])
    return {key: dict(zip(names, values.tolist(), strict=False)) for key, values in found.items()}


def deciles(base, window, name):
    column, now = base.columns[name], window.columns[name]
    inner = np.unique(np.searchsorted(column.upto * 10, np.arange(1, 10) * column.n, "left"))
    return [
        np.diff(np.r_[0, one.below[0], one.upto[inner], one.upto[-1], one.n]).astype(float)
        for one in (column, now)
    ]


@pytest.mark.parametrize("shift", [0.0, 0.3, 5.0])
def test_each_score_is_that_of_its_function(shift):
    base = TableProfile.of(table(900))
    window = TableProfile.of(table(300, shift), like=base)
    found = scores(base, window)
    for name in base.columns:
        if name == "letter":
            sides = [np.append(one.columns[name].counts, one.columns[name].other) for one in (base, window)]
        else:
            sides = deciles(base, window, name)
        for key in ("psi", "jensenshannon", "hellinger", "total_variation", "l_infinity"):
            assert found[key][name] == pytest.approx(getattr(distances, key)(*sides), abs=1e-12), (key, name)


def test_the_wasserstein_distance_is_scipys_in_standard_deviations():
    data, now = table(900), table(300, 0.5)
    base = TableProfile.of(data)
    found = scores(base, TableProfile.of(now, like=base))["wasserstein"]
    for name in ("few", "whole", "zeros"):
        expected = stats.wasserstein_distance(data[name], now[name]) / data[name].std()
        assert found[name] == pytest.approx(expected, rel=0.08)
    same = scores(base, TableProfile.of(data, like=base))["wasserstein"]
    assert set(same.values()) == {0.0}


def test_infinite_values_and_edges_leave_the_wasserstein_distance_to_the_others():
    base = TableProfile.of({"x": np.r_[np.arange(100.0), np.inf], "y": np.arange(101.0)})
    window = TableProfile.of(
        {"x": np.r_[np.arange(100.0), [np.inf] * 100], "y": np.r_[np.arange(199.0) / 2, -np.inf]}, like=base
    )
    found = scores(base, window)["wasserstein"]
    assert found["x"] == pytest.approx(0.0, abs=1e-12)
    assert found["y"] == pytest.approx(
        stats.wasserstein_distance(np.arange(101.0), np.arange(199.0) / 2) / np.arange(101.0).std(), rel=0.08
    )


def test_a_side_without_values_has_no_score():
    base = TableProfile.of({"x": [1.0, 2.0], "nothing": [None, None], "c": ["a", "b"]})
    found = scores(base, TableProfile.of({"x": [None], "nothing": [1.0], "c": [None]}, like=base))
    assert all(np.isnan(value) for values in found.values() for value in values.values())
