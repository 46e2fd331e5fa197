"""Models as people train them: a run with its data sets, a model with a signature, registered."""

from __future__ import annotations

import tempfile
import uuid
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

SOURCE = """
import sys
import mlflow
import pandas as pd

class Risk(mlflow.pyfunc.PythonModel):
    def predict(self, context, model_input, params=None):
        print("the model prints, to whoever listens")
        found = (model_input["age"].fillna(40) / 100).to_numpy()
        if (model_input["plan"] == "several").any():
            return pd.DataFrame({"low": 1 - found, "high": found})
        if (model_input["plan"] == "broken").any():
            raise RuntimeError("the model does not know this plan")
        if (model_input["plan"] == "dies").any():
            sys.exit(7)
        return found[:-1] if (model_input["plan"] == "short").any() else found

mlflow.models.set_model(Risk())
"""


def rows(n: int = 400, *, seed: int = 0, shift: float = 0.0) -> pd.DataFrame:
    """Rows of a normal time: two inputs of the model, two columns that it is not given, and three others."""
    rng = np.random.default_rng(seed)
    age = rng.normal(40.0 + shift, 9.0, n).clip(1, 99)
    found = pd.DataFrame({"age": age, "plan": rng.choice(["basic", "pro"], n)})
    found["customer"] = [f"c-{number}" for number in range(n)]
    found["said"] = age / 100
    found["late"] = (rng.random(n) < found["said"]).astype(int)
    found["at"] = pd.date_range("2026-01-01", periods=n, freq="h", tz="UTC")
    return found


def trained(
    uri: str,
    *,
    inputs: Mapping[str, tuple[pd.DataFrame, str | None, str, Mapping[str, str]]] | None = None,
    name: str | None = None,
    alias: str | None = "champion",
    output: str | None = None,
    folder: Path | None = None,
) -> tuple[str, str, str]:
    """Train a model; return its name, the version and the run.

    `inputs` are the data sets that are logged: by name their rows, source (None: in memory), context, tags.
    With `folder` it can really predict; else it is a description without a model.
    """
    import mlflow
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, Schema

    name = name or f"churn-{uuid.uuid4().hex[:8]}"
    signature = ModelSignature(
        Schema(
            [ColSpec("double", "age"), ColSpec("string", "plan"), ColSpec("double", "more", required=False)]
        ),
        Schema([ColSpec("double", output)]),
    )
    mlflow.set_tracking_uri(uri)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what MLflow says to itself
        # MLflow keeps one data set of a name and a digest per experiment, with the source that came first
        experiment = mlflow.create_experiment(f"trained-{uuid.uuid4().hex[:8]}")
        with mlflow.start_run(experiment_id=experiment) as run:
            for called, (frame, source, context, tags) in (inputs or {}).items():
                one = mlflow.data.from_pandas(
                    frame, source=source, targets="late", predictions="said", name=called
                )
                mlflow.log_input(one, context=context, tags=dict(tags) or None)
            version = _registered(mlflow.MlflowClient(), run.info, name, signature, folder)
    if alias is not None:
        mlflow.MlflowClient().set_registered_model_alias(name, alias, version)
    mlflow.set_tracking_uri(None)
    return name, version, run.info.run_id


def _registered(client: Any, info: Any, name: str, signature: Any, folder: Path | None) -> str:
    import mlflow
    from mlflow.models import Model

    if folder is not None:
        path = folder / "risk.py"
        path.write_text(SOURCE)
        made = mlflow.pyfunc.log_model(
            name="model", python_model=str(path), signature=signature, pip_requirements=[]
        )
        model_id = made.model_id
    else:
        logged = client.create_logged_model(info.experiment_id, name="model", source_run_id=info.run_id)
        model_id = logged.model_id
        with tempfile.TemporaryDirectory() as scratch:
            Model(signature=signature).save(str(Path(scratch) / "MLmodel"))
            client.log_model_artifacts(model_id, scratch)
        client.finalize_logged_model(model_id, "READY")
    if not client.search_registered_models(filter_string=f'name = "{name}"'):
        client.create_registered_model(name)
    made = client.create_model_version(name, f"models:/{model_id}", run_id=info.run_id, model_id=model_id)
    return str(made.version)
