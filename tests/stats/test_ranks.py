"""Values at given ranks among values that are never brought together."""

from functools import reduce
from operator import add

import numpy as np
import pytest

from mirante.stats.histograms import choose_edges
from mirante.stats.ranks import MOST_CELLS, KeyCounts, RankSearch, keys_of, values_of

RNG = np.random.default_rng(0)
TABLES = {
    "normal": RNG.normal(size=300_000),
    "few": RNG.integers(0, 1_000, 50_000).astype(float),
    "some": RNG.integers(0, 9_000, 50_000).astype(float),
    "atoms": np.r_[RNG.normal(size=100_000), np.zeros(60_000), -0.0, np.inf, -np.inf, -np.inf],
    "moments": 1.7e9 + RNG.random(200_000) * 1e6,
    "all sizes": RNG.random(200_000) * 10.0 ** RNG.integers(-300, 300, 200_000),
    "neighbours": np.nextafter(1.0, 2.0, dtype=float) + np.arange(100_000) * 2.0**-52,
    "two": np.array([2.0, -1.0]),
    "none": np.zeros(0),
}


@pytest.mark.parametrize("name", TABLES)
def test_edges_from_parts_are_those_of_the_whole(name):
    values = TABLES[name]
    parts = [keys_of(part) for part in np.array_split(RNG.permutation(values), 5)]
    search, looks = RankSearch.of(reduce(add, map(KeyCounts.of, parts))), 1
    while search.open:
        found = [search.look(part) for part in parts]
        assert all(one.keys.size <= MOST_CELLS for one in found), "what a part sends is bounded"
        before, search, looks = search.bits, search.refined(reduce(add, found)), looks + 1
        assert search.bits <= max(before - 6, 0)
    assert search.edges.tolist() == choose_edges(values).tolist()
    assert looks <= 3


def test_keys_sort_as_values_do():
    values = np.array([-np.inf, -1.5, -5e-324, -0.0, 0.0, 5e-324, 1.5, np.inf])
    keys = keys_of(values)
    assert (np.diff(keys.astype(object)) > 0).tolist() == [True, True, True, False, True, True, True]
    assert values_of(keys).tolist() == values.tolist()


def test_counts_add_up_in_any_order_and_travel():
    parts = [KeyCounts.of(keys_of(part)) for part in np.array_split(TABLES["normal"], 4)]
    whole, other = reduce(add, parts), reduce(add, reversed(parts))
    for one in (other, KeyCounts.from_bytes(whole.to_bytes()), KeyCounts.of(keys_of(TABLES["normal"]))):
        assert one.bits == whole.bits > 0
        assert one.keys.tolist() == whole.keys.tolist()
        assert one.counts.tolist() == whole.counts.tolist()
    assert whole.total == 300_000
