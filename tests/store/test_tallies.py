"""Readings are counted as they are written, by whoever writes them."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, delete, select, update

from mirante.readings import Reading
from mirante.store import Store, tallies
from mirante.store.database import Database
from mirante.store.schema import counters, readings, series

T0 = datetime(2013, 2, 8, tzinfo=UTC)


def _read(value: float, minute: int = 0, note: str = "") -> Reading:
    return Reading("x", value, T0 + timedelta(minutes=minute), {"host": "h"}, note)


def tally(store: Store) -> tuple[int, datetime | None]:
    size = store.measure()
    return size.rows["readings"], size.first_time


def test_only_new_readings_are_counted(store: Store) -> None:
    assert tally(store) == (0, None)
    assert store.readings.write([_read(1), _read(math.nan, 1)]) == 2
    assert store.readings.write([_read(1), _read(math.nan, 1)]) == 0
    assert store.readings.write([_read(2), _read(math.nan, 1, "late"), _read(3, 2)]) == 3
    assert tally(store) == (3, T0) == (store.readings.count(), T0)
    assert [reading.value for _, reading in store.readings.after(0)][-1] == 3


def test_the_oldest_reading_may_come_late(store: Store) -> None:
    store.readings.write([_read(1, 5)])
    store.readings.write([_read(1, 7), _read(1, -3)])
    store.readings.write([_read(1, -1)])
    assert tally(store) == (4, T0 - timedelta(minutes=3))


def test_what_is_rolled_back_is_not_counted(store: Store) -> None:
    def fail() -> None:
        with store.transaction() as connection:
            store.readings.write([_read(1)], connection=connection)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert tally(store) == (0, None)


def test_two_programs_count_together(store: Store, url: str) -> None:
    with Store(url) as other:
        for minute in range(6):
            (store if minute % 2 else other).readings.write([_read(1, minute)])
        assert tally(store) == tally(other) == (6, T0)


def unseen(store: Store, *statements: Any) -> None:
    """Do what the tally does not hear of: what a hand does, or a release that knew of none."""
    with store.transaction() as connection:
        for statement in statements:
            connection.execute(statement)


def test_what_others_wrote_or_deleted_is_found_by_counting_anew(store: Store) -> None:
    assert store.recount() == 0
    store.readings.write([_read(1, minute) for minute in range(6)])
    assert store.recount() == 0
    unseen(store, delete(readings).where(readings.c.time < T0 + timedelta(minutes=2)))
    assert tally(store) == (6, T0)
    assert store.recount() == -2
    assert tally(store) == (4, T0 + timedelta(minutes=2))
    unseen(store, update(counters).where(counters.c.name == "readings_rows").values(value=1))
    assert (store.recount(), store.recount()) == (3, 0)
    assert tally(store) == (4, T0 + timedelta(minutes=2))
    unseen(store, delete(readings))
    assert store.recount() == -4
    assert tally(store) == (0, None)
    store.readings.write([_read(1, 9)])
    unseen(store, delete(counters).where(counters.c.name == "readings_first"))
    assert store.recount() == 0
    assert tally(store) == (1, T0 + timedelta(minutes=9))
    store.readings.write([_read(1, 10)])
    assert (tally(store)[0], store.recount()) == (2, 0)


def test_what_is_written_while_it_counts_is_counted_once(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.readings.write([_read(1, minute) for minute in range(6)])
    unseen(store, delete(readings).where(readings.c.time > T0 + timedelta(minutes=3)))
    writing, correct = Database.writing, tallies.recount

    def late(database: Database, connection: Connection | None = None) -> Any:
        monkeypatch.setattr(Database, "writing", writing)
        store.readings.write([_read(1, 20), _read(1, -5)])
        assert correct(database) == -2, "and another does the same meanwhile"
        return writing(database, connection)

    monkeypatch.setattr(Database, "writing", late)
    assert store.recount() == 0
    assert tally(store) == (6, T0 - timedelta(minutes=5)) == (store.readings.count(), tally(store)[1])


def test_notices_that_are_gone_are_counted_on(store: Store) -> None:
    with store.transaction() as connection:
        assert tallies.gone_notices(connection) == {}
        tallies.count_gone(connection, [("mail", "delivered", 2, 3), ("a:b/c", "dead", 1, 9)])
        tallies.count_gone(connection, [("mail", "delivered", 1, 1)])
        assert tallies.gone_notices(connection) == {("mail", "delivered"): (3, 4), ("a:b/c", "dead"): (1, 9)}


def test_series_that_are_removed_leave_the_tally_right(store: Store) -> None:
    store.readings.write([_read(1), _read(2, 1), Reading("y", 1.0, T0)])
    with store.transaction() as connection:
        assert tallies.removals(connection) == 0
        (gone,) = connection.execute(select(series.c.id).where(series.c.name == "x")).scalars()
        tallies.remove_series(connection, [gone])
        assert tallies.removals(connection) == 1
    assert tally(store)[0] == store.readings.count() == 1
    assert store.recount() == 0
