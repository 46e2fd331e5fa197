"""Series that are over go with their last readings, and what they were the last of with them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import func, select

from mirante.readings import Reading
from mirante.store import BaselineRow, SliceWindowRow, Store, WindowRow
from mirante.store.ages import Ages
from mirante.store.schema import blocks, cursors, series

NOW = datetime(2026, 3, 31, 10, 30, tzinfo=UTC)
DAY = timedelta(days=1)
BEFORE = NOW - 365 * DAY
CHURN = "model/churn@champion"
MODEL = {"model": "churn", "alias": "champion"}
NEVER = 0


def write(store: Store, days: float, **labels: str) -> None:
    """A reading of so many days ago."""
    store.readings.write([Reading("x", 1.0, NOW - days * DAY, labels)])


def last(store: Store) -> None:
    """Write one more series: the one with the highest number never goes."""
    store.readings.write([Reading("last", 1.0, NOW)])


def end(store: Store, subject: str, *features: str) -> None:
    store.endings.settle(subject, lambda _, labels: "gone" if labels.get("feature") in features else "")


def arrived(store: Store) -> int:
    found = store.readings.after(0)
    return found[-1][0] + 1 if found else 0


def expire(store: Store, subject: str = CHURN, *, watched: bool = True) -> int:
    return store.expiring.series(subject, BEFORE, arrived=arrived(store), watched=watched)


def left(store: Store) -> list[str]:
    return [one.labels.get("feature", "") for one in store.readings.series("x")]


def names(store: Store) -> list[str]:
    with store.transaction() as connection:
        return sorted(connection.execute(select(cursors.c.name)).scalars())


def test_series_that_are_over_and_old_go_and_all_others_stay(store: Store) -> None:
    for feature, days in (("over and old", 366), ("over", 364), ("silent", 400), ("old", 400), ("old", 1)):
        write(store, days, **MODEL, feature=feature)
    last(store)
    count = store.readings.count()
    end(store, CHURN, "over and old", "over")
    assert expire(store) == 1
    assert left(store) == ["old", "over", "silent"]
    assert store.readings.count() == store.measure().rows["readings"] == count - 1
    assert store.measure().rows["series"] == 4
    assert store.recount() == 0
    assert expire(store) == 0


def test_what_lies_in_blocks_goes_along(store: Store) -> None:
    for days in range(400, 500):
        write(store, days, **MODEL, feature="over and old")
    last(store)
    end(store, CHURN, "over and old")
    ages = Ages(NOW - DAY, NOW - DAY, NOW - 1000 * DAY, ZoneInfo("UTC"))
    store.condensing.condense(CHURN, ages, arrived=arrived(store))
    with store.transaction() as connection:
        assert connection.execute(select(func.sum(blocks.c.rows))).scalar_one() == 99
    assert expire(store) == 1
    assert left(store) == []
    assert store.readings.count() == store.measure().rows["readings"] == 1
    assert store.recount() == 0
    with store.transaction() as connection:
        assert connection.execute(select(func.count()).select_from(blocks)).scalar_one() == 0


def test_an_end_that_no_rule_has_heard_of_waits(store: Store) -> None:
    write(store, 400, **MODEL, feature="a")
    before = arrived(store) - 1
    last(store)
    end(store, CHURN, "a")
    assert store.expiring.series(CHURN, BEFORE, arrived=before, watched=True) == 0
    assert expire(store) == 1


def test_what_nobody_watches_goes_once_nothing_was_heard_of_it(store: Store) -> None:
    """Of a host's disk that is gone nobody says that it is over, and it would take room for good."""
    for feature, days in (("gone", 366), ("there", 364)):
        write(store, days, host="web-1", feature=feature)
    last(store)
    assert expire(store, "host/web-1", watched=True) == 0
    assert expire(store, "host/web-1", watched=False) == 1
    assert left(store) == ["there"]


