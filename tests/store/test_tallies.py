"""Readings are counted as they are written, by whoever writes them."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta

import pytest

from mirante.readings import Reading
from mirante.store import Store

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
