from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from mirante.capture.times import microseconds_of, times_of

NOON = 1_360_324_800_000_000  # 2013-02-08 12:00 UTC
NEW_YORK = ZoneInfo("America/New_York")

SINGLE = [
    datetime(2013, 2, 8, 12),
    datetime(2013, 2, 8, 12, tzinfo=UTC),
    datetime(2013, 2, 8, 7, tzinfo=NEW_YORK),
    np.datetime64("2013-02-08T12"),
    pd.Timestamp("2013-02-08 12:00"),
    1_360_324_800,
    1_360_324_800.0,
    np.float64(1_360_324_800),
    "2013-02-08T12:00:00Z",
]


@pytest.mark.parametrize("value", SINGLE, ids=repr)
def test_one_time(value):
    assert microseconds_of(value) == NOON


def test_dates_are_midnight():
    assert microseconds_of(date(2013, 2, 8)) == NOON - 12 * 3_600_000_000


@pytest.mark.parametrize(
    "value",
    [None, "soon", float("inf"), float("nan"), 1e300, -1e15, np.datetime64("NaT"), pd.NaT, object()],
    ids=["none", "text", "inf", "nan", "huge", "past", "NaT", "pandas NaT", "object"],
)
def test_what_is_no_time(value):
    assert microseconds_of(value) is None
    column, unread = times_of([value, 0.0], now=5)
    assert (column.cast(pa.int64()).to_pylist(), unread) == ([5, 0], 1)


@pytest.mark.parametrize(
    "values",
    [
        SINGLE,
        [datetime(2013, 2, 8, 7, tzinfo=NEW_YORK), datetime(2013, 2, 8, 12)],
        np.array(["2013-02-08T12"] * 3, dtype="datetime64[s]"),
        np.array(["2013-02-08T12"] * 3, dtype="datetime64[ns]"),
        pd.Series([datetime(2013, 2, 8, 7)] * 3).dt.tz_localize("America/New_York"),
        pd.DatetimeIndex(["2013-02-08 12:00"]),
        pl.Series([datetime(2013, 2, 8, 12)]),
        pa.array([NOON], pa.timestamp("us")),
        pa.chunked_array([pa.array([NOON], pa.timestamp("us", tz="America/New_York"))]),
        np.array([1_360_324_800.0]),
        np.array([1_360_324_800], dtype="int32"),
    ],
    ids=lambda values: type(values).__name__,
)
def test_many_times(values):
    column, unread = times_of(values, now=0)
    assert column.type == pa.timestamp("us", tz="UTC")
    assert set(column.cast(pa.int64()).to_pylist()) == {NOON}
    assert unread == 0


def test_fractions_keep_their_microseconds():
    column, _ = times_of([1_700_000_000.123456], now=0)
    assert column.cast(pa.int64()).to_pylist() == [1_700_000_000_123_456]
