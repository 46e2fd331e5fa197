from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from mirante.demo.replay import ReplayCounts
from mirante.demo.summary import alert_summary, monitoring_summary
from mirante.readings import Reading
from mirante.store import AlertRow, EventRow, Store

ZONE = ZoneInfo("America/New_York")
END = datetime(2013, 2, 9, 5, tzinfo=UTC)  # midnight in New York


@pytest.fixture
def store(tmp_path):
    with Store(f"sqlite:///{tmp_path / 'mirante.db'}") as opened:
        yield opened


def alert(name, **changes):
    row = AlertRow(
        id=name,
        rule=name,
        labels={"model": "m"},
        subject="model/m@a",
        severity="warning",
        state="firing",
        active_at=END,
    )
    return replace(row, **changes)


def fire(store, name, **changes):
    row = alert(name, summary="now", note="now", **changes)
    store.alerts.save(row)
    data = {"alert": row.id, "note": f"{name} was 0.5"}
    store.events.add(EventRow(row.subject, row.fired_at, "alert_fired", "then", data))


def test_an_alert_belongs_to_the_window_that_was_over_when_it_fired(store):
    fire(store, "b", fired_at=END, fired_value=0.5, value=0.1)
    fire(store, "a", fired_at=END + timedelta(days=1), state="resolved", resolved_at=END + timedelta(days=3))
    store.alerts.save(alert("never", state="pending"))
    store.alerts.save(alert("dropped", state="resolved", resolved_at=END))
    first, second = alert_summary(store, ZONE)
    assert (first["rule"], first["window"], first["value"]) == ("b", "2013-02-08", 0.5)
    assert (first["summary"], first["note"]) == ("then", "b was 0.5")  # with the value of that time
    assert first["first_fired_at"] == "2013-02-09T00:00:00-05:00"
    assert first["resolved_at"] is None
    assert (second["rule"], second["window"]) == ("a", "2013-02-09")
    assert second["resolved_at"] == "2013-02-12T00:00:00-05:00"


def test_counts_are_the_ones_of_the_replay_and_the_store(store):
    store.readings.write([Reading("predictions", 3, END, {"model": "m"})])
    counts = ReplayCounts(rows=5, rows_recorded=4, rows_read=3, rows_profiled=2, rows_late=1)
    summary = monitoring_summary(store, ZONE, counts)
    names = ("rows_replayed", "rows_recorded", "rows_read_back", "rows_profiled", "rows_late")
    assert [summary[name] for name in names] == [5, 4, 3, 2, 1]
    assert summary["readings"] == 1
    assert summary["notices"] == {"delivered": 0, "owed": 0, "dead": 0}
    assert summary["alerts"] == []
