"""The API about rules and routes."""

import json
import math

import pytest

from mirante.alerts.matchers import Matchers
from mirante.alerts.routing import Route
from mirante.alerts.rules import Rule
from mirante.readings import Reading
from mirante.store import AlertRow, Store
from mirante.web.asgi import create_app
from mirante.web.config import WebConfig
from mirante.web.ruling import Ruling
from tests.web.conftest import NOW, Client

RULES = [
    Rule("busy", "system_cpu_percent > 90", where={"host": "!=c"}, severity="critical", labels={"team": "x"}),
    Rule("quiet", "nothing_here > 1"),
]
ROUTES = Route(("chat",), routes=(Route(("mail",), Matchers.of({"severity": "critical"})),))


@pytest.fixture
def api(empty_store: Store) -> Client:
    values = {"a": 95.0, "b": math.nan, "c": 99.0}
    empty_store.readings.write(Reading("system_cpu_percent", v, NOW, {"host": h}) for h, v in values.items())
    rows = [
        AlertRow(state, "busy", {"host": state}, "host/a", "critical", state, NOW)
        for state in ("pending", "firing")
    ]
    empty_store.alerts.save_all(rows)
    ruling = Ruling(lambda: RULES, ROUTES)
    return Client(create_app(empty_store, config=WebConfig(), clock=lambda: NOW, ruling=ruling))


def post(api: Client, body: object):
    return api("POST", "/api/v1/routes/test", body=json.dumps(body).encode(), content_type="application/json")


def test_rules_with_state_and_values(api: Client):
    busy, quiet = json.loads(api.get("/api/v1/rules").body)
    assert busy["expression"] == "system_cpu_percent > 90"
    assert (busy["where"], busy["labels"], busy["for"]) == ({"host": "!=c"}, {"team": "x"}, "0s")
    assert (busy["state"], busy["alerts"]) == ("firing", {"pending": 1, "firing": 1})
    assert [(value["labels"]["host"], value["value"]) for value in busy["values"]] == [
        ("a", 95.0),
        ("b", None),
    ]
    assert (quiet["state"], quiet["values"], quiet["truncated"]) == ("inactive", [], False)


def test_a_list_of_rules_has_pages_and_few_values(api: Client, empty_store: Store):
    (busy,) = json.loads(api.get("/api/v1/rules?limit=1&values=1").body)
    assert (busy["name"], len(busy["values"]), busy["truncated"]) == ("busy", 1, True)
    link = dict(api.get("/api/v1/rules?limit=1&values=1").headers)["link"]
    assert link == '<?limit=1&values=1&after=busy>; rel="next"'
    rest = api.get("/api/v1/rules?limit=1&values=1&after=busy")
    assert [one["name"] for one in json.loads(rest.body)] == ["quiet"]
    assert "link" not in dict(rest.headers)
    assert json.loads(api.get("/api/v1/rules?values=0").body)[0]["values"] == []
    empty_store.readings.write(
        Reading("system_cpu_percent", 1.0, NOW, {"host": f"h{number}"}) for number in range(40)
    )
    (many, _) = json.loads(api.get("/api/v1/rules").body)
    assert (len(many["values"]), many["truncated"]) == (10, True)
    assert len(json.loads(api.get("/api/v1/rules?values=1000").body)[0]["values"]) == 42
    assert api.get("/api/v1/rules?values=1001").status == 422


def test_routes_are_tried(api: Client):
    (mail,) = json.loads(post(api, {"labels": {"severity": "critical", "rule": "busy"}}).body)
    assert (mail["channel"], mail["route"]) == ("mail", "severity=critical")
    assert mail["group"] == {"rule": "busy", "severity": "critical"}
    assert (mail["group_wait"], mail["group_interval"], mail["repeat_interval"]) == ("30s", "5m", "4h")
    (chat,) = json.loads(post(api, {"labels": {}}).body)
    assert (chat["channel"], chat["route"]) == ("chat", "")


@pytest.mark.parametrize("body", [{}, {"labels": {"": "x"}}, {"labels": {"a": 1}}, {"labels": {}, "more": 1}])
def test_what_cannot_be_tried_is_422(api: Client, body: object):
    assert post(api, body).status == 422


def test_without_a_service_there_are_no_rules(client: Client):
    assert json.loads(client.get("/api/v1/rules").body) == []
    assert json.loads(post(client, {"labels": {}}).body) == []
