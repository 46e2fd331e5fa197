"""Baselines beside model versions: files among the artifacts of the logged model, found by the version's tag.

Each baseline gets a folder named after its content; the tag is moved when all files are there. A reader
that follows the tag never sees half of one, and an older baseline stays readable.
"""

from __future__ import annotations

import hashlib
import json
import re
import tempfile
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from mirante.errors import InputError, NoBaselineError, NotRegisteredError, TrackingError
from mirante.tracking.client import asking, server_name
from mirante.tracking.models import ModelName, not_there
from mirante.tracking.registry import alias_version, find_version

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities.model_registry import ModelVersion

__all__ = [
    "SUMMARY",
    "TAG",
    "download_beside",
    "load",
    "locate",
    "logged_model_id",
    "point",
    "resolve_alias",
    "save",
    "summary_of",
]

TAG = "mirante.baseline"
"""The tag on model version and logged model: the baseline's folder among the artifacts."""

SUMMARY = "mirante.baseline.summary"
"""The tag on the model version with a few words on what is in that folder: lists need no download."""

_LOGGED_MODEL = re.compile(r"^models:/(m-[0-9a-zA-Z]+)/?$")


def resolve_alias(client: MlflowClient, model: str, alias: str) -> str:
    """Return the version that a model's alias points to.

    Parameters
    ----------
    client : mlflow.MlflowClient
        The client.
    model : str
        The registered model's name.
    alias : str
        The alias, such as ``champion``.

    Returns
    -------
    str
        The version.

    Raises
    ------
    NotRegisteredError
        If there is no such model or alias.
    TrackingError
        If MLflow does not answer.
    """
    version = alias_version(client, model, alias)
    if version is not None:
        return version
    raise NotRegisteredError(not_there(client, ModelName(model, alias)))


def _version(client: MlflowClient, model: str, version: str) -> ModelVersion:
    with asking(client, f"find version {version} of the model {model!r}"):
        found = find_version(client, model, version)
    if found is None:
        raise NotRegisteredError(not_there(client, ModelName(model, None, version)))
    return found


def logged_model_id(found: ModelVersion) -> str | None:
    """Return the id of the logged model behind a version; None for models older than MLflow 3.

    MLflow's own server leaves ``model_id`` empty; the source has it.

    Parameters
    ----------
    found : ModelVersion
        As MLflow gives it.

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> logged_model_id(SimpleNamespace(source="models:/m-0a1b"))
    'm-0a1b'
    """
    given = getattr(found, "model_id", None)
    match = _LOGGED_MODEL.match(found.source or "")
    return str(given) if given else match[1] if match else None


def save(
    client: MlflowClient,
    model: str,
    version: str,
    files: Mapping[str, bytes],
    *,
    summary: Mapping[str, Any] | None = None,
) -> str:
    """Write a baseline beside a model version and point the version's tag at it.

    Parameters
    ----------
    client : mlflow.MlflowClient
        The client.
    model, version : str
        The registered model and its version.
    files : mapping of str to bytes
        Plain file names and contents.
    summary : mapping, optional
        A few words on it, as JSON: see `summary_of`.

    Returns
    -------
    str
        The folder among the logged model's artifacts (or the run's, for models older than MLflow 3).

    Raises
    ------
    InputError
        If there are no files, or a name is not a plain file name.
    TrackingError
        If there is no such version, it has neither logged model nor run, or MLflow does not answer.
    """
    _check_names(files)
    digest = hashlib.blake2s(digest_size=8)
    for name, content in sorted(files.items()):
        digest.update(f"{len(name.encode())} {len(content)} {name}".encode() + content)
    folder = f"mirante/baseline-{digest.hexdigest()}"
    found = _version(client, model, version)
    model_id = logged_model_id(found)
    with tempfile.TemporaryDirectory() as scratch:
        for name, content in files.items():
            (Path(scratch) / name).write_bytes(content)
        with asking(client, f"save the baseline of {model!r} version {version}"):
            if model_id is not None:
                client.log_model_artifacts(model_id, scratch, folder)
            elif found.run_id:
                client.log_artifacts(found.run_id, scratch, folder)
            else:
                raise TrackingError(
                    f"version {version} of {model!r} has neither a logged model nor a run, so its baseline "
                    "has no place; log the model with MLflow (mlflow.<flavor>.log_model) and register "
                    "that version"
                )
            _point(client, found, folder)
            if summary is not None:
                words = json.dumps({"folder": folder, **summary})
                client.set_model_version_tag(found.name, str(found.version), SUMMARY, words)
    return folder


