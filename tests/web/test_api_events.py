"""Events over the API: an alias that moved is told where its charts mark it."""

import json
from datetime import timedelta
from urllib.parse import quote

import pytest

from mirante.store import EventRow, Store
from mirante.web.asgi import create_app
from mirante.web.config import WebConfig
from tests.web.conftest import NOW, Client

SUBJECT = "model/<b>'\n@champion"


@pytest.fixture
def api(empty_store: Store) -> Client:
    empty_store.events.add_all(
        [
            EventRow(SUBJECT, NOW, "alias_moved", "moved from 1 to 2", {"from": "1", "to": "2"}),
            EventRow(SUBJECT, NOW, "baseline_accepted", "new", {}),
            EventRow("host/a", NOW + timedelta(hours=1), "alert_fired", "busy", {"value": None}),
        ]
    )
    return Client(create_app(empty_store, config=WebConfig(), clock=lambda: NOW))


def test_events_of_a_subject_and_of_a_kind(api: Client):
    found = json.loads(api.get(f"/api/v1/events?subject={quote(SUBJECT)}&kind=alias_moved").body)
    assert found == [
        {
            "subject": SUBJECT,
            "time": "2013-03-31T12:00:00Z",
            "kind": "alias_moved",
            "text": "moved from 1 to 2",
            "data": {"from": "1", "to": "2"},
        }
    ]
    assert len(json.loads(api.get("/api/v1/events").body)) == 3


def test_pages_part_no_moment(api: Client):
    answer = api.get("/api/v1/events?limit=1")
    assert [one["kind"] for one in json.loads(answer.body)] == ["alert_fired"]
    link = answer.headers["link"].partition(">")[0].lstrip("<")
    rest = api.get(f"/api/v1/events{link}")
    assert [one["kind"] for one in json.loads(rest.body)] == ["alias_moved", "baseline_accepted"]
    assert "link" not in api.get("/api/v1/events?limit=3").headers


@pytest.mark.parametrize("query", ["since=yesterday", "limit=0", "until=2013-02-08"])
def test_what_cannot_be_read_is_422(api: Client, query: str):
    assert api.get(f"/api/v1/events?{query}").status == 422
