"""Series that are over: told once, in the order of readings; no longer the latest, and they may return."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from mirante.readings import Reading
from mirante.store import Ending, Store

T0 = datetime(2026, 1, 1, tzinfo=UTC)
SUBJECT = "model/m@champion"
NASTY = "<b>\"it's\nold\x00"


def drift(version: str, feature: str, hour: int = 0) -> Reading:
    labels = {"model": "m", "alias": "champion", "version": version, "feature": feature}
    return Reading("drift_detected", 1.0, T0 + timedelta(hours=hour), labels)


def over(version: str, reason: str = "over"):
    return lambda _name, labels: reason if labels.get("version") == version else ""


def last(store: Store) -> int:
    return store.readings.after(0, limit=100)[-1][0]


def test_a_series_that_is_over_is_not_among_the_latest_and_its_past_stays(store: Store) -> None:
    store.readings.write([drift("1", "age"), drift("1", NASTY), drift("2", "age")])
    assert store.endings.settle(SUBJECT, over("1", NASTY)) == 2
    assert [one.labels["version"] for one in store.readings.latest(subject=SUBJECT)] == ["2"]
    assert len(store.readings.newest(most=100)) == 1
    assert store.readings.series_counts() == {SUBJECT: 1}
    assert len(store.readings.series("drift_detected", subject=SUBJECT)) == 3


def test_an_ending_is_told_between_the_readings_before_and_after_it(store: Store) -> None:
    store.readings.write([drift("1", "age"), drift("2", "age")])
    before = last(store)
    store.endings.settle(SUBJECT, over("1", NASTY))
    assert store.endings.settle(SUBJECT, over("1")) == 0, "it is over already"
    store.readings.write([drift("2", "age", hour=1)])
    reached = last(store)
    assert store.endings.between(0, before) == []
    assert store.endings.between(before, reached) == [
        Ending("drift_detected", drift("1", "age").labels, NASTY)
    ]
    assert store.endings.between(reached, reached + 100) == []


def test_a_series_that_goes_on_again_is_as_before(store: Store) -> None:
    store.readings.write([drift("1", "age")])
    store.endings.settle(SUBJECT, over("1"))
    assert store.endings.settle(SUBJECT, lambda *_: "") == 0
    assert store.endings.between(0, 1_000) == []
    assert len(store.readings.latest()) == 1
    assert store.endings.settle(SUBJECT, over("1")) == 1


def test_other_subjects_are_left_alone_and_none_is_no_error(store: Store) -> None:
    other = Reading("drift_detected", 1.0, T0, {"model": "m", "alias": "challenger", "version": "1"})
    store.readings.write([other])
    assert store.endings.settle(SUBJECT, over("1")) == 0
    assert store.readings.latest() == [other]


def test_an_ending_joins_a_transaction(store: Store) -> None:
    store.readings.write([drift("1", "age")])
    try:
        with store.transaction() as connection:
            store.endings.settle(SUBJECT, over("1"), connection=connection)
            raise ZeroDivisionError
    except ZeroDivisionError:
        pass
    assert len(store.readings.latest()) == 1


def test_thousands_of_series_may_end_together(store: Store) -> None:
    store.readings.write([drift("1", f"column {number}") for number in range(2_500)])
    assert store.endings.settle(SUBJECT, over("1")) == 2_500
    assert store.readings.latest() == []
