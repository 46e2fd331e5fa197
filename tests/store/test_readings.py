"""Readings: written once, found by series, latest, subject and arrival."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import event

from mirante.readings import Reading
from mirante.store import Store, SubjectRow
from mirante.store.types import to_micros

_START = datetime(2013, 2, 8, tzinfo=UTC)
_HOSTILE = ("\x00", "a\r\nb", "\u202eabc", "\ud800", "x" * 300, "ção", '"><img src=x onerror=alert(1)>')


def _at(minute: float) -> datetime:
    return _START + timedelta(minutes=minute)


def _read(value: float, minute: float = 0, note: str = "", name: str = "x", **labels: str) -> Reading:
    return Reading(name, value, _at(minute), labels or {"host": "h"}, note)


def test_what_is_written_is_read(store: Store) -> None:
    written = [
        _read(1.5, 0, "median 2 -> 31", model="m", alias="champion", version="1", feature="age"),
        _read(-math.inf, 0, model="m", alias="champion", version="1", feature="fare"),
        _read(math.inf, 0, host="h"),
    ]
    assert store.readings.write(written) == 3
    found = store.readings.latest()
    assert sorted(found, key=lambda one: one.key) == sorted(written, key=lambda one: one.key)
    assert [one.note for one in found if one.labels.get("feature") == "age"] == ["median 2 -> 31"]
    assert store.readings.count() == 3


def test_nan_comes_back_as_nan(store: Store) -> None:
    store.readings.write([_read(math.nan)])
    assert math.isnan(store.readings.latest()[0].value)
    assert math.isnan(store.readings.series("x")[0].values[0])
    assert store.readings.write([_read(math.nan)]) == 0  # NaN is the same as NaN here


@pytest.mark.parametrize("text", _HOSTILE)
def test_hostile_text_comes_back(store: Store, text: str) -> None:
    reading = Reading(text, 1.0, _START, {text: text, "host": text}, text)
    store.readings.write([reading])
    found = store.readings.latest(subject=f"host/{text}", names=[text])
    assert found == [reading]
    assert found[0].note == text
    assert len(store.readings.series(text, subject=f"host/{text}", where={text: text})) == 1


def test_the_same_series_and_time_counts_once(store: Store) -> None:
    assert store.readings.write([_read(1.0), _read(2.0)]) == 1
    assert store.readings.write([_read(3.0)]) == 1
    assert store.readings.count() == 1
    assert store.readings.latest()[0].value == 3.0


def test_nothing_to_write_writes_nothing(store: Store) -> None:
    assert store.readings.write([]) == 0
    assert store.readings.write(iter(())) == 0


def test_labels_that_look_alike_are_different_series(store: Store) -> None:
    store.readings.write([_read(1, host="a", b="c"), _read(2, host="a,b=c"), _read(3, host='a","b":"c')])
    assert store.readings.count() == 3


def test_time_zones_are_one_time(store: Store) -> None:
    new_york = timezone(timedelta(hours=-5))
    store.readings.write([_read(1.0)])
    store.readings.write([Reading("x", 2.0, datetime(2013, 2, 7, 19, tzinfo=new_york), {"host": "h"})])
    assert store.readings.count() == 1
    assert store.readings.series("x", until=datetime(2013, 2, 7, 19, 0, 1, tzinfo=new_york))[
        0
    ].values.tolist() == [2.0]


def test_latest_is_one_reading_per_series(store: Store) -> None:
    store.readings.write([_read(minute, minute, host=host) for minute in (2, 0, 1) for host in ("h", "i")])
    assert [(one.labels["host"], one.value) for one in store.readings.latest()] == [("h", 2.0), ("i", 2.0)]
    assert len(store.readings.latest(subject="host/h")) == 1
    assert store.readings.latest(subject="host/absent") == []
    assert store.readings.latest(names=["absent"]) == []


def test_after_gives_arrival_order_and_updates_again(store: Store) -> None:
    store.readings.write([_read(1, 2), _read(2, 1)])
    first = store.readings.after(0)
    assert [one.value for _, one in first] == [1.0, 2.0]
    last = first[-1][0]
    assert store.readings.after(last) == []
    store.readings.write([_read(1, 2), _read(5, 1), _read(3, 3)])  # the same, changed, new
    assert [one.value for _, one in store.readings.after(last)] == [5.0, 3.0]
    assert [one.value for _, one in store.readings.after(0)] == [1.0, 5.0, 3.0]
    store.readings.write([_read(5, 1, "now with a note")])
    assert [one.note for _, one in store.readings.after(0)][-1] == "now with a note"


@settings(max_examples=15, deadline=None)
@given(batches=st.lists(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 3)), max_size=8), max_size=6))
def test_reading_on_from_a_cursor_misses_nothing(
    tmp_path_factory: pytest.TempPathFactory, batches: list[list[tuple[int, int]]]
) -> None:
    kept: dict[datetime, float] = {}
    seen: dict[datetime, float] = {}
    cursor = 0
    with Store(f"sqlite:///{tmp_path_factory.mktemp('cursor')}/m.db") as store:
        for batch in batches:
            store.readings.write([_read(value, minute) for minute, value in batch])
            kept |= {_at(minute): float(value) for minute, value in batch}
            while found := store.readings.after(cursor, limit=2):
                seen |= {one.time: one.value for _, one in found}
                assert found[0][0] > cursor
                cursor = found[-1][0]
        assert seen == kept
        assert store.readings.count() == len(kept)


def test_subjects_tell_how_many_and_from_when_to_when(store: Store) -> None:
    store.readings.write(
        [_read(1, minute, host="h", part=part) for minute, part in ((5, "a"), (1, "b"), (9, "b"))]
    )
    store.readings.write([_read(1, 3, model="m", alias="champion")])
    assert store.readings.subjects() == [
        SubjectRow("host/h", 2, _at(1), _at(9)),
        SubjectRow("model/m@champion", 1, _at(3), _at(3)),
    ]


def test_a_series_that_is_rolled_back_is_not_remembered(store: Store) -> None:
    def fail() -> None:
        with store.transaction() as connection:
            store.readings.write([_read(1)], connection=connection)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert store.readings.write([_read(2)]) == 1
    assert [one.value for one in store.readings.latest()] == [2.0]


def test_labels_of_a_series_that_is_rolled_back_are_not_remembered(store: Store) -> None:
    def fail() -> None:
        with store.transaction() as connection:
            store.readings.write([_read(1, host="a")], connection=connection)
            found = store.readings.latest(connection=connection)
            assert [one.labels["host"] for one in found] == ["a"]
            assert store.readings.after(0, connection=connection)[0][1].labels["host"] == "a"
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    store.readings.write([_read(2, host="b")])  # the database gives it the id that is free again
    assert [one.labels["host"] for one in store.readings.latest()] == ["b"]
    assert [one.labels["host"] for _, one in store.readings.after(0)] == ["b"]


def test_a_series_is_looked_up_once(store: Store) -> None:
    store.readings.write([_read(1)])
    said: list[str] = []
    event.listen(store._database.engine, "before_cursor_execute", lambda *call: said.append(call[2]))
    store.readings.write([_read(2, 1)])
    assert not [text for text in said if "mirante_series" in text]


def test_many_series_in_one_batch(store: Store) -> None:
    batch = [_read(number, host="h", part=str(number)) for number in range(2_500)]
    assert store.readings.write(batch) == 2_500
    assert len(store.readings.series("x")) == 2_500
    assert len(store.readings.latest()) == 2_500


def test_latest_does_not_go_through_all_readings(sqlite_store: Store) -> None:
    sqlite_store.readings.write([_read(1)])
    said: list[str] = []
    event.listen(sqlite_store._database.engine, "before_cursor_execute", lambda *call: said.append(call[2]))
    sqlite_store.readings.latest()
    with sqlite_store._database.reading() as connection:
        query = next(text for text in said if "SELECT" in text)
        plan = [row[3] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {query}")]
    assert any(
        step.startswith("SEARCH mirante_readings USING PRIMARY KEY (series_id=? AND time=?)") for step in plan
    )
    assert not any(step.startswith("SCAN mirante_readings") for step in plan)


def _names(store: Store, rows: list[Any]) -> dict[int, tuple[str, Mapping[str, str]]]:
    return {id_: (name, labels) for id_, name, labels in store.readings.names_of([row.id for row in rows])}


def test_so_many_series_of_each_subject_and_how_many_there_are(store: Store) -> None:
    store.readings.write([_read(1.0, host=host, part=str(part)) for host in "ab" for part in range(3)])
    store.readings.write([_read(2.0, host="c"), _read(math.nan, 1, host="c")])
    found = store.readings.newest(most=2)
    names = _names(store, found)
    places = sorted((labels["host"], labels.get("part", "")) for _, labels in names.values())
    assert places == [*zip("aabbc", ("0", "1", "0", "1", ""), strict=True)]
    assert store.readings.series_counts() == {"host/a": 3, "host/b": 3, "host/c": 1}
    assert [row.number for row in found].count(1.0) == 4
    (unknown,) = (row for row in found if row.number is None)
    assert (names[unknown.id], unknown.micros) == (("x", {"host": "c"}), to_micros(_at(1)))
    assert len(store.readings.newest(most=3)) == 7


def test_the_newest_rows_and_names_are_those_of_latest(store: Store) -> None:
    store.readings.write(
        _read(part, minute, host="h", part=str(part)) for part in range(9) for minute in (1, 0)
    )
    rows = store.readings.newest(most=100)
    with Store(store._database._url.render_as_string()) as other:  # which has seen none of them
        names = _names(other, rows)
    assert names == _names(store, rows)
    found = {(names[row.id][0], names[row.id][1]["part"], row.number) for row in rows}
    assert found == {(one.name, one.labels["part"], one.value) for one in store.readings.latest()}


def test_what_does_not_arrive_is_there_all_the_same(store: Store):
    store.readings.write([_read(1.0, 5)])
    ((number, _),) = store.readings.after(0)
    assert store.readings.write([_read(2.0, 1), _read(3.0, 2), _read(4.0, 1, name="y")], arrive=False) == 3
    assert store.readings.write([_read(5.0, 3)], arrive=False) == 1
    assert [one.value for _, one in store.readings.after(0)] == [1.0]
    assert store.readings.series("x")[0].values.tolist() == [2.0, 3.0, 5.0, 1.0]
    assert [one.value for one in store.readings.latest()] == [1.0, 4.0]
    assert store.readings.count() == 5
    assert store.recount() == 0
    store.readings.write([_read(1.5, 5)], arrive=False)  # one that is on its way arrives as it is now
    assert store.readings.after(0) == [(number, _read(1.5, 5))]
    store.readings.write([_read(2.5, 1)])  # and one that changes in the present arrives
    assert [one.value for _, one in store.readings.after(number)] == [2.5]
    assert store.readings.write([_read(2.5, 1)], arrive=False) == 0


def test_the_newest_that_arrived(store: Store) -> None:
    store.readings.write([_read(1.0, 1)])
    store.readings.write([_read(2.0, 2), _read(3.0, 1, name="y")], arrive=False)
    assert [(one.name, one.value) for one in store.readings.latest()] == [("x", 2.0), ("y", 3.0)]
    assert [(one.name, one.value) for one in store.readings.latest(arrived=True)] == [("x", 1.0)]
    assert [row.number for row in store.readings.newest(most=10)] == [1.0]
