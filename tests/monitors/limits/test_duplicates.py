import json
from itertools import pairwise

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mirante.monitors.limits import duplicates
from mirante.monitors.limits.duplicates import DistinctRows, row_hashes

VALUES = st.one_of(st.none(), st.integers(-3, 3).map(float))


@given(st.lists(st.tuples(VALUES, st.sampled_from([None, "a", "b", "", "a\0"])), max_size=40))
def test_rows_have_the_same_number_exactly_when_their_values_are_the_same(rows):
    table = pa.table(
        {
            "x": pa.array([one[0] for one in rows], pa.float64()),
            "s": pa.array([one[1] for one in rows], pa.string()),
        }
    )
    hashes = row_hashes(table, ["x", "s"]).tolist()
    assert len(set(hashes)) == len(set(rows))
    for first, second in pairwise(rows):
        assert (first == second) == (hashes[rows.index(first)] == hashes[rows.index(second)])


def test_pandas_arrow_and_numpy_columns_of_the_same_values_have_the_same_copies():
    frame = pd.DataFrame(
        {"n": [1, 1, 2, 2], "c": pd.Categorical(["u", "u", "v", "u"]), "b": [True, True, False, False]}
    )
    for table in (frame, pa.Table.from_pandas(frame), {name: frame[name].to_numpy() for name in frame}):
        hashes = row_hashes(table, ["n", "c", "b"])
        assert hashes[0] == hashes[1]
        assert len(set(hashes.tolist())) == 3


def test_missing_values_are_alike_and_zeros_have_no_sign():
    hashes = row_hashes({"x": np.array([np.nan, np.nan, 0.0, -0.0, np.inf, -np.inf])}, ["x"])
    assert hashes[0] == hashes[1]
    assert hashes[2] == hashes[3]
    assert hashes[4] != hashes[5]


def test_a_column_that_is_not_there_is_missing_in_every_row():
    table = {"x": np.array([1.0, 1.0, 2.0])}
    assert row_hashes(table, ["x", "gone"])[0] == row_hashes(table, ["x", "gone"])[1]


def test_values_that_are_swapped_between_columns_are_other_rows():
    hashes = row_hashes({"x": np.array([1.0, 2.0]), "y": np.array([2.0, 1.0])}, ["x", "y"])
    assert hashes[0] != hashes[1]


@given(st.lists(st.integers(0, 60), max_size=300), st.integers(1, 299), st.integers(4, 64))
def test_portions_in_any_order_give_what_one_pass_gives(values, cut, most):
    hashes = duplicates._mix(np.array(values, np.uint64) + np.uint64(1))
    before, duplicates.MOST = duplicates.MOST, most
    try:
        whole, parts = DistinctRows(), DistinctRows()
        whole.add(hashes)
        parts.add(hashes[cut:])
        parts = DistinctRows.from_json(json.loads(json.dumps(parts.to_json())))
        parts.add(hashes[:cut])
        joined, other = DistinctRows(), DistinctRows()
        joined.add(hashes[cut:])
        other.add(hashes[:cut])
        joined.merge(other)
    finally:
        duplicates.MOST = before
    assert (whole.bits, whole.hashes.tolist()) == (parts.bits, parts.hashes.tolist())
    assert whole.counts.tolist() == parts.counts.tolist()
    assert whole.to_json() == joined.to_json()
    if not whole.bits:
        assert (whole.rows, whole.copies) == (len(values), len(values) - len(set(values)))


def test_a_million_rows_take_bounded_memory_and_their_share_is_right():
    rng = np.random.default_rng(3)
    rows = DistinctRows()
    for _ in range(10):
        rows.add(duplicates._mix(rng.integers(0, 700_000, 100_000).astype(np.uint64)))
    assert rows.hashes.size <= duplicates.MOST
    expected = 1 - 700_000 * (1 - (1 - 1 / 700_000) ** 1_000_000) / 1_000_000
    assert rows.copies / rows.rows == pytest.approx(expected, abs=0.03)
