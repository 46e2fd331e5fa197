"""What a monitor needs: the sources that are there have it."""

import inspect
from datetime import timedelta

import pytest

from mirante.inference_log.reader import InferenceLog
from mirante.monitors.batch import BatchRows
from mirante.monitors.config import ModelConfig
from mirante.monitors.rows import RowSource, TableSource, Watched
from mirante.monitors.span import SpanRows
from mirante.monitors.tables.config import TableConfig
from mirante.monitors.tables.rows import JudgedRows, SnapshotRows
from mirante.sources.rows.parquet import ParquetFolder
from mirante.sources.rows.sql import SqlTable


def asked_of(protocol):
    return [name for name in dir(protocol) if not name.startswith("_")]


@pytest.mark.parametrize(
    ("source", "protocol"),
    [
        (InferenceLog, RowSource),
        (BatchRows, RowSource),
        (JudgedRows, RowSource),
        (SnapshotRows, RowSource),
        (SpanRows, RowSource),
        (ParquetFolder, TableSource),
        (SqlTable, TableSource),
    ],
)
def test_rows_are_read_in_one_way(source, protocol):
    for name in {"read_new", "scan", "sample", "portions"} & set(asked_of(protocol)):
        wanted = inspect.signature(getattr(protocol, name)).parameters
        found = inspect.signature(getattr(source, name)).parameters
        assert list(wanted) == [one for one in found if one in wanted], name


@pytest.mark.parametrize("source", [ParquetFolder, SqlTable])
def test_tables_answer_what_they_are_asked(source):
    missing = [name for name in asked_of(TableSource) if name != "root" and not hasattr(source, name)]
    assert missing == []


def test_both_kinds_of_entries_say_what_monitors_ask():
    table = TableConfig(table="orders", source={"parquet": "x", "time": "at"})
    model = ModelConfig(model="churn")
    for one in (table, model):
        assert [name for name in asked_of(Watched) if not hasattr(one, name)] == []
    assert (table.subject, table.model, table.labels("7")) == (
        "table/orders",
        "table/orders",
        {"table": "orders"},
    )
    assert (table.predicts, table.label_delay, table.task) == (False, timedelta(), None)
    assert model.predicts
