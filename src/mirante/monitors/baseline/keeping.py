"""The baseline's place beside the model version in MLflow."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from mirante.errors import InputError, TrackingError
from mirante.monitors.baseline.baseline import ModelBaseline
from mirante.tracking import baselines

if TYPE_CHECKING:
    from datetime import datetime

    from mlflow import MlflowClient

__all__ = ["fetch_baseline", "load_baseline", "publish_baseline"]


def publish_baseline(client: MlflowClient, model: str, version: str, baseline: ModelBaseline) -> str:
    """Write the baseline beside the model version in MLflow, and return its place there.

    Parameters
    ----------
    client : MlflowClient
        Of the server that has the model.
    model, version : str
        The registered model and its version.
    baseline : ModelBaseline
        What is normal for it.
    """
    about = {
        key: baseline.about[key] for key in ("rows", "windows", "window", "data") if key in baseline.about
    }
    summary = {"at": datetime.now(UTC).isoformat(timespec="seconds"), "task": baseline.task, **about}
    return baselines.save(client, model, version, baseline.to_files(), summary=summary)


def fetch_baseline(client: MlflowClient, model: str, alias: str) -> tuple[str, ModelBaseline]:
    """Return the version that the alias points to, and its baseline.

    Parameters
    ----------
    client : MlflowClient
        Of the server that has the model.
    model, alias : str
        The registered model and the alias.

    Returns
    -------
    version : str
        The model version.
    baseline : ModelBaseline
        Its baseline.

    Raises
    ------
    TrackingError
        If there is no such model or alias, the version has no baseline, or MLflow does not answer.
    """
    version = baselines.resolve_alias(client, model, alias)
    return version, load_baseline(client, model, version)


def load_baseline(client: MlflowClient, model: str, version: str) -> ModelBaseline:
    """Return the baseline of a model version.

    Parameters
    ----------
    client : MlflowClient
        Of the server that has the model.
    model, version : str
        The registered model and its version.

    Returns
    -------
    ModelBaseline
        As it was published last.

    Raises
    ------
    TrackingError
        If there is no such version, it has no baseline, or MLflow does not answer.
    """
    try:
        return ModelBaseline.from_files(baselines.load(client, model, version))
    except InputError as error:
        raise TrackingError(
            f"the baseline of model {model!r}, version {version}, cannot be read: {error}"
        ) from error
