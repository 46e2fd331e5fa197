from dataclasses import replace

import pytest

from mirante.alerts.actions.config import ProposeAliasAction
from mirante.alerts.actions.deciding import approve, reject
from mirante.alerts.actions.moving import carry_out_move
from mirante.alerts.actions.proposing import AliasProposer
from mirante.alerts.actions.told import Told
from mirante.errors import TrackingError
from mirante.readings import Reading
from mirante.store import EventRow
from tests.alerts.actions.conftest import MINUTE, NOW

pytestmark = pytest.mark.server
REAL = {"do": "propose_alias", "dry_run": False, "match": {"severity": "critical"}}
WHO = {"author": "Ana", "reason": "seen", "now": NOW}


@pytest.fixture
def step(model):
    def advance(*actions, client=None, now=NOW):
        given = [ProposeAliasAction(**action) for action in actions or (REAL,)]
        proposer = AliasProposer(model.store, given, Told(model.store))
        proposer.advance(model.firing(), client or model.give, now)
        return model.store.proposals.list(subject=model.subject)

    return advance


def critical(model, rule="low_auc", **labels):
    return model.fire(rule, "critical", **labels)


def test_it_proposes_the_newest_lower_version_that_has_a_finished_run(model, step):
    model.add()
    model.add(status="FAILED")
    model.add()
    alert = critical(model, version="3")
    (row,) = step()
    assert (row.kind, row.state, row.alert_id, row.created_at) == ("move_alias", "open", alert.id, NOW)
    assert (row.data["from"], row.data["to"]) == ("3", "1")
    assert row.data["performance"] == {"3": {"kind": "unknown"}, "1": {"kind": "unknown"}}
    assert "Performance of version 3: unknown." in row.text
    assert model.version == "3"
    (event,) = model.events()
    assert (event.kind, event.data["proposal"]) == ("alias_proposed", row.id)
    assert event.text.startswith("Move the alias live of m-")


def test_the_version_that_the_alias_had_before_comes_first(model, step):
    for _ in range(3):
        model.add()
    moved = {"from": "1", "to": "3"}
    model.store.events.add(EventRow(model.subject, NOW, "alias_moved", data=moved))
    critical(model, version="3")
    (row,) = step()
    assert row.data["to"] == "1"


def test_performance_of_both_versions_is_in_it(model, step):
    model.add()
    model.add()
    for version, auc in (("1", 0.81), ("2", 0.62)):
        labels = {"model": model.name, "alias": model.alias, "version": version}
        model.store.readings.write(
            [
                Reading("performance_roc_auc", auc, NOW, labels),
                Reading("performance_labels", 500, NOW, labels),
            ]
        )
    critical(model)
    (row,) = step()
    figures = row.data["performance"]
    assert figures["1"]["measures"] == {"roc_auc": 0.81}
    assert figures["2"]["measures"] == {"roc_auc": 0.62}
    assert figures["2"]["rows"] == 500
    assert "version 2, realised: roc_auc 0.62 (500 labels" in row.text


def test_there_is_one_open_proposal_and_further_alerts_join_it(model, step):
    model.add()
    model.add()
    first = critical(model, version="2")
    step()
    second = critical(model, "wide_drift", version="2")
    (row,) = step()
    assert row.data["alerts"] == [first.id, second.id]
    assert row.data["rules"] == ["low_auc", "wide_drift"]
    assert "low_auc, wide_drift" in row.text
    assert len(model.events()) == 1


def test_it_is_withdrawn_when_its_alerts_are_over_and_stays_in_the_list(model, step):
    model.add()
    model.add()
    first, second = critical(model, version="2"), critical(model, "wide_drift", version="2")
    step()
    model.resolve(first)
    (row,) = step()
    assert row.state == "open"
    model.resolve(second)
    asked = model.asked
    (row,) = step(now=NOW + MINUTE)
    assert (row.state, row.decided_at) == ("withdrawn", NOW + MINUTE)
    assert row.data["problem"] == "Withdrawn: the alerts behind it are over."
    assert model.asked == asked
    assert model.events()[-1].kind == "proposal_withdrawn"
    critical(model, version="2")
    assert [row.state for row in step(now=NOW + 2 * MINUTE)] == ["open", "withdrawn"]


