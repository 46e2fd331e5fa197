"""The store as a whole: reopened, shared by programs, killed."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import make_url

from mirante.errors import InputError, StoreError
from mirante.store import Store

_WRITER = """
import sys
from datetime import UTC, datetime, timedelta
from mirante.readings import Reading
from mirante.store import Store

url, host, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
start = datetime(2013, 2, 8, tzinfo=UTC)
with Store(url) as store:
    for number in range(count):
        time = start + timedelta(seconds=number)
        store.readings.write([Reading("x", number, time, {"host": host, "part": part}) for part in "abc"])
        print(number, flush=True)
"""


def test_what_was_written_is_there_after_reopening(url: str) -> None:
    with Store(url) as store:
        store.cursors.set("a", {"x": 1})
    with Store(url) as store:
        assert store.cursors.get("a") == {"x": 1}
        assert make_url(store.name) == make_url(url)


def test_closing_leaves_one_file(sqlite_url: str, tmp_path: Path) -> None:
    with Store(sqlite_url) as store:
        store.cursors.set("a", {"x": 1})
    assert [path.name for path in tmp_path.iterdir()] == ["mirante.db"]


def test_a_transaction_spans_the_parts(store: Store) -> None:
    def both() -> None:
        with store.transaction() as connection:
            store.cursors.set("a", {"x": 1}, connection=connection)
            store.labels.write("m", ["1"], [], datetime.now(UTC), connection=connection)

    with pytest.raises(StoreError, match="got 1 ids and 0 labels"):
        both()
    assert store.cursors.get("a") is None


def test_two_programs_write_into_one_store(url: str) -> None:
    programs = [
        subprocess.Popen(
            [sys.executable, "-c", _WRITER, url, host, "150"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        for host in ("h1", "h2")
    ]
    with Store(url) as store:
        for number in range(60):
            store.cursors.set("mine", {"n": number})
            store.readings.latest()
            time.sleep(0.01)
        for program in programs:
            _, errors = program.communicate(timeout=60)
            assert (program.returncode, errors) == (0, b"")
        assert store.readings.count() == 2 * 150 * 3
        numbers = [number for number, _ in store.readings.after(0)]
        assert numbers == sorted(set(numbers))


def test_kill_9_loses_nothing_that_was_committed(url: str, tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", _WRITER, url, "h", "100000"], stdout=subprocess.PIPE, text=True
    ) as writer:
        assert writer.stdout is not None
        told = [int(writer.stdout.readline()) for _ in range(50)]
        writer.kill()
        told += [int(line) for line in writer.stdout.read().split("\n")[:-1]]
    with Store(url) as store:
        kept = store.readings.series("x", where={"part": "a"})[0].values.tolist()
        assert kept[: len(told)] == told
        assert len(kept) <= len(told) + 1  # one may be committed and not yet told
        assert store.readings.count() == 3 * len(kept)  # whole batches only
    with closing(sqlite3.connect(tmp_path / "mirante.db")) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


def test_only_what_is_there_is_opened(tmp_path: Path):
    url = f"sqlite:///{tmp_path}/m.db"
    with pytest.raises(InputError, match="there is no store at"):
        Store.existing(url)
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "m.db").touch()
    with pytest.raises(InputError, match="there is no store at"):
        Store.existing(url)
    (tmp_path / "m.db").unlink()
    Store(url).close()
    with Store.existing(url) as store:
        assert store.readings.count() == 0
