"""Proposals on the API and on the pages."""

import json

import pytest

from mirante.store import ProposalRow
from mirante.web.pages import Query, alerts_page, model_page
from mirante.web.pages.proposals import proposals_shown
from tests.web.conftest import FIRST, HOSTILE, MODEL, NOW
from tests.web.test_decisions import LAST_DAYS, WHO, client, propose, store  # noqa: F401 - fixtures

JSON = {"content_type": "application/json", "accept": "application/json"}


def post(client, target, body):  # noqa: F811 - the fixture is given by name
    return client("POST", f"/api/v1/{target}", body=json.dumps(body).encode(), **JSON)


def get(client, target):  # noqa: F811 - as above
    answer = client.get(f"/api/v1/{target}", accept="application/json")
    return answer.status, json.loads(answer.body)


def test_they_are_listed_by_subject_and_state(client, store):  # noqa: F811 - as above
    propose(store)
    propose(store, "p2", "done")
    assert [one["id"] for one in get(client, "proposals")[1]] == ["p2", "p1"]
    (found,) = get(client, f"proposals?state=open&subject={MODEL}")[1]
    assert found["text"].startswith("Move the alias champion of nyc-flight-delay from version 2 back")
    assert found["data"]["to"] == "1"
    assert get(client, "proposals/p1")[1] == found
    assert get(client, "proposals/p9")[0] == 404
    assert get(client, "proposals?state=odd")[0] == 422


@pytest.mark.parametrize(
    ("before", "decision", "after"),
    [("open", "approve", "approved"), ("open", "reject", "rejected"), ("done", "undo", "undoing")],
)
def test_a_person_decides(client, store, before, decision, after):  # noqa: F811 - as above
    propose(store, state=before)
    answer = post(client, f"proposals/p1/{decision}", WHO)
    assert answer.status == 200
    assert json.loads(answer.body)["state"] == store.proposals.get("p1").state == after
    again = post(client, f"proposals/p1/{decision}", WHO)
    assert again.status == 409
    assert "cannot become" in json.loads(again.body)["detail"]


@pytest.mark.parametrize(
    ("target", "body", "status"),
    [
        ("proposals/p9/approve", WHO, 404),
        ("proposals/p1/approve", {"author": "Ana"}, 422),
        ("proposals/p1/approve", {**WHO, "author": "  "}, 409),
        ("proposals/p1/approve", {**WHO, "extra": 1}, 422),
        ("baselines/accept", {**WHO, "subject": MODEL, "since": "2013-01-01", "until": "2013-01-02"}, 422),
    ],
)
def test_what_is_refused_changes_nothing(client, store, target, body, status):  # noqa: F811 - as above
    propose(store)
    assert post(client, target, body).status == status
    assert [row.state for row in store.proposals.list()] == ["open"]


def test_a_range_is_accepted(client, store):  # noqa: F811 - as above
    days = {"since": LAST_DAYS[0].isoformat(), "until": LAST_DAYS[1].isoformat()}
    answer = post(client, "baselines/accept", {"subject": MODEL, **days, **WHO})
    assert answer.status == 200
    assert json.loads(answer.body)["data"]["until"] == LAST_DAYS[1].isoformat()
    assert [row.state for row in store.proposals.list()] == ["approved"]
    refused = post(client, "baselines/accept", {"subject": "model/x@y", **days, **WHO})
    assert refused.status == 409


def query(locale="en", **values):
    return Query(values, now=NOW, path="/alerts", locale=locale)


def test_those_that_wait_come_first_and_of_the_decided_the_newest(store):  # noqa: F811 - as above
    for number in range(9):
        propose(store, f"d{number}", "rejected")
    propose(store, "a0")
    propose(store, "a1", "done")
    shown = proposals_shown(store, query())
    assert [one.row.id for one in shown] == ["a0", "d8", "d7", "d6", "d5", "d4"]
    assert [one.decisions for one in shown][:2] == [("approve", "reject"), ()]
    assert proposals_shown(store, query(subject="model/other@x")) == []


def test_the_alerts_page_has_them_with_a_form_for_each_decision(store):  # noqa: F811 - as above
    assert 'id="proposals"' not in alerts_page(store, query())
    propose(store)
    propose(store, "p2", "done")
    page = alerts_page(store, query("pt_BR"))
    assert 'action="/proposals/p1"' in page
    assert page.count('name="decision"') == 3
    assert "Mover o alias champion de nyc-flight-delay da versão 2 de volta para a versão 1." in page
    assert "Desempenho da versão 2: desconhecido." in page


def test_hostile_names_stay_text(store):  # noqa: F811 - as above
    for number, name in enumerate(HOSTILE):
        data = {"model": name, "alias": name, "from": name, "to": name, "rules": [name], "alerts": []}
        row = ProposalRow(
            f"p{number}{name}", "move_alias", name, "open", NOW, data=data, author=name, reason=name
        )
        store.proposals.add(row)
    page = alerts_page(store, query())
    assert "<img" not in page
    assert "\u202e" not in page.split('<form class="picker" method="post"')[0]


def test_the_model_page_offers_to_accept_its_windows(store):  # noqa: F811 - as above
    page = model_page(store, MODEL, query())
    assert 'action="/baselines"' in page
    assert f'name="since" required value="{FIRST:%Y-%m-%dT%H:%M}"' in page
    assert 'name="zone" value="UTC"' in page
