"""Find what can be monitored without being told: models that are recorded and have an alias."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mirante.monitors.config import ModelConfig
from mirante.tracking.client import asking, brief_requests

if TYPE_CHECKING:
    from mlflow import MlflowClient

    from mirante.inference_log import InferenceLog

__all__ = ["Discovery", "discover"]


@dataclass(frozen=True, slots=True)
class Discovery:
    """What recorded models came to.

    Parameters
    ----------
    models : tuple of ModelConfig
        One for each alias, sorted by subject. How their windows are cut is said by their baselines, once
        there are any.
    unknown : tuple of str
        Recorded names that MLflow's registry does not know.
    without_alias : tuple of str
        Models of which no version has an alias.
    """

    models: tuple[ModelConfig, ...]
    unknown: tuple[str, ...] = ()
    without_alias: tuple[str, ...] = ()


def discover(client: MlflowClient, log: InferenceLog) -> Discovery:
    """Return a config for every alias of every model whose predictions are recorded, baseline or not.

    Parameters
    ----------
    client : MlflowClient
        Of the server that has the models.
    log : InferenceLog
        Where predictions are recorded.

    Returns
    -------
    Discovery
        With the names of what cannot be watched.

    Raises
    ------
    TrackingError
        If MLflow does not answer.
    """
    found: list[ModelConfig] = []
    unknown, without_alias = [], []
    with brief_requests():
        for model in sorted({model for model, _ in log.models()}):
            aliases = _aliases(client, model)
            if aliases is None:
                unknown.append(model)
            elif not aliases:
                without_alias.append(model)
            found += [ModelConfig(model=model, alias=alias, log=log.root) for alias in aliases or ()]
    return Discovery(
        tuple(sorted(found, key=lambda config: config.subject)), tuple(unknown), tuple(without_alias)
    )


def _aliases(client: MlflowClient, model: str) -> list[str] | None:
    """Return the aliases of a model; None for a name that MLflow does not know, or would not allow."""
    from mlflow.exceptions import MlflowException

    with asking(client, f"look up the model {model!r}"):
        try:
            return sorted(client.get_registered_model(model).aliases)
        except MlflowException as error:
            if error.error_code not in {"RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"}:
                raise
            return None
