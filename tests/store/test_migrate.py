"""Migrations give the schema of schema.py, once, even when two programs open the store together."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, create_engine, inspect, make_url, select, text

import mirante.store.migrations
from mirante.errors import StoreError
from mirante.store import Store
from mirante.store.database import Database
from mirante.store.measure import measure
from mirante.store.migrate import revision, upgrade
from mirante.store.schema import HEAD, VERSION_TABLE, cursors, metadata
from tests.postgres import PostgresServer


@pytest.fixture
def database(empty_url: str) -> Iterator[Database]:
    with closing(Database(empty_url)) as opened:
        yield opened


def test_the_migrated_schema_is_that_of_the_metadata(database: Database) -> None:
    upgrade(database)
    with database.reading() as connection:
        context = MigrationContext.configure(
            connection,
            opts={"compare_type": True, "compare_server_default": True, "version_table": VERSION_TABLE},
        )
        assert compare_metadata(context, metadata) == []


def test_the_comparison_would_see_a_difference(database: Database) -> None:
    upgrade(database)
    with database.transaction() as connection:
        connection.exec_driver_sql("DROP INDEX mirante_events_time")
        context = MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE})
        assert [change[0] for change in compare_metadata(context, metadata)] == ["add_index"]


def test_tables_made_by_migration_are_those_of_create_all(sqlite_url: str, tmp_path: Path) -> None:
    Store(sqlite_url).close()
    other = create_engine(f"sqlite:///{tmp_path / 'other.db'}")
    metadata.create_all(other)
    other.dispose()

    def keys(path: Path) -> dict[str, list[tuple[object, ...]]]:
        with closing(sqlite3.connect(path)) as connection:
            names = [
                row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
            ]
            # table_list tells WITHOUT ROWID, which the comparison of Alembic does not see
            return {
                name: [
                    *connection.execute(f"SELECT wr FROM pragma_table_list('{name}')"),
                    *connection.execute(
                        f"SELECT name, type, \"notnull\", pk FROM pragma_table_info('{name}')"
                    ),
                    *connection.execute(
                        f'SELECT "table", "from", "to", on_delete FROM pragma_foreign_key_list(\'{name}\')'
                    ),
                ]
                for name in names
                if name.startswith("mirante_") and name != VERSION_TABLE
            }

    assert keys(tmp_path / "mirante.db") == keys(tmp_path / "other.db")


_COLUMNS = """
SELECT table_name, column_name, data_type, collation_name, is_nullable, is_identity, column_default IS NULL
FROM information_schema.columns WHERE table_schema = 'public' ORDER BY 1, 2
"""
_INDEXES = "SELECT tablename, indexname, indexdef FROM pg_indexes WHERE schemaname = 'public' ORDER BY 1, 2"
_CONSTRAINTS = """
SELECT conrelid::regclass::text, contype, pg_get_constraintdef(oid) FROM pg_constraint
WHERE connamespace = 'public'::regnamespace ORDER BY 1, 2, 3
"""


def test_tables_made_by_migration_are_those_of_create_all_on_postgresql(
    postgres_server: PostgresServer, postgres_url: str
) -> None:
    name = postgres_server.create()
    other = create_engine(postgres_server.url(name))
    metadata.create_all(other)
    other.dispose()
    for question in (_COLUMNS, _INDEXES, _CONSTRAINTS):
        migrated, made = (
            [row for row in postgres_server.run(question, name=database) if row[0] != VERSION_TABLE]
            for database in (make_url(postgres_url).database or "", name)
        )
        assert migrated == made
        assert made
    postgres_server.drop(name)


def test_the_head_is_that_of_the_scripts(database: Database) -> None:
    scripts = ScriptDirectory(str(Path(mirante.store.migrations.__file__).parent))
    assert scripts.get_heads() == [HEAD]
    with database.reading() as connection:
        assert revision(connection) is None
    upgrade(database)
    upgrade(database)
    with database.reading() as connection:
        assert revision(connection) == HEAD


@pytest.mark.parametrize("hours", [[], [3, 7, 5]])
def test_readings_that_are_there_already_are_counted(database: Database, hours: list[int]) -> None:
    with database.transaction() as connection:
        config = Config()
        config.set_main_option("script_location", "mirante.store:migrations")
        config.attributes["connection"] = connection
        command.upgrade(config, "0002")
        connection.exec_driver_sql(
            "INSERT INTO mirante_series VALUES (1, 'a', 'x', '{}', 's'), (2, 'b', 'x', '{}', 's')"
        )
        for place, hour in enumerate(hours):
            connection.execute(
                text("INSERT INTO mirante_readings VALUES (:series, :time, 1, '', :place)"),
                {"series": 1 + place % 2, "time": 3_600_000_000 * hour, "place": place},
            )
    upgrade(database)
    size = measure(database)
    assert size.rows["readings"] == len(hours)
    assert size.first_time == (datetime(1970, 1, 1, 3, tzinfo=UTC) if hours else None)


def test_a_failed_migration_leaves_nothing(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    with database.transaction() as connection:  # the last step of the migration will stumble over it
        connection.exec_driver_sql("CREATE TABLE mirante_notice_alerts (x TEXT)")
    with pytest.raises(StoreError, match="already exists"):
        upgrade(database)
    with database.reading() as connection:
        assert inspect(connection).get_table_names() == ["mirante_notice_alerts"]


def test_opening_is_quiet(empty_url: str) -> None:
    code = "import sys; from mirante.store import Store; Store(sys.argv[1]).close()"
    done = subprocess.run(
        [sys.executable, "-c", code, empty_url], capture_output=True, text=True, timeout=60, check=True
    )
    assert (done.stdout, done.stderr) == ("", "")


def test_two_programs_may_open_a_new_store_together(empty_url: str) -> None:
    code = "import sys; from mirante.store import Store; sys.stdin.read(); Store(sys.argv[1]).close()"
    programs = [
        subprocess.Popen(
            [sys.executable, "-c", code, empty_url], stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        for _ in range(3)
    ]
    for program in programs:  # closing stdin is the starting shot
        assert program.stdin is not None
        program.stdin.close()
        program.stdin = None
    for program in programs:
        _, errors = program.communicate(timeout=60)
        assert (program.returncode, errors) == (0, "")


def test_a_newer_schema_is_refused_and_left_alone(empty_url: str) -> None:
    Store(empty_url).close()
    with _plain(empty_url) as connection:
        connection.exec_driver_sql(f"UPDATE {VERSION_TABLE} SET version_num = '9999'")
    with pytest.raises(StoreError, match=r"schema '9999' of a newer Mirante.*pip install --upgrade mirante"):
        Store(empty_url)
    with _plain(empty_url) as connection:
        found = connection.exec_driver_sql(f"SELECT version_num FROM {VERSION_TABLE}").scalars().all()
    assert found == ["9999"]


def test_it_can_share_a_database(empty_url: str) -> None:
    with _plain(empty_url) as connection:
        connection.exec_driver_sql("CREATE TABLE alembic_version (version_num TEXT)")  # MLflow's
        connection.exec_driver_sql("INSERT INTO alembic_version VALUES ('1b5f0d9ad7c1')")
        connection.exec_driver_sql("CREATE TABLE alerts (x TEXT)")
    with Store(empty_url) as store:
        assert store.readings.count() == 0
    with _plain(empty_url) as connection:
        assert connection.exec_driver_sql("SELECT * FROM alembic_version").scalars().all() == ["1b5f0d9ad7c1"]


@contextmanager
def _plain(url: str) -> Iterator[Connection]:
    """A connection of another program."""
    engine = create_engine(url)
    try:
        with engine.begin() as connection:
            yield connection
    finally:
        engine.dispose()


@pytest.mark.parametrize("before", ["0001", "0002", "0003"])
def test_what_an_older_schema_holds_is_there_after_the_upgrade(empty_url: str, before: str) -> None:
    with closing(Database(empty_url)) as database, database.transaction() as connection:
        config = Config()
        config.set_main_option("script_location", "mirante.store:migrations")
        config.attributes["connection"] = connection
        command.upgrade(config, before)
        connection.exec_driver_sql("INSERT INTO mirante_cursors VALUES ('b', '{}'), ('a', '{}'), ('B', '{}')")
        connection.exec_driver_sql("INSERT INTO mirante_counters VALUES ('readings', 7)")
    with Store(empty_url) as store, store.transaction() as connection:
        assert revision(connection) == HEAD
        names = select(cursors.c.name).order_by(cursors.c.name)
        assert connection.execute(names).scalars().all() == ["B", "a", "b"]
