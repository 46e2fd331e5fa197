import threading

import pytest

from mirante.alerts.actions.deciding import UnknownProposalError, approve, find, reject, undo
from mirante.errors import InputError
from mirante.store import ProposalRow
from tests.alerts.actions.conftest import NOW

WHO = {"author": " Ana ", "reason": "seen the figures", "now": NOW}
STATES = ("open", "approved", "rejected", "withdrawn", "done", "failed", "undoing", "undone")
DECISIONS = {approve: "open", reject: "open", undo: "done"}


@pytest.fixture
def proposed(store):
    def add(state="open", name="p1"):
        store.proposals.add(ProposalRow(name, "move_alias", "model/m@a", state, NOW))
        return name

    return add


@pytest.mark.parametrize(
    ("decide", "before", "after"),
    [(approve, "open", "approved"), (reject, "open", "rejected"), (undo, "done", "undoing")],
)
def test_who_and_why_are_kept_with_an_event(store, proposed, decide, before, after):
    row = decide(store, proposed(before), **WHO)
    assert row == store.proposals.get("p1")
    assert (row.state, row.author, row.reason, row.decided_at) == (after, "Ana", "seen the figures", NOW)
    (event,) = store.events.list("model/m@a")
    assert (event.kind, event.time, event.text) == (f"proposal_{after}", NOW, "Ana: seen the figures")
    assert event.data == {"proposal": "p1", "author": "Ana", "reason": "seen the figures"}


@pytest.mark.parametrize(
    ("decide", "state"),
    [(decide, state) for decide, right in DECISIONS.items() for state in STATES if state != right],
)
def test_in_another_state_it_is_refused_and_said_why(store, proposed, decide, state):
    with pytest.raises(InputError, match="the proposal 'p1' cannot become"):
        decide(store, proposed(state), **WHO)
    assert store.proposals.get("p1").state == state
    assert store.events.list() == []


def test_one_that_is_there_is_found_in_every_state_and_another_one_is_said(store, proposed):
    for state in STATES:
        assert find(store, proposed(state, state)).state == state
    with pytest.raises(UnknownProposalError, match="there is no proposal 'p2'; `mirante proposals list` has"):
        find(store, "p2")


def test_nobody_decides_without_a_name_and_a_reason(store, proposed):
    proposed()
    for missing in ("author", "reason"):
        with pytest.raises(InputError, match=f"the {missing} is empty"):
            approve(store, "p1", **{**WHO, missing: "  "})
    with pytest.raises(InputError, match="the reason has 2001 characters"):
        approve(store, "p1", **{**WHO, "reason": "x" * 2001})
    with pytest.raises(UnknownProposalError, match="no proposal 'p2'"):
        approve(store, "p2", **WHO)


def test_of_many_who_decide_at_once_one_does(store, proposed):
    proposed()
    outcomes = []

    def decide(function):
        try:
            outcomes.append(function(store, "p1", **WHO).state)
        except InputError:
            outcomes.append("")

    threads = [threading.Thread(target=decide, args=(f,)) for f in (approve, reject) * 5]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes)[:-1] == [""] * 9
    assert len(store.events.list()) == 1
