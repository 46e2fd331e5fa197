import io
import json
import math

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mirante.capture.scoring import SkippedError, pick, read_answer, read_inputs

JSON = "application/json"
TWO = {"a": [1, 2], "b": ["x", None]}


def read(body, kind=JSON, **more):
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return read_inputs(data, kind, **more)


@pytest.mark.parametrize(
    "body",
    [
        {"dataframe_split": {"columns": ["a", "b"], "data": [[1, "x"], [2, None]]}},
        {"dataframe_split": {"columns": ["a", "b"], "index": [5, 6], "data": [[1, "x"], [2, None]]}},
        {"dataframe_records": [{"a": 1, "b": "x"}, {"a": 2, "b": None}]},
        {"dataframe_records": [{"a": 1, "b": "x"}, {"a": 2}]},
        {"instances": [{"a": 1, "b": "x"}, {"a": 2, "b": None}]},
        {"inputs": {"a": [1, 2], "b": ["x", None]}},
        {"inputs": [{"a": 1, "b": "x"}, {"a": 2, "b": None}]},
        {"dataframe_records": [{"a": 1, "b": "x"}, {"a": 2, "b": None}], "params": {"scale": 2}},
    ],
)
def test_every_form_of_json_is_the_same_two_rows(body):
    for kind in (JSON, "application/json; charset=utf-8", "Application/JSON"):
        rows = read(body, kind)
        assert (dict(rows.columns), rows.count, rows.named) == (TWO, 2, True)


def test_tables_in_files_are_read_too():
    csv = read(b"a,b\n1,007\n2,\n", "text/csv", texts=["b"])
    assert csv.columns["a"] == [1, 2]
    assert csv.columns["b"][0] == "007", "a column that the model has as text stays text"
    assert math.isnan(csv.columns["b"][1])
    file = io.BytesIO()
    pd.DataFrame(TWO).to_parquet(file)
    parquet = read(file.getvalue(), "application/vnd.apache.parquet")
    assert (dict(parquet.columns), parquet.count) == (TWO, 2)


def test_values_without_names_get_the_models_or_their_positions():
    for form in ("instances", "inputs"):
        plain = read({form: [[1, 2], [3, 4]]})
        assert (dict(plain.columns), plain.named) == ({"0": [1, 3], "1": [2, 4]}, False)
        named = read({form: [[1, 2], [3, 4]]}, names=["a", "b"])
        assert (dict(named.columns), named.named) == ({"a": [1, 3], "b": [2, 4]}, True)
        assert read({form: [1, 2]}, names=["a"]).columns == {"a": [1, 2]}
        assert read({form: [1, 2]}, names=["a", "b"]).columns == {"0": [1, 2]}


def test_one_row_is_one_row():
    assert read({"dataframe_records": [{"a": 1, "b": [1, 2]}]}).columns == {"a": [1], "b": [[1, 2]]}
    assert read({"inputs": {"a": 1, "b": "x"}}).columns == {"a": [1], "b": ["x"]}
    assert read({"inputs": "a text"}).columns == {"0": ["a text"]}


def test_names_are_text_and_each_is_there_once():
    """Under a name that was made up for the second one, a column to be dropped would be recorded."""
    rows = read({"dataframe_split": {"columns": ["a", 1], "data": [[1, 3]]}})
    assert rows.columns == {"a": [1], "1": [3]}
    assert list(read(b"a,a.1,,\n1,2,3,4\n", "text/csv").columns) == ["a", "a.1", "Unnamed: 2", "Unnamed: 3"]
    file = io.BytesIO()
    pq.write_table(pa.Table.from_arrays([pa.array([1]), pa.array([2])], names=["a", "a"]), file)
    for body, kind in [
        ({"dataframe_split": {"columns": ["a", "a"], "data": [[1, 2]]}}, JSON),
        ({"dataframe_split": {"columns": ["1", 1], "data": [[1, 2]]}}, JSON),
        (b"a,a\n1,2\n", "text/csv"),
        (b'\n\na,"a"\n1,2\n', "text/csv"),
        (file.getvalue(), "application/vnd.apache.parquet"),
    ]:
        with pytest.raises(SkippedError) as caught:
            read(body, kind)
        assert caught.value.reason == "shape"


