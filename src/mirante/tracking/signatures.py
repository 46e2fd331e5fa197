"""What a model says of its inputs and outputs: read from its description, the model is not loaded."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mirante.tracking.baselines import download_beside, logged_model_id
from mirante.tracking.client import asking

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities.model_registry import ModelVersion

__all__ = ["ModelColumn", "ModelColumns", "columns_of"]

_DESCRIPTION = "MLmodel"


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
    import yaml
    from mlflow.exceptions import MlflowException
    from mlflow.models import Model

    with (
        tempfile.TemporaryDirectory() as scratch,
        asking(client, f"read the signature of {found.name!r} version {found.version}"),
    ):
        try:
            return _columns(Model.load(_description(client, found, scratch)).signature)
        except MlflowException as error:
            if _is_gone(error):
                return ModelColumns()
            raise
        except (yaml.YAMLError, FileNotFoundError, TypeError, ValueError, AttributeError, KeyError):
            return ModelColumns()


def _columns(signature: Any) -> ModelColumns:
    if signature is None:
        return ModelColumns()
    outputs = tuple(str(spec.name) for spec in _named(signature.outputs))
    return ModelColumns(tuple(_column(spec) for spec in _named(signature.inputs)), outputs)


def _description(client: MlflowClient, found: ModelVersion, scratch: str) -> str:
    if logged_model_id(found) is not None:
        return download_beside(client, found, _DESCRIPTION, scratch)
    from mlflow.artifacts import download_artifacts

    place = f"{str(found.source or '').rstrip('/')}/{_DESCRIPTION}"
    return str(download_artifacts(artifact_uri=place, dst_path=scratch, tracking_uri=client.tracking_uri))


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
