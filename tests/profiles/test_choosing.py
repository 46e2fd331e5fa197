"""Edges and levels of a table that is looked at in parts."""

from functools import reduce
from operator import add

import numpy as np

from mirante.profiles import TableProfile
from mirante.profiles.choosing import NumberFacts, NumberLook, chosen_profile
from mirante.stats.ranks import RankSearch


def chosen(values, parts):
    facts = reduce(add, map(NumberFacts.of, parts))
    facts = NumberFacts.from_bytes(facts.to_bytes())
    search, squares = RankSearch.of(facts.keys), None
    while squares is None or search.open:
        look = reduce(add, (NumberLook.of(part, search, facts.mean) for part in parts))
        look = NumberLook.from_bytes(look.to_bytes())
        squares = look.squares
        search = search.refined(look.keys) if search.open else search
        if squares is None:
            break
    return chosen_profile(["x", "c"], {"x": (facts, search, squares)}, {"c": {"b": 1, "a": 1, "d": 5}})


def test_a_layout_from_parts_is_that_of_the_whole():
    rng = np.random.default_rng(0)
    for values in (
        rng.normal(3, 2, 100_000),
        np.r_[rng.normal(size=200), np.nan, np.inf],
        np.full(9, np.nan),
        np.array([1e300, -1e300, 2.0]),
    ):
        whole = TableProfile.of({"x": values})
        found = chosen(values, np.array_split(rng.permutation(values), 3))
        layout = found.layout
        assert layout.edges[0].tolist() == whole.layout.edges[0].tolist()
        assert (layout.shift.tolist(), layout.scale.tolist()) == (
            whole.layout.shift.tolist(),
            whole.layout.scale.tolist(),
        )
        assert layout.levels == (("d", "a", "b"),)
        assert found.rows == found.columns["x"].n == 0


def test_facts_of_a_column():
    facts = NumberFacts.of(np.array([3.0, np.nan, -np.inf, 5.0]))
    assert (facts.missing, facts.finite, facts.mean, facts.low, facts.high) == (1, 2, 4.0, -np.inf, 5.0)
    nothing = NumberFacts.of(np.array([np.nan]))
    assert (nothing.mean, nothing.keys.total, nothing.low) == (0.0, 0, np.inf)
    assert (nothing + facts).to_bytes() == (facts + nothing).to_bytes()
