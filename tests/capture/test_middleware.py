"""The middleware in front of applications that are not MLflow's; MLflow's own is in test_serve.py."""

import asyncio
import json
from typing import Any

import pytest
from fastapi import FastAPI, HTTPException, Response
from prometheus_client import CollectorRegistry

from mirante import CaptureMiddleware, Privacy
from mirante.capture.metrics import ServingMetrics
from mirante.errors import InputError
from mirante.inference_log.reader import InferenceLog
from tests.web.conftest import Client


def api() -> FastAPI:
    app = FastAPI()

    @app.post("/predict")
    def predict(body: dict[str, Any] | list[dict[str, Any]]) -> Any:
        if isinstance(body, dict) and body.get("age") == -1:
            raise HTTPException(418, "no such age")
        if isinstance(body, dict) and body.get("age") == -2:
            raise RuntimeError("broken")
        return {"score": 0.5} if isinstance(body, dict) else {"score": [0.5] * len(body)}

    @app.post("/other")
    def other() -> Response:
        return Response(b"other")

    return app


class Behind:
    def __init__(self, root: Any, app: Any = None, **options: Any) -> None:
        options = {"path": "/predict", "prediction": "score", "metrics": "/metrics", **options}
        self.root = root
        self.middleware = CaptureMiddleware(app or api(), "m", log=root, **options)
        self.client = Client(self.middleware)

    def post(self, body: Any, path: str = "/predict", **headers: str) -> Any:
        pieces = isinstance(body, list) and bool(body) and isinstance(body[0], bytes)
        data = body if pieces or isinstance(body, bytes) else json.dumps(body).encode()
        headers = {"content_type": "application/json", **headers}
        return self.client("POST", path, body=data, **headers)

    def rows(self) -> list[dict[str, Any]]:
        self.middleware.close()
        table = InferenceLog(self.root).scan("m")
        return [] if table is None else table.to_pylist()

    def counted(self, line: str) -> float:
        text = self.client.get("/metrics").text
        return sum(float(one.rpartition(" ")[2]) for one in text.splitlines() if one.startswith(line))


@pytest.fixture
def behind(tmp_path):
    made = Behind(tmp_path)
    yield made
    made.middleware.close()


def test_an_answer_is_as_before_but_for_the_id_under_which_it_is_recorded(behind):
    plain = Client(api())("POST", "/predict", body=b'{"age": 31}', content_type="application/json")
    answer = behind.post({"age": 31, "plan": "basic"})
    name = answer.headers.pop("x-prediction-id")
    assert (answer.status, answer.body, answer.headers) == (plain.status, plain.body, plain.headers)
    (row,) = behind.rows()
    assert {key: row[key] for key in ("age", "plan", "__prediction", "__id")} == {
        "age": 31, "plan": "basic", "__prediction": 0.5, "__id": name,
    }  # fmt: skip
    assert row["__latency"] > 0


def test_a_batch_has_an_id_a_row(behind):
    data = json.dumps([{"age": 1}, {"age": 2}]).encode()
    assert behind.post([data[:9], data[9:]], x_request_id="order-7").headers["x-prediction-id"] == "order-7"
    assert [(row["__id"], row["age"]) for row in behind.rows()] == [("order-7.0", 1), ("order-7.1", 2)]
    assert behind.counted("mlflow_model_predictions_total") == 2


def test_what_must_not_be_recorded_is_not(tmp_path):
    behind = Behind(tmp_path, privacy=Privacy(drop=["plan"]))
    assert behind.post({"age": 31, "plan": "basic"}).status == 200
    assert behind.post([{"age": 1, "plan": "a"}, {"age": 2, "plan": "b"}]).status == 200
    rows = behind.rows()
    assert [row["age"] for row in rows] == [31, 1, 2]
    assert all("plan" not in row for row in rows)


@pytest.mark.parametrize("given", ["", "a b", "x" * 201, "é", "a\tb"])
def test_an_id_that_is_none_is_replaced(behind, given):
    found = behind.post({"age": 31}, x_request_id=given).headers["x-prediction-id"]
    assert found != given
    assert found.isascii()
    assert behind.rows()[0]["__id"] == found


def test_errors_pass_and_are_counted(behind):
    answer = behind.post({"age": -1})
    assert (answer.status, "x-prediction-id" in answer.headers) == (418, False)
    with pytest.raises(RuntimeError, match="broken"):
        behind.post({"age": -2})
    assert behind.post(b"{").status == 422
    assert behind.rows() == []
    for status in (418, 500, 422):
        assert behind.counted(f'prediction_errors_total{{model="m",status="{status}"}}') == 1


