"""What models say of their columns, read from real servers without loading the model."""

from __future__ import annotations

import contextlib
import socket
import sqlite3
import sys
import uuid
from pathlib import Path

import pytest

from mirante.tracking.client import connect
from mirante.tracking.models import ModelName, find_model
from mirante.tracking.server import ServerProcess
from mirante.tracking.signatures import (
    ModelColumn,
    ModelColumns,
    columns_of,
    has_signature,
    logged_with_signature,
)
from tests.app.trained import trained
from tests.monitors.registry import register

pytestmark = pytest.mark.server
INPUTS = (ModelColumn("age", "double"), ModelColumn("plan", "string"), ModelColumn("more", "double", False))


def test_inputs_and_outputs(mlflow_server: str) -> None:
    client = connect(mlflow_server)
    name, _, _ = trained(mlflow_server, output="risk")
    assert columns_of(client, find_model(client, ModelName(name))) == ModelColumns(INPUTS, ("risk",))
    name, _, _ = trained(mlflow_server)
    assert columns_of(client, find_model(client, ModelName(name))) == ModelColumns(INPUTS)


def test_whether_there_is_a_signature_is_known_where_there_is_a_description(
    mlflow_server: str, tmp_path: Path
) -> None:
    client = connect(mlflow_server)
    name, version, _ = trained(mlflow_server)
    copied = f"copy-{uuid.uuid4().hex[:8]}"
    client.create_registered_model(copied)
    client.create_model_version(copied, source=f"models:/{name}/{version}")
    for one in (name, copied):
        assert has_signature(client, find_model(client, ModelName(one, None, "1"))) is True
    name, _ = register(client)
    assert has_signature(client, find_model(client, ModelName(name))) is None
    (tmp_path / "MLmodel").write_text("flavors: {}\n")
    run = client.create_run("0").info
    client.log_artifacts(run.run_id, str(tmp_path), "model")
    for number, source in enumerate((f"{run.artifact_uri}/model", f"runs:/{run.run_id}/model")):
        made = client.create_model_version(name, source=source, run_id=run.run_id)
        assert has_signature(client, made) is False, number


@pytest.mark.parametrize("scheme", ["http", "HTTPS", "ftp", "sftp"])
def test_an_address_that_somebody_registered_is_not_asked(mlflow_server: str, scheme: str) -> None:
    client = connect(mlflow_server)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0)
        place = f"{scheme}://127.0.0.1:{listener.getsockname()[1]}/model"
        name, _ = register(client)
        made = client.create_model_version(name, source=place)
        experiment = client.create_experiment(f"e-{uuid.uuid4().hex[:8]}", artifact_location=place)
        run = client.create_run(experiment).info
        through_run = client.create_model_version(name, source=f"runs:/{run.run_id}/m", run_id=run.run_id)
        for one in (made, through_run):
            assert has_signature(client, one) is None
        with pytest.raises(BlockingIOError):
            listener.accept()


@pytest.mark.parametrize("scheme", ["mlflow-artifacts", "https", "hdfs", "abfss"])
def test_nor_is_one_that_a_logged_model_names(
    mlflow_process: ServerProcess, monkeypatch: pytest.MonkeyPatch, scheme: str
) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "1")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    client = connect(mlflow_process.uri)
    name, _ = register(client)
    model = client.create_logged_model("0", name="m").model_id
    made = client.create_model_version(name, source=f"models:/{model}", model_id=model)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0)
        place = f"{scheme}://m@127.0.0.1:{listener.getsockname()[1]}/model"
        with contextlib.closing(sqlite3.connect(mlflow_process.folder / "mlflow.db")) as database, database:
            # older servers take such a place from anybody
            database.execute(
                "UPDATE logged_models SET artifact_location = ? WHERE model_id = ?", (place, model)
            )
        assert client.get_logged_model(model).artifact_location == place
        assert has_signature(client, made) is None
        assert logged_with_signature(client, model) is None
        with pytest.raises(BlockingIOError):
            listener.accept()


@pytest.mark.parametrize("installed", [True, False])
def test_a_storage_whose_client_is_missing_or_has_no_credentials_says_nothing(
    mlflow_server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free_port: int, installed: bool
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("MLFLOW_S3_ENDPOINT_URL", f"http://127.0.0.1:{free_port}")
    if not installed:
        monkeypatch.setitem(sys.modules, "boto3", None)
    client = connect(mlflow_server)
    experiment = client.create_experiment(f"e-{uuid.uuid4().hex[:8]}", artifact_location="s3://bucket/e")
    model = client.create_logged_model(experiment, name="m").model_id
    name, _ = register(client)
    made = client.create_model_version(name, source=f"models:/{model}", model_id=model)
    assert has_signature(client, made) is None
    assert columns_of(client, made) == ModelColumns()
    assert logged_with_signature(client, model) is None


def test_a_model_without_description_says_nothing(mlflow_server: str) -> None:
    client = connect(mlflow_server)
    name, _ = register(client)
    assert columns_of(client, find_model(client, ModelName(name))) == ModelColumns()


@pytest.mark.parametrize(
    "text", ["", "[", "!!python/object/apply:os.system ['true']", "signature: 7", "a: b"]
)
def test_a_damaged_or_hostile_description_says_nothing(mlflow_server: str, tmp_path: Path, text: str) -> None:
    client = connect(mlflow_server)
    (tmp_path / "MLmodel").write_text(text)
    model = client.create_logged_model("0", name="m")
    client.log_model_artifacts(model.model_id, str(tmp_path))
    client.finalize_logged_model(model.model_id, "READY")
    name = f"m-{uuid.uuid4().hex[:8]}"
    client.create_registered_model(name)
    client.create_model_version(name, source=f"models:/{model.model_id}", model_id=model.model_id)
    assert columns_of(client, find_model(client, ModelName(name, None, "1"))) == ModelColumns()


def test_models_from_before_mlflow_3_have_it_beside_their_run(mlflow_server: str, tmp_path: Path) -> None:
    client = connect(mlflow_server)
    (tmp_path / "MLmodel").write_text(
        "signature:\n"
        '  inputs: \'[{"type": "double", "name": "age", "required": true}]\'\n'
        "  outputs: null\n"
        "  params: null\n"
    )
    run = client.create_run("0").info
    client.log_artifacts(run.run_id, str(tmp_path), "model")
    name = f"old-{uuid.uuid4().hex[:8]}"
    client.create_registered_model(name)
    client.create_model_version(name, source=f"{run.artifact_uri}/model", run_id=run.run_id)
    client.create_model_version(name, source=f"runs:/{run.run_id}/model", run_id=run.run_id)
    for number in ("1", "2"):
        found = columns_of(client, find_model(client, ModelName(name, None, number)))
        assert found.inputs == (ModelColumn("age", "double"),)
