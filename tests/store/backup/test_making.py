"""A backup is of one moment, of whatever schema, and disturbs nobody."""

from __future__ import annotations

import threading
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from mirante.errors import InputError
from mirante.readings import Reading
from mirante.store import Store
from mirante.store.backup.making import Backup, back_up
from mirante.store.backup.restoring import restore
from mirante.store.database import Database
from mirante.store.migrate import migrate, revision
from tests.store.filled import TIME, contents, fill

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def _backup(url: str, path: Path) -> Backup:
    return back_up(url, path, now=NOW, version="0.1.0")


def test_in_a_folder_it_is_named_by_the_time(url: str, tmp_path: Path) -> None:
    with Store(url) as store:
        fill(store)
    made = _backup(url, tmp_path)
    assert made.path == tmp_path / "mirante-20260301T120000Z.backup"
    assert made.size == made.path.stat().st_size
    assert made.rows == {name: len(rows) for name, rows in contents(url).items()}


def test_to_look_for_a_store_makes_none(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no store at"):
        _backup(f"sqlite:///{tmp_path / 'no.db'}", tmp_path / "a.backup")
    assert list(tmp_path.iterdir()) == []


def test_a_database_without_our_tables_is_no_store(empty_url: str, tmp_path: Path) -> None:
    with closing(Database(empty_url)) as database, database.transaction() as connection:
        connection.exec_driver_sql("CREATE TABLE alembic_version (version_num TEXT)")  # MLflow's
    with pytest.raises(InputError, match="there is no store in"):
        _backup(empty_url, tmp_path / "a.backup")
    assert not (tmp_path / "a.backup").exists()


def test_while_others_write_it_is_of_one_moment(url: str, tmp_path: Path) -> None:
    """Each transaction writes a reading and a cursor; a backup between the two would have one of them."""
    stop = threading.Event()

    def write(store: Store) -> None:
        number = 0
        while not stop.is_set():
            number += 1
            with store.transaction() as connection:
                reading = Reading("x", number, TIME + number * timedelta(seconds=1))
                store.readings.write([reading], connection=connection)
                store.cursors.set("x", {"number": number}, connection=connection)

    with Store(url) as store:
        writer = threading.Thread(target=write, args=(store,))
        writer.start()
        try:
            made = [_backup(url, tmp_path / f"{n}.backup") for n in range(4)]
        finally:
            stop.set()
            writer.join()
    seen = []
    for backup in made:
        copy = tmp_path / f"{backup.path.name}.db"
        restore(backup.path, f"sqlite:///{copy}")
        with Store(f"sqlite:///{copy}") as store:
            number = (store.cursors.get("x") or {"number": 0})["number"]
            assert store.readings.count() == number
            assert store.measure().rows["readings"] == number
        seen.append(number)
    assert seen == sorted(seen)
    assert seen[-1] > seen[0]


def test_a_store_of_an_older_schema_stays_one(empty_url: str, tmp_path: Path) -> None:
    with closing(Database(empty_url)) as database:
        with database.transaction() as connection:
            migrate(connection, None, database.name, to="0003")
        assert _backup(empty_url, tmp_path / "a.backup").revision == "0003"
        with database.reading() as connection:
            assert revision(connection) == "0003"
