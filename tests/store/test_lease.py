"""The lease: one has it, changes of hands are told apart, and a former holder writes nothing."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import event

from mirante.errors import LeaseLostError, StoreError
from mirante.store import LeaseRow, NoticeRow, Store
from mirante.store.lease import check, end, standing

SECOND = timedelta(seconds=1)
NOW = datetime(2026, 1, 1, tzinfo=UTC)


def take(store: Store, name: str = "a", lasting: timedelta | None = None) -> LeaseRow:
    """Take it from whoever has it."""
    after = store.lease.read()
    mine = store.lease.take(name, after=after, host=f"host-{name}", process=77, lasting=lasting)
    assert mine is not None
    return mine


@pytest.fixture
def second(url: str, store: Store) -> Iterator[Store]:
    """The same store, as another process has it."""
    with Store(url) as opened:
        yield opened


@pytest.fixture
def two(postgres_url: str) -> Iterator[tuple[Store, Store]]:
    with Store(postgres_url) as one, Store(postgres_url) as other:
        yield one, other


def test_whoever_looked_before_a_change_does_not_get_it(store: Store, second: Store) -> None:
    assert store.lease.read() is None
    mine = take(store)
    assert second.lease.take("b", after=None, host="host-b", process=78) is None
    assert (mine.token, mine.host, mine.process, mine.is_over) == (1, "host-a", 77, False)
    found = second.lease.read()
    assert mine.is_still(found)
    other = take(second, "b")
    assert other.token == 2
    assert store.lease.take("c", after=found, host="host-c", process=79) is None
    assert not mine.is_still(store.lease.read())


def test_of_many_at_once_one_gets_it(store: Store, second: Store) -> None:
    together = threading.Barrier(8)

    def attempt(number: int) -> LeaseRow | None:
        together.wait(10)
        opened = (store, second)[number % 2]
        return opened.lease.take(str(number), after=None, host="h", process=number)

    with ThreadPoolExecutor(8) as pool:
        got = [row for row in pool.map(attempt, range(8)) if row is not None]
    assert len(got) == 1
    assert got[0].is_still(store.lease.read())


def test_a_former_holder_reads_and_writes_nothing(store: Store, second: Store) -> None:
    mine = take(store)
    held = store.fenced(mine.token)
    held.cursors.set("x", {"row": 1})
    take(second, "b")
    with pytest.raises(LeaseLostError, match="taken over by process 77 on host-b: nothing was written"):
        held.cursors.set("x", {"row": 2})
    with pytest.raises(LeaseLostError), held.transaction():
        pytest.fail("it was let in")
    assert held.cursors.get("x") == {"row": 1}
    store.cursors.set("y", {"row": 1})  # what people write needs no lease
    store.lease.release(mine.token)  # what is another's stays
    assert second.lease.renew(2)


def test_it_is_given_back(store: Store, second: Store) -> None:
    mine = take(store)
    assert store.lease.renew(mine.token)
    store.lease.release(mine.token)
    found = second.lease.read()
    assert found is not None
    assert (found.is_over, found.host) == (True, "host-a")
    assert not store.lease.renew(mine.token)
    with pytest.raises(LeaseLostError, match="gave its lease of the store back"):
        store.fenced(mine.token).cursors.set("x", {})
    assert take(second, "b").token == 2


def test_without_a_row_nothing_is_fenced_in(store: Store) -> None:
    with pytest.raises(LeaseLostError):
        store.fenced(1).cursors.set("x", {})


def test_the_two_share_their_turn_to_write(store: Store) -> None:
    held = store.fenced(take(store).token)
    with store.transaction(), pytest.raises(StoreError, match="would wait for itself"):
        held.cursors.set("x", {})


def test_what_others_claimed_is_due_at_once(store: Store) -> None:
    for name in ("a", "b"):
        store.outbox.add(NoticeRow(name, "mail", "first_firing", NOW, NOW))
    store.outbox.claim(NOW, owner="gone", limit=1, lease=3600)
    assert store.outbox.take_back() == 1
    assert store.outbox.take_back() == 0
    assert {row.id for row in store.outbox.claim(NOW, owner="me", lease=60)} == {"a", "b"}
    assert not store.outbox.delivered("a", NOW, owner="gone")


def test_it_runs_out_by_the_servers_clock_and_can_be_renewed_until_another_has_it(
    two: tuple[Store, Store],
) -> None:
    one, other = two
    mine = take(one, lasting=SECOND / 5)
    found = other.lease.read()
    assert found is not None
    assert not found.is_over
    time.sleep(0.25)
    found = other.lease.read()
    assert found is not None
    assert found.is_over
    assert one.lease.renew(mine.token, SECOND / 5), "nobody took it"
    assert other.lease.take("b", after=found, host="h", process=1) is None, "it was renewed since"
    time.sleep(0.25)
    take(other, "b", lasting=60 * SECOND)
    assert not one.lease.renew(mine.token, SECOND)


def test_a_renewal_does_not_wait_for_the_holders_own_work(two: tuple[Store, Store]) -> None:
    one, _ = two
    mine = take(one, lasting=SECOND)
    with one.fenced(mine.token).transaction():
        begun = time.monotonic()
        assert one.lease.renew(mine.token, SECOND)
        assert time.monotonic() - begun < 2.5


@pytest.mark.parametrize("work", [True, False])
def test_what_a_holder_that_was_stopped_left_open_is_ended(two: tuple[Store, Store], work: bool) -> None:
    one, other = two
    mine = take(one, lasting=SECOND / 5)
    held = one.fenced(mine.token) if work else one  # or what people write at its pages

    def stopped_midway() -> None:
        with held.transaction() as connection:
            held.cursors.set("x", {"row": 1}, connection=connection)
            time.sleep(0.25)
            begun = time.monotonic()
            take(other, "b", lasting=60 * SECOND)
            assert time.monotonic() - begun < 2.5
            other.cursors.set("y", {"row": 2})  # the right to write is free
            held.cursors.set("x", {"row": 3}, connection=connection)

    with pytest.raises(StoreError, match=r"terminating connection|server closed"):
        stopped_midway()
    assert other.cursors.get("x") is None
    with pytest.raises(LeaseLostError):
        one.fenced(mine.token).cursors.set("x", {"row": 4})


def test_a_holder_that_was_stopped_while_it_renewed_keeps_nobody_from_the_lease(
    two: tuple[Store, Store],
) -> None:
    one, other = two
    mine = take(one, lasting=SECOND / 5)
    took: list[float] = []

    def stopped(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if statement.startswith("UPDATE mirante_leases"):
            begun = time.monotonic()
            while time.monotonic() < begun + 60 and not took:
                with suppress(StoreError):
                    take(other, "b", lasting=60 * SECOND)
                    took.append(time.monotonic() - begun)

    event.listen(one.lease._own().engine, "after_cursor_execute", stopped)
    with pytest.raises(StoreError, match=r"terminating connection|server closed"):
        one.lease.renew(mine.token, SECOND)
    assert took
    assert not one.lease.renew(mine.token, SECOND)


def test_what_others_have_open_is_left_alone_and_waited_for(
    two: tuple[Store, Store], postgres_url: str
) -> None:
    one, other = two
    take(one, lasting=SECOND / 10)
    time.sleep(0.15)
    with Store(postgres_url) as third, third.transaction() as connection:  # a command's
        third.cursors.set("x", {"row": 1}, connection=connection)
        with pytest.raises(StoreError, match="statement timeout"):
            take(other, "b", lasting=60 * SECOND)
    assert other.cursors.get("x") == {"row": 1}
    assert take(other, "b", lasting=60 * SECOND).token == 2


@pytest.mark.parametrize("close", [Store.close, lambda store: None])
def test_its_own_connections_are_closed_with_the_store(
    postgres_url: str, close: Callable[[Store], None]
) -> None:
    store = Store(postgres_url)
    take(store, lasting=SECOND)
    close(store)
    store.close()


def test_what_a_holder_writes_has_a_name_while_it_is_written(postgres_url: str) -> None:
    named = "SELECT current_setting('application_name')"
    with Store(f"{postgres_url}&application_name=ours") as store:
        with store.transaction() as connection:
            assert connection.exec_driver_sql(named).scalar() == "mirante ours"
        take(store, lasting=SECOND)
        with store.transaction() as connection:
            assert connection.exec_driver_sql(named).scalar() == "mirante holder 1"
        with store._database.reading() as connection:
            assert connection.exec_driver_sql(named).scalar() == "mirante ours"


def test_who_stands_in_a_store_of_any_schema(url: str, store: Store) -> None:
    with store.transaction() as connection:
        assert standing(connection) is None
        end(None, connection)  # nobody had it, nobody has it
        assert standing(connection) is None
    mine = take(store)
    with store.transaction() as connection:
        found = standing(connection)
        assert found is not None
        assert found.is_still(mine)
        end(replace(mine, token=7), connection)
        found = standing(connection)
        assert found is not None
        assert (found.token, found.holder, found.is_over) == (8, "", True)
        with pytest.raises(LeaseLostError):
            check(mine.token, connection)
        connection.exec_driver_sql("DROP TABLE mirante_leases")
        assert standing(connection) is None
