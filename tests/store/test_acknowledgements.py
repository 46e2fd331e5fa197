"""Acknowledgements: beside the alerts, so that no evaluation wipes a note."""

from __future__ import annotations

from datetime import UTC, datetime

from mirante.store import AcknowledgementRow, AlertRow, Store

T = datetime(2013, 2, 8, tzinfo=UTC)


def test_a_note_survives_the_next_evaluation(store: Store) -> None:
    alert = AlertRow("a1", "busy", {}, "host/x", "warning", "firing", T)
    store.alerts.save(alert)
    store.acknowledgements.put(AcknowledgementRow("a1", "ana", T, "looking at it"))
    store.alerts.save(alert)
    assert store.acknowledgements.of(["a1", "a2"]) == {
        "a1": AcknowledgementRow("a1", "ana", T, "looking at it")
    }


def test_a_later_one_replaces_and_it_can_be_taken_back(store: Store) -> None:
    store.acknowledgements.put(AcknowledgementRow("a1", "ana", T, "mine"))
    store.acknowledgements.put(AcknowledgementRow("a1", "rui", T, "no, mine"))
    assert store.acknowledgements.of(["a1"])["a1"].author == "rui"
    assert store.acknowledgements.remove("a1")
    assert not store.acknowledgements.remove("a1")
    assert store.acknowledgements.of(["a1"]) == {}
