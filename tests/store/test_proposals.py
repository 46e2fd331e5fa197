"""Proposals: decided once."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from mirante.errors import InputError
from mirante.store import EventRow, ProposalRow, Store
from mirante.store.proposals import MOVE_ALIAS, signed

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


def test_the_event_is_written_with_the_change_or_not_at_all(store: Store) -> None:
    row = ProposalRow("p1", MOVE_ALIAS, "model/m@champion", "open", T)
    store.proposals.add(row)
    event = EventRow(row.subject, T, "proposal_rejected", "ana: worse")
    rejected = replace(row, state="rejected")
    assert store.proposals.move(rejected, was="open", event=event)
    assert not store.proposals.move(rejected, was="open", event=event)
    assert store.events.list() == [event]


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
