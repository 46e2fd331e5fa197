"""Series keep apart what is theirs."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta

import numpy as np
from sqlalchemy import select

from mirante.readings import Reading
from mirante.store import Series, Store
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


def thinned(store: Store, points: int, *, until: int = 100_000, most: int | None = None) -> list[Series]:
    end = T0 + timedelta(minutes=until)
    return store.readings.thinned(["x"], subject="host/h", since=T0, until=end, points=points, most=most)


def test_short_series_stay_whole_and_long_ones_keep_their_extremes(store: Store):
    rng = np.random.default_rng(5)
    values = rng.normal(size=5_000).tolist()
    values[1_234], values[4_321] = 99.0, -99.0
    write_minutes(store, values)
    write_minutes(store, values[:40], part="short")
    long, short = thinned(store, 100)
    assert short.values.tolist() == values[:40]
    assert len(long.values) <= 100
    assert {99.0, -99.0} <= set(long.values.tolist())
    assert long.notes[long.values.tolist().index(99.0)] == "note 1234"
    places = ((long.times - long.times[0].astype("datetime64[D]")) / np.timedelta64(1, "m")).astype(int)
    assert [values[place] for place in places] == long.values.tolist()
    assert np.all(np.diff(long.times) > np.timedelta64(0))


def test_each_stretch_has_its_least_and_its_greatest(store: Store):
    values = [float(value) for value in np.random.default_rng(6).integers(0, 9, 300)]
    write_minutes(store, values)
    (found,) = thinned(store, 20)
    for start in range(0, 300, 30):
        part = (found.times >= np.datetime64(T0.replace(tzinfo=None)) + np.timedelta64(start, "m")) & (
            found.times < np.datetime64(T0.replace(tzinfo=None)) + np.timedelta64(start + 30, "m")
        )
        assert set(found.values[part]) == {min(values[start : start + 30]), max(values[start : start + 30])}


def test_gaps_stay_where_a_whole_stretch_is_unknown(store: Store):
    write_minutes(store, [1.0] * 500 + [math.nan] * 200 + [2.0] * 500)
    (found,) = thinned(store, 60)
    assert np.isnan(found.values).any()
    assert found.values[0] == 1.0
    assert found.values[-1] == 2.0


def test_nothing_beyond_the_interval_is_thinned_in(store: Store):
    write_minutes(store, [0.0] * 300 + [50.0] * 300)
    (found,) = thinned(store, 20, until=300)
    assert set(found.values) == {0.0}


def test_the_highest_series_are_kept(store: Store):
    for place in range(5):
        write_minutes(store, [float(place)] * 3, part=f"{place}")
    assert [one.labels["part"] for one in thinned(store, 100, most=2)] == ["3", "4"]


def test_the_highest_of_each_step_stands_at_its_beginning(store: Store):
    write_minutes(store, [1.0, 5.0, 2.0, math.nan, math.nan, math.nan, 3.0, 4.0])
    (found,) = store.readings.highest(
        ["x"], subject="host/h", since=T0, until=T0 + timedelta(minutes=7), step=timedelta(minutes=3)
    )
    assert found.values.tolist() == [5.0, 3.0], "the last step ends with the interval"
    assert ((found.times - found.times[0]) / np.timedelta64(1, "m")).tolist() == [0.0, 6.0]


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
