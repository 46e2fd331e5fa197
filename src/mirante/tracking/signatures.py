"""What a model says of its inputs and outputs: read from its description, the model is not loaded."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from mirante.tracking.baselines import logged_model_id
from mirante.tracking.client import asking, brief_requests, unless_missing

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities.model_registry import ModelVersion
    from mlflow.models import Model

__all__ = ["ModelColumn", "ModelColumns", "columns_of", "has_signature", "logged_with_signature"]

_DESCRIPTION = "MLmodel"
_HOST_IN_ADDRESS = frozenset({"http", "https", "ftp", "sftp", "hdfs", "viewfs", "abfss", "r2", "b2"})
_LEADS_ON = frozenset({"models", "runs"})  # to a place that is not looked at


@dataclass(frozen=True, slots=True)
class ModelColumn:
    """One column of a model's signature.

    Parameters
    ----------
    name : str
        As the signature has it.
    kind : str
        MLflow's name of the type: ``boolean, integer, long, float, double, string, binary, datetime``, or
        another.
    required : bool
        Whether each row must have it.
    """

    name: str
    kind: str
    required: bool = True


@dataclass(frozen=True, slots=True)
class ModelColumns:
    """The columns of a model's signature.

    Parameters
    ----------
    inputs : tuple of ModelColumn
        Empty where the model says nothing, takes tensors, or its columns have no names.
    outputs : tuple of str
        Names of what it answers; empty likewise.
    """

    inputs: tuple[ModelColumn, ...] = ()
    outputs: tuple[str, ...] = ()


def columns_of(client: MlflowClient, found: ModelVersion) -> ModelColumns:
    """Return the columns of a model version's signature.

    Parameters
    ----------
    client : mlflow.MlflowClient
        The client.
    found : ModelVersion
        From `mirante.tracking.models.find_model`.

    Returns
    -------
    ModelColumns
        Empty where the version has no description that can be read: there is nothing to check then.

    Raises
    ------
    TrackingError
        If MLflow does not answer.
    """
    with asking(client, f"read the signature of {found.name!r} version {found.version}"):
        described = _described(client, _home(client, found))
        try:
            return ModelColumns() if described is None else _columns(described.signature)
        except (TypeError, ValueError, AttributeError, KeyError):
            return ModelColumns()


def has_signature(client: MlflowClient, found: ModelVersion) -> bool | None:
    """Say whether a model version was logged with a signature.

    Nobody asked for this version by its name, so its description is read only from where MLflow itself puts
    models, and not from any address that somebody registered.

    Parameters
    ----------
    client : mlflow.MlflowClient
        The client.
    found : ModelVersion
        From a search or a look-up.

    Returns
    -------
    bool or None
        None where the version has no description that can be read, or an address that is not asked.

    Raises
    ------
    TrackingError
        If MLflow does not answer.
    """
    with asking(client, f"read the signature of {found.name!r} version {found.version}"):
        home = _home(client, found)
        described = None if _is_elsewhere(home) else _described(client, home)
    return None if described is None else described.signature is not None


def _described(client: MlflowClient, home: str) -> Model | None:
    """Return what the model in a folder says of itself; None where that cannot be read."""
    from mlflow.exceptions import MlflowException

    if not home:
        return None
    with tempfile.TemporaryDirectory() as scratch:
        try:
            return _load(client, home, scratch)
        except MlflowException as error:
            if _is_gone(error):
                return None
            raise
        # whatever the storage's client raises: one that is not installed, without credentials; and bad files
        except Exception as error:
            if isinstance(error, OSError) and not isinstance(error, FileNotFoundError):
                raise
            return None


def _load(client: MlflowClient, home: str, scratch: str) -> Model:
    from mlflow.artifacts import download_artifacts
    from mlflow.models import Model

    place = f"{home.rstrip('/')}/{_DESCRIPTION}"
    file = download_artifacts(artifact_uri=place, dst_path=scratch, tracking_uri=client.tracking_uri)
    return Model.load(str(file))


def _home(client: MlflowClient, found: ModelVersion) -> str:
    """Return where a version's files are read from; empty where MLflow knows no such place."""
    model_id = logged_model_id(found)
    if model_id is not None:
        model = unless_missing(client.get_logged_model, model_id)
        return "" if model is None else str(model.artifact_location or "")
    home = unless_missing(client.get_model_version_download_uri, found.name, str(found.version)) or ""
    if home.startswith("runs:/"):
        run_id, _, path = home.removeprefix("runs:/").partition("/")
        run = unless_missing(client.get_run, run_id)
        home = "" if run is None or not run.info.artifact_uri else f"{run.info.artifact_uri}/{path}"
    return str(home)


def _is_elsewhere(address: str) -> bool:
    """Say whether an address is none of storage, but of any server that somebody may have named.

    MLflow's client would send its credentials there. ``s3``, ``gs`` and ``wasbs`` name no host that is asked.

    Examples
    --------
    >>> _is_elsewhere("mlflow-artifacts:/1/models/m-1/artifacts"), _is_elsewhere("s3://bucket/m-1")
    (False, False)
    >>> _is_elsewhere("http://169.254.169.254/latest"), _is_elsewhere("http://["), _is_elsewhere("")
    (True, True, True)
    >>> _is_elsewhere("mlflow-artifacts://10.0.0.5:8080/m-1"), _is_elsewhere("abfss://c@example.com/m-1")
    (True, True)
    """
    try:
        parts = urlsplit(address)
    except ValueError:
        return True
    scheme = parts.scheme.lower()
    return (
        not address
        or scheme in _HOST_IN_ADDRESS | _LEADS_ON
        or (scheme == "mlflow-artifacts" and bool(parts.netloc))
    )


def logged_with_signature(client: MlflowClient, model_id: str) -> bool | None:
    """Tell whether a logged model has a signature.

    Parameters
    ----------
    client : mlflow.MlflowClient
        The client.
    model_id : str
        Of the logged model: ``m-…``.

    Returns
    -------
    bool or None
        None where its description cannot be read, whatever the reason: the artifacts may be where only
        others can read, or at an address that is not asked.
    """
    with tempfile.TemporaryDirectory() as scratch, brief_requests(retries=0):
        try:
            home = client.get_logged_model(model_id).artifact_location or ""
            return None if _is_elsewhere(home) else _load(client, home, scratch).signature is not None
        except Exception:  # MLflow's, the file's, or those of any cloud's client, which may not be installed
            return None


def _columns(signature: Any) -> ModelColumns:
    if signature is None:
        return ModelColumns()
    outputs = tuple(str(spec.name) for spec in _named(signature.outputs))
    return ModelColumns(tuple(_column(spec) for spec in _named(signature.inputs)), outputs)


def _is_gone(error: Any) -> bool:
    return error.error_code in {"RESOURCE_DOES_NOT_EXIST", "NOT_FOUND", "INVALID_PARAMETER_VALUE"} or (
        "404" in str(error)
    )


def _named(schema: Any) -> list[Any]:
    if schema is None or schema.is_tensor_spec() or not schema.has_input_names():
        return []
    return list(schema.inputs)


def _column(spec: Any) -> ModelColumn:
    kind = getattr(spec.type, "name", None)
    return ModelColumn(str(spec.name), str(kind or spec.type), bool(spec.required))
