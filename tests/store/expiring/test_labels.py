"""Labels go by when they were written, not by what their sender says of their time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from mirante.store import Store

NOW = datetime(2026, 3, 31, 10, 30, tzinfo=UTC)
DAY = timedelta(days=1)


def write(store: Store, *ids: str, model: str = "churn", arrived: datetime = NOW) -> None:
    store.labels.write(model, ids, [1.0] * len(ids), arrived)


def expire(store: Store, at: datetime, days: float = 365.0) -> int:
    gone, finished = store.expiring.labels(at, lambda _: days * DAY)
    assert finished
    return gone


def there(store: Store, *ids: str, model: str = "churn") -> list[str]:
    found = store.labels.get(model, ids).found.tolist()
    return [one for one, is_there in zip(ids, found, strict=True) if is_there]


def test_labels_go_once_they_are_old_enough_and_later_ones_stay(store: Store) -> None:
    write(store, "a", "b")
    for day in range(0, 400, 30):
        if day == 60:
            write(store, "c")
        assert expire(store, NOW + day * DAY) == (2 if day == 390 else 0)
    assert there(store, "a", "b", "c") == ["c"]


def test_a_label_of_long_ago_that_came_today_stays(store: Store) -> None:
    """It is for a backfill that is yet to run."""
    assert expire(store, NOW) == 0
    write(store, "a", arrived=NOW - 800 * DAY)
    assert expire(store, NOW + DAY) == expire(store, NOW + 300 * DAY) == 0
    assert there(store, "a") == ["a"]


def test_a_label_whose_prediction_is_unknown_stays_as_long_as_any_other(store: Store) -> None:
    write(store, "matched", "unmatched")
    store.labels.match("churn", ["matched"])
    expire(store, NOW, days=60)
    expire(store, NOW + 59 * DAY, days=60)
    assert there(store, "matched", "unmatched") == ["matched", "unmatched"]
    assert expire(store, NOW + 60 * DAY, days=60) == 2


def test_one_that_is_written_anew_is_new_and_one_that_says_the_same_is_not(store: Store) -> None:
    write(store, "same", "changed")
    expire(store, NOW)
    store.labels.write("churn", ["same", "changed"], [1.0, 0.0], NOW + 100 * DAY)
    assert expire(store, NOW + 366 * DAY) == 1
    assert there(store, "same", "changed") == ["changed"]


def test_each_model_has_a_time_of_its_own_and_that_of_a_paused_one_never_comes(store: Store) -> None:
    for model in ("short", "long", "paused"):
        write(store, "a", model=model)
    lengths = {"short": 10 * DAY, "long": 100 * DAY, "paused": None}
    for day in (0, 11, 101):
        store.expiring.labels(NOW + day * DAY, lengths.__getitem__)
        kept = [model for model in lengths if there(store, "a", model=model)]
        assert kept == {0: ["short", "long", "paused"], 11: ["long", "paused"], 101: ["paused"]}[day]
    assert store.expiring.labels(NOW + 900 * DAY, lambda _: None) == (0, True)


def test_the_notes_of_when_labels_were_written_stay_few(store: Store) -> None:
    write(store, "a")
    for day in range(0, 1200, 3):
        expire(store, NOW + day * DAY)
    notes = (store.cursors.get("labels/written") or {})["notes"]
    assert 40 < len(notes) < 60
    assert notes[0][0] <= (NOW + 835 * DAY).isoformat()


def test_a_clock_that_was_ahead_keeps_labels_for_no_longer(store: Store) -> None:
    write(store, "a")
    expire(store, NOW + 300 * DAY)
    assert expire(store, NOW) == 0  # it was set back
    assert expire(store, NOW + 366 * DAY) == 1


def test_a_turn_ends_in_time_and_the_next_goes_on(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mirante.store.expiring.labels._AT_ONCE", 2)
    write(store, *"abcde")
    expire(store, NOW)
    turns = iter([True, False])
    keep = 365 * DAY
    later = NOW + 366 * DAY
    assert store.expiring.labels(later, lambda _: keep, more=lambda: next(turns)) == (2, False)
    assert there(store, *"abcde") == ["c", "d", "e"]  # the oldest go first
    assert expire(store, later) == 3


def test_a_store_without_labels_has_none_to_lose(store: Store) -> None:
    assert store.expiring.labels(NOW, lambda _: DAY) == (0, True)
    assert store.cursors.get("labels/written") is None
