"""Fewer edges: what is counted at those that are left is exact, and coarse profiles add up as others do."""

import numpy as np
import pytest

from mirante.errors import InputError
from mirante.parted import split
from mirante.profiles import TableProfile
from mirante.profiles.coarse import coarse_layout

RNG = np.random.default_rng(5)
TABLE = {
    "normal": RNG.normal(3, 2, 8_000),
    "heavy": np.exp(RNG.normal(0, 3, 8_000)),
    "atoms": np.where(RNG.random(8_000) < 0.6, 0.0, RNG.normal(size=8_000)),
    "few": RNG.integers(0, 24, 8_000),
    "level": RNG.choice(["a", "b", "c"], 8_000),
}
BASELINE = TableProfile.of(TABLE)


def window(seed: int, rows: int = 700) -> TableProfile:
    rng = np.random.default_rng(seed)
    table = {name: rng.permutation(np.asarray(values))[:rows] for name, values in TABLE.items()}
    table["normal"] = np.append(table["normal"][:-3], [np.nan, np.inf, -1e9])
    return TableProfile.of(table, like=BASELINE)


@pytest.mark.parametrize("most", [2, 11, 101, 201])
def test_counts_at_the_edges_that_are_left_are_exact(most):
    whole = window(1)
    coarse = whole.coarser(most)
    assert coarse.rows == whole.rows
    for name, column in whole.columns.items():
        other = coarse.columns[name]
        assert other.missing == column.missing
        if name == "level":
            assert other == column
            continue
        assert len(other.edges) == min(most, len(column.edges))
        places = np.searchsorted(column.edges, other.edges)
        assert column.edges[places].tolist() == other.edges.tolist()
        assert other.below.tolist() == column.below[places].tolist()
        assert other.upto.tolist() == column.upto[places].tolist()
        assert (other.minimum, other.maximum, other.n) == (column.minimum, column.maximum, column.n)
        np.testing.assert_equal([other.mean, other.std, other.skew], [column.mean, column.std, column.skew])


def test_quantiles_stay_near():
    whole, coarse = window(2), window(2).coarser()
    for name in ("normal", "few"):
        for q in (0.05, 0.5, 0.95):
            assert coarse.columns[name].quantile(q) == pytest.approx(whole.columns[name].quantile(q), abs=0.2)


def test_sums_of_coarse_ones_are_the_coarse_one_of_the_sum():
    one, two = window(3), window(4)
    assert one.coarser() + two.coarser() == (one + two).coarser()


def test_they_take_fewer_bytes_and_come_back():
    whole = window(5).to_bytes(parted=True)
    coarse = window(5).coarser().to_bytes(parted=True)
    assert len(split(coarse)[1]) < len(split(whole)[1]) / 3
    assert split(coarse)[0] == split(window(6).coarser().to_bytes(parted=True))[0]
    assert TableProfile.from_bytes(coarse) == window(5).coarser()


def test_a_coarse_one_does_not_add_to_a_whole_one():
    with pytest.raises(InputError):
        _ = window(7).coarser() + window(7)


def test_one_with_few_edges_stays_as_it_is():
    small = TableProfile.of({"x": [1, 2, 3], "y": ["a", "b", "b"]})
    assert small.coarser() is small
    assert coarse_layout(small.layout, 2).layout is not small.layout
    levels = TableProfile.of({"y": ["a", "b", "b"]})
    assert levels.coarser(2) is levels
