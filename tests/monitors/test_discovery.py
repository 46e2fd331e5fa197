import time
import uuid

import pytest

from mirante.capture.recorder import Recorder
from mirante.errors import TrackingError
from mirante.inference_log.reader import InferenceLog
from mirante.monitors.baseline import ModelBaseline, publish_baseline
from mirante.monitors.discovery import discover
from mirante.monitors.windows import WindowClock
from mirante.tracking.client import connect

from .conftest import make_rows
from .registry import register


def record(root, *models):
    for model in models:
        with Recorder(model, root) as recorder:
            recorder.log({"age": 40.0, "plan": "basic"}, 0.5)
    return InferenceLog(root)


@pytest.fixture(scope="module")
def new_york():
    """A baseline for six hours on New York's clock."""
    return ModelBaseline.fit(*make_rows(0, 100), clock=WindowClock("6h", "America/New_York"))


@pytest.mark.server
def test_recorded_models_with_a_baseline_are_found_as_the_baseline_was_cut(mlflow_server, tmp_path, new_york):
    client = connect(mlflow_server)
    name, version = register(client)
    publish_baseline(client, name, version, new_york)
    client.set_registered_model_alias(name, "beta", version)
    odd, odd_version = register(client, f"ação d'água {uuid.uuid4().hex[:6]}", alias="live")
    publish_baseline(client, odd, odd_version, new_york)
    log = record(tmp_path, name, odd)
    found = discover(client, log)
    assert [config.subject for config in found] == sorted(
        [f"model/{name}@beta", f"model/{name}@champion", f"model/{odd}@live"]
    )
    assert {(config.window, config.timezone, config.log) for config in found} == {
        ("6h", "America/New_York", tmp_path)
    }


@pytest.mark.server
def test_what_cannot_be_monitored_is_left_out(mlflow_server, tmp_path, new_york):
    client = connect(mlflow_server)
    without_baseline, _ = register(client)
    without_alias, version = register(client, alias=None)
    publish_baseline(client, without_alias, version, new_york)
    not_recorded, version = register(client)
    publish_baseline(client, not_recorded, version, new_york)
    half, version = register(client)  # one alias has a baseline, the other has none
    register(client, half, alias="challenger")
    publish_baseline(client, half, version, new_york)
    unknown = ("unknown to MLflow", "no/name: for it", "100%")
    log = record(tmp_path, without_baseline, without_alias, half, *unknown)
    assert [config.subject for config in discover(client, log)] == [f"model/{half}@champion"]


@pytest.mark.server
def test_a_baseline_that_says_no_window_has_the_default(mlflow_server, tmp_path, new_york):
    client = connect(mlflow_server)
    name, version = register(client)
    bare = ModelBaseline(new_york.profile, new_york.drift, new_york.outliers, new_york.task, {})
    publish_baseline(client, name, version, bare)
    (found,) = discover(client, record(tmp_path, name))
    assert (found.window, found.timezone) == ("1h", "UTC")


@pytest.mark.server
def test_an_empty_log_asks_nothing(mlflow_server, tmp_path):
    assert discover(connect(mlflow_server), InferenceLog(tmp_path / "not there yet")) == []


def test_a_server_that_is_away_is_said_within_seconds(tracking_off, tmp_path):
    began = time.monotonic()
    with pytest.raises(
        TrackingError, match="could not look up the model 'churn': no MLflow server answers at http"
    ):
        discover(connect(tracking_off), record(tmp_path, "churn"))
    assert time.monotonic() - began < 20
