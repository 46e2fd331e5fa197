"""Which model is served, as the inference log and the monitor name it."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from mirante.errors import InputError, MissingDependencyError, NotRegisteredError, TrackingError
from mirante.tracking.baselines import resolve_alias
from mirante.tracking.client import asking, connect, no_answer, server_name, unless_missing
from mirante.tracking.login import login_refusal
from mirante.tracking.models import ModelName, not_there
from mirante.tracking.reach import reachable
from mirante.tracking.registry import version_exists

if TYPE_CHECKING:
    from mlflow import MlflowClient

__all__ = ["ServedModel", "check_server", "fetch_model", "which_model"]

_UNAUTHENTICATED = 401
_REGISTERED = re.compile(r"models:/+(?P<name>[^/]+)(?:/(?P<version>[^/]+)|@(?P<alias>[^/@]+))")


@dataclass(frozen=True, slots=True)
class ServedModel:
    """What is served.

    Parameters
    ----------
    uri : str
        What MLflow loads; never an alias, which may move while the model is loaded.
    name, version : str
        What the rows are recorded under.
    """

    uri: str
    name: str
    version: str


def check_server(uri: str, tracking_uri: str | None = None, *, timeout: float = 3.0) -> None:
    """Raise an error where MLflow is needed and no server answers: its own client tries for four minutes.

    Parameters
    ----------
    uri : str
        The model.
    tracking_uri : str, optional
        The MLflow server; what MLflow would use itself by default.
    timeout : float
        Seconds to connect, and seconds more for an answer.

    Raises
    ------
    TrackingError
        If nothing answers.

    Examples
    --------
    >>> check_server("/some/folder")
    """
    if not uri.startswith(("models:", "runs:")):
        return
    address = connect(tracking_uri).tracking_uri
    if not reachable(address, timeout=timeout):
        raise TrackingError(
            f"{no_answer(address)}; start it, or say where it is: --tracking-uri, or MLFLOW_TRACKING_URI"
        )


def which_model(
    uri: str, client: Callable[[], MlflowClient], *, name: str | None = None, version: str | None = None
) -> ServedModel:
    """Return the model that a URI means, its alias resolved.

    Parameters
    ----------
    uri : str
        ``models:/name/3``, ``models:/name@alias``, ``models:/name/latest``, ``runs:/…``, or a path.
    client : callable
        Gives the MLflow client; called for an alias or ``latest`` alone.
    name, version : str, optional
        What to record under instead; needed where the URI does not say.

    Raises
    ------
    InputError
        If the URI does not say which registered version it is, and neither do `name` and `version`.
    NotRegisteredError
        If there is no such model or alias.
    TrackingError
        If MLflow does not answer.

    Examples
    --------
    >>> which_model("models:/churn/3", lambda: None)
    ServedModel(uri='models:/churn/3', name='churn', version='3')
    """
    found = _REGISTERED.fullmatch(uri.rstrip("/"))
    if found is None:
        if name is None or version is None:
            raise InputError(
                f"{uri} does not say which version of which registered model it is; give --model NAME and "
                "--version V, or serve models:/NAME/VERSION or models:/NAME@ALIAS"
            )
        return ServedModel(uri, name, version)
    model, number = _number(found["name"], found["version"], found["alias"], client)
    return ServedModel(f"models:/{model}/{number}", name or model, version or number)


def _number(
    text: str, version: str | None, alias: str | None, client: Callable[[], MlflowClient]
) -> tuple[str, str]:
    if version is not None and version.isdigit():
        return text, version
    if alias is not None:
        model = text
        return model, resolve_alias(client(), model, alias)
    if version == "latest":
        return text, _latest(client(), text)
    raise InputError(
        f"models:/{text}/{version} names a stage, which MLflow has given up; give a version or an alias: "
        f"models:/{text}@champion"
    )


def _latest(client: MlflowClient, model: str) -> str:
    with asking(client, f"find the latest version of the model {model!r}"):
        found = unless_missing(client.get_registered_model, model)
    if found is None:
        raise NotRegisteredError(not_there(client, ModelName(model)))
    if not found.latest_versions:
        raise NotRegisteredError(f"the model {model!r} has no version; register one")
    return str(max(int(one.version) for one in found.latest_versions))


def fetch_model(uri: str, folder: Path, tracking_uri: str | None = None) -> str:
    """Return the path of a model on this machine; what is elsewhere is brought to a folder.

    Parameters
    ----------
    uri : str
        Of `ServedModel`.
    folder : Path
        Where it is put.
    tracking_uri : str, optional
        The MLflow server; what MLflow would use itself by default.

    Raises
    ------
    MissingDependencyError
        If only mlflow-skinny is installed.
    InputError
        If there is no model in it.
    NotRegisteredError
        If MLflow knows no such model, version or run.
    TrackingError
        If MLflow does not give it.
    """
    from mlflow.exceptions import MlflowException

    if (local := Path(uri)).is_dir():
        return _checked(local)
    try:
        import mlflow
        from mlflow.artifacts import download_artifacts
    except ImportError as error:
        raise MissingDependencyError(
            "serving needs full MLflow and only mlflow-skinny is installed; "
            "run: pip install 'mirante[mlflow]'"
        ) from error
    if tracking_uri:
        mlflow.set_tracking_uri(tracking_uri)
    try:
        return _checked(Path(download_artifacts(artifact_uri=uri, dst_path=str(folder))))
    except (MlflowException, OSError) as error:
        if isinstance(error, MlflowException) and error.get_http_status_code() == _UNAUTHENTICATED:
            raise login_refusal(server_name(mlflow.get_tracking_uri())) from error
        missing = isinstance(error, MlflowException) and error.error_code == "RESOURCE_DOES_NOT_EXIST"
        raise (NotRegisteredError if missing else TrackingError)(
            _why(uri, tracking_uri, error, missing)
        ) from error


def _why(uri: str, tracking_uri: str | None, error: Exception, missing: bool) -> str:
    found = _REGISTERED.fullmatch(uri)
    if missing and found is not None and found["version"]:
        client = connect(tracking_uri)
        if not version_exists(client, found["name"], found["version"]):
            return not_there(client, ModelName(found["name"], None, found["version"]))
    first = (str(error).strip().splitlines() or [type(error).__name__])[0]
    return f"the model {uri} cannot be had: {first[:300]}"


def _checked(path: Path) -> str:
    if not (path / "MLmodel").is_file():
        raise InputError(f"{path} holds no MLmodel file; give the folder of a model that MLflow saved")
    return str(path.absolute())
