import json
import logging
import shlex
import subprocess
import sys
import time
import urllib.error
import urllib.request
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import mirante
from mirante.capture.pyfunc import RECORDED_BY_SERVER
from mirante.errors import ConfigError, InputError
from mirante.inference_log.reader import InferenceLog

ROWS = pd.DataFrame({"age": [31.0, 52.0], "visits": [3.0, 8.0]})
NAME = "recorded é"


@pytest.fixture(scope="module")
def logged(mlflow_server, tmp_path_factory):
    """A registered model, and the same with its recording inside as version 1 of another."""
    import mlflow
    from sklearn.linear_model import LinearRegression

    folder = tmp_path_factory.mktemp("recorded")
    before = mlflow.get_tracking_uri()
    mlflow.set_tracking_uri(mlflow_server)
    mlflow.set_experiment("recorded models")
    with warnings.catch_warnings(), mlflow.start_run():
        warnings.simplefilter("ignore")
        signature = mlflow.models.infer_signature(ROWS, np.array([1.0]))
        plain = mlflow.sklearn.log_model(
            LinearRegression().fit(ROWS, [1.0, 2.0]),
            name="plain",
            signature=signature,
            pip_requirements=["scikit-learn"],
        )
        found = mirante.log_recorded_model(
            plain.model_uri,
            NAME,
            folder / "log",
            drop=["visits"],
            name="recorded",
            registered_model_name=NAME,
        )
    yield plain, found, folder / "log"
    mlflow.set_tracking_uri(before)


@pytest.fixture
def loaded(logged, mlflow_server, monkeypatch):
    """Loads a model as anybody would."""
    import mlflow

    monkeypatch.setenv("MLFLOW_TRACKING_URI", mlflow_server)
    return mlflow.pyfunc.load_model


def recorder_of(model):
    return model._model_impl.recorder


def test_it_has_what_the_model_had_and_asks_for_mirante(logged):
    import mlflow

    plain, found, _ = logged
    assert found.signature == plain.signature
    folder = Path(mlflow.artifacts.download_artifacts(artifact_uri=found.model_uri))
    asked = (folder / "requirements.txt").read_text().split()
    assert "scikit-learn" in asked
    assert f"mirante=={mirante.__version__}" in asked


def test_it_answers_the_same_and_records_under_the_registered_version(logged, loaded):
    plain, _, log = logged
    model = loaded(f"models:/{NAME}/1")
    np.testing.assert_array_equal(model.predict(ROWS), loaded(plain.model_uri).predict(ROWS))
    recorder_of(model).close()
    rows = InferenceLog(log).scan(NAME).to_pylist()
    assert [row["age"] for row in rows] == [31.0, 52.0]
    assert "visits" not in rows[0]
    assert InferenceLog(log).models() == [(NAME, "1")]


def test_the_environment_can_name_the_version(logged, loaded, monkeypatch):
    monkeypatch.setenv("MIRANTE_MODEL_VERSION", "7")
    model = loaded(logged[1].model_uri)
    model.predict(ROWS)
    recorder_of(model).close()
    assert (NAME, "7") in InferenceLog(logged[2]).models()


def test_without_a_server_it_answers_and_says_that_nobody_watches(logged, loaded, monkeypatch, caplog):
    import mlflow

    folder = mlflow.artifacts.download_artifacts(artifact_uri=logged[1].model_uri)
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    before = mlflow.get_tracking_uri()
    mlflow.set_tracking_uri("http://127.0.0.1:9")
    try:
        with caplog.at_level(logging.WARNING, "mirante.capture"):
            model = loaded(folder)
    finally:
        mlflow.set_tracking_uri(before)
    assert model.predict(ROWS).shape == (2,)
    recorder_of(model).close()
    assert "MIRANTE_MODEL_VERSION" in caplog.text
    assert (NAME, "unknown") in InferenceLog(logged[2]).models()


def test_a_server_that_records_is_not_helped(logged, loaded, monkeypatch):
    monkeypatch.setenv(RECORDED_BY_SERVER, "1")
    model = loaded(logged[1].model_uri)
    assert recorder_of(model) is None
    assert model.predict(ROWS).shape == (2,)


def test_what_cannot_be_recorded_is_answered(logged, loaded, monkeypatch, caplog, tmp_path):
    import mlflow

    folder = Path(
        mlflow.artifacts.download_artifacts(artifact_uri=logged[1].model_uri, dst_path=str(tmp_path))
    )
    (orders,) = folder.rglob("recorded.json")
    kept = json.loads(orders.read_text())
    kept["privacy"] |= {"hash": ["age"], "key": "env:NOT_THERE"}
    orders.write_text(json.dumps(kept))
    with caplog.at_level(logging.ERROR, "mirante.capture"):
        model = loaded(str(folder))
    assert "NOT_THERE" in caplog.text
    assert model.predict(ROWS).shape == (2,)


@pytest.mark.parametrize(
    ("options", "error", "word"),
    [
        ({"hash": ["age"]}, InputError, "env:NAME"),
        ({"hash": ["age"], "key": "the key itself"}, InputError, "would lie in the model"),
        ({"drop": ["age"], "hash": ["age"], "key": "env:K"}, (ConfigError, ValueError), "age"),
        ({"sample": 0.0}, InputError, "sample is 0.0; give the share"),
    ],
)
def test_what_is_wrong_is_said_before_anything_is_logged(options, error, word):
    with pytest.raises(error, match=word):
        mirante.log_recorded_model("models:/none/1", "none", **options)


@pytest.mark.server
def test_mlflows_own_server_records(logged, mlflow_server, free_port, tmp_path):
    """The command that MLflow itself builds, in a process of its own."""
    import mlflow
    from mlflow.pyfunc import scoring_server

    mlflow.set_tracking_uri(mlflow_server)
    folder = mlflow.artifacts.download_artifacts(artifact_uri=logged[1].model_uri, dst_path=str(tmp_path))
    command, env = scoring_server.get_cmd(folder, port=free_port, host="127.0.0.1", nworkers=1)
    env = {**env, "MLFLOW_TRACKING_URI": mlflow_server, "MIRANTE_MODEL_VERSION": "served"}
    arguments = shlex.split(command)[shlex.split(command).index("uvicorn") + 1 :]
    process = subprocess.Popen([sys.executable, "-m", "uvicorn", *arguments], env=env, cwd=tmp_path)
    try:
        body = json.dumps({"dataframe_split": ROWS.to_dict(orient="split")}).encode()
        answer = _post(f"http://127.0.0.1:{free_port}/invocations", body, process)
        assert len(json.loads(answer)["predictions"]) == 2
        assert _served(logged[2]) == 2
    finally:
        process.terminate()
        process.wait(20)


def _served(log):
    """Rows that became durable; uvicorn ends by its signal, with what waits less than a second."""
    for _ in range(100):
        versions = InferenceLog(log).scan(NAME, columns=["__version"])["__version"].to_pylist()
        if "served" in versions:
            return versions.count("served")
        time.sleep(0.1)
    return 0


def _post(url, body, process):
    request = urllib.request.Request(url, body, {"Content-Type": "application/json"})
    for _ in range(150):
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return answer.read()
        except urllib.error.HTTPError as error:
            raise AssertionError(error.read()) from error
        except OSError:
            assert process.poll() is None, "the server ended"
            time.sleep(0.2)
    raise AssertionError("the server did not come up")
