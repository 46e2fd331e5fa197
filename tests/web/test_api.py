"""The JSON API: what it gives, what it refuses, and that labels arrive."""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from mirante.capture.recorders import Recorders
from mirante.readings import Reading
from mirante.store import AlertRow, Store
from mirante.web.api.models import Labels, json_number
from mirante.web.asgi import create_app
from mirante.web.config import WebConfig
from tests.web.conftest import HOST, HOSTILE, MODEL, NOW, Client


def _get(client: Client, target: str) -> Any:
    answer = client.get(target, accept="application/json")
    assert answer.status == 200, answer.text
    return json.loads(answer.body)


def _labels(client: Client, **body: Any) -> Any:
    return client("POST", "/api/v1/labels", body=json.dumps(body).encode(), content_type="application/json")


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, None])
def test_what_json_cannot_say_is_null(value: float | None):
    assert json_number(value) is None
    assert json.dumps([json_number(one) for one in (0.0, -1e308, 5e-324)], allow_nan=False)


def test_subjects(client: Client):
    found = {one["subject"]: one for one in _get(client, "/api/v1/subjects")}
    assert found[MODEL]["open_alerts"] == 2
    assert found[HOST]["last_time"] == "2013-03-31T11:58:00Z"
    assert f"model/{HOSTILE[3]}@a" in found


def test_readings_with_range_and_limit(client: Client):
    days = "since=2013-02-08T00:00:00Z&until=2013-02-10T00:00:00Z"
    target = f"/api/v1/readings?subject={MODEL}&name=predictions&{days}"
    (series,) = _get(client, target)
    assert series["times"] == ["2013-02-08T05:00:00Z", "2013-02-09T05:00:00Z"]
    assert not series["truncated"]
    (series,) = _get(client, f"{target}&limit=1")
    assert (series["times"], series["truncated"]) == (["2013-02-09T05:00:00Z"], True)


def test_unknown_values_are_null(empty_store: Store):
    time = datetime(2013, 2, 8, tzinfo=UTC)
    empty_store.readings.write(
        [Reading("a", math.nan, time, {"host": "h"}), Reading("b", math.inf, time, {"host": "h"})]
    )
    empty_store.alerts.save(AlertRow("1", "r", {}, "host/h", "info", "firing", time, value=math.nan))
    client = Client(create_app(empty_store, config=WebConfig()))
    assert [one["values"] for one in _get(client, "/api/v1/readings")] == [[None], [None]]
    assert _get(client, "/api/v1/alerts")[0]["value"] is None


def test_windows_with_verdicts(client: Client):
    rows = _get(client, f"/api/v1/windows?subject={MODEL}&limit=3")
    assert len(rows) == 3
    assert rows[-1]["verdicts"]["columns"]["distance"]["drifted"] is False
    assert "profile" not in rows[0]


def test_alerts_and_their_notices(client: Client):
    firing = _get(client, "/api/v1/alerts?state=firing")
    assert {one["state"] for one in firing} == {"firing"}
    detail = _get(client, f"/api/v1/alerts/{1:032x}")
    assert {notice["channel"]: notice["status"] for notice in detail["notices"]} == {
        "console": "delivered",
        "email": "owed",
        "slack": "dead",
    }
    assert "secret payload" not in json.dumps(detail)
    gone = client.get("/api/v1/alerts/none")
    assert gone.status == 404
    assert "longer than retention.history is not kept" in gone.text


def test_alerts_name_the_window_that_they_are_about(client: Client):
    listed = {one["subject"]: one for one in _get(client, "/api/v1/alerts?limit=5000")}
    told = listed[MODEL]
    start = datetime.fromisoformat(told["reading_time"])
    assert datetime.fromisoformat(told["window"]["start"]) == start
    assert datetime.fromisoformat(told["window"]["end"]) == start + timedelta(days=1)
    assert listed["host/web-1"]["window"] is None
    assert _get(client, f"/api/v1/alerts/{told['id']}")["window"] == told["window"]
    page = client.get(f"/alerts/{told['id']}").text
    assert f'<dt>Window</dt><dd><time datetime="{start:%Y-%m-%dT%H:%M:%SZ}"' in page


@pytest.mark.parametrize(
    "target",
    [
        "/api/v1/windows",
        "/api/v1/alerts?state=burning",
        "/api/v1/readings?since=2013-02-08",
        "/api/v1/readings?limit=0",
        "/api/v1/alerts?since=yesterday",
    ],
)
def test_what_cannot_be_read_is_422(client: Client, target: str):
    assert client.get(target).status == 422


