"""Raw values are checked with words that say what to do, and counted exactly."""

from collections import Counter
from datetime import date
from decimal import Decimal

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mirante.errors import InputError
from mirante.stats.twosample.samples import counted, level_counts, numbers
from tests.stats.twosample.drawn import TIED

LEVELS = st.lists(
    st.integers() | st.text(max_size=2) | st.booleans() | st.floats(allow_nan=False), min_size=1
)


@given(TIED)
def test_counting_over_the_values_is_a_tally(samples):
    distinct = sorted({float(value) for side in samples for value in side})
    for side, counts in zip(samples, counted(*samples), strict=True):
        tally = Counter(float(value) for value in side)
        assert counts.tolist() == [tally[value] for value in distinct]


@given(LEVELS, LEVELS)
def test_counting_levels_is_a_tally(a, b):
    levels, left, right = level_counts(a, b)
    assert levels == list(dict.fromkeys(a + b))
    assert left.tolist() == [Counter(a)[level] for level in levels]
    assert right.tolist() == [Counter(b)[level] for level in levels]


def test_large_whole_numbers_stay_different_levels():
    big = 2**53
    assert level_counts(np.array([big, big + 1]), [big + 1])[0] == [big, big + 1]


@pytest.mark.parametrize(
    "make",
    [
        list,
        np.array,
        pd.Series,
        lambda values: pd.Series(values, dtype="category"),
        lambda values: pd.Series(values, dtype="string"),
        pl.Series,
        pa.array,
    ],
)
def test_text_of_any_home_is_counted(make):
    levels, left, right = level_counts(make(["b", "a", "b"]), make(["c", "a"]))
    assert (levels, left.tolist(), right.tolist()) == (["b", "a", "c"], [2, 1, 0], [0, 1, 1])


def test_dates_are_levels():
    days = np.array(["2013-02-08", "2013-02-09"], "M8[ns]")
    assert level_counts(days, days[:1])[1].tolist() == [1, 1]
    assert level_counts(days, days[:1].astype("M8[s]"))[2].tolist() == [1, 0], "whatever their unit"
    assert level_counts([date(2013, 2, 8)], [date(2013, 2, 9)])[2].tolist() == [0, 1]


@pytest.mark.parametrize(
    "values",
    [
        ["a", None],
        np.array([1.0, np.nan]),
        [1.0, float("nan")],
        pd.Series(["a", pd.NA], dtype="string"),
        np.array(["2013-02-08", "NaT"], "M8[ns]"),
        pd.Series([pd.Timestamp("2013-02-08"), pd.NaT]),
        [Decimal("1"), Decimal("NaN")],
    ],
)
def test_a_missing_level_is_refused(values):
    with pytest.raises(
        InputError, match="current has 1 missing among 2 values; drop them, or give them a level"
    ):
        level_counts(["a"], values)


def test_what_cannot_be_counted_is_refused():
    with pytest.raises(
        InputError, match=r"reference holds values that cannot be counted .*give text or numbers"
    ):
        level_counts([{"a": 1}], ["a"])
    with pytest.raises(InputError, match="current has 0 values; give at least one"):
        level_counts(["a"], [])


def test_numbers_are_refused_with_their_name_and_their_fault():
    with pytest.raises(InputError, match="reference has 2 NaN among 3 values; drop NaN first"):
        numbers("reference", [np.nan, 1, None])
    with pytest.raises(InputError, match="current has 0 values; give at least one"):
        numbers("current", [])
    for wrong in (["UA", "AA"], [pd.NA, 1.0], [[1, 2], [3]]):
        with pytest.raises(
            InputError, match=r"current holds values that are no numbers .*use a test of levels"
        ):
            numbers("current", wrong)