def test_other_addresses_and_methods_are_left_alone(behind):
    assert behind.post(b"", "/other").body == b"other"
    assert behind.client.get("/predict").status == 405
    assert behind.client("POST", "/metrics", body=b"").status == 404
    assert behind.client("HEAD", "/metrics").body == b""
    assert behind.rows() == []


def test_a_long_body_is_answered_and_not_recorded(tmp_path):
    behind = Behind(tmp_path, max_body=1_000)
    assert behind.post({"age": 31, "text": "x" * 2_000}).status == 200
    assert behind.post({"age": -1, "text": "x" * 2_000}).status == 418
    assert behind.post({"age": 31}).status == 200
    assert len(behind.rows()) == 1
    assert behind.counted('monitor_dropped_total{model="m",reason="body"}') == 1
    assert behind.counted('prediction_errors_total{model="m",status="418"}') == 1
    assert behind.counted("mlflow_model_predictions_total") == 2


@pytest.mark.parametrize(
    ("options", "asked", "said"),
    [
        ({"inputs": "features"}, {"features": {"a": 1}}, {"score": 2}),
        ({"inputs": lambda body: body["x"][0]}, {"x": [{"a": 1}]}, {"score": 2}),
        ({"prediction": lambda body: body["out"]["p"]}, {"a": 1}, {"out": {"p": 2}}),
        ({"prediction": None}, {"a": 1}, {"prediction": 2}),
        ({"prediction": None}, {"a": 1}, {"predictions": [2]}),
        ({"prediction": None}, {"a": 1}, 2),
        ({"prediction": None}, [{"a": 1}], [2]),
    ],
)
def test_where_features_and_prediction_are_can_be_said(tmp_path, options, asked, said):
    async def app(scope, receive, send):
        await receive()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": json.dumps(said).encode()})

    behind = Behind(tmp_path, app, **options)
    behind.post(asked)
    (row,) = behind.rows()
    assert (row["a"], row["__prediction"]) == (1, 2)


@pytest.mark.parametrize(
    ("options", "asked"),
    [
        ({"inputs": "features"}, {"other": 1}),
        ({"inputs": lambda body: body["x"]}, {"other": 1}),
        ({"inputs": lambda body: 7}, {"a": 1}),
        ({"prediction": "other"}, {"a": 1}),
        ({"inputs": lambda body: []}, {"a": 1}),
    ],
)
def test_what_does_not_fit_is_answered_and_counted(tmp_path, options, asked):
    behind = Behind(tmp_path, **options)
    assert behind.post(asked).status == 200
    assert behind.rows() == []
    assert behind.counted('monitor_dropped_total{model="m",reason="shape"}') == 1


def test_deep_json_is_answered_and_counted(tmp_path):
    async def app(scope, receive, send):
        await receive()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"[" * 100_000})

    behind = Behind(tmp_path, app)
    assert behind.post(b"[" * 100_000).status == 200
    assert behind.rows() == []
    assert behind.counted('monitor_dropped_total{model="m",reason="unreadable"}') == 1


def test_a_client_that_leaves_is_counted_and_harms_nothing(tmp_path):
    async def app(scope, receive, send):
        message = await receive()
        assert message["type"] == "http.disconnect"

    behind = Behind(tmp_path, app)

    async def leave():
        async def receive():
            return {"type": "http.disconnect"}

        async def send(message):
            raise AssertionError(message)

        scope = {"type": "http", "method": "POST", "path": "/predict", "headers": []}
        await behind.middleware(scope, receive, send)

    asyncio.run(leave())
    assert behind.rows() == []
    assert behind.counted('prediction_errors_total{model="m",status="499"}') == 1


def test_other_protocols_pass_untouched(tmp_path):
    seen = []

    async def app(scope, receive, send):
        seen.append((scope, receive, send))

    behind = Behind(tmp_path, app)
    asyncio.run(behind.middleware({"type": "websocket"}, None, None))
    assert seen == [({"type": "websocket"}, None, None)]