def test_labels_arrive(empty_store: Store):
    client = Client(create_app(empty_store, config=WebConfig(), clock=lambda: NOW))
    answer = _labels(client, model="churn", ids=["a", "b"], values=[1, 0.5])
    warning = (
        "Mirante knows no model 'churn', and no other yet; the labels are kept, "
        "and count once its predictions are there"
    )
    assert (answer.status, json.loads(answer.body)) == (
        200,
        {"written": 2, "warning": warning, "nearest": []},
    )
    column = empty_store.labels.get("churn", ["b", "c", "a"])
    assert column.values[[0, 2]].tolist() == [0.5, 1.0]
    assert column.found.tolist() == [True, False, True]
    assert json.loads(_labels(client, model="t", ids=["a"], values=["late"]).body)["written"] == 1


def test_labels_of_an_unknown_model_are_kept_with_a_warning(client: Client, store: Store):
    name = next(row.subject for row in store.readings.subjects() if row.subject.startswith("model/"))
    model = name.removeprefix("model/").rpartition("@")[0]
    body: dict[str, Any] = {"ids": ["a", "b"], "values": [1, 0], "arrived": [NOW.isoformat()] * 2}
    assert json.loads(_labels(client, model=model, **body).body) == {"written": 2}
    told = json.loads(_labels(client, model=f"{model}x", **body).body)
    assert told["nearest"][0] == model
    assert repr(model) in told["warning"]
    assert store.labels.count(f"{model}x") == 2


def test_a_model_of_the_config_is_known_before_its_first_reading(store: Store):
    recorders = Recorders(lambda model: None, ["fresh"])
    client = Client(create_app(store, config=WebConfig(), clock=lambda: NOW, recorders=recorders))
    assert json.loads(_labels(client, model="fresh", ids=["a"], values=[1]).body) == {"written": 1}
    assert json.loads(_labels(client, model="frehs", ids=["a"], values=[1]).body)["nearest"][0] == "fresh"


@pytest.mark.parametrize(
    "body",
    [
        {"model": "m", "ids": ["a"], "values": [1, 2]},
        {"model": "m", "ids": [], "values": []},
        {"model": "", "ids": ["a"], "values": [1]},
        {"model": "m", "ids": [""], "values": [1]},
        {"model": "m", "ids": ["a", " \t"], "values": [1, 1]},
        {"model": "  ", "ids": ["a"], "values": [1]},
        {"model": "m", "ids": ["a"], "values": [None]},
        {"model": "m", "ids": ["a"], "values": [math.nan]},
        {"model": "m", "ids": ["a"], "values": [1], "arrived": "2013-02-08T00:00:00"},
        {"model": "m", "ids": ["a"], "values": [1], "arrived": ["2013-02-08T00:00:00Z"] * 2},
        {"model": "m", "ids": ["a"], "values": [1], "extra": 1},
    ],
)
def test_wrong_labels_are_422_and_nothing_is_kept(client: Client, store: Store, body: dict[str, Any]):
    assert _labels(client, **body).status == 422
    assert store.labels.count("m") == 0


def test_labels_say_what_does_not_fit():
    with pytest.raises(ValueError, match="2 ids and 1 values"):
        Labels(model="m", ids=["a", "b"], values=[1.0])


def test_openapi_lists_the_api_and_not_the_pages(client: Client):
    paths = _get(client, "/api/v1/openapi.json")["paths"]
    assert {
        "/api/v1/subjects",
        "/api/v1/readings",
        "/api/v1/windows",
        "/api/v1/alerts",
        "/api/v1/labels",
    } <= paths.keys()
    assert "/" not in paths
    writes = {name: sorted(methods.keys() - {"get"}) for name, methods in paths.items()}
    assert {name: methods for name, methods in writes.items() if methods} == {
        "/api/v1/agents/batches": ["post"],
        "/api/v1/labels": ["post"],
        "/api/v1/routes/test": ["post"],
        "/api/v1/silences": ["post"],
        "/api/v1/silences/{id}": ["delete", "put"],
        "/api/v1/alerts/{id}/acknowledgement": ["delete", "post"],
        "/api/v1/baselines/accept": ["post"],
        "/api/v1/proposals/{id}/approve": ["post"],
        "/api/v1/proposals/{id}/reject": ["post"],
        "/api/v1/proposals/{id}/undo": ["post"],
    }
    for page in ("/docs", "/redoc", "/openapi.json"):
        assert client.get(page).status == 404
