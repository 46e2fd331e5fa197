"""What a person decides on a page: plain forms, and back to where they came from."""

from datetime import timedelta
from urllib.parse import urlencode

import pytest

from mirante.store import ProposalRow
from mirante.web.asgi import create_app
from mirante.web.config import WebConfig
from tests.web.conftest import FIRST, HOSTILE, MODEL, NOW, Client, _fill_model

DATA = {"model": "nyc-flight-delay", "alias": "champion", "from": "2", "to": "1", "alerts": []}
WHO = {"author": "Ana", "reason": "version 1 was better"}
ORIGIN = {"origin": "http://127.0.0.1:8765", "content_type": "application/x-www-form-urlencoded"}


@pytest.fixture
def store(empty_store):
    _fill_model(empty_store, "nyc-flight-delay", 12)
    return empty_store


@pytest.fixture
def client(store):
    return Client(create_app(store, config=WebConfig(), clock=lambda: NOW))


def propose(store, name="p1", state="open", **data):
    store.proposals.add(ProposalRow(name, "move_alias", MODEL, state, NOW, data={**DATA, **data}))


def post(client, target, fields, **headers):
    return client("POST", target, body=urlencode(fields).encode(), **{**ORIGIN, **headers})


@pytest.mark.parametrize(
    ("before", "decision", "after"),
    [("open", "approve", "approved"), ("open", "reject", "rejected"), ("done", "undo", "undoing")],
)
def test_a_decision_is_written_and_leads_back(client, store, before, decision, after):
    propose(store, state=before)
    answer = post(client, "/proposals/p1", {**WHO, "decision": decision, "next": "/alerts?lang=pt_BR"})
    assert (answer.status, answer.headers["location"]) == (303, "/alerts?lang=pt_BR")
    row = store.proposals.get("p1")
    assert (row.state, row.author, row.reason, row.decided_at) == (after, *WHO.values(), NOW)


def test_windows_are_accepted_on_the_clock_that_the_form_names(client, store):
    fields = {"subject": MODEL, "since": "2013-01-10T00:00", "until": "2013-01-12T00:00", **WHO}
    assert post(client, "/baselines", {**fields, "zone": "America/New_York"}).status == 303
    (row,) = store.proposals.list()
    assert (row.data["since"], row.data["windows"]) == ("2013-01-10T05:00:00+00:00", 2)
    wrong = post(client, "/baselines", {**fields, "zone": "Mars/Olympus"})
    assert (wrong.status, "is no time zone that is known here" in wrong.text) == (409, True)


@pytest.mark.parametrize(
    ("fields", "status", "said"),
    [
        ({"decision": "approve", "author": "Ana", "reason": " "}, 409, "the reason is empty"),
        ({"decision": "drop", **WHO}, 409, "the form has no decision"),
        ({"decision": "undo", **WHO}, 409, "cannot become undoing"),
        ({}, 409, "the form has no decision"),
        ({f"f{number}": "" for number in range(99)}, 409, "the form has no decision"),
    ],
)
def test_what_is_refused_is_a_page_that_says_why(client, store, fields, status, said):
    propose(store)
    answer = post(client, "/proposals/p1", fields)
    assert answer.status == status
    assert said in answer.text
    assert store.proposals.get("p1").state == "open"


def test_one_that_is_not_there_is_404(client):
    assert post(client, "/proposals/p9", {**WHO, "decision": "approve"}).status == 404


def test_no_other_site_can_decide_or_be_led_to(client, store):
    propose(store)
    fields = {**WHO, "decision": "approve", "next": "//evil.example/"}
    assert post(client, "/proposals/p1", fields, origin="https://evil.example").status == 403
    assert store.proposals.get("p1").state == "open"
    assert post(client, "/proposals/p1", fields).headers["location"] == "/"


def test_without_the_token_nobody_decides(store):
    config = WebConfig(host="0.0.0.0", token="correct-horse-battery", allowed_hosts=("mirante.example",))
    propose(store)
    guarded = Client(create_app(store, config=config, clock=lambda: NOW))
    assert post(guarded, "/proposals/p1", {**WHO, "decision": "approve"}).status == 401
    assert store.proposals.get("p1").state == "open"


LAST_DAYS = (FIRST + timedelta(days=8), FIRST + timedelta(days=12))  # those whose profiles are kept


def accept(client, **fields):
    days = {
        name: f"{time:%Y-%m-%dT%H:%M:%SZ}" for name, time in zip(("since", "until"), LAST_DAYS, strict=True)
    }
    return post(client, "/baselines", {"subject": MODEL, "next": "/alerts", **days, **WHO, **fields})


def test_a_range_becomes_the_new_normal(client, store):
    assert accept(client).status == 303
    (row,) = store.proposals.list()
    assert (row.kind, row.state, row.subject, row.author) == ("accept_baseline", "approved", MODEL, "Ana")
    assert (row.data["since"], row.data["windows"]) == (LAST_DAYS[0].isoformat(), 4)
    again = accept(client)
    assert again.status == 409
    assert "waits to be written" in again.text


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"since": "soon"}, "is no time"),
        ({"subject": HOSTILE[0]}, "has no closed window"),
        ({"author": ""}, "the author is empty"),
    ],
)
def test_a_range_that_will_not_do_is_said(client, store, fields, said):
    answer = accept(client, **fields)
    assert answer.status == 409
    assert said in answer.text
    assert "<img" not in answer.text
    assert store.proposals.list() == []
