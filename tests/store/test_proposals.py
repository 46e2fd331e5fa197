"""Proposals: decided once."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from mirante.errors import InputError
from mirante.store import EventRow, ProposalRow, Store
from mirante.store.proposals import MOVE_ALIAS, WAITING, not_carried_out, proposal_event, signed

T = datetime(2013, 2, 8, tzinfo=UTC)


def test_a_proposal_is_decided_once(store: Store) -> None:
    row = ProposalRow("p1", "alias", "model/m@champion", "open", T, "a1", "back to 3", {"to": "3"})
    store.proposals.add(row)
    assert store.proposals.get("p1") == row
    assert store.proposals.get("p2") is None
    approved = replace(row, state="approved", decided_at=T, author="ana", reason="worse")
    rejected = replace(row, state="rejected", decided_at=T, author="rui")
    assert store.proposals.move(approved, was="open")
    assert not store.proposals.move(rejected, was="open"), "it is decided already"
    assert store.proposals.get("p1") == approved


def test_they_are_listed_by_subject_and_state_newest_first(store: Store) -> None:
    for number, (subject, state) in enumerate([("x", "open"), ("y", "open"), ("x", "done")]):
        store.proposals.add(ProposalRow(str(number), "alias", subject, state, T + timedelta(number)))
    assert [row.id for row in store.proposals.list()] == ["2", "1", "0"]
    assert [row.id for row in store.proposals.list(subject="x", states=["open"])] == ["0"]
    assert [row.id for row in store.proposals.list(limit=1)] == ["2"]
    assert [row.id for row in store.proposals.list(states=WAITING)] == ["1", "0"]


def test_the_event_is_written_with_the_change_or_not_at_all(store: Store) -> None:
    row = ProposalRow("p1", MOVE_ALIAS, "model/m@champion", "open", T)
    store.proposals.add(row)
    event = EventRow(row.subject, T, "proposal_rejected", "ana: worse")
    rejected = replace(row, state="rejected")
    assert store.proposals.move(rejected, was="open", event=event)
    assert not store.proposals.move(rejected, was="open", event=event)
    assert store.events.list() == [event]


def test_its_event_says_who_decided_why_and_when() -> None:
    row = ProposalRow("p1", MOVE_ALIAS, "model/m@champion", "open", T)
    event = proposal_event(row, "alias_proposed", "back to 3")
    assert event == EventRow(
        row.subject, T, "alias_proposed", "back to 3", {"proposal": "p1", "author": None, "reason": None}
    )
    later = T + timedelta(hours=1)
    decided = replace(row, state="rejected", decided_at=later, author="ana", reason="worse")
    event = proposal_event(decided, "proposal_rejected", "ana: worse", version="3", undo={"to": "4"})
    assert event.time == later
    assert list(event.data.items()) == [
        ("proposal", "p1"), ("author", "ana"), ("reason", "worse"), ("version", "3"), ("undo", {"to": "4"}),
    ]  # fmt: skip


@pytest.mark.parametrize(("before", "after"), [("approved", "failed"), ("undoing", "done")])
def test_what_could_not_be_carried_out_keeps_why(before: str, after: str) -> None:
    row = ProposalRow("p1", MOVE_ALIAS, "model/m@champion", before, T, data={"to": "3", "problem": "older"})
    later = T + timedelta(hours=1)
    expected = replace(row, state=after, decided_at=later, data={"to": "3", "problem": "no version 3"})
    assert not_carried_out(row, "no version 3", later) == expected
    assert row.data["problem"] == "older"


@pytest.mark.parametrize(
    ("author", "reason", "said"),
    [
        ("", "x", "the author is empty"),
        ("x", " \n", "the reason is empty"),
        ("x" * 201, "x", "the author has 201 characters; at most 200"),
    ],
)
def test_a_decision_is_signed(author: str, reason: str, said: str) -> None:
    assert signed(" ana ", "b ") == ("ana", "b")
    with pytest.raises(InputError, match=said):
        signed(author, reason)
