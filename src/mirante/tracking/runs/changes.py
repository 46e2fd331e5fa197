"""Runs as they are now and what has changed of them, asked of MLflow without reading all of them again."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from mirante.tracking.client import asking, moment_of, unless_missing
from mirante.tracking.runs.search import ExperimentRef

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

__all__ = [
    "LIVE",
    "MetricSeen",
    "RunSeen",
    "find_experiments",
    "find_run",
    "runs_ended_since",
    "runs_live",
    "runs_page",
]

LIVE = frozenset({"RUNNING", "SCHEDULED"})
"""Statuses of runs that have not ended."""

_TOGETHER = 200  # experiments in one question: their ids go into one statement of the server's database
_PAGE = 1000
_CLIPPED = 1.797e308  # MLflow keeps infinity as the largest number
_EPOCH = datetime.fromtimestamp(0, UTC)


@dataclass(frozen=True, slots=True)
class MetricSeen:
    """The last point of a metric: its value, its step, and when it was logged (UTC)."""

    value: float
    step: int
    time: datetime


@dataclass(frozen=True, slots=True)
class RunSeen:
    """A run as MLflow has it now.

    Parameters
    ----------
    id, name, experiment_id : str
        Which run.
    status : str
        ``RUNNING``, ``SCHEDULED``, ``FINISHED``, ``FAILED`` or ``KILLED``.
    started, ended : datetime, optional
        In UTC; None where MLflow has no such time.
    metrics : mapping of str to MetricSeen
        The last point of each.
    """

    id: str
    name: str
    experiment_id: str
    status: str
    started: datetime | None = None
    ended: datetime | None = None
    metrics: Mapping[str, MetricSeen] = field(default_factory=dict)

    @property
    def live(self) -> bool:
        """Whether it has not ended."""
        return self.status in LIVE


def find_experiments(client: MlflowClient) -> list[ExperimentRef]:
    """Return all experiments that are not deleted.

    Raises
    ------
    TrackingError
        If MLflow does not answer.
    """
    found: list[ExperimentRef] = []
    token: str | None = None
    with asking(client, "list the experiments"):
        while True:
            page = client.search_experiments(max_results=_PAGE, page_token=token)
            found += [ExperimentRef(str(one.experiment_id), str(one.name)) for one in page]
            token = page.token
            if not token:
                return found


def runs_live(client: MlflowClient, experiments: Sequence[str]) -> list[RunSeen]:
    """Return the runs that have not ended.

    Parameters
    ----------
    client : mlflow.MlflowClient
        The client.
    experiments : sequence of str
        Ids of experiments.

    Raises
    ------
    TrackingError
        If MLflow does not answer.
    """
    asked = ["attributes.status = 'RUNNING'", "attributes.status = 'SCHEDULED'"]
    return [run for filter_ in asked for run in _all(client, experiments, filter_)]


def runs_ended_since(client: MlflowClient, experiments: Sequence[str], since: datetime) -> list[RunSeen]:
    """Return the runs that ended at a time or after it.

    Parameters
    ----------
    client : mlflow.MlflowClient
        The client.
    experiments : sequence of str
        Ids of experiments.
    since : datetime
        By the end that the run itself has.

    Raises
    ------
    TrackingError
        If MLflow does not answer.
    """
    milliseconds = int(since.timestamp() * 1000)
    return list(_all(client, experiments, f"attributes.end_time >= {milliseconds}"))


def runs_page(
    client: MlflowClient, experiment: str, token: str | None, size: int
) -> tuple[list[RunSeen], str | None]:
    """Return some runs of an experiment, the oldest first, and where the next begin.

    Parameters
    ----------
    client : mlflow.MlflowClient
        The client.
    experiment : str
        Its id.
    token : str, optional
        Where to begin, as it was returned; None for the first.
    size : int
        At most so many.

    Returns
    -------
    list of RunSeen, and str or None
        None when there are no more.

    Raises
    ------
    TrackingError
        If MLflow does not answer.
    """
    with asking(client, f"read the runs of the experiment {experiment}"):
        page = client.search_runs(
            [experiment], order_by=["attributes.start_time ASC"], max_results=size, page_token=token
        )
    return [_seen(run) for run in page], page.token or None


def find_run(client: MlflowClient, run: str) -> RunSeen | None:
    """Return a run by its id; None for one that is deleted or was never there.

    Raises
    ------
    TrackingError
        If MLflow does not answer.
    """
    with asking(client, f"look up the run {run}"):
        found = unless_missing(client.get_run, run)
    return None if found is None or found.info.lifecycle_stage != "active" else _seen(found)


def _all(client: MlflowClient, experiments: Sequence[str], filter_: str) -> Iterator[RunSeen]:
    for first in range(0, len(experiments), _TOGETHER):
        some = list(experiments[first : first + _TOGETHER])
        token: str | None = None
        while True:
            with asking(client, "look for runs that changed"):
                page = client.search_runs(some, filter_, max_results=_PAGE, page_token=token)
            yield from map(_seen, page)
            token = page.token
            if not token:
                break


def _seen(run: Run) -> RunSeen:
    info = run.info
    return RunSeen(
        id=str(info.run_id),
        name=str(info.run_name or info.run_id),
        experiment_id=str(info.experiment_id),
        status=str(info.status),
        started=moment_of(info.start_time),
        ended=moment_of(info.end_time),
        metrics=dict(_points(run.data.to_proto().metrics)),
    )


def _points(metrics: Iterable[Any]) -> Iterator[tuple[str, MetricSeen]]:
    for one in metrics:
        value = float(one.value)
        if abs(value) >= _CLIPPED:
            value = math.copysign(math.inf, value)
        yield str(one.key), MetricSeen(value, int(one.step), moment_of(one.timestamp) or _EPOCH)
