"""The page of the monitor's own state: what it shows, what it must not show, and when parts are missing."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from mirante.errors import StoreError
from mirante.readings import Reading
from mirante.store import NoticeRow, Store
from mirante.web.asgi import create_app
from mirante.web.config import WebConfig
from mirante.web.pages import status_page
from tests.web.conftest import HOSTILE, NOW, Client
from tests.web.test_pages import Reader, ask

HEALTH: dict[str, Any] = {
    "status": "degraded",
    "started": (NOW - timedelta(hours=3)).isoformat(),
    "tasks": {
        "rules": {
            "runs": 700,
            "failures": 0,
            "seconds": 0.0123,
            "interval": 15.0,
            "running": False,
            "began_at": (NOW - timedelta(seconds=4)).isoformat(),
            "next_at": (NOW + timedelta(seconds=11)).isoformat(),
            "last_success": (NOW - timedelta(seconds=4)).isoformat(),
            "error": "",
        },
        HOSTILE[0]: {
            "runs": 4,
            "failures": 4,
            "seconds": 2.0,
            "error": "TrackingError: away\nTraceback: line 2",
        },
        "new": {"runs": 0, "running": True},
    },
    "details": {
        "about": {
            "version": "0.1.0",
            "config": "/etc/mirante/mirante.yaml",
            "locale": "en",
            "timezone": "-03",
            "window_timezones": ["America/New_York"],
            "mlflow_client": "3.17.2",
            "mlflow_server": "",
            "mlflow_address": "http://mlflow:5000",
        },
        "channels": ["mail", "unused"],
        "heartbeat": {"last": None, "withheld": ["outbox"], "error": ""},
        "rules_error": "rules.yaml, line 3: wrong",
        "rules": 27,
    },
}


@pytest.fixture
def filled(empty_store: Store) -> Store:
    empty_store.readings.write(
        [
            Reading("monitor_queue_length", 2, NOW, {"queue": "outbox"}),
            Reading("monitor_dropped_total", 17, NOW, {"model": HOSTILE[0], "alias": "a"}, "disk is full"),
            Reading("system_cpu_percent", 17, NOW - timedelta(days=3), {"host": "h"}),
        ]
    )
    for number, (channel, status, error) in enumerate(
        [("mail", "delivered", None), ("mail", "owed", "timed out\nafter 10 s"), ("old", "dead", "404")]
    ):
        made = NOW - timedelta(hours=2) + timedelta(minutes=number)
        done = NOW - timedelta(hours=1) if status == "delivered" else None
        empty_store.outbox.add(
            NoticeRow(
                f"{number}", channel, "first firing", made, NOW, 3, status, error=error, delivered_at=done
            )
        )
    return empty_store


def text_of(store: Store, health: Any = HEALTH, **more: Any) -> str:
    return Reader(status_page(store, health, ask("/status", **more))).text


def test_tasks_with_what_fails_first(filled: Store) -> None:
    text = text_of(filled)
    assert "1 task fails" in text
    assert text.index("TrackingError: away") < text.index("12.3 ms")
    assert "Traceback" not in text, "one line of an error is enough"
    assert "at work" in text


def test_notices_by_channel(filled: Store) -> None:
    html = status_page(filled, HEALTH, ask("/status"))
    text = Reader(html).text
    assert "nothing to tell so far" in text
    assert "timed out" in text
    assert "after 10 s" not in text
    assert '<span class="chip chip-bad">1</span>' in html
    assert "the oldest waits since 2013-03-31 10:01 UTC" in text
    rows = {row.channel: row for row in filled.outbox.channels()}
    assert (rows["mail"].owed, rows["mail"].delivered, rows["mail"].attempts) == (1, 1, 6)
    assert rows["mail"].delivered_at == NOW - timedelta(hours=1)
    assert (rows["old"].dead, rows["old"].error, rows["old"].waiting_since) == (1, "404", None)


def test_it_says_how_somebody_is_told_where_nobody_is(filled: Store) -> None:
    nobody = {**HEALTH, "details": {**HEALTH["details"], "channels": []}}
    assert "Name one below alerts.channels" in text_of(filled, nobody)
    assert "timed out" in text_of(filled, nobody), "what was sent before is still shown"
    assert "There is no channel" not in text_of(filled)


def test_the_store_and_what_runs(filled: Store) -> None:
    text = text_of(filled)
    for part in (
        "Readings 3",
        "Series 3",
        "Oldest reading 2013-03-28 12:00 UTC",
        "/etc/mirante/mirante.yaml",
    ):
        assert part in text
    assert "MLflow client 3.17.2" in text
    assert "MLflow server not known" in text
    assert "Windows are cut in America/New_York" in text
    assert "withheld: outbox" in text
    assert "rules.yaml, line 3: wrong" in text


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (None, "none is set up"),
        ({"last": None, "withheld": [], "error": ""}, "not called yet"),
        ({"last": NOW.isoformat(), "withheld": [], "error": ""}, "called 2013-03-31 12:00 UTC"),
        ({"last": NOW.isoformat(), "withheld": [], "error": "no answer"}, "the call fails"),
    ],
)
def test_the_heartbeat(filled: Store, said: Any, words: str) -> None:
    health = {**HEALTH, "details": {**HEALTH["details"], "heartbeat": said}}
    assert words in text_of(filled, health)


def test_what_was_lost_is_told_and_hostile_names_stay_text(filled: Store) -> None:
    reader = Reader(status_page(filled, HEALTH, ask("/status")))
    assert "Predictions that recorders dropped" in reader.text
    assert HOSTILE[0] in reader.text
    assert [tag for tag in reader.tags if tag[0] == "img"] == []


def test_pages_run_without_the_service(empty_store: Store) -> None:
    text = text_of(empty_store, {"status": "ok"})
    assert "these pages run without it" in text
    assert "There is no channel" in text
    assert "Heartbeat" not in text


def test_who_does_the_work(filled: Store) -> None:
    lease = {"host": HOSTILE[0], "process": 77, "since": (NOW - timedelta(hours=2)).isoformat()}
    held = {**HEALTH, "lease": {"held": True}, "details": {**HEALTH["details"], "lease": lease}}
    text = text_of(filled, held)
    assert f"Does the work process 77 on {HOSTILE[0]}" in text
    assert "This process shows the pages and waits" not in text
    waits = {**held, "status": "ok", "lease": {"held": False}, "tasks": {"rules": {"error": ""}}}
    text = text_of(filled, waits)
    assert "Another service does the work" in text
    assert "This process shows the pages and waits" in text
    assert "these pages run without it" not in text
    assert "Next" not in text, "when the other's tasks are due is not known here"
    failing = {**waits, "tasks": {"rules": {"error": "StoreError: away"}}}
    assert "StoreError: away" in text_of(filled, failing)


def test_a_store_that_does_not_answer_is_the_first_thing_said(
    empty_store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails() -> Any:
        raise StoreError("postgresql://user:hunter2@host: gone")

    monkeypatch.setattr(empty_store, "measure", fails)
    text = text_of(empty_store)
    assert "The store does not answer" in text
    assert "hunter2" not in text
    assert "The store does not answer" in text_of(empty_store, {**HEALTH, "store": "does not answer"})


def test_a_new_reading_is_counted_at_once(filled: Store) -> None:
    assert "Readings 3" in text_of(filled)
    filled.readings.write([Reading("system_cpu_percent", 1, NOW - timedelta(days=9), {"host": "h"})])
    text = text_of(filled)
    assert "Readings 4" in text
    assert "Oldest reading 2013-03-22 12:00 UTC" in text


def test_details_are_for_the_page_and_not_for_healthz(filled: Store) -> None:
    client = Client(create_app(filled, config=WebConfig(), clock=lambda: NOW, health=lambda: HEALTH))
    assert "details" not in client.get("/healthz").text
    assert "mirante.yaml" in client.get("/status").text
    assert 'href="/status"' in client.get("/status/line").text
    assert "Estado" in client.get("/status?lang=pt_BR").text
