from datetime import UTC, datetime

import pyarrow as pa
import pytest

from mirante.errors import InputError
from mirante.inference_log.gathering import join, microseconds, ordered, selected_schema, with_version


def test_features_come_first_and_the_version_last():
    schema = pa.schema([(name, pa.int64()) for name in ("__version", "__id", "b", "__rows", "a")])
    assert ordered(schema).names == ["b", "a", "__id", "__rows", "__version"]


def test_a_column_that_is_nowhere_is_said():
    schema = pa.schema([("a", pa.int64()), ("__version", pa.string())])
    assert selected_schema(schema, ["__version", "a"]).names == ["__version", "a"]
    with pytest.raises(InputError, match=r"\['b'\]"):
        selected_schema(schema, ["b"])
    assert selected_schema(pa.schema([]), ["b", "__id"]).names == ["__id"]


def test_tables_of_several_schemas_become_one():
    tables = [with_version(pa.table({"a": [1]}), "1"), with_version(pa.table({"a": [1.5], "b": ["x"]}), "2")]
    assert join(tables).to_pylist() == [
        {"a": 1.0, "b": None, "__version": "1"},
        {"a": 1.5, "b": "x", "__version": "2"},
    ]


def test_times_need_a_zone():
    assert microseconds(datetime(1970, 1, 1, 0, 0, 1, 5, tzinfo=UTC), 0) == 1_000_005
    assert microseconds(None, 7) == 7
    with pytest.raises(InputError, match="no time zone"):
        microseconds(datetime(2026, 1, 1), 0)
