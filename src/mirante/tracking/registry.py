"""What Mirante changes in MLflow's model registry, and what it asks before: tags of versions, and aliases."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mirante.errors import TrackingError
from mirante.tracking.client import asking, no_answer, unless_missing
from mirante.tracking.reach import reachable

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from mlflow import MlflowClient
    from mlflow.entities.model_registry import ModelVersion

__all__ = [
    "alias_version",
    "answering",
    "find_version",
    "finished_version_before",
    "move_alias",
    "read_version_tag",
    "version_exists",
    "version_tags",
    "versions_made_of",
    "write_version_tag",
]

_LOOKED_BACK = 50


def answering(client: Callable[[], MlflowClient]) -> MlflowClient:
    """Return the client of a server that answers: one that is away is known in seconds, not in minutes.

    Parameters
    ----------
    client : callable
        Gives the client.

    Raises
    ------
    TrackingError
        If nothing answers.
    """
    found = client()
    if not reachable(found.tracking_uri):
        raise TrackingError(no_answer(found.tracking_uri))
    return found


def alias_version(client: MlflowClient, model: str, alias: str) -> str | None:
    """Return the version that an alias points to; None when there is no such model or alias.

    Parameters
    ----------
    client : mlflow.MlflowClient
        The client.
    model, alias : str
        The registered model and the alias.

    Raises
    ------
    TrackingError
        If MLflow does not answer.
    """
    with asking(client, f"find out which version of the model {model!r} the alias {alias!r} points to"):
        found = unless_missing(client.get_model_version_by_alias, model, alias)
    return None if found is None else str(found.version)


def find_version(client: MlflowClient, model: str, version: str) -> ModelVersion | None:
    """Return what MLflow knows of a model version; None when there is no such model or version.

    Parameters
    ----------
    client : mlflow.MlflowClient
        The client.
    model, version : str
        The registered model and the version.

    Raises
    ------
    mlflow.exceptions.MlflowException
        If MLflow does not answer; called inside `asking`, by which the caller says what it is for.

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> client = SimpleNamespace(get_model_version=lambda model, version: f"{model}, version {version}")
    >>> find_version(client, "churn", "3")
    'churn, version 3'
    """
    return unless_missing(client.get_model_version, model, version)


def versions_made_of(
    client: MlflowClient, model: str, *, model_id: str | None, run_id: str | None
) -> list[str]:
    """Return the versions of a registered model that were made of one logged model, the oldest first.

    Parameters
    ----------
    client : mlflow.MlflowClient
        The client.
    model : str
        The registered model.
    model_id, run_id : str, optional
        Of the logged model, ``m-…``; or, where it has none, of the run that it was logged with.

    Raises
    ------
    TrackingError
        If MLflow does not answer.
    """
    quote = '"' if "'" in model else "'"
    with asking(client, f"list the versions of the model {model!r}"):
        found = client.search_model_versions(f"name={quote}{model}{quote}")
    mine = [
        int(one.version)
        for one in found
        if (model_id and model_id in (one.source or "").removeprefix("models:/").split("/"))
        or (not model_id and run_id and one.run_id == run_id)
    ]
    return [str(version) for version in sorted(mine)]


def version_exists(client: MlflowClient, model: str, version: str) -> bool:
    """Say whether a model has a version.

    Parameters
    ----------
    client : mlflow.MlflowClient
        The client.
    model, version : str
        The registered model and the version.

    Raises
    ------
    TrackingError
        If MLflow does not answer.
    """
    return version_tags(client, model, version) is not None


def read_version_tag(client: MlflowClient, model: str, version: str, tag: str) -> str | None:
    """Return a tag of a model version; None when it is not set.

    Parameters
    ----------
    client : mlflow.MlflowClient
        The client.
    model, version : str
        The registered model and the version.
    tag : str
        Name of the tag.

    Raises
    ------
    TrackingError
        If MLflow does not answer.
    """
    return (version_tags(client, model, version) or {}).get(tag)


def version_tags(client: MlflowClient, model: str, version: str) -> dict[str, str] | None:
    """Return all tags of a model version; None when there is no such model or version.

    Parameters
    ----------
    client : mlflow.MlflowClient
        The client.
    model, version : str
        The registered model and the version.

    Raises
    ------
    TrackingError
        If MLflow does not answer.

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> known = SimpleNamespace(tags={"mirante.state": "drifting"})
    >>> client = SimpleNamespace(get_model_version=lambda model, version: known)
    >>> version_tags(client, "churn", "3")
    {'mirante.state': 'drifting'}
    """
    with asking(client, f"look up version {version} of the model {model!r}"):
        found = find_version(client, model, version)
    return None if found is None else dict(found.tags or {})


def write_version_tag(client: MlflowClient, model: str, version: str, tag: str, value: str | None) -> None:
    """Set a tag of a model version, or remove it.

    Parameters
    ----------
    client : mlflow.MlflowClient
        The client.
    model, version : str
        The registered model and the version.
    tag : str
        Name of the tag.
    value : str or None
        What it says; None removes it.

    Raises
    ------
    TrackingError
        If there is no such version, or MLflow does not answer.
    """
    with asking(client, f"write the tag {tag!r} of version {version} of the model {model!r}"):
        if value is None:
            client.delete_model_version_tag(model, version, tag)
        else:
            client.set_model_version_tag(model, version, tag, value)


def move_alias(client: MlflowClient, model: str, alias: str, version: str) -> None:
    """Let an alias point to another version.

    Parameters
    ----------
    client : mlflow.MlflowClient
        The client.
    model, alias : str
        The registered model and the alias.
    version : str
        Where it is to point.

    Raises
    ------
    TrackingError
        If there is no such version, or MLflow does not answer.
    """
    with asking(client, f"move the alias {alias!r} of the model {model!r} to version {version}"):
        client.set_registered_model_alias(model, alias, version)


def finished_version_before(
    client: MlflowClient, model: str, version: str, *, but: Collection[str] = ()
) -> str | None:
    """Return the newest lower version whose run has finished.

    Parameters
    ----------
    client : mlflow.MlflowClient
        The client.
    model, version : str
        The registered model and the version to start below.
    but : collection of str
        Versions that will not do.

    Returns
    -------
    str or None
        None when none of the fifty versions below has a finished run.

    Raises
    ------
    TrackingError
        If MLflow does not answer.
    """
    number = int(version)
    for lower in range(number - 1, max(0, number - 1 - _LOOKED_BACK), -1):
        if str(lower) in but:
            continue
        # One by one: a search by name would need the name inside a filter, and names may hold both quotes.
        with asking(client, f"look up version {lower} of the model {model!r}"):
            found = find_version(client, model, str(lower))
            run = unless_missing(client.get_run, found.run_id) if found and found.run_id else None
        if run is not None and run.info.status == "FINISHED":
            return str(lower)
    return None
