"""Find what can be monitored without being told: models that are recorded and have a baseline."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mirante.errors import TrackingError
from mirante.monitors.baseline import fetch_baseline
from mirante.monitors.config import ModelConfig
from mirante.tracking.client import asking, brief_requests

if TYPE_CHECKING:
    from mlflow import MlflowClient

    from mirante.inference_log import InferenceLog

__all__ = ["discover"]


def discover(client: MlflowClient, log: InferenceLog) -> list[ModelConfig]:
    """Return a config for every alias whose version has a baseline and whose predictions are recorded.

    Windows and time zone are the ones that the baseline was made for.

    Parameters
    ----------
    client : MlflowClient
        Of the server that has the models.
    log : InferenceLog
        Where predictions are recorded.

    Returns
    -------
    list of ModelConfig
        Sorted by subject; models that MLflow does not know, and aliases without baseline, are left out.

    Raises
    ------
    TrackingError
        If MLflow does not answer.
    """
    found = []
    with brief_requests():
        for model in sorted({model for model, _ in log.models()}):
            for alias in _aliases(client, model):
                try:
                    _, baseline = fetch_baseline(client, model, alias)
                except TrackingError:
                    continue
                cut = {key: baseline.about[key] for key in ("window", "timezone") if key in baseline.about}
                found.append(ModelConfig(model=model, alias=alias, log=log.root, **cut))
    return sorted(found, key=lambda config: config.subject)


def _aliases(client: MlflowClient, model: str) -> list[str]:
    """Return the aliases of a model; none for a name that MLflow does not know, or would not allow."""
    from mlflow.exceptions import MlflowException

    with asking(client, f"look up the model {model!r}"):
        try:
            return sorted(client.get_registered_model(model).aliases)
        except MlflowException as error:
            if error.error_code not in {"RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"}:
                raise
            return []