def summary_of(found: ModelVersion) -> dict[str, Any]:
    """Return what a version's tags say of its baseline, without reading it.

    Parameters
    ----------
    found : ModelVersion
        With its tags.

    Returns
    -------
    dict
        What was given to `save`; empty where nothing was, or where the tag is of another baseline than the
        version has now.

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> tags = {TAG: "mirante/baseline-1", SUMMARY: '{"folder": "mirante/baseline-1", "rows": 320}'}
    >>> summary_of(SimpleNamespace(tags=tags))["rows"]
    320
    """
    tags = found.tags or {}
    try:
        said = json.loads(tags.get(SUMMARY, ""))
        return dict(said) if said["folder"] == tags[TAG] else {}
    except (ValueError, TypeError, KeyError):
        return {}


def _point(client: MlflowClient, found: ModelVersion, folder: str) -> None:
    model_id = logged_model_id(found)
    if model_id is not None:
        client.set_logged_model_tags(model_id, {TAG: folder})
    client.set_model_version_tag(found.name, str(found.version), TAG, folder)


def point(client: MlflowClient, model: str, version: str, folder: str) -> None:
    """Let a model version's tag point to a baseline that was saved before.

    Parameters
    ----------
    client : mlflow.MlflowClient
        The client.
    model, version : str
        The registered model and its version.
    folder : str
        What `save` returned for it.

    Raises
    ------
    TrackingError
        If there is no baseline in that folder any more, or MLflow does not answer.
    """
    load(client, model, version, folder=folder)
    with asking(client, f"go back to an earlier baseline of {model!r} version {version}"):
        _point(client, _version(client, model, version), folder)


def _check_names(files: Mapping[str, bytes]) -> None:
    if not files:
        raise InputError("a baseline needs at least one file and got none")
    for name in files:
        if not name or name != Path(name).name or "\\" in name or name in {".", ".."}:
            raise InputError(f"a baseline's file is named {name!r}; give a plain file name without folders")


def locate(client: MlflowClient, model: str, version: str) -> str:
    """Return the folder that a model version's tag points to; another baseline has another folder.

    Parameters
    ----------
    client : mlflow.MlflowClient
        The client.
    model, version : str
        The registered model and its version.

    Returns
    -------
    str
        Among the logged model's artifacts.

    Raises
    ------
    NotRegisteredError
        If there is no such version; `NoBaselineError` if it has no baseline.
    TrackingError
        If MLflow does not answer.
    """
    return _folder_of(client, _version(client, model, version), model, version)


def _folder_of(client: MlflowClient, found: ModelVersion, model: str, version: str) -> str:
    folder = (found.tags or {}).get(TAG)
    if not folder:
        raise NoBaselineError(
            f"version {version} of {model!r} has no baseline in MLflow at {server_name(client.tracking_uri)} "
            f"(no tag {TAG!r}); write one with the command: "
            "mirante baseline create"
        )
    if ".." in PurePosixPath(folder).parts or folder.startswith("/"):
        raise TrackingError(
            f"the tag {TAG!r} of {model!r} version {version} is {folder!r}, which is no artifact folder"
        )
    return str(folder)


def load(client: MlflowClient, model: str, version: str, *, folder: str | None = None) -> dict[str, bytes]:
    """Return the files of a model version's baseline.

    Parameters
    ----------
    client : mlflow.MlflowClient
        The client.
    model, version : str
        The registered model and its version.
    folder : str, optional
        Where it is among the artifacts; where the version's tag points to when None.

    Returns
    -------
    dict of str to bytes
        File names and contents.

    Raises
    ------
    NotRegisteredError
        If there is no such version, or it has no baseline.
    TrackingError
        If MLflow does not answer.
    """
    found = _version(client, model, version)
    folder = folder or _folder_of(client, found, model, version)
    with (
        tempfile.TemporaryDirectory() as scratch,
        asking(client, f"load the baseline of {model!r} version {version} from {folder!r}"),
    ):
        local = Path(download_beside(client, found, folder, scratch))
        files = {path.name: path.read_bytes() for path in sorted(local.iterdir()) if path.is_file()}
    if not files:
        raise TrackingError(
            f"the baseline of {model!r} version {version} at {folder!r} is empty; save it again"
        )
    return files


def download_beside(client: MlflowClient, found: ModelVersion, path: str, scratch: str) -> str:
    """Download what lies among the artifacts of a version's logged model (or of its run).

    Parameters
    ----------
    client : mlflow.MlflowClient
        The client.
    found : ModelVersion
        The version.
    path : str
        File or folder there.
    scratch : str
        A folder on this machine.

    Returns
    -------
    str
        Where it is now.

    Raises
    ------
    mlflow.exceptions.MlflowException
        If it is not there, or MLflow does not answer; called inside `asking`.
    """
    model_id = logged_model_id(found)
    if model_id is None:
        return str(client.download_artifacts(found.run_id, path, scratch))
    from mlflow.artifacts import download_artifacts

    home = client.get_logged_model(model_id).artifact_location
    return str(
        download_artifacts(artifact_uri=f"{home}/{path}", dst_path=scratch, tracking_uri=client.tracking_uri)
    )
