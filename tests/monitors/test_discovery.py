import time
import uuid

import pytest

from mirante.capture.recorder import Recorder
from mirante.errors import TrackingError
from mirante.inference_log.reader import InferenceLog
from mirante.monitors.discovery import Discovery, discover
from mirante.tracking.client import connect

from .registry import register


def record(root, *models):
    for model in models:
        with Recorder(model, root) as recorder:
            recorder.log({"age": 40.0, "plan": "basic"}, 0.5)
    return InferenceLog(root)


@pytest.mark.server
def test_every_alias_of_a_recorded_model_is_found(mlflow_server, tmp_path):
    client = connect(mlflow_server)
    name, version = register(client)
    client.set_registered_model_alias(name, "beta", version)
    odd, _ = register(client, f"ação d'água {uuid.uuid4().hex[:6]}", alias="live")
    register(client)  # not recorded
    found = discover(client, record(tmp_path, name, odd))
    subjects = [config.subject for config in found.models]
    assert subjects == sorted([f"model/{name}@beta", f"model/{name}@champion", f"model/{odd}@live"])
    assert {config.log for config in found.models} == {tmp_path}
    assert (found.unknown, found.without_alias) == ((), ())


@pytest.mark.server
def test_what_cannot_be_watched_is_named(mlflow_server, tmp_path):
    client = connect(mlflow_server)
    without_alias, _ = register(client, alias=None)
    unknown = ("100%", "no/name: for it", "unknown to MLflow")
    found = discover(client, record(tmp_path, without_alias, *unknown))
    assert found == Discovery((), unknown, (without_alias,))


@pytest.mark.server
def test_an_empty_log_asks_nothing(mlflow_server, tmp_path):
    assert discover(connect(mlflow_server), InferenceLog(tmp_path / "not there yet")) == Discovery(())


def test_a_server_that_is_away_is_said_within_seconds(tracking_off, tmp_path):
    began = time.monotonic()
    with pytest.raises(
        TrackingError, match="could not look up the model 'churn': no MLflow server answers at http"
    ):
        discover(connect(tracking_off), record(tmp_path, "churn"))
    assert time.monotonic() - began < 20