DEEP = b'{"inputs":' + b"[" * 100_000 + b"]" * 100_000 + b"}"
WIDE = {"dataframe_records": [{f"c{n}": n for n in range(10_000)}]}


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "unreadable"),
        (b"{", "unreadable"),
        (b"\xff\xfe", "unreadable"),
        (b"\x00", "unreadable"),
        (DEEP, "unreadable"),
        (WIDE, "columns"),
        ({"dataframe_split": {"columns": [f"c{n}" for n in range(1_001)], "data": []}}, "columns"),
        ({"inputs": [list(range(1_001))]}, "columns"),
        ([], "shape"),
        (7, "shape"),
        ({}, "shape"),
        ({"messages": [{"role": "user", "content": "hi"}]}, "shape"),
        ({"instances": [1], "inputs": [1]}, "shape"),
        ({"dataframe_split": {"columns": ["a"], "data": [[1], [1, 2]]}}, "shape"),
        ({"dataframe_split": {"columns": ["a"], "data": [7]}}, "shape"),
        ({"dataframe_split": {"data": [[1]]}}, "unreadable"),
        ({"dataframe_split": None}, "unreadable"),
        ({"dataframe_records": {"a": 1}}, "shape"),
        ({"dataframe_records": []}, "shape"),
        ({"dataframe_records": [{}]}, "shape"),
        ({"inputs": {"a": [1, 2], "b": [1]}}, "shape"),
        ({"inputs": {"a": [1, 2], "b": 1}}, "shape"),
        ({"inputs": {}}, "shape"),
        ({"inputs": []}, "shape"),
        ({"inputs": [[1, 2], [3]]}, "shape"),
        ({"inputs": [[1, 2], 3]}, "shape"),
        ({"inputs": [[[1, 2]], [[3, 4]]]}, "shape"),
    ],
)
def test_what_is_no_table_is_left_out_with_a_reason(body, reason):
    with pytest.raises(SkippedError) as caught:
        read(body)
    assert caught.value.reason == reason


@pytest.mark.parametrize("kind", ["text/csv", "application/vnd.apache.parquet"])
@pytest.mark.parametrize("body", [b"", b"\xff\xff", b'"'], ids=repr)
def test_files_that_are_none_are_left_out(body, kind):
    with pytest.raises(SkippedError):
        read(body, kind)


@pytest.mark.parametrize(
    ("said", "part", "expected"),
    [
        ([0.5, 1], None, [0.5, 1]),
        (["a", None, True], None, ["a", None, True]),
        ([{"0": 1}, {"0": 2}], None, [1, 2]),
        ([[1], [2]], None, [1, 2]),
        ([[0.1, 0.9]], None, [[0.1, 0.9]]),
        ([{"no": 0.1, "yes": 0.9}], None, [{"no": 0.1, "yes": 0.9}]),
        ([["a", 0.9]], None, ['["a", 0.9]']),
        ([[0.1, 0.9], [0.3, 0.7]], "1", [0.9, 0.7]),
        ([{"class": "a", "p": 0.1}], "p", [0.1]),
        ({"class": ["a", "b"], "p": [0.1, 0.2]}, "p", [0.1, 0.2]),
        (7, None, [7]),
        ([], None, []),
    ],
)
def test_predictions_are_one_a_row(said, part, expected):
    assert read_answer(json.dumps({"predictions": said}).encode(), part) == expected


@pytest.mark.parametrize(
    ("body", "part", "reason"),
    [
        (b"{", None, "unreadable"),
        (b"[" * 100_000, None, "unreadable"),
        (b"[1]", None, "shape"),
        (b'{"other": 1}', None, "shape"),
        (b'{"predictions": {"a": [1], "b": [1, 2]}}', None, "shape"),
        (b'{"predictions": {}}', None, "shape"),
        (b'{"predictions": [1]}', "p", "shape"),
        (b'{"predictions": [[1, 2]]}', "2", "shape"),
        (b'{"predictions": [{"a": 1}]}', "p", "shape"),
    ],
)
def test_answers_without_predictions_are_left_out(body, part, reason):
    with pytest.raises(SkippedError) as caught:
        read_answer(body, part)
    assert caught.value.reason == reason


def test_a_part_may_be_deep_inside():
    assert pick({"a": [[3]]}, "a") == 3


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (",".join(f"c{n}" for n in range(1_000)).encode() + b"\n" + b"1\n" * 10_001, "text/csv"),
        ({"dataframe_records": [{f"c{n}": n for n in range(1_000)}, *({} for _ in range(10_000))]}, JSON),
    ],
)
def test_gaps_between_rows_make_no_large_table(body, kind):
    with pytest.raises(SkippedError) as caught:
        read(body, kind)
    assert caught.value.reason == "columns"
