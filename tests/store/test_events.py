"""Events: the newest that fit, in order."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from mirante.store import EventRow, Store

_ROW = EventRow(
    "model/m@champion", datetime(2013, 2, 8, tzinfo=UTC), "alias_moved", "champion is now 2\r\n", {"to": "2"}
)


def _at(minute: int) -> EventRow:
    return replace(_ROW, time=_ROW.time + timedelta(minutes=minute))


def test_an_event_comes_back_whole(store: Store) -> None:
    store.events.add(_ROW)
    assert store.events.list() == [_ROW]


def test_events_are_in_order_of_time_and_then_of_arrival(store: Store) -> None:
    rows = [_at(2), _at(1), replace(_at(1), text="second")]
    for row in rows:
        store.events.add(row)
    assert store.events.list() == [rows[1], rows[2], rows[0]]


def test_the_limit_keeps_the_newest(store: Store) -> None:
    for minute in range(5):
        store.events.add(_at(minute))
    assert store.events.list(limit=2) == [_at(3), _at(4)]


def test_events_are_chosen(store: Store) -> None:
    other = replace(_ROW, subject="host/h", kind="deploy")
    for row in (_ROW, other, _at(5)):
        store.events.add(row)
    assert store.events.list("host/h") == [other]
    assert store.events.list(kinds=["deploy"]) == [other]
    assert store.events.list(kinds=[]) == []
    assert other not in store.events.list(without=["dep"])
    assert store.events.list(without=["d%"]) == store.events.list()
    assert store.events.list(since=_at(5).time) == [_at(5)]
    assert store.events.list("host/h", until=_ROW.time) == []
