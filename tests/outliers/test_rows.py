"""Rows of any table or array are found, cut, taken and shown alike."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from mirante.errors import InputError
from mirante.outliers.rows import Rows, check_baseline

_VALUES = [1.0, 2.0, 3.5]


@pytest.mark.parametrize(
    "values",
    [
        _VALUES,
        tuple(_VALUES),
        np.array(_VALUES),
        np.array(_VALUES)[:, None],
        [[value] for value in _VALUES],
        pd.Series(_VALUES),
        pl.Series(_VALUES),
        pa.array(_VALUES),
        pa.chunked_array([_VALUES[:1], _VALUES[1:]]),
    ],
    ids=lambda values: type(values).__name__,
)
def test_one_column_in_any_dress(values: object) -> None:
    rows = Rows.of(values)
    (name,) = rows.columns
    assert (rows.count, rows.named) == (3, False)
    assert [rows.value(name, place) for place in range(3)] == _VALUES


def test_columns_are_brought_into_the_order_of_the_baseline() -> None:
    rows = Rows.of({"b": [3], "x": ["?"], "a": [1]})
    assert list(rows.like(["a", "b"], named=True).columns) == ["a", "b"]
    by_place = Rows.of(np.array([[1, 2]])).like(["a", "b"], named=True)
    assert (by_place.value("a", 0), by_place.value("b", 0)) == (1, 2)


def test_missing_columns_are_named() -> None:
    with pytest.raises(InputError, match=r"lacks the columns \['b'\]; the baseline has \['a', 'b'\]"):
        Rows.of({"a": [1.0]}).like(["a", "b"], named=True)
    with pytest.raises(InputError, match="got 1 columns and the baseline has 2"):
        Rows.of([1.0]).like(["a", "b"], named=True)


@pytest.mark.parametrize(
    ("column", "shown"),
    [
        (pd.Series([1, 2], dtype="Int64"), 2),
        (pd.Series(["a", "b"], dtype="category"), "b"),
        ([True, False], False),
        ([0.5, float("nan")], None),
        ([0.5, float("-inf")], float("-inf")),
        (["a", None], None),
        ([Decimal("0.1"), Decimal("0.2")], "0.2"),
        ([b"a", b"\xff"], "\ufffd"),
        ([dt.datetime(2013, 1, 1), dt.datetime(2013, 2, 8, 12)], "2013-02-08T12:00:00"),
        ([dt.date(2013, 1, 1), dt.date(2013, 2, 8)], "2013-02-08"),
        (np.array([1.5, 2.5], np.float32), 2.5),
    ],
)
def test_a_value_is_shown_as_a_person_would_write_it(column: object, shown: object) -> None:
    found = Rows.of({"x": column}).value("x", 1)
    assert (found, type(found)) == (shown, type(shown))


@pytest.mark.parametrize("dress", [pd.DataFrame, pl.DataFrame, pa.table, dict])
def test_parts_and_single_rows(dress: object) -> None:
    columns = {"x": [0.0, 1.0, 2.0, 3.0], "carrier": ["UA", "AA", None, "B6"], "b": [b"a", b"b", None, b"d"]}
    rows = Rows.of(dress(columns))  # type: ignore[operator]  # a callable
    part, few = rows.part(1, 3), rows.at(np.array([3, 0]))
    assert (part.count, few.count) == (2, 2)
    assert [part.value(name, 1) for name in columns] == [2.0, None, None]
    assert [[few.value(name, row) for name in columns] for row in (0, 1)] == [
        [3.0, "B6", "d"],
        [0.0, "UA", "a"],
    ]


def test_a_part_does_not_carry_the_levels_of_the_whole() -> None:
    rows = Rows.of(pd.DataFrame({"x": pd.Categorical([f"level {n}" for n in range(1_000)])}))
    part = rows.part(10, 20)
    assert part.columns["x"].nbytes < 1_000 < rows.columns["x"].nbytes
    assert part.value("x", 9) == "level 19"


def test_numbers_are_not_copied() -> None:
    values = np.arange(10.0)
    assert np.shares_memory(Rows.of({"x": values}).part(2, 5).columns["x"], values)


@pytest.mark.parametrize(
    ("data", "advice"),
    [
        (np.zeros((2, 2, 2)), "got 3 dimensions; give one"),
        ([[1, 2], [3]], "the rows differ in length"),
    ],
)
def test_what_is_no_table_is_refused(data: object, advice: str) -> None:
    with pytest.raises(InputError, match=advice):
        Rows.of(data)


def test_a_baseline_needs_rows_columns_and_values() -> None:
    check_baseline(1, 1)
    check_baseline(2, 1, 1)
    for size in ((0, 3), (3, 0)):
        with pytest.raises(InputError, match=f"got {size[0]} rows of {size[1]} columns; the baseline needs"):
            check_baseline(*size)
    with pytest.raises(InputError, match="all 2 rows are missing values only"):
        check_baseline(2, 1, 0)