def test_a_series_that_comes_back_is_written_again(store: Store, url: str) -> None:
    """Also by a program that remembers the number that it had."""
    with Store(url) as other:
        for one in (store, other):
            one.readings.write([Reading("x", 1.0, NOW - 400 * DAY, MODEL)])
        last(store)
        assert expire(store, watched=False) == 1
        for place, one in enumerate((other, store)):
            assert one.readings.write([Reading("x", 2.0, NOW - place * DAY, MODEL)]) == 1
        (found,) = other.readings.series("x")
        assert found.values.tolist() == [2.0, 2.0]
        assert [one.value for one in store.readings.latest(names=["x"])] == [2.0]


def test_no_series_gets_the_number_of_one_that_went(store: Store) -> None:
    """Programs remember what a number stood for."""
    with store.transaction() as connection:
        write_in = store.readings.write([Reading("x", 1.0, NOW - 400 * DAY, MODEL)], connection=connection)
        assert write_in == 1
        (number,) = connection.execute(select(series.c.id)).scalars()
    assert expire(store, watched=False) == 0
    last(store)
    assert expire(store, watched=False) == 1
    write(store, 0, host="web-1")
    with store.transaction() as connection:
        assert number not in connection.execute(select(series.c.id)).scalars().all()


CURSORS = (
    f"alias/{CHURN}",
    f"retention/{CHURN}",
    f"log/{CHURN}/3",
    f"served/{CHURN}/3",
    f"backfill:{CHURN}:3",
)
OTHERS = (f"log/{CHURN}/x@y/1", "alias/model/churn@shadow", "alerts", "sink/mlflow/a", "experiment/1")


def put(store: Store) -> None:
    for name in (*CURSORS, *OTHERS):
        store.cursors.set(name, {"name": "churn"})
    for subject in (CHURN, "model/churn@shadow"):
        store.baselines.put(BaselineRow(subject, "3", NOW - 500 * DAY, 10, b"profile"))
        begin = NOW - 500 * DAY
        store.slice_windows.put([SliceWindowRow(subject, "3", "region", "n", begin, begin + DAY, 5)])
    write(store, 400, **MODEL)
    write(store, 1, model="churn@champion/x", alias="y")
    last(store)


def test_with_its_last_series_a_subject_goes_and_its_neighbours_stay(store: Store) -> None:
    put(store)
    assert expire(store, watched=True) == 0
    assert names(store) == sorted([*CURSORS, *OTHERS])
    assert expire(store, watched=False) == 1
    assert names(store) == sorted(OTHERS)
    assert store.baselines.list(CHURN) == []
    assert len(store.baselines.list("model/churn@shadow")) == 1
    assert [store.slice_windows.any_of(one) for one in (CHURN, "model/churn@shadow")] == [False, True]
    assert CHURN not in store.readings.subject_names()


@pytest.mark.parametrize("what", ["series", "window"])
def test_a_subject_of_which_something_is_left_keeps_its_cursors(store: Store, what: str) -> None:
    put(store)
    if what == "series":
        write(store, 1, **MODEL, feature="a")
    else:
        store.windows.put(WindowRow(CHURN, "3", NOW - DAY, NOW, 5, closed=True))
    assert expire(store, watched=False) == 1
    assert names(store) == sorted([*CURSORS, *OTHERS])
    assert len(store.baselines.list(CHURN)) == 1


def test_an_experiment_has_its_cursors_by_its_number(store: Store) -> None:
    write(store, 400, experiment="churn")
    last(store)
    for name, of in (("experiment/7", "churn"), ("traces/7", "churn"), ("experiment/8", "other")):
        store.cursors.set(name, {"name": of})
    assert expire(store, "experiment/churn", watched=False) == 1
    assert names(store) == ["experiment/8"]


def test_a_turn_ends_in_time_and_the_next_goes_on(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mirante.store.expiring.series._AT_ONCE", 2)
    for n in range(5):
        write(store, 400, **MODEL, feature=f"{n}")
    last(store)
    turns = iter([True, False])
    found = store.expiring.series(CHURN, BEFORE, arrived=NEVER, watched=False, more=lambda: next(turns))
    assert found == 2
    assert expire(store, watched=False) == 3
