"""Models that MLflow does not have, as `mirante serve` tells them."""

from __future__ import annotations

import uuid
from pathlib import Path

import pytest

from mirante.capture.serve.model import fetch_model, which_model
from mirante.errors import NotRegisteredError
from mirante.tracking.client import connect
from tests.monitors.registry import register


@pytest.mark.server
def test_what_mlflow_does_not_have_is_told_with_what_is_near(mlflow_server: str, tmp_path: Path) -> None:
    client = connect(mlflow_server)
    model, _ = register(client, f"served-{uuid.uuid4().hex[:8]}")
    for uri, said in [
        (f"models:/{model}/9", "has no version '9' .*; its newest version is 1"),
        (f"models:/{model[:-1]}/1", f"no registered model .*; did you mean '{model}'"),
        ("runs:/0a1b/model", "the model runs:/0a1b/model cannot be had"),
    ]:
        with pytest.raises(NotRegisteredError, match=said):
            fetch_model(uri, tmp_path, mlflow_server)
    with pytest.raises(NotRegisteredError, match="no registered model"):
        which_model(f"models:/{model[:-1]}/latest", lambda: client)
