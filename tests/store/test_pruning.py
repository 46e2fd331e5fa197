"""What is taken out of a store, and what stays."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from mirante.readings import Reading
from mirante.store import AlertRow, EventRow, SliceWindowRow, Store, WindowRow
from mirante.store.pruning import drop_before, remove_alerts

_START, _DAY = datetime(2013, 2, 8, tzinfo=UTC), timedelta(days=1)


def test_what_is_older_goes(store: Store):
    for day in range(4):
        time = _START + day * _DAY
        store.readings.write([Reading("x", day, time, {"host": "h"})])
        store.windows.put(WindowRow("model/m@a", "1", time, time + _DAY, closed=True))
        store.slice_windows.put(
            SliceWindowRow("model/m@a", "1", key, "x", time, time + _DAY, closed=True, profile=profile)
            for key, profile in (("plan", b""), ("town", b"needed"))
        )
        store.labels.write("m", [str(day)], [1.0], time)
        store.events.add(EventRow("model/m@a", time, "alert_fired"))
    drop_before(store, _START + 2 * _DAY)
    assert store.readings.count() == 2
    assert [row.start for row in store.windows.list("model/m@a")] == [
        _START + day * _DAY for day in (1, 2, 3)
    ]
    slices = store.slice_windows.list("model/m@a")
    assert [(row.start - _START) // _DAY for row in slices if row.key == "plan"] == [1, 2, 3]
    assert len(store.slice_windows.kept("model/m@a", "1")) == 4
    assert store.labels.count("m") == 2
    assert store.events.list() == []
    store.readings.write([Reading("x", 9, _START, {"host": "h"})])
    assert store.readings.count() == 3


def test_alerts_go_with_what_tells_of_them(store: Store):
    for id_ in ("a", "b"):
        labels = {"model": "m", "alias": "a"}
        store.alerts.save(AlertRow(id_, "r", labels, "model/m@a", "info", "resolved", _START))
        for kind in ("alert_fired", "alert_resolved"):
            store.events.add(EventRow("model/m@a", _START, kind, data={"alert": id_}))
    store.events.add(EventRow("model/m@a", _START, "alias_moved"))
    with store.transaction() as connection:
        remove_alerts(["a", "gone"], "model/m@a", connection)
        remove_alerts([], "model/m@a", connection)
    assert [row.id for row in store.alerts.list()] == ["b"]
    assert [event.data.get("alert") for event in store.events.list()] == ["b", "b", None]
