"""Any table becomes the same matrix of numbers."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from mirante.errors import InputError
from mirante.outliers.encoding import Encoder

_COLUMNS = {
    "delay": [1.5, None, -3.0],
    "carrier": ["UA", "AA", "UA"],
    "late": [True, False, None],
    "hour": [1, 2, 3],
}
_TABLES = [
    _COLUMNS,
    pd.DataFrame(_COLUMNS),
    pd.DataFrame(_COLUMNS).astype({"carrier": "category"}),
    pl.DataFrame(_COLUMNS),
    pa.table(_COLUMNS),
    pa.table(_COLUMNS).to_batches()[0],
]


@pytest.mark.parametrize("table", _TABLES, ids=lambda table: type(table).__name__)
def test_every_table_gives_the_same_numbers(table: object) -> None:
    encoder = Encoder.of(table)
    assert encoder.columns == ("delay", "carrier", "late", "hour")
    expected = [[1.5, 2 / 3, 1.0, 1.0], [np.nan, 1 / 3, 0.0, 2.0], [-3.0, 2 / 3, np.nan, 3.0]]
    np.testing.assert_allclose(encoder.encode(table), expected, rtol=1e-6)
    np.testing.assert_allclose(Encoder.of(_COLUMNS).encode(table), expected, rtol=1e-6)


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
    assert Encoder.of(values).encode(values).tolist() == [[1.0], [2.0], [3.5]]


def test_columns_are_found_by_name_and_extra_ones_left_out() -> None:
    encoder = Encoder.of({"a": [1.0, 2.0], "b": [3.0, 4.0]})
    assert encoder.encode(pd.DataFrame({"b": [30.0], "x": ["?"], "a": [10.0]})).tolist() == [[10.0, 30.0]]
    assert encoder.encode(np.array([[10.0, 30.0]])).tolist() == [[10.0, 30.0]]  # an array: by place


def test_rows_of_mixed_lists() -> None:
    encoder = Encoder.of([[1, "UA"], [2, "AA"], [3, "UA"]])
    np.testing.assert_allclose(encoder.encode([[9, "AA"], [8, "new"]]), [[9, 1 / 3], [8, 0]], rtol=1e-6)


def test_a_new_text_has_the_share_0_and_a_missing_one_stays_missing() -> None:
    encoder = Encoder.of({"x": ["a", "a", "b", None]})
    np.testing.assert_allclose(
        encoder.encode({"x": ["new", None, "b"]})[:, 0], [0.0, np.nan, 1 / 3], rtol=1e-6
    )


def test_infinity_becomes_a_large_number() -> None:
    encoded = Encoder.of([0.0]).encode([np.inf, -np.inf, 1e300, np.nan])[:, 0]
    assert np.isfinite(encoded[:3]).all()
    assert encoded[0] == encoded[2] == -encoded[1] > 1e37
    assert np.isnan(encoded[3])


def test_times_are_numbers() -> None:
    encoded = Encoder.of({"t": [dt.datetime(1970, 1, 1), dt.datetime(1970, 1, 2)]}).encode(
        {"t": [dt.datetime(1970, 1, 2)]}
    )
    assert encoded.tolist() == [[86_400.0]]


@pytest.mark.parametrize(
    ("data", "advice"),
    [
        ([], "got 0 rows"),
        (np.empty((0, 3)), "got 0 rows of 3 columns"),
        (pd.DataFrame(), "of 0 columns"),
        ([np.nan, np.nan], "all 2 rows are missing values only"),
        ({"x": [None, None]}, "all 2 rows are missing values only"),
        (np.zeros((2, 2, 2)), "got 3 dimensions; give one"),
        ([[1, 2], [3]], "the rows differ in length"),
    ],
)
def test_a_baseline_that_says_nothing_is_refused(data: object, advice: str) -> None:
    with pytest.raises(InputError, match=advice):
        Encoder.of(data)


def test_missing_columns_are_named() -> None:
    encoder = Encoder.of({"a": [1.0], "b": [2.0]})
    with pytest.raises(InputError, match=r"lacks the columns \['b'\]; the baseline has \['a', 'b'\]"):
        encoder.encode({"a": [1.0]})
    with pytest.raises(InputError, match="got 1 columns and the baseline has 2"):
        encoder.encode([1.0])


def test_a_number_that_became_text_is_read() -> None:
    assert Encoder.of({"x": [1.0, 2.0]}).encode({"x": ["2.5", "n/a"]})[0].tolist() == [2.5]
