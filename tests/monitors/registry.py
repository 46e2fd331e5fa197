"""Small registered models on the real server, for the tests of what finds them."""

from __future__ import annotations

import contextlib
import uuid
from typing import Any

from mlflow.exceptions import MlflowException


def register(client: Any, name: str | None = None, *, alias: str | None = "champion") -> tuple[str, str]:
    """Register one more version of a model, as MLflow 3 makes them; return its name and the version."""
    name = name or f"m-{uuid.uuid4().hex[:8]}"
    model = client.create_logged_model("0", name="m")
    client.log_model_artifact(model.model_id, __file__)
    model = client.finalize_logged_model(model.model_id, "READY")
    with contextlib.suppress(MlflowException):  # it is there; a filter could not hold every name
        client.create_registered_model(name)
    made = client.create_model_version(name, source=f"models:/{model.model_id}", model_id=model.model_id)
    if alias is not None:
        client.set_registered_model_alias(name, alias, made.version)
    return name, str(made.version)
