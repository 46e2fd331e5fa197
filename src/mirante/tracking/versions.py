"""Registered models as they are now, all in a few questions: aliases, newest versions, how many there are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from mirante.tracking.baselines import TAG
from mirante.tracking.client import asking, moment_of
from mirante.tracking.models import aliases_of, every_page
from mirante.tracking.registry import find_version

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities.model_registry import ModelVersion, RegisteredModel

__all__ = ["ModelSeen", "VersionSeen", "find_models", "find_seen", "versions_page"]

_NO_STAGE = "None"


@dataclass(frozen=True, slots=True)
class VersionSeen:
    """A model version: its number, when it was made (UTC), whether it has a baseline, its stage.

    The stage is empty for none; `entity` is what MLflow says of it.
    """

    version: str
    created: datetime | None
    has_baseline: bool
    stage: str
    entity: ModelVersion = field(repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class ModelSeen:
    """A registered model.

    Parameters
    ----------
    name : str
        Any text that MLflow allows.
    created, updated : datetime, optional
        In UTC.
    aliases : mapping of str to str
        Each with its version.
    newest : VersionSeen, optional
        The version with the highest number; None without versions.
    stages : mapping of str to str
        Each stage that a version has, with the newest version in it.
    """

    name: str
    created: datetime | None = None
    updated: datetime | None = None
    aliases: Mapping[str, str] = field(default_factory=dict)
    newest: VersionSeen | None = None
    stages: Mapping[str, str] = field(default_factory=dict)

    @property
    def number(self) -> int:
        """The number of the newest version; 0 without versions."""
        return 0 if self.newest is None else int(self.newest.version)


def find_models(client: MlflowClient) -> list[ModelSeen]:
    """Return all registered models; prompts are none.

    A moved alias changes no time by which one could ask for what is new, so all are asked for, 1,000 in
    one question.

    Parameters
    ----------
    client : mlflow.MlflowClient
        The client.

    Raises
    ------
    TrackingError
        If MLflow does not answer.
    """
    with asking(client, "list the registered models"):
        return [_model(one) for one in every_page(client.search_registered_models)]


def find_seen(client: MlflowClient, model: str, version: str) -> VersionSeen | None:
    """Return a version of a model; None when there is none.

    Raises
    ------
    TrackingError
        If MLflow does not answer.
    """
    with asking(client, f"look up version {version} of the model {model!r}"):
        found = find_version(client, model, version)
    return None if found is None else _version(found)


def versions_page(
    client: MlflowClient, token: str | None, size: int
) -> tuple[list[tuple[str, int]], str | None]:
    """Return some versions of all models, the oldest first, and where the next begin.

    Parameters
    ----------
    client : mlflow.MlflowClient
        The client.
    token : str, optional
        Where to begin, as it was returned; None for the first.
    size : int
        At most so many.

    Returns
    -------
    list of (str, int), and str or None
        Names of models with numbers of versions; None when there are no more.

    Raises
    ------
    TrackingError
        If MLflow does not answer.
    """
    order = ["creation_timestamp ASC", "name ASC", "version_number ASC"]
    with asking(client, "count the versions of the registered models"):
        page = client.search_model_versions(order_by=order, max_results=size, page_token=token)
    return [(str(one.name), int(one.version)) for one in page], page.token or None


def _model(model: RegisteredModel) -> ModelSeen:
    latest = [_version(one) for one in model.latest_versions or ()]
    return ModelSeen(
        str(model.name),
        moment_of(model.creation_timestamp),
        moment_of(model.last_updated_timestamp),
        aliases_of(model),
        max(latest, key=lambda one: int(one.version), default=None),
        dict(_stages(latest)),
    )


def _stages(latest: list[VersionSeen]) -> Iterator[tuple[str, str]]:
    for one in sorted(latest, key=lambda one: int(one.version)):
        if one.stage:
            yield one.stage, one.version


def _version(found: ModelVersion) -> VersionSeen:
    stage = str(found.current_stage or _NO_STAGE)
    return VersionSeen(
        str(found.version),
        moment_of(found.creation_timestamp),
        bool((found.tags or {}).get(TAG)),
        "" if stage == _NO_STAGE else stage,
        found,
    )
