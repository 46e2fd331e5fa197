from dataclasses import replace
from functools import partial

import pytest

from mirante.alerts.actions.config import ProposeAliasAction, TagAction
from mirante.alerts.actions.deciding import approve
from mirante.alerts.actions.moving import carry_out_move
from mirante.alerts.actions.runner import ActionRunner, carry_out_all
from mirante.errors import TrackingError
from mirante.store import ProposalRow
from mirante.tracking.client import connect
from tests.alerts.actions.conftest import NOW

pytestmark = pytest.mark.server
ACTIONS = (TagAction(do="tag", dry_run=False), ProposeAliasAction(do="propose_alias", dry_run=False))
MOVES = {"move_alias": carry_out_move}
WHO = {"author": "Ana", "reason": "seen", "now": NOW}


def runner(model, client=None, actions=ACTIONS):
    return ActionRunner(model.store, actions, client or model.give, MOVES)


def test_one_step_tags_proposes_and_carries_out(model):
    model.add()
    model.add()
    model.fire(version="2")
    runner(model).advance(NOW)
    (row,) = model.store.proposals.list()
    assert model.tag("2") == "drifting"
    approve(model.store, row.id, **WHO)
    runner(model).advance(NOW)
    assert model.version == "1"
    assert model.store.proposals.get(row.id).state == "done"


def test_while_nothing_fires_and_nothing_is_approved_mlflow_is_not_asked(model):
    model.store.proposals.add(ProposalRow("p", "accept_baseline", model.subject, "open", NOW))
    for _ in range(3):
        runner(model).advance(NOW)
    assert model.asked == 0


def test_pending_alerts_those_of_hosts_and_those_of_a_replay_do_nothing(model):
    model.add()
    alert = model.fire(version="1")
    for change in ({"state": "pending"}, {"historic": True}, {"labels": {"host": "web-1"}}):
        model.store.alerts.save(replace(alert, **change))
        runner(model).advance(NOW)
    assert (model.asked, model.tag()) == (0, None)


def test_a_server_that_is_away_is_said_and_what_needs_no_server_is_done(model, free_port):
    model.add()
    model.add()
    model.fire(version="2")
    runner(model, actions=ACTIONS[1:]).advance(NOW)
    for alert in model.firing():
        model.resolve(alert)
    model.fire("other", version="1")
    away = partial(connect, f"http://127.0.0.1:{free_port}")
    with pytest.raises(TrackingError, match="no MLflow server answers"):
        runner(model, away).advance(NOW)
    assert [row.state for row in model.store.proposals.list()] == ["withdrawn"]
    runner(model).advance(NOW)
    assert model.tag("1") == "drifting"


def test_one_that_cannot_be_carried_out_holds_up_no_other(model):
    done = []

    def carry_out(store, client, row, now):
        if row.id == "p0":
            raise TrackingError("not this one")
        done.append(row.id)
        return row

    for number, state in enumerate(("approved", "undoing", "open", "done", "approved")):
        store, kind = model.store, "other" if number == 4 else "move_alias"
        store.proposals.add(ProposalRow(f"p{number}", kind, model.subject, state, NOW))
    with pytest.raises(TrackingError, match="not this one"):
        carry_out_all(store, model.give, {"move_alias": carry_out}, NOW)
    assert done == ["p1"]
    assert carry_out_all(store, model.give, {"move_alias": carry_out}, NOW, only="p1")[0].id == "p1"
