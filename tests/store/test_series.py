"""Series keep apart what is theirs."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta

from sqlalchemy import select

from mirante.readings import Reading
from mirante.store import Store
from mirante.store.schema import series
from mirante.store.series import read_series
from mirante.store.types import from_micros

T0 = datetime(2026, 1, 1, tzinfo=UTC)


def test_series_with_neighbouring_ids_are_not_mixed(store: Store) -> None:
    written = [
        Reading("x", 10 * host + minute, from_micros(minute), {"host": str(host)})
        for minute in range(4)
        for host in range(4)
        if minute <= host
    ]
    store.readings.write(written)
    with store.transaction() as connection:
        found = read_series(connection, select(series))
    assert [one.values.tolist() for one in found] == [
        [float(10 * host + minute) for minute in range(host + 1)] for host in range(4)
    ]
    assert all(len(one.times) == len(one.values) == len(one.notes) for one in found)


def write_minutes(store: Store, values: list[float], **labels: str) -> None:
    store.readings.write(
        Reading("x", value, T0 + timedelta(minutes=place), {"host": "h", **labels}, f"note {place}")
        for place, value in enumerate(values)
    )


def test_only_what_is_above_is_read(store: Store):
    write_minutes(store, [1.0, 5.0, 2.0, math.nan, math.inf, 0.0, 3.0, 4.0])
    (found,) = store.readings.series("x", above=2.0)
    assert found.values.tolist() == [5.0, math.inf, 3.0, 4.0]
    assert found.notes == ("note 1", "note 4", "note 6", "note 7")
    assert store.readings.series("x", above=math.inf) == []


def test_recent_readings_may_be_those_before_a_moment(store: Store):
    write_minutes(store, [float(value) for value in range(9)])
    write_minutes(store, [7.0], part="short")
    since, until = T0 + timedelta(minutes=2), T0 + timedelta(minutes=6)
    (found,) = store.readings.recent(["x"], points=3, since=since, until=until)
    assert found.values.tolist() == [3.0, 4.0, 5.0]
    (found,) = store.readings.recent(["x"], points=30, since=since, until=until)
    assert found.values.tolist() == [2.0, 3.0, 4.0, 5.0]


def test_whether_there_are_more_than_so_many(store: Store):
    write_minutes(store, [1.0] * 5)
    write_minutes(store, [1.0] * 4, part="b")
    assert store.readings.has_more(8)
    assert not store.readings.has_more(9)
    assert not store.readings.has_more(3, "x", subject="host/h", since=T0 + timedelta(minutes=3))
    assert store.readings.has_more(2, "x", subject="host/h", since=T0 + timedelta(minutes=3))
    assert not store.readings.has_more(0, "y")


def test_recent_readings_of_many_subjects(store: Store):
    for host in ("a", "b"):
        store.readings.write(
            Reading(name, float(place), T0 + timedelta(minutes=place), {"host": host})
            for name in ("x", "y")
            for place in range(9)
        )
    found = store.readings.recent(["x"], points=2)
    assert [(one.subject, one.values.tolist()) for one in found] == [
        ("host/a", [7.0, 8.0]),
        ("host/b", [7.0, 8.0]),
    ]
    assert [len(one.times) for one in store.readings.recent(points=50)] == [9] * 4
    only = store.readings.recent(subjects=["host/b"], points=1, oldest_only=True)
    assert [(one.subject, one.name) for one in only] == [("host/b", "x")]
    assert store.readings.recent(subjects=[], points=1) == []
