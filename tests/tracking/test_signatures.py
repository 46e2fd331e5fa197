"""What models say of their columns, read from real servers without loading the model."""

from __future__ import annotations

import uuid
from pathlib import Path

import pytest

from mirante.tracking.client import connect
from mirante.tracking.models import ModelName, find_model
from mirante.tracking.signatures import ModelColumn, ModelColumns, columns_of
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
