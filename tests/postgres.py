"""A PostgreSQL of our own for tests: started once, reached by a socket in its folder, gone afterwards.

Fixtures for ``tests/conftest.py``: `postgres_server` and `postgres_url`.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.tools import require_tool

if TYPE_CHECKING:
    import psycopg

# Nothing that is written here must outlive a power cut.
_QUICK = ("fsync=off", "synchronous_commit=off", "full_page_writes=off", "shared_buffers=32MB", "jit=off")
_GUARDED = "local all guarded scram-sha-256\nlocal all all trust\n"  # one role needs its password


@dataclass(slots=True)
class PostgresServer:
    """A running server; roles ``mirante`` (superuser) and ``guarded`` (password ``geheim``).

    Parameters
    ----------
    socket : Path
        The folder of its socket.
    process : subprocess.Popen
        The server.
    start : callable
        Starts it anew.
    """

    socket: Path
    process: subprocess.Popen[bytes]
    start: Callable[[], subprocess.Popen[bytes]]

    _numbers: Iterator[int] = field(default_factory=lambda: count(1))
    _template: str = ""

    def stop(self) -> None:
        """End it without waiting for those that are still connected."""
        self.process.send_signal(signal.SIGINT)
        self.process.wait(timeout=30)

    def start_again(self) -> None:
        """Start it on the data that are there, and wait until it answers."""
        self.process = self.start()
        _wait(self, self.socket / "log")

    def url(self, name: str, user: str = "mirante") -> str:
        """Return the address of one of its databases."""
        return f"postgresql+psycopg://{user}@/{name}?host={self.socket}"

    def run(self, *statements: str, name: str = "postgres") -> list[tuple[object, ...]]:
        """Run statements outside of a transaction, and return the rows of the last."""
        with self.connection(name) as connection:
            for statement in statements:
                cursor = connection.execute(statement)
            return cursor.fetchall() if cursor.description else []

    def connection(self, name: str = "postgres") -> psycopg.Connection[tuple[Any, ...]]:
        """Connect to one of its databases, outside of a transaction."""
        import psycopg

        return psycopg.connect(host=str(self.socket), user="mirante", dbname=name, autocommit=True)

    def create(self, template: str = "template0", options: str = "") -> str:
        """Make a database and return its name."""
        name = f"test_{next(self._numbers)}"
        self.run(f"CREATE DATABASE {name} TEMPLATE {template} {options}")
        return name

    def migrated(self) -> str:
        """Return the name of a database to copy, which has the store's tables."""
        if not self._template:
            from mirante.store import Store

            # a server that sorts as people of a country do, which the store must not show
            name = self.create(options="LOCALE_PROVIDER icu ICU_LOCALE 'en-US'")
            Store(self.url(name)).close()
            self._template = name
        return self._template

    def drop(self, name: str) -> None:
        """Remove a database, also one that is in use."""
        self.run(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


@contextlib.contextmanager
def start_postgres() -> Iterator[PostgresServer]:
    """Start a server in a folder of its own, not as root, and stop it when the block ends."""
    server, initdb = require_tool("postgres"), require_tool("initdb")
    memory = Path("/dev/shm")
    place = memory if memory.is_dir() and shutil.disk_usage(memory).free > 4_000_000_000 else None
    folder = Path(tempfile.mkdtemp(prefix="mirante-pg-", dir=place))  # a socket's path has to be short
    as_user = _other_user(folder)
    data = folder / "data"
    try:
        subprocess.run(
            [initdb, "-D", data, "-U", "mirante", "-A", "trust", "-E", "UTF8", "--locale=C", "-N"],
            check=True, capture_output=True, cwd=folder, **as_user,
        )  # fmt: skip
        (data / "pg_hba.conf").write_text(_GUARDED, encoding="utf-8")
        options = [word for each in _QUICK for word in ("-c", each)]

        def start() -> subprocess.Popen[bytes]:
            with (folder / "log").open("ab") as log:
                return subprocess.Popen(
                    [server, "-D", data, "-k", folder, "-c", "listen_addresses=", *options],
                    stdout=log, stderr=log, cwd=folder, start_new_session=True, **as_user,
                )  # fmt: skip

        running = PostgresServer(folder, start(), start)
        try:
            _wait(running, folder / "log")
            running.run("CREATE ROLE guarded LOGIN PASSWORD 'geheim'")
            yield running
        finally:
            running.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _other_user(folder: Path) -> dict[str, object]:
    """Return as whom to start it: PostgreSQL refuses root."""
    if os.geteuid() != 0:
        return {}
    names = {entry.pw_name: entry for entry in pwd.getpwall()}
    user = names.get("postgres") or names["nobody"]
    os.chown(folder, user.pw_uid, user.pw_gid)
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}


def _wait(server: PostgresServer, log: Path) -> None:
    import psycopg

    until = time.monotonic() + 30
    while True:
        try:
            server.run("SELECT 1")
            return
        except psycopg.OperationalError:
            if server.process.poll() is not None or time.monotonic() > until:
                raise AssertionError(f"PostgreSQL did not start:\n{log.read_text('utf-8')}") from None
            time.sleep(0.05)
