"""The table of edges finds what numpy's search finds, for any edges and any values."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mirante.profiles.edge_table import EdgeTable

NUMBERS = st.floats(allow_nan=False, width=64)
COLUMNS = st.lists(st.lists(NUMBERS, max_size=40, unique=True), min_size=1, max_size=4)
VALUES = st.lists(st.floats(width=64), min_size=1, max_size=12)


def searched(edges, matrix):
    return np.array([one.searchsorted(row, "left") for one, row in zip(edges, matrix, strict=True)])


def sorted_edges(columns):
    return [np.unique(np.array(one, np.float64) + 0.0) for one in columns]


@given(COLUMNS, VALUES)
def test_any_value_lies_where_a_search_says(columns, values):
    edges = sorted_edges(columns)
    # among them each edge, and its neighbours on both sides
    with np.errstate(over="ignore"):  # the largest number's neighbour
        near = [np.r_[one, np.nextafter(one, -np.inf), np.nextafter(one, np.inf)] for one in edges]
    matrix = np.array([np.resize(np.r_[values, part], 130) for part in near])
    np.testing.assert_array_equal(EdgeTable(edges).bins(matrix), searched(edges, matrix))


@pytest.mark.parametrize(
    "edges",
    [
        np.sort(np.random.default_rng(0).standard_cauchy(999)),
        np.sort(np.random.default_rng(1).lognormal(0, 3, 5000)),
        1e15 + np.arange(999.0),
        np.r_[np.linspace(0, 1e-9, 500), 1e9],
        np.r_[-np.inf, np.linspace(-1, 1, 500), np.inf],
        np.array([-1.7e308, 0.0, 1.7e308]),
        np.array([0.0, 5e-324, 1e-323]),
    ],
    ids=["heavy tails", "skewed", "far away", "one far out", "infinite", "largest", "smallest"],
)
def test_hard_edges_are_found(edges):
    rng = np.random.default_rng(2)
    known = edges[np.isfinite(edges)]
    values = np.r_[
        rng.choice(known, 400), rng.choice(known, 400) + rng.normal(size=400), np.nan, np.inf, -np.inf
    ]
    plain = np.sort(rng.normal(size=300))
    matrix = np.array([values, rng.normal(size=values.size)])
    np.testing.assert_array_equal(EdgeTable([edges, plain]).bins(matrix), searched([edges, plain], matrix))


def test_edges_in_one_part_of_the_range_are_searched():
    table = EdgeTable([np.r_[np.linspace(0, 1, 300) ** 9 * 1e-30, np.linspace(1, 2, 700)]])
    assert table._searched == [0]
    matrix = np.array([[0.0, 1e-40, 1.5, 3.0, np.nan]])
    assert table.bins(matrix).tolist() == searched(table._edges, matrix).tolist()


def test_no_columns_and_no_edges_are_no_exception():
    assert EdgeTable([]).bins(np.empty((0, 3))).shape == (0, 3)
    assert EdgeTable([np.empty(0)]).bins(np.array([[1.0, np.nan]])).tolist() == [[0, 0]]
