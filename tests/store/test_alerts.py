"""Alerts: saved by id, listed newest first."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from mirante.readings import Reading
from mirante.store import AlertRow, Store

_START = datetime(2013, 2, 8, tzinfo=UTC)
_ROW = AlertRow(
    id="a" * 32,
    rule="feature_drift",
    labels={"model": "m", "feature": "dep_delay"},
    subject="model/m@champion",
    severity="critical",
    state="firing",
    active_at=_START,
    fired_at=_START + timedelta(minutes=5),
    last_seen_at=_START + timedelta(minutes=6),
    value=0.5,
    fired_value=math.inf,
    reading_time=_START,
    summary="dep_delay of m moved",
    note="median 2 -> 31",
    historic=True,
)


def test_an_alert_comes_back_whole(store: Store) -> None:
    store.alerts.save(_ROW)
    assert store.alerts.get(_ROW.id) == _ROW
    assert store.alerts.get("absent") is None


def test_many_alerts_are_read_by_their_ids_in_one_reading(store: Store, monkeypatch) -> None:
    rows = [replace(_ROW, id=f"a{number}") for number in range(1_100)]
    store.alerts.save_all(rows)
    opened: list[object] = []
    connect = store._database.engine.connect
    monkeypatch.setattr(store._database.engine, "connect", lambda: opened.append(1) or connect())
    found = store.alerts.of([*(row.id for row in rows), "absent"])
    assert {row.id for row in found} == {row.id for row in rows}
    assert len(opened) == 1


def test_an_alert_is_updated(store: Store) -> None:
    store.alerts.save(_ROW)
    resolved = replace(_ROW, state="resolved", resolved_at=_START + timedelta(hours=1), value=0.01)
    store.alerts.save(resolved)
    assert store.alerts.list() == [resolved]
    assert store.alerts.open() == []


def test_values_that_are_unknown_and_values_that_are_nan(store: Store) -> None:
    store.alerts.save(replace(_ROW, value=math.nan, fired_value=None))
    found = store.alerts.get(_ROW.id)
    assert found is not None
    assert found.value is not None
    assert math.isnan(found.value)
    assert found.fired_value is None


def test_open_alerts_are_pending_or_firing(store: Store) -> None:
    rows = [replace(_ROW, id=state, state=state) for state in ("pending", "firing", "resolved")]
    store.alerts.save_all(rows)
    store.alerts.save_all([])
    assert {row.state for row in store.alerts.open()} == {"pending", "firing"}


def test_the_list_is_newest_first_and_chosen(store: Store) -> None:
    rows = [
        replace(_ROW, id=f"{n:02}", active_at=_START + timedelta(hours=n), subject=f"host/{n % 2}")
        for n in range(6)
    ]
    store.alerts.save_all(rows)
    assert store.alerts.list() == rows[::-1]
    assert store.alerts.list(limit=2) == [rows[5], rows[4]]
    assert store.alerts.list(subject="host/1") == [rows[5], rows[3], rows[1]]
    assert store.alerts.list(since=rows[2].active_at, until=rows[4].active_at) == [rows[3], rows[2]]
    assert store.alerts.list(states=["resolved"]) == []


def test_labels_of_a_reading_are_taken_as_they_are(store: Store) -> None:
    reading = Reading("x", 1.0, _START, {"host": "h\x00"})
    store.alerts.save(replace(_ROW, labels=reading.labels))
    found = store.alerts.get(_ROW.id)
    assert found is not None
    assert found.labels == {"host": "h\x00"}


def test_ten_thousand_alerts_in_one_transaction(store: Store) -> None:
    store.alerts.save_all([replace(_ROW, id=f"{number:032x}") for number in range(10_000)])
    assert len(store.alerts.open()) == 10_000
