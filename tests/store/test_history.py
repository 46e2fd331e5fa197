"""Readings over time: what is asked for, in order."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np

from mirante.readings import Reading
from mirante.store import Store

_START = datetime(2013, 2, 8, tzinfo=UTC)


def _at(minute: float) -> datetime:
    return _START + timedelta(minutes=minute)


def _read(value: float, minute: float = 0, note: str = "", name: str = "x", **labels: str) -> Reading:
    return Reading(name, value, _at(minute), labels or {"host": "h"}, note)


def test_series_are_sorted_arrays(store: Store) -> None:
    store.readings.write([_read(minute, minute, str(minute), host="h", part="b") for minute in (3, 1, 2)])
    store.readings.write([_read(9, host="h", part="a")])
    first, second = store.readings.series("x", subject="host/h")
    assert (first.name, dict(first.labels), first.subject) == ("x", {"host": "h", "part": "a"}, "host/h")
    assert second.values.tolist() == [1.0, 2.0, 3.0]
    assert second.values.dtype == np.float64
    assert second.notes == ("1", "2", "3")
    assert second.times.dtype == np.dtype("datetime64[us]")
    assert second.times[0] == np.datetime64("2013-02-08T00:01:00")


def test_series_are_chosen_by_name_subject_labels_and_time(store: Store) -> None:
    store.readings.write(
        [
            _read(minute, minute, name=name, host=host)
            for minute in range(5)
            for name in "xy"
            for host in ("h", "i")
        ]
    )
    ask = store.readings.series
    assert len(ask()) == 4
    assert len(ask("x")) == 2
    assert len(ask(["x", "y"], subject="host/h")) == 2
    assert len(ask(where={"host": "i"})) == 2
    assert ask(where={"host": "h", "absent": ""}) == []
    assert ask("x", subject="host/h", since=_at(1), until=_at(3))[0].values.tolist() == [1.0, 2.0]
    assert ask("x", since=_at(5)) == []


def test_readings_of_slices_are_left_out_where_all_rows_are_asked_for(store: Store) -> None:
    odd = ('"slice":', "slice", '{"slice":"a"}', "x")
    store.readings.write([_read(minute, minute, host="h", part=text) for text in odd for minute in (1, 2)])
    store.readings.write([_read(9, minute, host="h", part="x", slice='a "b": c') for minute in (1, 2)])
    about = {"subject": "host/h", "since": _at(0), "until": _at(9)}
    found = [
        store.readings.series("x", slices=False, subject="host/h"),
        store.readings.recent(["x"], subjects=["host/h"], points=1, slices=False),
        store.readings.thinned(["x"], points=100, slices=False, **about),
        store.readings.highest(["x"], step=timedelta(minutes=5), slices=False, **about),
        store.readings.latest(subject="host/h", slices=False),
    ]
    for series in found:
        assert sorted(one.labels["part"] for one in series) == sorted(odd)
    assert len(store.readings.series("x")) == 5
    assert len(store.readings.latest()) == 5
