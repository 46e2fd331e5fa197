"""A service's share in the lease: taken, kept, lost, given back, on both databases."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from mirante.app.lease import Lease
from mirante.app.lockfile import hold_alone, lock_of
from mirante.app.processes import process_mark
from mirante.store import Store

SHORT = timedelta(seconds=0.6)


def until(check: Callable[[], object], seconds: float = 10.0) -> None:
    end = time.monotonic() + seconds
    while not check():
        assert time.monotonic() < end, "it did not come true in time"
        time.sleep(0.01)


@contextmanager
def lease_on(url: str, **more: Any) -> Iterator[Lease]:
    with Store(url) as store:
        lease = Lease(store, **{"lasting": SHORT, "every": 0.1, **more})
        try:
            yield lease
        finally:
            lease.release()


def token(lease: Lease) -> int:
    assert lease.mine is not None
    return lease.mine.token


def test_on_a_server_it_is_renewed_until_it_is_given_back(postgres_url: str) -> None:
    with lease_on(postgres_url) as one, lease_on(postgres_url) as other:
        assert one.take()
        end = time.monotonic() + 2 * SHORT.total_seconds()
        while time.monotonic() < end:
            assert not other.take()
        assert one.holds(token(one))
        assert not one.holds(token(one) + 1)
        assert other.others is not None
        assert one.mine is not None
        assert (other.others.process, other.others.host) == (one.mine.process, one.mine.host)
        one.release()
        assert one.mine is None
        begun = time.monotonic()
        until(other.take)
        assert time.monotonic() - begun < SHORT.total_seconds()
        assert other.others.token == 1


def test_who_is_not_heard_of_has_lost_it_before_another_takes_it(postgres_url: str) -> None:
    with lease_on(postgres_url) as one, lease_on(postgres_url) as other:
        assert one.take()
        mine = token(one)
        lost = threading.Event()
        one.when_lost(lost.set)
        one._every = 3600  # it is stopped: nobody renews
        until(lambda: not one.holds(mine))
        until(other.take)
        assert not one.holds(mine)
        assert other.others is not None
        assert other.others.holder
        one._ended.set()


def test_whose_process_on_this_machine_ended_has_lost_it_at_once(postgres_url: str) -> None:
    hour = timedelta(hours=1)
    say = "from mirante.app.processes import process_mark; print(process_mark())"
    ended = subprocess.run([sys.executable, "-c", say], capture_output=True, text=True, check=True).stdout
    elsewhere = ended.strip().replace("-", "+")  # of another boot
    with lease_on(postgres_url, lasting=hour) as other:
        for number, (mark, free) in enumerate([(elsewhere, False), ("", False), (ended.strip(), True)]):
            with lease_on(postgres_url, lasting=hour, mark=lambda mark=mark: mark) as one:
                assert one.take()
                assert one.mine is not None
                assert one.mine.mark == mark
                assert other.take() == (free and process_mark() != "")
                assert one.mine.token == number + 1


def test_a_holder_learns_that_another_has_it(postgres_url: str) -> None:
    with lease_on(postgres_url) as one, Store(postgres_url) as store:
        lost = threading.Event()
        assert one.take()
        mine = token(one)
        one.when_lost(lost.set)
        found = store.lease.read()
        until(lambda: store.lease.take("b", after=store.lease.read(), host="h", process=1) is not None)
        assert found is not None
        assert lost.wait(10)
        assert one.mine is None
        assert not one.holds(mine)
        one.release()
        assert store.lease.renew(mine + 1)


def test_a_lease_that_is_not_renewed_is_over_also_by_a_clock_that_was_set_back(postgres_url: str) -> None:
    now = [0.0]
    with Store(postgres_url) as store, lease_on(postgres_url, clock=lambda: now[0]) as lease:
        hour = timedelta(hours=1)
        dead = store.lease.take("dead", after=None, host="h", process=1, lasting=hour)
        assert not lease.take()
        now[0] += 0.8
        assert not lease.take()
        assert dead is not None
        store.lease.renew(dead.token, hour)  # it lives
        now[0] += 0.8
        assert not lease.take()
        now[0] += 1.0
        assert lease.take()


def test_while_the_server_is_away_it_runs_out_and_goes_on_afterwards(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with lease_on(postgres_url) as lease:
        assert lease.take()
        mine = token(lease)
        database = lease._store.lease._own()
        monkeypatch.setattr(lease._store.lease, "_own", lambda: _Away(database))
        until(lambda: not lease.holds(mine))
        assert lease.mine is not None, "nobody else has it"
        monkeypatch.undo()
        until(lambda: lease.holds(mine))
    said = capsys.readouterr()
    assert "the lease cannot be renewed" in said.out + said.err
    assert "the lease is renewed again" in said.out + said.err


class _Away:
    """A database whose address leads nowhere."""

    def __init__(self, database: Any) -> None:
        from mirante.store.engine import make_engine

        self.engine = make_engine(database._url.update_query_dict({"host": "/nowhere"}), hasty=True)
        self.errors = database.errors


@pytest.mark.skipif(sys.platform == "win32", reason="needs flock")
def test_beside_a_file_it_is_a_lock(tmp_path: Path) -> None:
    file = tmp_path / "m.db"
    url = f"sqlite:///{file}"
    with lease_on(url, file=file) as one, lease_on(url, file=file) as other:
        assert one.take()
        mine = token(one)
        assert one.holds(mine)
        assert not other.take()
        assert other.others is not None
        assert other.others.token == mine
        one.release()
        assert other.take()
        assert token(other) == mine + 1
        other.release()
        held = hold_alone(file)
        with lease_on(url, file=file, lock=held) as third:
            assert third.take()
        assert held is not None
        assert not held.is_held


@pytest.mark.skipif(sys.platform == "win32", reason="needs flock")
def test_who_removes_the_lock_file_ends_the_lease(tmp_path: Path) -> None:
    file = tmp_path / "m.db"
    with lease_on(f"sqlite:///{file}", file=file) as lease:
        assert lease.take()
        lost = threading.Event()
        lease.when_lost(lost.set)
        lock_of(file).path.unlink()
        assert lost.wait(10)
        assert lease.mine is None
        assert lease.take()


@pytest.mark.skipif(sys.platform == "win32", reason="needs flock")
def test_a_store_that_fails_leaves_no_lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "m.db"
    with lease_on(f"sqlite:///{file}", file=file) as lease:
        monkeypatch.setattr(lease._store.lease, "take", lambda *_, **__: None)
        assert not lease.take()
        monkeypatch.setattr(lease._store.lease, "take", lambda *_, **__: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            lease.take()
        lock = hold_alone(file)
        assert lock is not None
        lock.release()
