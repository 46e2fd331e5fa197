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
from mirante.outliers.rows import Rows

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


def _encode(baseline: object, data: object) -> np.ndarray:
    return Encoder.of(Rows.of(baseline)).encode(Rows.of(data))


@pytest.mark.parametrize("table", _TABLES, ids=lambda table: type(table).__name__)
def test_every_table_gives_the_same_numbers(table: object) -> None:
    assert Encoder.of(Rows.of(table)).columns == ("delay", "carrier", "late", "hour")
    expected = [[1.5, 2 / 3, 1.0, 1.0], [np.nan, 1 / 3, 0.0, 2.0], [-3.0, 2 / 3, np.nan, 3.0]]
    np.testing.assert_allclose(_encode(table, table), expected, rtol=1e-6)
    np.testing.assert_allclose(_encode(_COLUMNS, table), expected, rtol=1e-6)


def test_a_part_is_encoded_as_in_the_whole() -> None:
    levels = np.random.default_rng(0).choice([f"level {n}" for n in range(50)], 200)
    for column in (levels, pd.Categorical(levels), pd.Categorical(np.arange(200) % 7)):
        rows = Rows.of(pd.DataFrame({"x": column, "y": np.arange(200.0)}))
        encoder = Encoder.of(rows)
        parts = [encoder.encode(rows.part(begin, begin + 10)) for begin in range(0, 200, 10)]
        assert np.array_equal(np.concatenate(parts), encoder.encode(rows))


def test_columns_are_found_by_name_and_extra_ones_left_out() -> None:
    encoder = Encoder.of(Rows.of({"a": [1.0, 2.0], "b": [3.0, 4.0]}))
    table = pd.DataFrame({"b": [30.0], "x": ["?"], "a": [10.0]})
    assert encoder.encode(Rows.of(table)).tolist() == [[10.0, 30.0]]
    assert encoder.encode(Rows.of(np.array([[10.0, 30.0]]))).tolist() == [[10.0, 30.0]]  # an array: by place
    with pytest.raises(InputError, match=r"lacks the columns \['b'\]; the baseline has \['a', 'b'\]"):
        encoder.encode(Rows.of({"a": [1.0]}))


def test_rows_of_mixed_lists() -> None:
    found = _encode([[1, "UA"], [2, "AA"], [3, "UA"]], [[9, "AA"], [8, "new"]])
    np.testing.assert_allclose(found, [[9, 1 / 3], [8, 0]], rtol=1e-6)


def test_a_new_text_has_the_share_0_and_a_missing_one_stays_missing() -> None:
    found = _encode({"x": ["a", "a", "b", None]}, {"x": ["new", None, "b"]})
    np.testing.assert_allclose(found[:, 0], [0.0, np.nan, 1 / 3], rtol=1e-6)


def test_infinity_becomes_a_large_number() -> None:
    encoded = _encode([0.0], [np.inf, -np.inf, 1e300, np.nan])[:, 0]
    assert np.isfinite(encoded[:3]).all()
    assert encoded[0] == encoded[2] == -encoded[1] > 1e37
    assert np.isnan(encoded[3])


def test_times_are_numbers() -> None:
    baseline = {"t": [dt.datetime(1970, 1, 1), dt.datetime(1970, 1, 2)]}
    assert _encode(baseline, {"t": [dt.datetime(1970, 1, 2)]}).tolist() == [[86_400.0]]


def test_a_number_that_became_text_is_read() -> None:
    assert _encode({"x": [1.0, 2.0]}, {"x": ["2.5", "n/a"]})[0].tolist() == [2.5]
