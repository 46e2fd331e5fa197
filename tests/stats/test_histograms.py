"""Counts at edges equal brute force, whatever the data, its order and its size."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from mirante.errors import InputError
from mirante.stats.histograms import BLOCK, cells, choose_edges, side_counts, tally

VALUES = hnp.arrays(
    np.float64, st.integers(0, 60), elements=st.floats(width=32, allow_nan=True, allow_infinity=True)
)


def brute(values, edges):
    present = values[~np.isnan(values)]
    return (present[:, None] < edges).sum(0), (present[:, None] <= edges).sum(0)


@given(VALUES, VALUES)
def test_counts_equal_brute_force_for_any_values(base, values):
    edges = choose_edges(base)
    below, upto = side_counts(values, edges)
    expected = brute(values, edges)
    np.testing.assert_array_equal(below, expected[0])
    np.testing.assert_array_equal(upto, expected[1])


@given(VALUES)
def test_every_distinct_value_is_an_edge_when_there_are_few(values):
    np.testing.assert_array_equal(choose_edges(values), np.unique(values[~np.isnan(values)] + 0.0))


def test_more_than_one_block_counts_as_one():
    values = np.random.default_rng(1).normal(size=2 * BLOCK + 17)
    values[::1000] = np.nan
    edges = choose_edges(values[:999])
    counted = tally(values, edges, shift=0.1, scale=2.0)
    below, upto = brute(values, edges)
    np.testing.assert_array_equal(counted.below, below)
    np.testing.assert_array_equal(counted.upto, upto)
    present = values[~np.isnan(values)]
    assert (counted.n, counted.missing) == (present.size, values.size - present.size)
    z = (present - 0.1) / 2.0
    np.testing.assert_allclose(counted.powers, [(z**k).sum() for k in (1, 2, 3, 4)], rtol=1e-9)


def test_open_bin_sums_leave_out_edges_and_infinities():
    edges = np.array([0.0, 10.0])
    counted = tally(np.array([-3.0, 0.0, 1.0, 2.0, 10.0, 50.0, np.inf, -np.inf]), edges)
    assert counted.sums.tolist() == [-3.0, 3.0, 50.0]
    assert (counted.low_infinite, counted.high_infinite, counted.n) == (1, 1, 8)
    assert (counted.minimum, counted.maximum) == (-np.inf, np.inf)


@pytest.mark.parametrize("size", [5_001, 7_919, 20_000])
def test_many_values_give_quantile_edges_that_hold_the_deciles(size):
    values = np.random.default_rng(size).permutation(size).astype(float)
    edges = choose_edges(values)
    assert 999 <= edges.size <= 1001
    deciles = np.quantile(values, np.arange(1, 10) / 10, method="inverted_cdf")
    assert np.isin(deciles, edges).all()
    assert edges[0] == 0
    assert edges[-1] == size - 1
    assert np.diff(side_counts(values, edges)[1]).max() <= -(-size // 1000)


def test_edges_without_values_and_a_count_without_deciles():
    assert choose_edges(np.array([np.nan])).size == 0
    with pytest.raises(InputError, match="multiple of 10"):
        choose_edges(np.arange(10.0), count=255)


def test_minus_zero_and_zero_are_one_edge():
    assert choose_edges(np.array([-0.0, 0.0])).size == 1


def test_cells_of_no_edges():
    none = np.empty(0, np.int64)
    assert cells(none, none, 7).tolist() == [7]
