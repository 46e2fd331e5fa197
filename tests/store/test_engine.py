"""What PostgreSQL does differently does not show: one writer, snapshots, order; errors say what to do."""

from __future__ import annotations

import builtins
import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import closing
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import make_url

from mirante.errors import MissingDependencyError, StoreError
from mirante.readings import Reading
from mirante.store import Store, engine
from mirante.store.database import Database
from mirante.store.engine import advice, shown
from tests.postgres import PostgresServer

_NOW = datetime(2026, 1, 2, tzinfo=UTC)
_COUNT = """
import sys
from mirante.store import Store
with Store(sys.argv[1]) as store:
    print("ready", flush=True)
    sys.stdin.read()
    for _ in range(60):
        with store.transaction() as connection:
            seen = store.cursors.get("shared", connection=connection) or {"n": 0}
            store.cursors.set("shared", {"n": seen["n"] + 1}, connection=connection)
"""


def test_programs_that_read_and_then_write_lose_nothing(url: str) -> None:
    command = [sys.executable, "-c", _COUNT, url]
    programs = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(2)
    ]
    assert [program.stdout.readline() for program in programs if program.stdout] == ["ready\n"] * 2
    for program in programs:  # closing stdin is the starting shot
        assert program.stdin is not None
        program.stdin.close()
        program.stdin = None
    assert [program.communicate(timeout=60)[0] for program in programs] == ["", ""]
    assert [program.returncode for program in programs] == [0, 0]
    with Store(url) as store:
        assert store.cursors.get("shared") == {"n": 120}


def test_what_one_block_reads_is_of_one_moment(store: Store) -> None:
    store.cursors.set("a", {"n": 1})
    with store._database.reading() as snapshot:
        assert store.cursors.get("a", connection=snapshot) == {"n": 1}
        store.cursors.set("a", {"n": 2})
        assert store.cursors.get("a", connection=snapshot) == {"n": 1}
    assert store.cursors.get("a") == {"n": 2}


def test_names_are_in_the_order_of_their_characters(store: Store) -> None:
    names = ["b", "B", "a", "_", "ç", "c", "-", "A b", "Ab"]
    store.readings.write([Reading("x", 1.0, _NOW, {"model": name}) for name in names])
    subjects = [f"model/{name}@champion" for name in sorted(names)]
    found = store.readings.subject_names()
    assert found == sorted(found)
    assert len(found) == len(subjects)


def test_an_id_with_nul_is_not_there(store: Store) -> None:
    assert store.alerts.get("a\x00b") is None
    assert store.outbox.list(alert_id="\ud800") == []


