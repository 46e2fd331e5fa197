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
    # sums are made in another order: what 1e308 and -1e308 leave of smaller values depends on it
    near = 1e-12 * max((abs(value) for value in values if np.isfinite(value)), default=0.0)
    np.testing.assert_allclose(few.sums, many.sums, rtol=1e-12, atol=near)
    np.testing.assert_allclose(few.powers, many.powers, rtol=1e-12, atol=near)
    known = [value for value in values if value == value]
    assert few.whole[:, 0].tolist() == [len(known)] * 2
    assert few.cells.sum() == 2 * len(known)


def test_columns_side_by_side_are_counted_as_one_after_another(monkeypatch):
    values = np.random.default_rng(0).normal(size=10_000)
    base = TableProfile.of({"x": values, "y": values**2, "z": -values})
    rows, raws = raw_columns({"x": values, "y": values, "z": values})
    alone = count_numbers(raws, rows, base.layout)
    monkeypatch.setattr("mirante.profiles.counting._MANY", 5_000)
    together = count_numbers(raws, rows, base.layout)
    assert alone.same(together)
    np.testing.assert_array_equal(alone.powers, together.powers)


def test_text_of_many_rows_is_counted_as_that_of_few(monkeypatch):
    values = ["a", "b", None, "new", "a", ""] * 20
    rows, raws = raw_columns({"c": values})
    few = count_categories(raws, rows, BASE.layout)
    monkeypatch.setattr("mirante.profiles.counting._FEW", 0)
    many = count_categories(raws, rows, BASE.layout)
    assert few.same(many)
    assert (many.levels.tolist(), many.missing.tolist()) == ([40, 20, 40], [20])


def test_a_column_in_chunks_is_counted_chunk_by_chunk():
    import pyarrow as pa

    table = pa.table({"c": pa.chunked_array([["a", None], [], ["z", "a"]])})
    counted = count_categories(raw_columns(table)[1], 4, BASE.layout)
    assert (counted.levels.tolist(), counted.missing.tolist()) == ([2, 0, 1], [1])
