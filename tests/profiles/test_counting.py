"""Counting: a matrix of few rows and blocks of many give the same (see also tests/conformance)."""

import numpy as np
import pytest

from mirante.profiles import TableProfile
from mirante.profiles.counting import count_categories, count_numbers
from mirante.profiles.frames import raw_columns

ODD = [np.nan, np.inf, -np.inf, -0.0, 0.0, 2.0, 1e308, -1e308, 5e-324]
BASE = TableProfile.of({"x": [0.0, 1.0, 2.0, np.inf], "nothing": [None] * 4, "c": ["a", "a", "b", None]})


@pytest.mark.parametrize("values", [ODD, ODD[:1], ODD[1:3], [], [1.5] * 7])
def test_both_ways_count_odd_values_alike(values, monkeypatch):
    rows, raws = raw_columns({"x": np.array(values, float), "nothing": np.array(values, float)})
    few = count_numbers(raws, rows, BASE.layout)
    monkeypatch.setattr("mirante.profiles.counting._FEW", -1)
    many = count_numbers(raws, rows, BASE.layout)
    assert few.same(many)
    np.testing.assert_array_equal(few.sums, many.sums)
    np.testing.assert_array_equal(few.powers, many.powers)
    known = [value for value in values if value == value]
    assert few.whole[:, 0].tolist() == [len(known)] * 2
    assert few.cells.sum() == 2 * len(known)


def test_a_column_in_chunks_is_counted_chunk_by_chunk():
    import pyarrow as pa

    table = pa.table({"c": pa.chunked_array([["a", None], [], ["z", "a"]])})
    counted = count_categories(raw_columns(table)[1], 4, BASE.layout)
    assert (counted.levels.tolist(), counted.missing.tolist()) == ([2, 0, 1], [1])
