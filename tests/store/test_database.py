"""Transactions of many threads and programs, and errors that say what to do."""

from __future__ import annotations

import os
import sqlite3
import stat
import threading
import time
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import make_url

from mirante.errors import StoreError
from mirante.store import Store
from mirante.store.database import Database


def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("not a database at all, but long enough to have a header " * 20)
    with pytest.raises(
        StoreError, match=r"store sqlite:.*notes.txt: .*not a SQLite database; name another file"
    ):
        Store(f"sqlite:///{path}")
    assert path.read_text().startswith("not a database")


def test_a_damaged_file_is_told(sqlite_url: str, tmp_path: Path) -> None:
    with Store(sqlite_url) as store:
        for number in range(200):
            store.cursors.set(f"cursor-{number}", {"x": "y" * 500})
    content = bytearray((tmp_path / "mirante.db").read_bytes())
    content[4096:] = os.urandom(len(content) - 4096)
    (tmp_path / "mirante.db").write_bytes(content)
    with pytest.raises(StoreError, match="damaged; restore it from a copy"), Store(sqlite_url) as store:
        store.cursors.get("cursor-7")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anything")
def test_a_read_only_folder_is_told(tmp_path: Path) -> None:
    folder = tmp_path / "closed"
    folder.mkdir()
    folder.chmod(stat.S_IRUSR | stat.S_IXUSR)
    with pytest.raises(StoreError, match="look at the rights of the file and its folder"):
        Store(f"sqlite:///{folder / 'm.db'}")


def test_every_connection_is_durable_and_checks_keys(sqlite_url: str) -> None:
    database = Database(sqlite_url)
    with database.reading() as first, database.reading() as second:
        for connection in (first, second):
            ask = connection.exec_driver_sql
            assert ask("PRAGMA journal_mode").scalar() == "wal"
            assert ask("PRAGMA synchronous").scalar() == 2  # FULL
            assert ask("PRAGMA foreign_keys").scalar() == 1
            assert ask("PRAGMA busy_timeout").scalar() == 30_000
    database.close()


def test_a_block_that_raises_changes_nothing(store: Store) -> None:
    def fail() -> None:
        with store.transaction() as connection:
            store.cursors.set("a", {"x": 1}, connection=connection)
            assert store.cursors.get("a", connection=connection) == {"x": 1}
            assert store.cursors.get("a") is None  # another connection does not see it yet
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert store.cursors.get("a") is None
    store.cursors.set("a", {"x": 2})
    assert store.cursors.get("a") == {"x": 2}


def test_a_thread_that_would_wait_for_itself_is_told(store: Store) -> None:
    with (
        store.transaction(),
        pytest.raises(StoreError, match=r"pass that transaction on as connection=\.\.\."),
    ):
        store.cursors.set("a", {})


def test_hooks_run_after_the_commit_only(url: str) -> None:
    database = Database(url)
    ran: list[str] = []

    def fail() -> None:
        with database.transaction():
            database.on_commit(lambda: ran.append("rolled back"))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    with database.transaction():
        database.on_commit(lambda: ran.append("committed"))
        assert ran == []
    assert ran == ["committed"]
    database.close()


def test_many_threads_write_and_read(store: Store) -> None:
    failed: list[BaseException] = []

    def work(me: int) -> None:
        try:
            for number in range(20):
                with store.transaction() as connection:
                    seen = store.cursors.get("shared", connection=connection) or {"n": 0}
                    store.cursors.set("shared", {"n": seen["n"] + 1}, connection=connection)
                store.cursors.set(f"own-{me}", {"n": number})
                assert store.cursors.get(f"own-{me}") == {"n": number}
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=work, args=(me,)) for me in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    assert store.cursors.get("shared") == {"n": 160}


def test_a_writer_waits_for_another_program(sqlite_store: Store, tmp_path: Path) -> None:
    with closing(
        sqlite3.connect(tmp_path / "mirante.db", isolation_level=None, check_same_thread=False)
    ) as other:
        other.execute("BEGIN IMMEDIATE")
        release = threading.Timer(0.4, other.execute, ["COMMIT"])
        release.start()
        began = time.monotonic()
        sqlite_store.cursors.set("a", {"x": 1})
        assert time.monotonic() - began > 0.2
        release.join()


def test_errors_hide_the_password() -> None:
    database = Database.__new__(Database)  # nothing listens at that address
    database._url = make_url("postgresql+psycopg://user:geheim@host/name")
    assert database.name == "postgresql+psycopg://user:***@host/name"


def test_closing_twice_is_fine(url: str) -> None:
    database = Database(url)
    database.close()
    database.close()


def test_the_name_of_a_file_says_where_it_is(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with Store("sqlite:///here.db") as store:
        assert store.name == f"sqlite:///{tmp_path}/here.db"
