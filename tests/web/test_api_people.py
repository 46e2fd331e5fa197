"""Silences, acknowledgements and the timeline over the API."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from mirante.store import AlertRow, NoticeRow, Store
from mirante.web.asgi import create_app
from mirante.web.config import WebConfig
from tests.web.conftest import NOW, TOKEN, Answer, Client

HOUR = timedelta(hours=1)
BODY = {"matchers": {"host": "x"}, "author": "ana", "comment": "new disk", "duration": "2h"}
ALERT = "/api/v1/alerts/a1"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store(f"sqlite:///{tmp_path}/mirante.db") as opened:
        row = AlertRow("a1", "busy", {"host": "x"}, "host/x", "warning", "firing", NOW, fired_at=NOW)
        opened.alerts.save(row)
        opened.alerts.save(AlertRow("a2", "busy", {}, "host/x", "warning", "resolved", NOW))
        yield opened


def send(client: Client, method: str, target: str, body: Any = None, **headers: str | None) -> Answer:
    sent = b"" if body is None else json.dumps(body).encode()
    kind = {} if body is None else {"content_type": "application/json"}
    return client(method, target, body=sent, accept="application/json", **kind, **headers)


def test_a_silence_from_first_to_last(client: Client, store: Store):
    made = send(client, "POST", "/api/v1/silences", BODY)
    assert made.status == 201, made.text
    first = json.loads(made.body)
    assert (first["state"], first["ends_at"]) == ("holding", "2013-03-31T14:00:00Z")
    assert json.loads(client.get(f"/api/v1/silences/{first['id']}").body) == first
    changed = send(client, "PUT", f"/api/v1/silences/{first['id']}", {**BODY, "duration": "4h"})
    second = json.loads(changed.body)
    assert (changed.status, second["replaces"]) == (200, first["id"])
    later = {**BODY, "duration": "", "starts_at": "2013-04-01T00:00:00Z", "ends_at": "2013-04-02T00:00:00Z"}
    send(client, "POST", "/api/v1/silences", later)
    listed = json.loads(client.get("/api/v1/silences").body)
    assert [one["state"] for one in listed] == ["coming", "holding", "over"]
    assert [one["id"] for one in json.loads(client.get("/api/v1/silences?state=holding").body)] == [
        second["id"]
    ]
    ended = send(client, "DELETE", f"/api/v1/silences/{second['id']}?author=rui")
    assert (ended.status, json.loads(ended.body)["state"]) == (200, "over")
    kinds = [event.kind for event in store.events.list()]
    assert kinds == ["silence_created", "silence_created", "silence_created", "silence_ended"]
    again = send(client, "DELETE", f"/api/v1/silences/{second['id']}?author=rui")
    assert (again.status, "make a new one" in again.text) == (409, True)


@pytest.mark.parametrize(
    ("method", "target", "body", "status", "said"),
    [
        ("GET", "/api/v1/silences/none", None, 404, "no silence 'none'"),
        ("DELETE", "/api/v1/silences/none?author=a", None, 404, "no silence 'none'"),
        ("DELETE", "/api/v1/silences/none", None, 422, "author"),
        ("PUT", "/api/v1/silences/none", BODY, 404, "no silence 'none'"),
        ("POST", "/api/v1/silences", {**BODY, "matchers": {}}, 422, "name at least one label"),
        ("POST", "/api/v1/silences", {**BODY, "matchers": {"a": "~("}}, 422, "no regular expression"),
        ("POST", "/api/v1/silences", {**BODY, "comment": " "}, 422, "the comment is empty"),
        ("POST", "/api/v1/silences", {**BODY, "duration": "x"}, 422, "no length of time"),
        ("POST", "/api/v1/silences", {**BODY, "ends_at": "2013-04-02"}, 422, "ends_at"),
        ("POST", "/api/v1/silences", {**BODY, "more": 1}, 422, "more"),
        ("POST", ALERT + "/acknowledgement", {"author": ""}, 422, "say who you are"),
        ("POST", "/api/v1/alerts/a2/acknowledgement", {"author": "ana"}, 409, "is over"),
        ("POST", "/api/v1/alerts/none/acknowledgement", {"author": "ana"}, 404, "no alert 'none'"),
        ("DELETE", ALERT + "/acknowledgement?author=ana", None, 409, "nobody has this alert in hand"),
        ("GET", "/api/v1/alerts/none/timeline", None, 404, "no alert 'none'"),
    ],
)
def test_what_is_refused_says_why_and_writes_nothing(
    client: Client, store: Store, method: str, target: str, body: Any, status: int, said: str
):
    answer = send(client, method, target, body)
    assert (answer.status, said in answer.text) == (status, True), answer.text
    assert (store.events.list(), store.silences.list()) == ([], [])


def test_an_acknowledgement_is_given_taken_over_and_given_back(client: Client, store: Store):
    target = ALERT + "/acknowledgement"
    mine = send(client, "POST", target, {"author": "ana", "note": "on it"})
    assert (mine.status, json.loads(mine.body)["note"]) == (200, "on it")
    yours = send(client, "POST", target, {"author": "rui"})
    assert (yours.status, "ana has this alert in hand" in yours.text) == (409, True)
    assert send(client, "POST", target, {"author": "rui", "take_over": True}).status == 200
    assert json.loads(send(client, "DELETE", target + "?author=rui").body)["author"] == "rui"
    assert store.acknowledgements.of(["a1"]) == {}


def test_the_timeline_tells_notices_without_what_they_said(client: Client, store: Store):
    notice = NoticeRow(
        "n1",
        "mail",
        "first_firing",
        NOW,
        NOW,
        3,
        "dead",
        error="550",
        alert_ids=("a1",),
        payload={"x": "secret"},
    )
    store.outbox.add(notice)
    send(client, "POST", ALERT + "/acknowledgement", {"author": "ana"})
    send(client, "POST", "/api/v1/silences", BODY)
    answer = client.get(ALERT + "/timeline")
    found = json.loads(answer.body)
    assert [one["kind"] for one in found] == ["pending", "silenced", "firing", "notice", "acknowledged"]
    assert found[3]["notice"]["error"] == "550"
    assert found[1]["silence"]["state"] == "holding"
    assert "secret" not in answer.text


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_another_sites_write_and_one_without_a_token_are_refused(store: Store, method: str):
    open_page = Client(create_app(store, config=WebConfig(), clock=lambda: NOW))
    target = "/api/v1/silences" + ("" if method == "POST" else "/x?author=a")
    assert send(open_page, method, target, BODY, origin="https://evil.example").status == 403
    assert send(open_page, method, target, BODY, sec_fetch_site="cross-site").status == 403
    config = WebConfig(host="0.0.0.0", token=TOKEN)
    assert (
        send(Client(create_app(store, config=config, clock=lambda: NOW)), method, target, BODY).status == 401
    )
    only_shows = Client(create_app(store, config=WebConfig(read_only=True), clock=lambda: NOW))
    answer = send(only_shows, method, target, BODY)
    assert (answer.status, "read_only" in answer.text) == (403, True)
    assert store.silences.list() == []
