"""Acknowledgements: one at a time, told with who and why."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from mirante.alerts.people.acknowledging import acknowledge, take_back
from mirante.errors import ConflictError, InputError, NotFoundError
from mirante.store import AcknowledgementRow, AlertRow, Store

NOW = datetime(2013, 2, 8, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store(f"sqlite:///{tmp_path}/mirante.db") as opened:
        opened.alerts.save(AlertRow("a1", "busy", {}, "host/x", "warning", "firing", NOW))
        opened.alerts.save(AlertRow("a2", "busy", {}, "host/x", "warning", "resolved", NOW))
        yield opened


def test_it_is_written_with_its_event(store: Store):
    row = acknowledge(store, "a1", author=" ana ", note=" on it ", now=NOW)
    assert row == AcknowledgementRow("a1", "ana", NOW, "on it") == store.acknowledgements.of(["a1"])["a1"]
    (event,) = store.events.list("host/x")
    assert (event.kind, event.text) == ("alert_acknowledged", "ana has it in hand: on it")
    assert event.data["alert"] == "a1"


def test_the_same_person_may_change_the_note_and_another_must_say_so(store: Store):
    acknowledge(store, "a1", author="ana", now=NOW)
    acknowledge(store, "a1", author="ana", note="disk is full", now=NOW + HOUR)
    with pytest.raises(ConflictError, match="ana has this alert in hand since 2013-02-08 13:00 UTC"):
        acknowledge(store, "a1", author="rui", now=NOW + HOUR)
    assert store.acknowledgements.of(["a1"])["a1"].note == "disk is full"
    acknowledge(store, "a1", author="rui", now=NOW + 2 * HOUR, take_over=True)
    assert store.acknowledgements.of(["a1"])["a1"].author == "rui"
    assert len(store.events.list(kinds=["alert_acknowledged"])) == 3


def test_what_makes_no_sense_is_refused(store: Store):
    for id_, author, error, said in (
        ("a1", "", InputError, "say who you are"),
        ("a1", "x" * 2_001, InputError, "too long"),
        ("a2", "ana", ConflictError, "this alert is over"),
        ("a3", "ana", NotFoundError, "there is no alert 'a3'"),
    ):
        with pytest.raises(error, match=said):
            acknowledge(store, id_, author=author, now=NOW)
    assert store.events.list() == []


def test_it_can_be_taken_back_once(store: Store):
    acknowledge(store, "a1", author="ana", now=NOW)
    with pytest.raises(InputError):
        take_back(store, "a1", author=" ", now=NOW)
    assert take_back(store, "a1", author="rui", now=NOW + HOUR).author == "ana"
    assert store.acknowledgements.of(["a1"]) == {}
    assert (
        store.events.list(kinds=["alert_unacknowledged"])[0].text == "rui took back that ana has it in hand"
    )
    with pytest.raises(ConflictError, match="nothing to take back"):
        take_back(store, "a1", author="rui", now=NOW + HOUR)
    with pytest.raises(NotFoundError):
        take_back(store, "a3", author="rui", now=NOW)