def test_it_is_withdrawn_when_a_person_has_moved_the_alias(model, step):
    model.add()
    model.add()
    critical(model)
    step()
    model.point("1")
    (row,) = step()
    assert (row.state, row.data["problem"]) == ("withdrawn", "Withdrawn: the alias has been moved meanwhile.")


def test_what_was_rejected_is_not_proposed_again_while_its_alert_fires(model, step):
    model.add()
    model.add()
    alert = critical(model, version="2")
    (row,) = step()
    reject(model.store, row.id, **WHO)
    critical(model, "wide_drift", version="2")
    assert [row.state for row in step()] == ["rejected"]
    model.resolve(alert)
    assert [row.state for row in step(now=NOW + MINUTE)] == ["open", "rejected"]


def test_a_version_that_was_taken_back_is_no_way_back(model, step):
    for _ in range(3):
        model.add()
    alert = critical(model, version="3")
    (row,) = step()
    done = carry_out_move(model.store, model.client, approve(model.store, row.id, **WHO), NOW)
    assert (done.state, model.version) == ("done", "2")
    model.store.events.add(EventRow(model.subject, NOW, "alias_moved", data={"from": "3", "to": "2"}))
    assert len(step()) == 1  # the alert about version 3 fires on, and the alias has left that
    model.resolve(alert)
    critical(model, version="2")
    newest, _ = step(now=NOW + MINUTE)
    assert (newest.data["from"], newest.data["to"]) == ("2", "1")


def test_alerts_about_a_version_that_the_alias_has_left_propose_nothing(model, step):
    model.add()
    model.add()
    critical(model, version="1")
    assert step() == []


def test_without_an_earlier_version_an_event_says_so_once(model, step):
    model.add()
    critical(model, version="1")
    assert step() == step() == []
    (event,) = model.events()
    assert event.text == "nothing to propose: no earlier version than 1 will do"


def test_a_dry_run_says_once_what_would_be_proposed(model, step):
    model.add()
    model.add()
    critical(model, version="2")
    dry = {"do": "propose_alias"}
    assert step(dry) == step(dry) == []
    (event,) = model.events()
    assert event.kind == "action_dry_run"
    assert "from version 2 back to version 1" in event.text
    assert len(step(dry, REAL)) == 1


def test_once_a_dry_run_has_said_it_mlflow_is_not_asked_again(model):
    model.add()
    model.add()
    alerts = [critical(model, version="2")]
    dry, told = ProposeAliasAction(do="propose_alias"), Told(model.store)
    AliasProposer(model.store, [dry], told).advance(alerts, model.give, NOW)
    asked, restarted = model.asked, Told(model.store)
    restarted.forget_all_but({alert.id for alert in alerts})
    for memory in (told, restarted):
        AliasProposer(model.store, [dry], memory).advance(alerts, model.give, NOW)
    assert model.asked == asked
    assert len(model.events()) == 1
    alerts.append(critical(model, "wide_drift", version="2"))
    AliasProposer(model.store, [dry], told).advance(alerts, model.give, NOW)
    assert len(model.events()) == 2


def test_a_proposal_that_stands_is_withdrawn_also_by_a_dry_run_that_said_its_own(model, step):
    model.add()
    model.add()
    alerts, told = [critical(model, version="2")], Told(model.store)
    dry = ProposeAliasAction(do="propose_alias")
    AliasProposer(model.store, [dry], told).advance(alerts, model.give, NOW)
    step()
    model.point("1")
    AliasProposer(model.store, [dry], told).advance(alerts, model.give, NOW)
    assert [row.state for row in model.store.proposals.list()] == ["withdrawn"]


def test_an_mlflow_that_is_away_is_asked_again(model, step):
    model.add()
    model.add()
    critical(model, version="2")

    def away():
        raise TrackingError("MLflow is away")

    with pytest.raises(TrackingError):
        step(client=away)
    (row,) = step()
    for alert in model.firing():
        model.resolve(alert)
    assert step(client=away)[0] == replace(  # to withdraw needs no MLflow
        row, state="withdrawn", decided_at=NOW, data={**row.data, "problem": step()[0].data["problem"]}
    )
