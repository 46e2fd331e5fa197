"""What comes out of a backup is what went in, on the same database and on the other."""

from __future__ import annotations

import math
import signal
import subprocess
import sys
import time
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from mirante.app.lease import took_over
from mirante.errors import ConflictError, InputError, LeaseLostError
from mirante.readings import Reading
from mirante.store import EventRow, Store
from mirante.store.backup.making import back_up
from mirante.store.backup.restoring import check_backup, restore
from mirante.store.database import Database
from mirante.store.lease import check
from mirante.store.migrate import migrate, revision
from mirante.store.schema import HEAD, VERSION_TABLE, metadata
from tests.store.filled import TIME, contents, fill

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
def made(url: str, tmp_path: Path) -> Path:
    """A backup of a store with something in every table, of either database."""
    with Store(url) as store:
        fill(store)
    return back_up(url, tmp_path / "a.backup", now=NOW, version="0.1.0").path


@pytest.fixture
def target(empty_url: str) -> str:
    """Where it is restored."""
    return empty_url


def test_every_row_of_every_table_is_there(url: str, made: Path, target: str) -> None:
    done = restore(made, target)
    before = contents(url)
    assert contents(target) == before
    assert before.keys() == {table.name for table in metadata.sorted_tables}
    assert all(before.values())
    assert done.rows == {name: len(rows) for name, rows in before.items()}
    assert check_backup(made).rows == done.rows


def test_a_service_goes_on_where_it_was(made: Path, target: str) -> None:
    restore(made, target)
    later = NOW + timedelta(days=1)
    with Store(target) as store:
        labels = store.readings.series("drift_ks")[0].labels
        known = store.readings.after(0)
        new = [Reading("drift_ks", 2.0, later, labels), Reading("another", 1.0, later)]
        assert store.readings.write(new) == 2
        arrived = store.readings.after(known[-1][0])
        assert [reading.value for _, reading in arrived] == [2.0, 1.0]
        values = store.readings.series("drift_ks")[0].values.tolist()
        each = [1.0, math.inf, -0.1, 1e-308]  # in a block, and in rows
        assert [value for value in values if not math.isnan(value)] == [*each, *each, 2.0]
        store.events.add(EventRow("host/a", NOW, "deploy", "x"))
        store.labels.write("another", ["a"], [1], NOW)
        assert store.measure().rows["readings"] == store.readings.count() == 12
        assert store.recount() == 0


def test_a_store_with_data_is_refused_and_left_alone(made: Path, target: str) -> None:
    with Store(target) as store:
        store.cursors.set("mine", {"row": 1})
    with pytest.raises(ConflictError, match=r"has data already, in mirante_cursors; .*--force"):
        restore(made, target)
    with Store(target) as store:
        assert store.cursors.get("mine") == {"row": 1}
        assert store.readings.count() == 0


def test_with_force_nothing_of_it_is_left(url: str, made: Path, target: str) -> None:
    with Store(target) as store:
        store.cursors.set("mine", {"row": 1})
    with closing(Database(target)) as database, database.transaction() as connection:
        connection.execute(text("CREATE TABLE alembic_version (version_num TEXT)"))  # MLflow's
    restore(made, target, force=True)
    assert contents(target) == contents(url)
    with closing(Database(target)) as database, database.reading() as connection:
        assert connection.execute(text("SELECT count(*) FROM alembic_version")).scalar() == 0


def test_an_empty_store_needs_no_force(url: str, made: Path, target: str) -> None:
    Store(target).close()
    restore(made, target)
    assert contents(target) == contents(url)


