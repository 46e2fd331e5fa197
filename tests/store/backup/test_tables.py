"""Tables as the database describes them, and their rows as Arrow."""

from __future__ import annotations

from contextlib import closing

import pyarrow as pa
import pytest
from sqlalchemy import Column, MetaData, Numeric, Table

import mirante.store.backup.tables as tested
from mirante.errors import StoreError
from mirante.store import Store
from mirante.store.backup.tables import arrow_schema, read_batches, row_counts, tables_of
from mirante.store.database import Database
from mirante.store.schema import metadata
from tests.store.filled import fill


def test_all_tables_come_after_those_that_they_refer_to(store: Store) -> None:
    with store.transaction() as connection:
        connection.exec_driver_sql("CREATE TABLE alembic_version (version_num TEXT)")  # MLflow's
        found = tables_of(connection)
    names = [table.name for table in found]
    assert set(names) == {table.name for table in metadata.sorted_tables}
    assert names.index("mirante_series") < names.index("mirante_readings")


def test_types_are_alike_on_both_databases(store: Store) -> None:
    with store.transaction() as connection:
        found = {table.name: arrow_schema(table) for table in tables_of(connection)}
    assert found["mirante_windows"].field("closed").type == pa.bool_()
    assert found["mirante_windows"].field("profile").type == pa.large_binary()
    assert found["mirante_readings"].field("value").type == pa.float64()
    assert found["mirante_readings"].field("sequence").type == pa.int64()
    assert found["mirante_readings"].field("note").type == pa.large_string()


def test_a_type_of_somebody_else_is_refused() -> None:
    table = Table("mirante_x", MetaData(), Column("a", Numeric()))
    with pytest.raises(StoreError, match="NUMERIC cannot be backed up"):
        arrow_schema(table)


def test_rows_come_in_portions(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tested, "_AT_A_TIME", 2)
    with Store(url) as store:
        fill(store)
    with closing(Database(url)) as database, database.reading() as connection:
        counts = row_counts(connection)
        tables = {table.name: table for table in tables_of(connection)}
        sizes = [batch.num_rows for batch in read_batches(connection, tables["mirante_readings"])]
        monkeypatch.setattr(tested, "_AT_A_TIME", 10_000)
        monkeypatch.setattr(tested, "_PORTION_BYTES", 1)
        large = [batch.num_rows for batch in read_batches(connection, tables["mirante_windows"])]
    assert (sizes, counts["mirante_readings"]) == ([2, 2, 1], 5)
    assert (large, counts["mirante_windows"]) == ([3], 3)