def test_a_writer_waits_for_another_program_and_says_so(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    short = engine._ONE_WRITER.replace("30s", "300ms")
    with Store(postgres_url) as first, Store(postgres_url) as second:
        with first.transaction():
            monkeypatch.setattr(engine, "_ONE_WRITER", short)
            began = time.monotonic()
            with pytest.raises(StoreError, match="another program kept it locked for 30 s; stop that"):
                second.cursors.set("a", {})
            assert 0.2 < time.monotonic() - began < 10
            assert second.cursors.get("a") is None  # readers do not wait
        second.cursors.set("a", {"x": 1})
        assert first.cursors.get("a") == {"x": 1}


def test_a_writer_that_is_killed_lets_the_next_one_in(postgres_url: str) -> None:
    code = (
        "import sys; from mirante.store import Store\n"
        "with Store(sys.argv[1]) as store, store.transaction() as connection:\n"
        "    store.cursors.set('a', {'x': 1}, connection=connection); print('has it', flush=True)\n"
        "    sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, postgres_url], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"has it\n"
        holder.send_signal(signal.SIGKILL)
    with Store(postgres_url) as store:
        assert store.cursors.get("a") is None
        store.cursors.set("a", {"x": 2})


def test_a_connection_that_the_server_cut_is_replaced(
    postgres_server: PostgresServer, postgres_url: str
) -> None:
    name = make_url(postgres_url).database
    with Store(postgres_url) as store:
        store.cursors.set("a", {"x": 1})
        cut = f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'"
        assert postgres_server.run(cut)
        assert store.cursors.get("a") == {"x": 1}

        def lose() -> None:
            with store.transaction() as connection:
                store.cursors.set("a", {"x": 2}, connection=connection)
                postgres_server.run(cut)
                store.cursors.set("b", {"x": 2}, connection=connection)

        with pytest.raises(StoreError, match="the server went away; what was not finished is undone"):
            lose()
        assert store.cursors.get("a") == {"x": 1}
        store.cursors.set("a", {"x": 3})


def test_many_threads_share_the_connections(postgres_url: str) -> None:
    failed: list[BaseException] = []
    with Store(postgres_url) as store:

        def work(me: int) -> None:
            try:
                for number in range(5):
                    store.cursors.set(f"own-{me}", {"n": number})
                    assert store.cursors.get(f"own-{me}") == {"n": number}
            except BaseException as error:
                failed.append(error)

        threads = [threading.Thread(target=work, args=(me,)) for me in range(40)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert failed == []


def test_settings_of_a_connection_and_those_of_the_address(postgres_url: str) -> None:
    with closing(Database(f"{postgres_url}&application_name=ours")) as database:
        with database.reading() as connection:
            ask = connection.exec_driver_sql
            assert ask("SHOW application_name").scalar() == "mirante ours"
            assert ask("SHOW transaction_isolation").scalar() == "repeatable read"
            assert ask("SHOW client_encoding").scalar() == "UTF8"
        with database.transaction() as connection:
            ask = connection.exec_driver_sql
            assert ask("SHOW transaction_isolation").scalar() == "read committed"
            assert ask("SHOW lock_timeout").scalar() == "30s"
            assert ask("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'").scalar() == 1


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("postgresql://ana:geheim@127.0.0.1:9/m", "no PostgreSQL answers there; start it, or mend host"),
        ("postgresql://ana:geheim@/m?host=/no/such/folder", "no PostgreSQL has its socket there; start it"),
        ("postgresql://ana@127.0.0.1:9/m?password=geheim", "no PostgreSQL answers there"),
        ("postgresql://ana:geheim@no.such.host.invalid/m", "no such host is known; mend the host's name"),
        ("postgresql://ana:geheim@127.0.0.1:9/m?nonsense=1", "invalid connection option"),
    ],
)  # fmt: skip
def test_a_server_that_does_not_answer(url: str, said: str, postgres_server: PostgresServer) -> None:
    with pytest.raises(StoreError, match=said) as caught:
        Store(url)
    assert "geheim" not in str(caught.value)


@pytest.mark.parametrize(
    ("user", "name", "said"),
    [
        ("mirante", "absent", "create the database first: createdb --owner=mirante absent"),
        ("nobody_known", "postgres", "create the role first: createuser --pwprompt nobody_known"),
        ("guarded", "postgres", "it wants a password; give store_password or store_password_file"),
        ("guarded:falsch", "postgres", r"mend the role or its password \(store_password\)"),
        ("guarded:geheim", "postgres", "must own the database: ALTER DATABASE postgres OWNER TO guarded"),
    ],
)  # fmt: skip
def test_what_the_server_refuses(postgres_server: PostgresServer, user: str, name: str, said: str) -> None:
    with pytest.raises(StoreError, match=said) as caught:
        Store(postgres_server.url(name, user))
    assert "falsch" not in str(caught.value)
    assert "geheim" not in str(caught.value)


def test_a_database_in_another_encoding_is_refused(postgres_server: PostgresServer) -> None:
    name = postgres_server.create(options="ENCODING 'LATIN1' LOCALE 'C'")
    with pytest.raises(
        StoreError, match=r"encoding LATIN1.*createdb --encoding=UTF8 --template=template0 test_"
    ):
        Store(postgres_server.url(name))
    postgres_server.drop(name)


def test_a_copy_that_can_only_be_read_is_told(postgres_server: PostgresServer, postgres_url: str) -> None:
    postgres_server.run(
        f"ALTER DATABASE {make_url(postgres_url).database} SET default_transaction_read_only = on"
    )
    with Store(postgres_url) as store:
        assert store.readings.count() == 0
        with pytest.raises(StoreError, match="this is a copy that can only be read; name the primary server"):
            store.cursors.set("a", {})


def test_an_id_that_is_too_long_is_told(postgres_url: str) -> None:
    with Store(postgres_url) as store, pytest.raises(StoreError, match="PostgreSQL takes about 2,700 bytes"):
        store.cursors.set(os.urandom(4_000).hex(), {})


@pytest.mark.parametrize(
    ("url", "missing", "said"),
    [
        (
            "postgresql://h/m",
            ModuleNotFoundError("none", name="psycopg"),
            r"'psycopg' of .* is not installed; run: pip install 'mirante\[postgres\]'",
        ),
        (
            "postgresql://h/m",
            ImportError("no pq wrapper available.\nAttempts made:"),
            r"does not load \(no pq wrapper available\.\); run: pip install 'mirante\[postgres\]'",
        ),
        (
            "postgresql+pg8000://h/m",
            ModuleNotFoundError("none", name="pg8000"),
            "'pg8000' of .*; run: pip install pg8000",
        ),
    ],
)
def test_without_the_driver(
    url: str, missing: ImportError, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = builtins.__import__

    def without(name: str, *more: Any) -> Any:
        if name.partition(".")[0] in ("psycopg", "pg8000"):
            raise missing
        return given(name, *more)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(MissingDependencyError, match=said):
        Store(url)


def test_an_error_that_nobody_foresaw() -> None:
    assert advice(make_url("postgresql://h/m"), "division by zero") == "see the error above this one"


def test_passwords_are_hidden_wherever_they_are() -> None:
    text = shown(make_url("postgresql://ana:a@h/m?password=b&sslpassword=c&sslmode=require"))
    assert text == "postgresql://ana:***@h/m?sslmode=require"
