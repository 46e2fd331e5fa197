import pytest

from mirante.alerts.actions.deciding import approve, undo
from mirante.alerts.actions.moving import carry_out_move
from mirante.errors import TrackingError
from mirante.store import ProposalRow
from mirante.tracking.client import brief_requests, connect
from tests.alerts.actions.conftest import NOW

pytestmark = pytest.mark.server
WHO = {"author": "Ana", "reason": "version 1 had the better AUC", "now": NOW}


@pytest.fixture
def approved(model):
    model.add()
    model.add()
    data = {"model": model.name, "alias": model.alias, "from": "2", "to": "1", "alerts": []}
    model.store.proposals.add(ProposalRow("p1", "move_alias", model.subject, "open", NOW, data=data))
    return approve(model.store, "p1", **WHO)


def test_the_alias_moves_and_moves_back(model, approved):
    done = carry_out_move(model.store, model.client, approved, NOW)
    assert (done.state, model.version) == ("done", "1")
    assert done == model.store.proposals.get("p1")
    event = model.events("proposal_done")[0]
    assert event.text == "Ana moved live from version 2 to version 1: version 1 had the better AUC"
    assert event.data == {
        "proposal": "p1",
        "author": "Ana",
        "reason": "version 1 had the better AUC",
        "from": "2",
        "to": "1",
        "undo": "mirante proposals undo p1",
    }
    asked = undo(model.store, "p1", author="Rui", reason="it was the data", now=NOW)
    undone = carry_out_move(model.store, model.client, asked, NOW)
    assert (undone.state, model.version) == ("undone", "2")
    assert model.events("proposal_undone")[0].text.startswith("Rui moved live from version 1 to version 2")


def test_an_alias_that_was_moved_meanwhile_is_left_alone(model, approved):
    model.add()
    failed = carry_out_move(model.store, model.client, approved, NOW)
    assert (failed.state, model.version) == ("failed", "3")
    assert failed.data["problem"] == "Not moved: the alias is at version 3 by now, and not at 2."
    assert model.events("proposal_failed")[0].text == failed.data["problem"]


def test_what_cannot_be_undone_stays_done_and_says_why(model, approved):
    carry_out_move(model.store, model.client, approved, NOW)
    model.add()
    row = carry_out_move(model.store, model.client, undo(model.store, "p1", **WHO), NOW)
    assert (row.state, model.version) == ("done", "3")
    assert row.data["problem"] == "Not moved: the alias is at version 3 by now, and not at 1."


def test_cut_short_after_the_move_it_is_finished_by_the_next_call(model, approved):
    model.point("1")  # as the call that was cut short left it
    done = carry_out_move(model.store, model.client, approved, NOW)
    assert (done.state, model.version) == ("done", "1")
    assert len(model.events("proposal_done")) == 1
    carry_out_move(model.store, model.client, approved, NOW)
    assert len(model.events("proposal_done")) == 1


def test_a_version_or_alias_that_is_gone_is_said(model, approved):
    model.client.delete_model_version(model.name, "1")
    failed = carry_out_move(model.store, model.client, approved, NOW)
    assert (failed.state, model.version) == ("failed", "2")
    assert failed.data["problem"] == "Not moved: there is no version 1 any more."
    model.store.proposals.move(approved, was="failed")
    model.client.delete_registered_model_alias(model.name, model.alias)
    failed = carry_out_move(model.store, model.client, approved, NOW)
    assert failed.data["problem"] == "Not moved: there is no alias live any more."


def test_while_mlflow_is_away_it_stays_approved(model, approved, free_port):
    away = connect(f"http://127.0.0.1:{free_port}")
    with brief_requests(retries=0, timeout=1), pytest.raises(TrackingError):
        carry_out_move(model.store, away, approved, NOW)
    assert model.store.proposals.get("p1") == approved
