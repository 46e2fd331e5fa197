"""The values of a column: numbers, levels, what is missing, and what is refused."""

import datetime as dt
from decimal import Decimal

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from mirante.errors import InputError
from mirante.profiles.columns import is_numeric, to_levels, to_numbers
from mirante.profiles.frames import raw_columns

MOMENT = dt.datetime(2013, 2, 8, 12, 30, tzinfo=dt.UTC)
SECONDS = MOMENT.timestamp()


def numbers_of(values):
    raw = raw_columns({"x": values})[1]["x"]
    assert is_numeric(raw)
    return to_numbers("x", raw)[0].tolist()


def levels_of(values):
    raw = raw_columns({"x": values})[1]["x"]
    assert not is_numeric(raw)
    codes, names = to_levels("x", raw)
    return [names[code] if code >= 0 else None for code in codes]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([1, 2, 3], [1, 2, 3]),
        ([1, 2.5, 3], [1, 2.5, 3]),
        (np.array([1, 2], np.uint8), [1, 2]),
        (np.array([1, 2], np.float16), [1, 2]),
        (np.array([1, 2], object), [1, 2]),
        (pd.Series([1, 2], dtype="Int64"), [1, 2]),
        (pd.Series([1.5, 2], dtype="float32"), [1.5, 2]),
        (pd.Series([1, 2], dtype="int64[pyarrow]"), [1, 2]),
        (pl.Series([1, 2]), [1, 2]),
        (pa.array([1, 2]), [1, 2]),
        (pa.chunked_array([[1], [2]]), [1, 2]),
        ([Decimal("1.5"), Decimal("2")], [1.5, 2]),
        ([Decimal("1.5"), 2.0], [1.5, 2]),
        ([2**70, 1], [2.0**70, 1]),
        ([MOMENT], [SECONDS]),
        (pd.Series([MOMENT]), [SECONDS]),
        (pd.Series([pd.Timestamp("2013-02-08 12:30")]), [SECONDS]),
        (np.array(["2013-02-08T12:30"], "datetime64[m]"), [SECONDS]),
        (pl.Series([MOMENT]), [SECONDS]),
        ([dt.date(1970, 1, 2)], [86_400]),
        ([dt.time(1, 0)], [3600]),
        ([dt.timedelta(minutes=2)], [120]),
        (pd.Series([pd.Timedelta("2min")]), [120]),
    ],
)
def test_what_is_a_number(values, expected):
    assert numbers_of(values) == expected


@pytest.mark.parametrize(
    "values",
    [
        [1, None],
        [1.0, float("nan")],
        pd.Series([1, pd.NA], dtype="Int64"),
        pd.Series([1, None], dtype="float64[pyarrow]"),
        pl.Series([1, None]),
        pl.Series([1.0, float("nan")]),
        pa.array([1, None]),
        np.ma.array([1.0, 5.0], mask=[False, True]),
        [dt.timedelta(seconds=1), None],
        pd.Series([pd.Timedelta("1s"), pd.NaT]),
    ],
)
def test_none_nan_and_nat_are_missing(values):
    first, second = numbers_of(values)
    assert first == 1
    assert np.isnan(second)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (["a", None, "b"], ["a", None, "b"]),
        (np.array(["a", "b"]), ["a", "b"]),
        (np.array(["a", None], object), ["a", None]),
        (pd.Series(["a", None]), ["a", None]),
        (pd.Series(["a", None], dtype=object), ["a", None]),
        (pd.Series(["a", None], dtype="string"), ["a", None]),
        (pd.Series(["a", None], dtype="string[pyarrow]"), ["a", None]),
        (pd.Series(["a", None], dtype="category"), ["a", None]),
        (pd.Series([3, 4], dtype="category"), ["3", "4"]),
        (pl.Series(["a", None]), ["a", None]),
        (pl.Series(["a", None], dtype=pl.Categorical), ["a", None]),
        (pa.array(["a", None]).dictionary_encode(), ["a", None]),
        (
            pa.chunked_array([pa.array(["a"]).dictionary_encode(), pa.array(["b"]).dictionary_encode()]),
            ["a", "b"],
        ),
        (pa.array(["a", None], pa.string_view()), ["a", None]),
        ([True, None, False], ["true", None, "false"]),
        (np.array([True, False]), ["true", "false"]),
        (pd.Series([True, pd.NA], dtype="boolean"), ["true", None]),
        (["a", 1, None], ["a", "1", None]),
        ([b"a"], ["a"]),
        (pd.Series(pd.period_range("2013-01", periods=1, freq="M")), ["2013-01"]),
    ],
)
def test_what_is_a_category(values, expected):
    assert levels_of(values) == expected


def test_text_is_read_as_a_number_where_one_is_wanted_and_counted_where_it_is_none():
    numbers, unreadable = to_numbers(
        "x", raw_columns({"x": ["1", " 2.5 ", "inf", "nan", "", "n/a", None]})[1]["x"]
    )
    np.testing.assert_array_equal(numbers, [1, 2.5, np.inf, np.nan, np.nan, np.nan, np.nan])
    assert unreadable == 1
    assert to_numbers("x", raw_columns({"x": [True, None]})[1]["x"])[0][0] == 1.0


def test_numbers_become_text_where_a_category_is_wanted():
    codes, names = to_levels("x", raw_columns({"x": np.array([1.0, 2.5, np.nan])})[1]["x"])
    assert [names[c] if c >= 0 else None for c in codes] == ["1", "2.5", None]


def test_lists_in_a_column_are_refused_by_name():
    raw = raw_columns({"embedding": pa.array([[1.0, 2.0]])})[1]["embedding"]
    with pytest.raises(InputError, match="'embedding' holds list"):
        to_levels("embedding", raw)
