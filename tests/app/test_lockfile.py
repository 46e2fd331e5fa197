"""The lock beside a SQLite file: one has it, the kernel takes it back, and others learn whose it is."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from mirante.app.lockfile import Holder, LockFile, here, hold_alone, lock_of
from mirante.errors import ConflictError, StoreError

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs flock")

HOLD = """
import sys, time
from pathlib import Path
from mirante.app.lockfile import here, lock_of
lock = lock_of(Path(sys.argv[1]))
assert lock.take(here())
print("held", flush=True)
time.sleep(60)
"""


def test_one_has_it_and_others_learn_whose_it_is(tmp_path: Path) -> None:
    first, second = lock_of(tmp_path / "m.db"), lock_of(tmp_path / "m.db")
    assert first.take(here())
    assert first.is_held
    assert not second.take(Holder("elsewhere", 1))
    assert not second.is_held
    assert second.holder() == first.holder()
    assert second.holder().process == os.getpid()
    first.release()
    first.release()
    assert second.take(here())
    assert not first.is_held
    second.release()


def test_the_kernel_gives_it_back_when_its_holder_is_killed(tmp_path: Path) -> None:
    store = tmp_path / "m.db"
    command = [sys.executable, "-c", HOLD, str(store)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        with pytest.raises(ConflictError, match=f"process {process.pid} on .*, since 20.*Stop it first"):
            hold_alone(store)
        process.kill()
        process.wait(10)
    lock = hold_alone(store)
    assert lock is not None
    assert lock.is_held
    lock.release()


def test_a_file_by_two_names_has_one_lock(tmp_path: Path) -> None:
    (tmp_path / "m.db").touch()
    (tmp_path / "other.db").symlink_to(tmp_path / "m.db")
    first = lock_of(tmp_path / "m.db")
    assert first.take(here())
    assert not lock_of(tmp_path / "other.db").take(here())
    first.release()


def test_who_removes_the_file_ends_the_lock(tmp_path: Path) -> None:
    first = lock_of(tmp_path / "m.db")
    assert first.take(here())
    first.path.unlink()
    assert not first.is_held
    second = lock_of(tmp_path / "m.db")
    assert second.take(here())
    assert not first.is_held
    first.release()
    assert second.is_held
    second.release()


def test_a_holder_that_has_not_said_who_it_is(tmp_path: Path) -> None:
    lock = LockFile(tmp_path / "lock")
    assert str(lock.holder()) == "another process"
    (tmp_path / "lock").write_text("[1]")
    assert lock.holder() == Holder()


def test_where_no_file_can_be_made_it_says_so(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"cannot be opened .* give this user the right"):
        lock_of(tmp_path / "nowhere" / "m.db").take(here())


def test_nothing_is_held_before_the_first_service_and_on_a_server(tmp_path: Path) -> None:
    assert hold_alone(None) is None
    assert hold_alone(tmp_path / "m.db") is None
    assert list(tmp_path.iterdir()) == []
