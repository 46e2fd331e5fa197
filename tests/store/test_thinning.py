"""Charts get few readings of many, and no peak is lost."""

from __future__ import annotations

import math
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from mirante.readings import Reading
from mirante.store import Series, Store, dialect, thinning
from mirante.store.ages import Ages
from mirante.store.blocks.reading import count_in_blocks, read_blocks
from mirante.store.series import Points
from tests.store.test_series import T0, write_minutes


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
    assert set(long.notes) == {""}, "no chart shows them"
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


@pytest.mark.parametrize("seed", range(6))
def test_what_is_thinned_here_is_what_the_database_would_choose(
    store: Store, monkeypatch: pytest.MonkeyPatch, seed: int
):
    rng = np.random.default_rng(seed)
    odd = [math.nan, math.inf, -math.inf, 0.0, -0.0]
    for part in range(4):
        values = rng.integers(-3, 4, 300).astype(float)
        values[rng.random(300) < 0.2] = rng.choice(odd)
        values[40 * part : 90 * part] = odd[part]
        write_minutes(store, values[: 300 - 50 * part].tolist(), part=f"{part}")
    here = thinned(store, 60, most=3)
    monkeypatch.setattr(thinning, "_READ_WHOLE", 1)  # so that the database thins every long one
    there = thinned(store, 60, most=3)
    assert len(here) == len(there) == 3
    for one, other in zip(here, there, strict=True):
        assert one.labels == other.labels
        assert one.times.tolist() == other.times.tolist()
        np.testing.assert_array_equal(one.values, other.values)


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


def _write_and_pack(store: Store, values: dict[str, list[float]]) -> int:
    """Write hours, and pack all but the last of each; return how many are in blocks."""
    store.readings.write(
        Reading("x", value, T0 + timedelta(hours=place), {"host": "h", "part": part})
        for part, each in values.items()
        for place, value in enumerate(each)
    )
    ages = Ages(T0 + timedelta(days=9), T0 - timedelta(days=1), T0 - timedelta(days=1), ZoneInfo("UTC"))
    store.condensing.condense("host/h", ages, arrived=10**9)
    with store.transaction() as connection:
        return count_in_blocks(connection, None)


def test_the_highest_of_many_series_are_found_without_unpacking_all(
    store: Store, monkeypatch: pytest.MonkeyPatch
):
    values = {f"{place}": [float(place)] * 7 for place in range(40)}
    assert _write_and_pack(store, values) > 100
    at_once: list[int] = []

    def read(connection: Any, ids: Any, *given: Any, **more: Any) -> Any:
        found = read_blocks(connection, ids, *given, **more)
        at_once.append(len(set(found.ids.tolist())))
        return found

    monkeypatch.setattr(thinning, "read_blocks", read)
    monkeypatch.setattr(dialect, "_CHUNK", 8)
    assert [one.labels["part"] for one in thinned(store, 100, most=3)] == ["37", "38", "39"]
    assert max(at_once) <= 8
    assert at_once[-1] == 3
    at_once.clear()
    assert len(thinned(store, 100)) == 40


def test_series_that_know_no_number_come_last(store: Store):
    values = {"unknown": [math.nan] * 7, "low": [-9.0] * 7, "lower": [-99.0, math.nan] * 3 + [math.nan]}
    assert _write_and_pack(store, values) > 10
    write_minutes(store, [math.nan] * 3, part="unknown too")
    for most, parts in [(1, ["low"]), (2, ["low", "lower"]), (3, ["low", "lower", "unknown"])]:
        assert [one.labels["part"] for one in thinned(store, 100, most=most)] == parts


def test_the_highest_of_each_step_stands_at_its_beginning(store: Store):
    write_minutes(store, [1.0, 5.0, 2.0, math.nan, math.nan, math.nan, 3.0, 4.0])
    (found,) = store.readings.highest(
        ["x"], subject="host/h", since=T0, until=T0 + timedelta(minutes=7), step=timedelta(minutes=3)
    )
    assert found.values.tolist() == [5.0, 3.0], "the last step ends with the interval"
    assert ((found.times - found.times[0]) / np.timedelta64(1, "m")).tolist() == [0.0, 6.0]


@pytest.mark.parametrize("above", [None, 0.0])
def test_where_nothing_is_nothing_is_highest(store: Store, above: float | None):
    _write_and_pack(store, {"a": [1.0] * 7})
    since = T0 - timedelta(days=3)
    stretch: dict[str, Any] = {"since": since, "until": since + timedelta(days=1), "step": timedelta(hours=1)}
    assert store.readings.highest(["x"], subject="host/h", above=above, **stretch) == []
    assert store.readings.highest(["x"], subject="host/nobody", above=above, **stretch) == []
    assert list(Points.of([]).highest().parts()) == []


@pytest.mark.parametrize("above", [-9.0, 0.0, 2.0, 4.0, 99.0])
def test_the_highest_above_is_that_of_all_where_it_is_above(store: Store, above: float):
    rng = np.random.default_rng(11)
    for part in range(3):
        values = rng.integers(-3, 7, 200).astype(float)
        values[rng.random(200) < 0.2] = math.nan
        write_minutes(store, values.tolist(), part=f"{part}")
    stretch: dict[str, Any] = {
        "subject": "host/h", "since": T0, "until": T0 + timedelta(minutes=190), "step": timedelta(minutes=7)
    }  # fmt: skip
    every = store.readings.highest(["x"], **stretch)
    found = {one.labels["part"]: one for one in store.readings.highest(["x"], **stretch, above=above)}
    for one in every:
        some = one.values > above
        if not some.any():
            assert one.labels["part"] not in found
            continue
        assert found[one.labels["part"]].values.tolist() == one.values[some].tolist()
        assert found[one.labels["part"]].times.tolist() == one.times[some].tolist()
