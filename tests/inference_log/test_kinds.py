from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mirante.inference_log.kinds import (
    TIME_TYPE,
    column_of,
    common_schema,
    common_type,
    convert,
    fit,
    plain_type,
    text_of,
)

TYPES = [
    pa.null(),
    pa.bool_(),
    pa.int8(),
    pa.uint32(),
    pa.uint64(),
    pa.int64(),
    pa.float16(),
    pa.float32(),
    pa.float64(),
    pa.string(),
    pa.large_string(),
    pa.binary(),
    pa.date32(),
    pa.date64(),
    pa.timestamp("ns"),
    pa.timestamp("s", tz="America/New_York"),
    pa.time64("us"),
    pa.duration("ns"),
    pa.decimal128(10, 2),
    pa.list_(pa.int64()),
    pa.struct([("a", pa.int64())]),
    pa.dictionary(pa.int32(), pa.string()),
]


@given(st.sampled_from(TYPES), st.sampled_from(TYPES), st.sampled_from(TYPES))
def test_common_type_does_not_depend_on_order(a, b, c):
    assert common_type(a, b) == common_type(b, a)
    assert common_type(common_type(a, b), c) == common_type(a, common_type(b, c))
    assert plain_type(plain_type(a)) == plain_type(a)


@pytest.mark.parametrize("a", TYPES, ids=str)
@pytest.mark.parametrize("b", TYPES, ids=str)
def test_every_type_converts_to_its_common_type(a, b):
    target = common_type(a, b)
    column = convert(pa.array([None, None], a), target)
    assert column.type == target
    assert column.null_count == 2


@pytest.mark.parametrize(
    ("values", "kind", "expected"),
    [
        ([1, 2], pa.int64(), [1, 2]),
        ([1, 2.5], pa.float64(), [1.0, 2.5]),
        ([True, 1], pa.float64(), [1.0, 1.0]),
        ([Decimal("1.5"), 2.5], pa.float64(), [1.5, 2.5]),
        ([Decimal("1.50")], pa.float64(), [1.5]),
        ([2**70], pa.float64(), [float(2**70)]),
        ([np.float32(1.5), None, float("nan")], pa.float64(), [1.5, None, None]),
        (["UA", float("nan"), None, pd.NA], pa.string(), ["UA", None, None, None]),
        ([1, "a"], pa.string(), ["1", "a"]),
        (["\ud800"], pa.string(), ["\\ud800"]),
        ([[1], {"b": 2}], pa.string(), ["[1]", '{"b": 2}']),
        ([[1], [2, 3]], pa.string(), ["[1]", "[2, 3]"]),
        ([date(2013, 2, 8)], pa.date32(), [date(2013, 2, 8)]),
        ([datetime(2013, 2, 8)], pa.timestamp("us"), [datetime(2013, 2, 8)]),
        ([np.datetime64("2013-02-08"), None], pa.timestamp("us"), [datetime(2013, 2, 8), None]),
        ([timedelta(seconds=1.5)], pa.float64(), [1.5]),
        ([None, None], pa.null(), [None, None]),
    ],
)
def test_python_values_become_one_column(values, kind, expected):
    column = column_of(values)
    assert column.type == kind
    assert column.to_pylist() == expected


def test_a_known_type_is_kept_or_widened_and_never_cuts():
    assert column_of([1.5, 2], pa.int64()).to_pylist() == [1.5, 2.0]
    assert column_of([1, 2], pa.float64()).type == pa.float64()
    assert column_of([1, 2], TIME_TYPE).type == pa.string()
    assert column_of([1.5], pa.string()).to_pylist() == ["1.5"]
    assert column_of(["a"], pa.float64()).to_pylist() == ["a"]
    assert column_of([True], pa.int64()).to_pylist() == [1]


def test_a_value_that_cannot_be_printed_does_not_lose_the_row():
    class Bad:
        def __str__(self):
            raise RuntimeError

    assert column_of([Bad(), 1]).to_pylist() == ["<Bad>", "1"]
    assert text_of(b"\xff") == "\\xff"


@given(
    st.lists(
        st.one_of(
            st.none(),
            st.integers(),
            st.floats(),
            st.text(st.characters()),
            st.booleans(),
            st.dates(),
            st.datetimes(),
            st.binary(),
        )
    )
)
def test_column_of_takes_anything(values):
    assert len(column_of(values)) == len(values)


def test_fit_adds_what_is_missing_and_widens():
    a = pa.table({"x": pa.array([1], pa.int32()), "__time": pa.array([0], TIME_TYPE)})
    b = pa.table({"x": [1.5], "y": ["a"], "__time": pa.array([0], TIME_TYPE)})
    schema = common_schema([a.schema, b.schema])
    assert schema.names == ["x", "y", "__time"]
    assert fit(a, schema).to_pylist() == [{"x": 1.0, "y": None, "__time": datetime(1970, 1, 1, tzinfo=UTC)}]
