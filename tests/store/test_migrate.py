"""Migrations give the schema of schema.py, once, even when two programs open the store together."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, inspect, text

import mirante.store.migrations
from mirante.errors import StoreError
from mirante.store import Store
from mirante.store.database import Database
from mirante.store.measure import measure
from mirante.store.migrate import revision, upgrade
from mirante.store.schema import HEAD, VERSION_TABLE, metadata


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, sqlite_url: str) -> Iterator[str]:
    """The address of a database without our tables."""
    if request.param == "sqlite":
        yield sqlite_url
        return
    server = request.getfixturevalue("postgres_server")
    name = server.create()
    yield server.url(name)
    server.drop(name)


@pytest.fixture
def database(url: str) -> Database:
    return Database(url)


def test_the_migrated_schema_is_that_of_the_metadata(database: Database) -> None:
    upgrade(database)
    with database.reading() as connection:
        context = MigrationContext.configure(
            connection,
            opts={"compare_type": True, "compare_server_default": True, "version_table": VERSION_TABLE},
        )
        assert compare_metadata(context, metadata) == []
    database.close()


def test_the_comparison_would_see_a_difference(database: Database) -> None:
    upgrade(database)
    with database.transaction() as connection:
        connection.exec_driver_sql("DROP INDEX mirante_events_time")
        context = MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE})
        assert [change[0] for change in compare_metadata(context, metadata)] == ["add_index"]
    database.close()


def test_tables_made_by_migration_are_those_of_create_all(url: str, tmp_path: Path) -> None:
    Store(url).close()
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


def test_the_head_is_that_of_the_scripts(database: Database) -> None:
    scripts = ScriptDirectory(str(Path(mirante.store.migrations.__file__).parent))
    assert scripts.get_heads() == [HEAD]
    with database.reading() as connection:
        assert revision(connection) is None
    upgrade(database)
    upgrade(database)
    with database.reading() as connection:
        assert revision(connection) == HEAD
    database.close()


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
    database.close()


def test_a_failed_migration_leaves_nothing(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    with database.transaction() as connection:  # the last step of the migration will stumble over it
        connection.exec_driver_sql("CREATE TABLE mirante_notice_alerts (x)")
    with pytest.raises(StoreError, match="already exists"):
        upgrade(database)
    with database.reading() as connection:
        assert inspect(connection).get_table_names() == ["mirante_notice_alerts"]
    database.close()


def test_opening_is_quiet(url: str) -> None:
    code = "import sys; from mirante.store import Store; Store(sys.argv[1]).close()"
    done = subprocess.run(
        [sys.executable, "-c", code, url], capture_output=True, text=True, timeout=60, check=True
    )
    assert (done.stdout, done.stderr) == ("", "")


def test_two_programs_may_open_a_new_store_together(url: str) -> None:
    code = "import sys; from mirante.store import Store; sys.stdin.read(); Store(sys.argv[1]).close()"
    programs = [
        subprocess.Popen(
            [sys.executable, "-c", code, url], stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True
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


def test_a_newer_schema_is_refused_and_left_alone(url: str, tmp_path: Path) -> None:
    Store(url).close()
    with closing(sqlite3.connect(tmp_path / "mirante.db")) as connection, connection:
        connection.execute(f"UPDATE {VERSION_TABLE} SET version_num = '9999'")
    with pytest.raises(StoreError, match=r"schema '9999' of a newer Mirante.*pip install --upgrade mirante"):
        Store(url)
    with closing(sqlite3.connect(tmp_path / "mirante.db")) as connection:
        assert connection.execute(f"SELECT version_num FROM {VERSION_TABLE}").fetchall() == [("9999",)]


def test_it_can_share_a_database(url: str, tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "mirante.db")) as connection, connection:
        connection.execute("CREATE TABLE alembic_version (version_num TEXT)")  # MLflow's
        connection.execute("INSERT INTO alembic_version VALUES ('1b5f0d9ad7c1')")
        connection.execute("CREATE TABLE alerts (x)")
    with Store(url) as store:
        assert store.readings.count() == 0
    with closing(sqlite3.connect(tmp_path / "mirante.db")) as connection:
        assert connection.execute("SELECT version_num FROM alembic_version").fetchall() == [("1b5f0d9ad7c1",)]
