"""The timeline: states, notices, people and silences in one order."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from mirante.alerts.people.acknowledging import acknowledge, take_back
from mirante.alerts.people.silencing import SilenceOrder, add_silence, end_silence
from mirante.alerts.people.timeline import timeline
from mirante.store import AlertRow, EventRow, NoticeRow, Store

T = datetime(2013, 2, 8, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
ALERT = AlertRow(
    "a1", "busy", {"host": "x"}, "host/x", "warning", "firing", T, fired_at=T + 5 * MINUTE, fired_value=93.0
)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store(f"sqlite:///{tmp_path}/mirante.db") as opened:
        opened.alerts.save(ALERT)
        yield opened


def notice(id_: str, minutes: int, reason: str) -> NoticeRow:
    time = T + minutes * MINUTE
    return NoticeRow(id_, "mail", reason, time, time, alert_ids=("a1",))


def test_the_whole_life_of_an_alert_in_order(store: Store):
    store.outbox.add(notice("n1", 5, "first_firing"))
    acknowledge(store, "a1", author="ana", note="on it", now=T + 6 * MINUTE)
    take_back(store, "a1", author="ana", now=T + 7 * MINUTE)
    order = SilenceOrder({"host": "x"}, "rui", "new disk", lasting="1h")
    silence = add_silence(store, order, T + 8 * MINUTE)
    held = {"alert": "a1", "reason": "silenced", "channel": "mail", "name": "rui", "until": None}
    store.events.add(EventRow("host/x", T + 9 * MINUTE, "notice_held", "", held))
    store.events.add(EventRow("host/x", T + 9 * MINUTE, "notice_held", "", {"alert": "a2"}))
    end_silence(store, silence.id, "rui", T + 10 * MINUTE)
    resolved = {"state": "resolved", "resolved_at": T + 20 * MINUTE, "value": 40.0}
    alert = replace(ALERT, **resolved)
    store.outbox.add(notice("n2", 20, "resolved"))
    found = timeline(store, alert, T + 60 * MINUTE)
    assert [(moment.kind, (moment.time - T) // MINUTE) for moment in found] == [
        ("pending", 0),
        ("firing", 5),
        ("notice", 5),
        ("acknowledged", 6),
        ("unacknowledged", 7),
        ("silenced", 8),
        ("held", 9),
        ("silence_over", 10),
        ("resolved", 20),
        ("notice", 20),
    ]
    assert (found[1].value, found[8].value) == (93.0, 40.0)
    assert (found[3].author, found[3].text) == ("ana", "on it")
    assert (found[6].text, found[6].author, found[6].channel) == ("silenced", "rui", "mail")
    assert [moment.notice.reason for moment in found if moment.notice] == ["first_firing", "resolved"]


def test_only_silences_that_hold_it_and_only_what_has_come(store: Store):
    hour = timedelta(hours=1)
    before = add_silence(store, SilenceOrder({"rule": "busy"}, "a", "b", lasting="3h"), T - hour)
    add_silence(store, SilenceOrder({"host": "y"}, "a", "b", lasting="3h"), T)
    coming = SilenceOrder({"host": "x"}, "a", "b", starts_at=T + 9 * hour, lasting="3h")
    add_silence(store, coming, T)
    found = timeline(store, ALERT, T + hour)
    assert [moment.kind for moment in found] == ["pending", "silenced", "firing"]
    assert (found[1].time, found[1].silence) == (T, before)


def test_one_that_never_fired_was_dropped(store: Store):
    row = AlertRow("a2", "busy", {}, "host/x", "info", "resolved", T, resolved_at=T + MINUTE)
    assert [moment.kind for moment in timeline(store, row, T + MINUTE)] == ["pending", "dropped"]


def test_a_notice_names_its_route_and_flapping_is_told(store: Store):
    store.outbox.add(replace(notice("n1", 5, "first_firing"), payload={"route": "severity=critical"}))
    store.outbox.add(replace(notice("n2", 6, "reminder"), payload={"route": 7}))
    store.events.add(EventRow("host/x", T + 5 * MINUTE, "alert_flapping", "", {"alert": "a1"}))
    found = timeline(store, ALERT, T + 60 * MINUTE)
    assert [moment.kind for moment in found] == ["pending", "firing", "flapping", "notice", "notice"]
    assert [moment.route for moment in found[3:]] == ["severity=critical", ""]
