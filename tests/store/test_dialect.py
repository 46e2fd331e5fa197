"""One dialect-neutral upsert, and addresses that are refused with advice."""

from __future__ import annotations

from itertools import chain
from pathlib import Path

import pytest
from sqlalchemy.dialects import postgresql

from mirante.errors import StoreError
from mirante.store import Store
from mirante.store.database import Database
from mirante.store.dialect import bulk, chunks, parse_url, upsert
from mirante.store.schema import cursors, label_models, labels, readings


@pytest.mark.parametrize(
    ("url", "advice"),
    [
        ("mirante.db", "not the address of a store; it needs the form sqlite:///path"),
        ("mysql://host/x", "SQLite or PostgreSQL, not 'mysql'"),
        ("sqlite://", "the store needs a file"),
        ("sqlite:///:memory:", "the store needs a file"),
        ("sqlite:///file:x?uri=true", "the store needs a file"),
    ],
)
def test_a_wrong_address_is_refused(url: str, advice: str) -> None:
    with pytest.raises(StoreError, match=advice):
        parse_url(url)


@pytest.mark.parametrize("count", [0, 1, 999, 1_000, 1_001, 3_000])
def test_chunks_hold_all_in_order(count: int) -> None:
    items = list(range(count))
    assert list(chain.from_iterable(chunks(items))) == items
    assert all(0 < len(chunk) <= 1_000 for chunk in chunks(items))


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(
        StoreError, match=r"folder .*absent of the store does not exist; create it first: mkdir -p '.*absent'"
    ):
        parse_url(f"sqlite:///{tmp_path / 'absent' / 'm.db'}")


def test_a_folder_is_no_store(tmp_path: Path) -> None:
    with pytest.raises(
        StoreError, match=r"is a folder; the store needs a file, such as sqlite:///.*mirante.db"
    ):
        parse_url(f"sqlite:///{tmp_path}")


def test_a_path_with_spaces_and_percent_works(tmp_path: Path) -> None:
    folder = tmp_path / "with space %41 and ção?x=y#z"
    folder.mkdir()
    Store(f"sqlite:///{folder / 'm.db'}").close()
    assert (folder / "m.db").is_file()


def test_upsert_inserts_updates_and_leaves_alone(url: str) -> None:
    Store(url).close()
    database = Database(url)
    with database.transaction() as connection:
        for value in ("1", "2"):
            connection.execute(upsert(connection, cursors, update=["value"]), {"name": "a", "value": value})
            connection.execute(upsert(connection, cursors), {"name": "b", "value": value})
        assert {row.name: row.value for row in connection.execute(cursors.select())} == {"a": "2", "b": "1"}
    database.close()


def test_bulk_converts_as_the_columns_say(url: str) -> None:
    Store(url).close()
    database = Database(url)
    with database.transaction() as connection:
        columns = {"model": ["a\x00b", "plain"], "id": [1, 2]}
        assert bulk(connection, upsert(connection, label_models), columns) == 2
        assert set(map(tuple, connection.execute(label_models.select()))) == {(1, "a\x00b"), (2, "plain")}
    database.close()


def test_postgresql_gets_statements_of_its_own() -> None:
    class Connection:
        dialect = postgresql.dialect()  # type: ignore[no-untyped-call]  # SQLAlchemy has no types for it

    for table, update, changed in (
        (readings, ["value", "note"], ["value"]),
        (labels, ["number"], []),
        (cursors, [], []),
    ):
        text = str(
            upsert(Connection(), table, update=update, only_if_changed=changed).compile(
                dialect=Connection.dialect
            )
        )  # type: ignore[arg-type]  # only the dialect is looked at
        assert "ON CONFLICT" in text
        assert ("DO NOTHING" in text) == (not update)
        assert ("IS DISTINCT FROM excluded.value" in text) == bool(changed)


def test_plain_postgresql_means_the_driver_that_comes_with_the_extra() -> None:
    assert parse_url("postgresql://ana@db/m").drivername == "postgresql+psycopg"
    assert parse_url("postgresql+psycopg://ana@db/m").drivername == "postgresql+psycopg"
    assert parse_url("postgresql+pg8000://ana@db/m").drivername == "postgresql+pg8000"
