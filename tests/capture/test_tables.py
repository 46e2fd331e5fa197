import datetime as dt

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from mirante.capture.tables import (
    feature_names,
    features_of,
    ids_of,
    latencies_of,
    prediction_column,
    predictions_of,
)
from mirante.errors import InputError

FRAME = pd.DataFrame({"n": [1, 2], "x": [0.5, np.nan], "c": ["a", None]})
EXPECTED = {"n": [1, 2], "x": [0.5, None], "c": ["a", None]}


def features(inputs, columns=None):
    as_text = {}
    return features_of(inputs, columns, as_text.__setitem__), as_text


@pytest.mark.parametrize(
    "inputs",
    [
        FRAME,
        FRAME.astype({"n": "Int32", "c": "category"}),
        FRAME.astype(object),
        pl.from_pandas(FRAME),
        pa.Table.from_pandas(FRAME),
        pa.Table.from_pandas(FRAME).to_batches()[0],
        {"n": [1, 2], "x": np.array([0.5, np.nan]), "c": pd.Series(["a", None])},
        FRAME.to_dict("records"),
    ],
    ids=lambda inputs: type(inputs).__name__,
)
def test_any_table_becomes_the_same(inputs):
    table, as_text = features(inputs)
    assert table.to_pydict() == EXPECTED
    assert table.schema.types == [pa.int64(), pa.float64(), pa.string()]
    assert as_text == {}


def test_two_dimensional_arrays_take_the_columns():
    data = np.array([[1.0, 2.0], [3.0, 4.0]], dtype="float32")
    assert features(data, ["a", "b"])[0].to_pydict() == {"a": [1.0, 3.0], "b": [2.0, 4.0]}
    assert features(data)[0].column_names == ["0", "1"]
    assert features([[1, "a"], [2, "b"]], ["a", "b"])[0].to_pydict() == {"a": [1, 2], "b": ["a", "b"]}
    with pytest.raises(InputError, match="got 2 values a row for 3 columns: "):
        features(data, ["a", "b", "c"])
    with pytest.raises(InputError, match="1 dimensions"):
        features(np.arange(3))


@pytest.mark.parametrize(
    "make", [lambda a: {"x": a}, lambda a: pd.DataFrame({"x": a}, copy=False), lambda a: a.reshape(-1, 1)]
)
def test_a_change_after_the_call_does_not_reach_the_table(make):
    array = np.arange(5.0)
    inputs = make(array)
    table, _ = features(inputs)
    array[:] = -1
    if isinstance(inputs, pd.DataFrame):
        inputs.iloc[:, 0] = -1
    assert table.columns[0].to_pylist() == [0.0, 1.0, 2.0, 3.0, 4.0]


def test_what_is_of_several_types_is_text_and_told():
    table, as_text = features({"mix": [1, "a"], "nested": [[1], [2]], "ok": [1, 2]})
    assert table["mix"].to_pylist() == ["1", "a"]
    assert as_text == {"mix": 2, "nested": 2}
    assert table["ok"].type == pa.int64()


def test_columns_of_different_length_are_refused():
    with pytest.raises(InputError, match="differ in length"):
        features({"a": [1], "b": [1, 2]})


def test_names_are_text_once_and_never_the_logs_own():
    frame = pd.DataFrame([[1, 2, 3, 4]], columns=["a", "a", 0, "__id"])
    assert features(frame)[0].column_names == ["a", "a_", "0", "__id_"]
    assert feature_names(["x\x00y", "\ud800", "__version"]) == ["x\\x00y", "\\ud800", "__version_"]


@pytest.mark.parametrize(
    ("prediction", "expected"),
    [
        (np.array([True, False]), [1, 0]),
        (np.array([[0.25], [0.75]]), [0.25, 0.75]),
        (np.array([[2.25, 0.75], [1.5, 0.5]]), ["[2.25, 0.75]", "[1.5, 0.5]"]),
        (["yes", "no"], ["yes", "no"]),
        (pd.Series([1, 2]), [1, 2]),
        (pd.DataFrame({"p": [1.5, 2.5]}), [1.5, 2.5]),
        (pl.Series([1.5, 2.5]), [1.5, 2.5]),
        (pa.chunked_array([[1], [2]]), [1, 2]),
        ([dt.date(2013, 2, 8), None], ["2013-02-08", None]),
    ],
)
def test_predictions(prediction, expected):
    [column] = predictions_of(prediction, 2).values()
    assert column.to_pylist() == expected
    assert column.type in {pa.int64(), pa.float64(), pa.string()}
    assert prediction_column(column).equals(column)
    with pytest.raises(InputError, match="got 2 predictions for 3 rows"):
        predictions_of(prediction, 3)


def test_latencies_and_ids():
    assert latencies_of(None, 2).to_pylist() == [None, None]
    assert latencies_of(0.5, 2).to_pylist() == [0.5, 0.5]
    assert latencies_of(np.float32(0.5), 2).to_pylist() == [0.5, 0.5]
    assert latencies_of([1, "fast"], 2).to_pylist() == [1.0, None]
    assert ids_of(np.array([1, 2]), 2) == ["1", "2"]
    assert ids_of(pd.Series(["a", None]), 2) == ["a", ""]
    for wrong in (latencies_of, ids_of):
        with pytest.raises(InputError, match="for 2 rows"):
            wrong([1, 2, 3], 2)