def test_a_store_in_use_is_refused(made: Path, target: str) -> None:
    with Store(target) as store:
        store.readings.count()
        code = "import sys; from mirante.store.backup.restoring import restore; "
        code += "from pathlib import Path; restore(Path(sys.argv[1]), sys.argv[2], force=True)"
        done = subprocess.run(
            [sys.executable, "-c", code, made, target],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert "another program has the store" in done.stderr
        assert "stop the service" in done.stderr
    restore(made, target)


def test_no_holder_of_before_has_the_lease(url: str, target: str, tmp_path: Path) -> None:
    """Neither the backup's, nor that of the store that was there; and nobody is told that one died."""
    lease: dict[str, Any] = {"host": "web-1", "process": 77}
    with Store(url) as store:
        store.lease.take("backed up", after=None, **lease)
    path = back_up(url, tmp_path / "a.backup", now=NOW, version="0.1.0").path
    with Store(target) as store:
        mine = None
        for _ in range(3):
            mine = store.lease.take("former", after=store.lease.read(), **lease)
            assert mine is not None
            store.lease.release(mine.token)
        assert mine is not None
    restore(path, target, force=True)
    with Store(target) as store:
        found = store.lease.read()
        assert found is not None
        assert (found.token, found.holder) == (4, "")
        for token in (1, 3):
            with store.transaction() as connection, pytest.raises(LeaseLostError):
                check(token, connection)
        new = store.lease.take("new", after=found, **lease)
        assert new is not None
        assert took_over(new, found, waited=False, subject="host/web-1", locale="en") is None


def test_a_changed_backup_changes_nothing(made: Path, target: str) -> None:
    data = bytearray(made.read_bytes())
    data[len(data) // 2] ^= 1
    made.write_bytes(data)
    with pytest.raises(InputError, match="torn or was changed"):
        restore(made, target, force=True)
    with closing(Database(target)) as database, database.reading() as connection:
        assert revision(connection) is None


@pytest.mark.parametrize("call", [check_backup, lambda path: restore(path, "sqlite:///never.db")])
def test_a_backup_of_a_newer_schema_is_refused(call, sqlite_url: str, tmp_path: Path) -> None:
    Store(sqlite_url).close()
    with closing(Database(sqlite_url)) as database, database.transaction() as connection:
        connection.execute(text(f"UPDATE {VERSION_TABLE} SET version_num = '9999'"))
    path = back_up(sqlite_url, tmp_path / "a.backup", now=NOW, version="9.9").path
    with pytest.raises(InputError, match=r"schema '9999' of a newer Mirante \(9\.9\).*--upgrade mirante"):
        call(path)


@pytest.mark.parametrize("before", ["0001", "0003", "0006"])
def test_a_backup_of_an_older_schema_is_upgraded(before: str, target: str, tmp_path: Path) -> None:
    old = f"sqlite:///{tmp_path / 'old.db'}"
    with closing(Database(old)) as database, database.transaction() as connection:
        migrate(connection, None, "old", to=before)
        for line in (
            "INSERT INTO mirante_series (id, digest, name, labels, subject) VALUES (7, 'a', 'x', '{}', 's')",
            "INSERT INTO mirante_readings VALUES (7, 3600000000, 1.5, '', 1)",
            "INSERT INTO mirante_counters VALUES ('readings', 9)",
        ):
            connection.exec_driver_sql(line)
    path = back_up(old, tmp_path / "a.backup", now=NOW, version="0.0.1").path
    restore(path, target)
    with Store(target) as store, store.transaction() as connection:
        assert revision(connection) == HEAD
        assert store.readings.series("x", connection=connection)[0].values.tolist() == [1.5]
        new = store.readings.write([Reading("y", 1.0, TIME)], connection=connection)
        assert new == 1
    with Store(target) as store:
        assert [number for number, _ in store.readings.after(1)] == [10]


def test_kill_9_midway_leaves_the_store_as_it_was(sqlite_url: str, target: str, tmp_path: Path) -> None:
    with Store(sqlite_url) as store:
        store.readings.write(
            Reading("x", number, datetime.fromtimestamp(number, UTC)) for number in range(60_000)
        )
    path = back_up(sqlite_url, tmp_path / "a.backup", now=NOW, version="0.1.0").path
    with Store(target) as store:
        store.cursors.set("mine", {"row": 1})
    code = """
import sys
from pathlib import Path
import mirante.store.backup.restoring as tested
real = tested.bulk
def bulk(*args):
    print("filling", flush=True)
    return real(*args)
tested.bulk = bulk
tested.restore(Path(sys.argv[1]), sys.argv[2], force=True)
"""
    process = subprocess.Popen(
        [sys.executable, "-c", code, path, target], stdout=subprocess.PIPE, text=True, bufsize=1
    )
    assert process.stdout is not None
    for _ in range(4):  # series, and some portions of the readings
        assert process.stdout.readline() == "filling\n"
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    time.sleep(0.2)  # PostgreSQL notices that the client is gone
    with Store(target) as store:
        assert store.cursors.get("mine") == {"row": 1}
        assert store.readings.count() == 0
    restore(path, target, force=True)
    with Store(target) as store:
        assert store.readings.count() == 60_000
