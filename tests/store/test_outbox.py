"""The outbox: owed, claimed by one, and out only when delivered or dead."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import event

from mirante.errors import StoreError
from mirante.store import ChannelRow, NoticeRow, Store

_NOW = datetime(2013, 2, 8, 12, tzinfo=UTC)
_SECOND = timedelta(seconds=1)
_ROW = NoticeRow(
    id="n1",
    channel="slack",
    reason="first firing",
    created_at=_NOW,
    next_at=_NOW,
    alert_ids=("a1", "a2"),
    payload={"subject": "Alerta Crítico\r\n", "value": 0.5},
)


def test_a_notice_comes_back_whole(store: Store) -> None:
    store.outbox.add(_ROW)
    assert store.outbox.list() == [_ROW]
    assert store.outbox.owed() == 1


def test_the_oldest_that_is_owed(store: Store) -> None:
    assert store.outbox.oldest() is None
    store.outbox.add(replace(_ROW, id="new", created_at=_NOW + _SECOND))
    store.outbox.add(_ROW)
    assert store.outbox.oldest() == _NOW
    store.outbox.dead("n1", _NOW, error="no")
    assert store.outbox.oldest() == _NOW + _SECOND


def test_notices_are_counted_by_channel_and_status(store: Store) -> None:
    assert store.outbox.tally() == []
    for number, (channel, status) in enumerate(
        [("b", "owed"), ("a", "dead"), ("b", "owed"), ("b", "sending")]
    ):
        store.outbox.add(replace(_ROW, id=f"n{number}", channel=channel, status=status, attempts=number))
    assert store.outbox.tally() == [("a", "dead", 1, 1), ("b", "owed", 2, 2), ("b", "sending", 1, 3)]


def test_the_tally_reads_no_payload(sqlite_store: Store) -> None:
    said: list[str] = []
    event.listen(sqlite_store._database.engine, "before_cursor_execute", lambda *call: said.append(call[2]))
    sqlite_store.outbox.tally()
    with sqlite_store._database.reading() as connection:
        query = next(text for text in said if "SELECT" in text)
        plan = [row[3] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {query}")]
    assert plan == ["SCAN mirante_notices USING COVERING INDEX mirante_notices_tally"]


def test_what_went_out_by_each_channel(store: Store) -> None:
    assert store.outbox.channels() == []
    for number, (channel, status, error) in enumerate(
        [
            ("b", "sending", "old"),
            ("b", "owed", None),
            ("a", "dead", "404"),
            ("b", "delivered", "new"),
            ("b", "owed", ""),
        ]
    ):
        done = _NOW + number * _SECOND if status == "delivered" else None
        store.outbox.add(
            replace(
                _ROW, id=f"n{number}", channel=channel, status=status, error=error, attempts=number,
                created_at=_NOW + number * _SECOND, delivered_at=done,
            )
        )  # fmt: skip
    store.outbox.add(replace(_ROW, id="early", channel="b", status="delivered", delivered_at=_NOW))
    first, second = store.outbox.channels()
    assert first == ChannelRow("a", 0, 1, 0, 2, None, None, "404")
    late = _NOW + 3 * _SECOND
    assert second == ChannelRow("b", 3, 0, 2, 8, late, _NOW, "")


def test_channels_are_told_without_going_through_payloads(sqlite_store: Store) -> None:
    said: list[tuple[str, Any]] = []
    event.listen(sqlite_store._database.engine, "before_cursor_execute", lambda *call: said.append(call[2:4]))
    sqlite_store.outbox.channels()
    asked = [(text, values) for text, values in said if "SELECT" in text]
    with sqlite_store._database.reading() as connection:
        plans = [
            step[3]
            for text, values in asked
            for step in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {text}", values)
        ]
    touched = [step for step in plans if "mirante_notices" in step]
    assert touched
    assert all("INDEX" in step for step in touched)


def test_an_id_is_used_once(store: Store) -> None:
    store.outbox.add(_ROW)
    with pytest.raises(StoreError, match=r"(?i)unique"):
        store.outbox.add(_ROW)


def test_a_claim_takes_what_is_due(store: Store) -> None:
    later = replace(_ROW, id="n2", next_at=_NOW + _SECOND)
    earlier = replace(_ROW, id="n3", next_at=_NOW - _SECOND)
    for row in (_ROW, later, earlier):
        store.outbox.add(row)
    claimed = store.outbox.claim(_NOW, owner="me", lease=30)
    assert [row.id for row in claimed] == ["n3", "n1"]
    assert claimed[1] == replace(
        _ROW, status="sending", attempts=1, claimed_by="me", claimed_until=_NOW + 30 * _SECOND
    )
    assert store.outbox.claim(_NOW, owner="other") == []
    assert store.outbox.owed() == 3


def test_a_claim_has_a_limit(store: Store) -> None:
    for number in range(5):
        store.outbox.add(replace(_ROW, id=str(number)))
    assert len(store.outbox.claim(_NOW, owner="me", limit=2)) == 2
    assert len(store.outbox.claim(_NOW, owner="me")) == 3


def test_a_claim_without_a_verdict_is_due_again(store: Store) -> None:
    store.outbox.add(_ROW)
    store.outbox.claim(_NOW, owner="dead", lease=30)
    assert store.outbox.claim(_NOW + 29 * _SECOND, owner="me") == []
    (again,) = store.outbox.claim(_NOW + 30 * _SECOND, owner="me")
    assert (again.attempts, again.claimed_by) == (2, "me")


def test_what_was_to_wait_before_the_clock_was_set_back_waits_no_longer(store: Store) -> None:
    hour, day = 3_600 * _SECOND, 86_400 * _SECOND
    for number, wait in enumerate((hour, day)):
        store.outbox.add(replace(_ROW, id=f"n{number}", next_at=_NOW + wait))
    assert [row.id for row in store.outbox.claim(_NOW, owner="me", lease=30)] == ["n1"]
    assert store.outbox.claim(_NOW, owner="other") == []  # it is being sent
    assert [row.id for row in store.outbox.claim(_NOW - day, owner="other")] == ["n0", "n1"]


def test_delivered_leaves(store: Store) -> None:
    store.outbox.add(_ROW)
    store.outbox.claim(_NOW, owner="me")
    assert store.outbox.delivered("n1", _NOW + _SECOND)
    assert not store.outbox.delivered("n1", _NOW + 2 * _SECOND)
    (row,) = store.outbox.list()
    assert (row.status, row.delivered_at, row.error) == ("delivered", _NOW + _SECOND, None)
    assert store.outbox.owed() == 0
    assert store.outbox.claim(_NOW + 999 * _SECOND, owner="me") == []


def test_failed_comes_again_at_its_time(store: Store) -> None:
    store.outbox.add(_ROW)
    store.outbox.claim(_NOW, owner="me")
    assert store.outbox.failed("n1", _NOW, error="Slack answered 500", next_at=_NOW + 5 * _SECOND)
    assert store.outbox.list()[0].error == "Slack answered 500"
    assert store.outbox.claim(_NOW + 4 * _SECOND, owner="me") == []
    assert store.outbox.claim(_NOW + 5 * _SECOND, owner="me")[0].attempts == 2


def test_dead_is_not_tried_again(store: Store) -> None:
    store.outbox.add(_ROW)
    assert store.outbox.dead("n1", _NOW, error="given up after 24 h")
    assert store.outbox.owed() == 0
    assert store.outbox.claim(_NOW + timedelta(days=9), owner="me") == []
    assert store.outbox.list()[0].status == "dead"


@pytest.mark.parametrize(
    "late",
    [
        lambda outbox: outbox.failed("n1", _NOW, error="late", next_at=_NOW),
        lambda outbox: outbox.dead("n1", _NOW, error="late"),
    ],
)
def test_a_late_verdict_does_not_undo_a_delivery(store: Store, late: Callable[[object], bool]) -> None:
    store.outbox.add(_ROW)
    store.outbox.claim(_NOW, owner="me")
    store.outbox.delivered("n1", _NOW)
    assert not late(store.outbox)
    assert store.outbox.list()[0].status == "delivered"


def test_only_the_owner_may_fail_it(store: Store) -> None:
    store.outbox.add(_ROW)
    store.outbox.claim(_NOW, owner="slow", lease=1)
    store.outbox.claim(_NOW + 2 * _SECOND, owner="me")
    assert not store.outbox.failed("n1", _NOW, error="late", next_at=_NOW, owner="slow")
    assert store.outbox.list()[0].claimed_by == "me"
    assert store.outbox.delivered("n1", _NOW, owner="me")


def test_notices_of_one_alert(store: Store) -> None:
    other = replace(_ROW, id="n2", created_at=_NOW + _SECOND, alert_ids=("a2", "a2"))
    store.outbox.add(_ROW)
    store.outbox.add(other)
    assert store.outbox.list(alert_id="a2") == [other, _ROW]
    assert store.outbox.list(alert_id="a1") == [_ROW]
    assert store.outbox.list(alert_id="absent") == []
    assert store.outbox.list(limit=1) == [other]


def test_a_notice_and_its_alert_are_one_transaction(store: Store) -> None:
    def fail() -> None:
        with store.transaction() as connection:
            store.outbox.add(_ROW, connection=connection)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert store.outbox.list() == []
    assert store.outbox.list(alert_id="a1") == []


def test_two_senders_never_share_a_notice(store: Store, url: str) -> None:
    for number in range(60):
        store.outbox.add(replace(_ROW, id=f"{number:03}", alert_ids=()))
    taken: list[str] = []

    def send(owner: str) -> None:
        with Store(url) as own:
            while rows := own.outbox.claim(_NOW, owner=owner, limit=4):
                taken.extend(row.id for row in rows)

    threads = [threading.Thread(target=send, args=(str(number),)) for number in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(taken) == [f"{number:03}" for number in range(60)]


def test_many_notices_are_all_there_or_none(store: Store) -> None:
    store.outbox.add_all([])
    store.outbox.add_all([_ROW, replace(_ROW, id="n2", alert_ids=())])
    assert [row.id for row in store.outbox.list()] == ["n2", "n1"]
    with pytest.raises(StoreError, match=r"(?i)unique"):
        store.outbox.add_all([replace(_ROW, id="n3"), _ROW])
    assert store.outbox.owed() == 2


def test_a_claim_leaves_the_notices_of_resting_channels(store: Store) -> None:
    store.outbox.add_all([_ROW, replace(_ROW, id="n2", channel="mail")])
    assert [row.id for row in store.outbox.claim(_NOW, owner="me", without=["slack"])] == ["n2"]
    assert {row.id: row.attempts for row in store.outbox.list()} == {"n1": 0, "n2": 1}


def test_a_claim_of_one_channel(store: Store) -> None:
    for number, channel in enumerate("abab"):
        store.outbox.add(replace(_ROW, id=f"n{number}", channel=channel, next_at=_NOW - number * _SECOND))
    assert [row.id for row in store.outbox.claim(_NOW, owner="me", only=["b"], limit=1)] == ["n3"]
    assert [row.id for row in store.outbox.claim(_NOW, owner="me", only=["b"])] == ["n1"]
    assert store.outbox.claim(_NOW, owner="me", only=[]) == []
    assert [row.id for row in store.outbox.claim(_NOW, owner="me")] == ["n2", "n0"]


def test_what_is_given_back_waits_and_keeps_its_error(store: Store) -> None:
    for number in range(5):
        store.outbox.add(replace(_ROW, id=f"n{number}", error="500" if number == 1 else None))
    store.outbox.claim(_NOW, owner="me", limit=3)
    store.outbox.claim(_NOW, owner="other", limit=1)
    store.outbox.delivered("n2", _NOW)
    ids, later = [f"n{number}" for number in range(5)], _NOW + 5 * _SECOND
    store.outbox.give_back(ids, reason="waits", next_at=later, owner="me")
    rows = {row.id: (row.status, row.error, row.next_at) for row in store.outbox.list()}
    assert rows == {
        "n0": ("owed", "waits", later),
        "n1": ("owed", "500", later),
        "n2": ("delivered", None, _NOW),
        "n3": ("sending", None, _NOW),
        "n4": ("owed", None, _NOW),
    }
    assert {row.id for row in store.outbox.claim(later, owner="third")} == {"n0", "n1", "n4"}


def test_notices_about_some_alerts_oldest_first(store: Store) -> None:
    later = replace(_ROW, id="n0", created_at=_NOW + _SECOND, alert_ids=("a2", "a3"))
    store.outbox.add_all([later, _ROW])
    found = store.outbox.about(["a1", "a2", "absent"])
    assert {alert: [row.id for row in rows] for alert, rows in found.items()} == {
        "a1": ["n1"],
        "a2": ["n1", "n0"],
    }
    assert found["a1"] == [replace(_ROW, alert_ids=(), payload={})]
