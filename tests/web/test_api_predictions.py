import json
import math

import pytest

from mirante.capture.recorder import Recorder
from mirante.capture.recorders import Recorders
from mirante.inference_log.reader import InferenceLog
from mirante.web.asgi import create_app
from mirante.web.config import WebConfig
from tests.web.conftest import NOW, Client


@pytest.fixture
def post(empty_store, tmp_path):
    recorders = Recorders(lambda name: Recorder(name, tmp_path / "log") if name == "churn" else None)
    client = Client(create_app(empty_store, config=WebConfig(), clock=lambda: NOW, recorders=recorders))

    def send(**body):
        data = json.dumps({"model": "churn", "version": "3", **body}).encode()
        return client("POST", "/api/v1/predictions", body=data, content_type="application/json")

    send.close = recorders.close
    yield send
    recorders.close()


def test_predictions_arrive_in_the_models_log(post, tmp_path):
    rows = [{"age": 31, "plan": "basic", "paid": True}, {"age": None, "plan": "é\u0000", "paid": False}]
    answer = post(
        inputs=rows,
        predictions=[0.25, 1],
        ids=["order-1", "order-2"],
        times=["2013-02-08T12:00:00Z", "2013-02-08T09:00:00-03:00"],
        latencies=[0.004, None],
    )
    assert (answer.status, json.loads(answer.body)) == (202, {"ids": ["order-1", "order-2"]})
    post.close()
    first, second = InferenceLog(tmp_path / "log").scan("churn").to_pylist()
    assert {name: first[name] for name in rows[0]} == rows[0]
    assert {name: second[name] for name in rows[1]} == rows[1]
    assert first["__time"] == second["__time"]
    assert (first["__prediction"], first["__latency"], first["__version"]) == (0.25, 0.004, "3")


def test_ids_are_made_up_for_those_who_have_none(post, tmp_path):
    (name,) = json.loads(post(inputs=[{"age": 31}], predictions=["yes"]).body)["ids"]
    post.close()
    (row,) = InferenceLog(tmp_path / "log").scan("churn").to_pylist()
    assert (row["__id"], row["__prediction"]) == (name, "yes")


def test_a_model_that_is_not_in_the_config_is_404(post, tmp_path):
    answer = post(model="../../etc", inputs=[{"a": 1}], predictions=[1])
    assert answer.status == 404
    assert "add it under models:" in answer.text
    assert not (tmp_path / "log").exists()


@pytest.mark.parametrize(
    "body",
    [
        {"inputs": [], "predictions": []},
        {"inputs": [{"a": 1}], "predictions": [1, 2]},
        {"inputs": [{"a": 1}], "predictions": [1], "ids": ["a", "b"]},
        {"inputs": [{"a": 1}], "predictions": [1], "times": ["2013-02-08T00:00:00"]},
        {"inputs": [{"a": 1}], "predictions": [1], "latencies": [-1]},
        {"inputs": [{"a": 1}], "predictions": [None]},
        {"inputs": [{"a": 1}], "predictions": [math.nan]},
        {"inputs": [{"a": [1]}], "predictions": [1]},
        {"inputs": [{f"c{n}": 1 for n in range(1_001)}], "predictions": [1]},
        {"inputs": [{"a": 1}], "predictions": [1], "more": 1},
        {"inputs": [{"a": 1}], "predictions": [1], "version": ""},
        {"inputs": [{"a": 1}], "predictions": [1], "version": " "},
        {"inputs": [{"a": 1}], "predictions": [1], "model": " "},
        {"inputs": [{"a": 1}], "predictions": [1], "ids": [" "]},
    ],
)
def test_what_makes_no_sense_is_422_and_nothing_is_kept(post, tmp_path, body):
    answer = post(**body)
    assert answer.status == 422, answer.text
    assert not (tmp_path / "log").exists()


def test_a_page_that_only_shows_takes_none(empty_store, tmp_path):
    recorders = Recorders(lambda name: Recorder(name, tmp_path / "log"))
    client = Client(create_app(empty_store, config=WebConfig(read_only=True), recorders=recorders))
    body = json.dumps({"model": "churn", "version": "3", "inputs": [{"a": 1}], "predictions": [1]}).encode()
    assert client("POST", "/api/v1/predictions", body=body, content_type="application/json").status == 403


def test_probabilities_of_classes_are_lists_or_have_names(post, tmp_path):
    said = [[0.25, 0.75], {"no": 0.9, "yes": 0.1}]
    assert post(inputs=[{"age": 31}, {"age": 32}], predictions=said).status == 202
    assert post(inputs=[{"age": 33}], predictions=[[0.5]]).status == 422
    post.close()
    first, second = InferenceLog(tmp_path / "log").scan("churn").to_pylist()
    assert (first["__prediction"], first["__probability_at_1"], first["__probability_of_no"]) == (
        "1",
        0.75,
        None,
    )
    assert (second["__prediction"], second["__probability_of_yes"]) == ("no", 0.1)