@pytest.mark.parametrize("end", ["lifespan.shutdown.complete", "lifespan.shutdown.failed"])
def test_what_was_answered_is_durable_before_the_server_ends(tmp_path, end):
    said = []

    async def app(scope, receive, send):
        if scope["type"] == "lifespan":
            await send({"type": "lifespan.startup.complete"})
            await send({"type": end})
        else:
            await api()(scope, receive, send)

    async def heard(message):
        found = InferenceLog(tmp_path).newest("m", 10)
        said.append((message["type"], found.num_rows))

    behind = Behind(tmp_path, app, flush_interval=3600)
    for rows in (1, 2):  # an application may begin and end more than once, in tests say
        assert behind.post({"age": 31}).status == 200
        asyncio.run(behind.middleware({"type": "lifespan"}, None, heard))
        assert said[-1] == (end, rows)
    assert said[0] == ("lifespan.startup.complete", 0)
    behind.middleware.close()


def test_what_was_read_is_written_where_the_time_is_over_before_all_is_read(tmp_path, monkeypatch):
    behind = Behind(tmp_path, flush_interval=3600)
    behind.post({"age": 31})
    assert behind.middleware.flush(30)
    behind.middleware.recorder.log({"age": 32}, 0.5)  # what was read and not written yet
    given = []
    monkeypatch.setattr(behind.middleware._capture._intake, "flush", lambda seconds: given.append(seconds))
    assert not behind.middleware.flush(30)
    assert given == [pytest.approx(24)], "the rest is for writing"
    assert InferenceLog(tmp_path).newest("m", 10).num_rows == 2
    behind.middleware.close()


def test_a_batch_without_rows_loses_none(tmp_path):
    behind = Behind(tmp_path)
    assert json.loads(behind.post([]).text) == {"score": []}
    assert behind.rows() == []
    assert behind.counted("monitor_dropped_total{") == 0
    assert behind.counted("mlflow_model_predictions_total{") == 0


def test_it_is_added_as_any_middleware_and_two_share_their_counters(tmp_path):
    shared = ServingMetrics(CollectorRegistry())
    app = api()
    for model, path in (("a", "/predict"), ("b", "/other")):
        app.add_middleware(CaptureMiddleware, model=model, path=path, log=tmp_path, metrics=shared)
    Client(app)("POST", "/predict", body=b'{"age": 31}', content_type="application/json")
    text = shared.render().decode()
    assert 'mlflow_prediction_latency_seconds_count{model="a"} 1.0' in text
    assert 'mlflow_prediction_latency_seconds_count{model="b"} 0.0' in text
    layer: Any = app.middleware_stack
    while layer is not None:  # no thread is to write when the folder is gone
        if isinstance(layer, CaptureMiddleware):
            layer.close()
            layer = layer._capture._app
        else:
            layer = getattr(layer, "app", None)


def test_a_path_that_is_none_is_refused(tmp_path):
    with pytest.raises(InputError, match="path is 'predict'"):
        CaptureMiddleware(api(), "m", "predict", tmp_path)


@pytest.mark.parametrize(
    "body",
    [
        {f"k{n}": 1 for n in range(1_001)},
        [{f"k{n}": 1} for n in range(1_001)],
        [{f"k{n}": 1 for n in range(1_000)}, *({} for _ in range(10_000))],
    ],
)
def test_a_small_body_makes_no_large_table(tmp_path, body):
    """Each row with a name of its own: the table has as many values as the square of the rows."""
    behind = Behind(tmp_path)
    assert behind.post(body).status == 200
    assert behind.rows() == []
    assert behind.counted('monitor_dropped_total{model="m",reason="columns"}') == 1


@pytest.mark.parametrize("path", ["/predict", "/metrics"])
def test_paths_are_those_of_the_application_wherever_a_proxy_shows_it(tmp_path, path):
    behind = Behind(tmp_path)

    def rooted(scope, receive, send, root="/api"):
        return behind.middleware({**scope, "root_path": root, "path": root + scope["path"]}, receive, send)

    behind.client = Client(rooted)
    assert behind.post({"age": 31}).status == 200
    assert behind.counted("mlflow_model_predictions_total") >= 0
    assert behind.client.get("/metrics").status == 200
    assert [row["age"] for row in behind.rows()] == [31]


def test_a_path_that_only_begins_like_the_root_is_another(tmp_path):
    behind = Behind(tmp_path, path="/lication")

    def rooted(scope, receive, send):
        return behind.middleware({**scope, "root_path": "/app"}, receive, send)

    behind.client = Client(rooted)
    behind.post({"age": 31}, "/application")
    assert behind.rows() == []
