"""Monitoring runs: one per subject and model version, found again by their tags, written in batches."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from mirante.errors import TrackingError
from mirante.tracking.client import asking

if TYPE_CHECKING:
    from mlflow import MlflowClient

__all__ = ["EXPERIMENT", "MonitoringRuns"]

EXPERIMENT = "mirante"
"""The experiment that monitoring runs are in."""

_BATCH = 1000  # MLflow's own limit for one request


class MonitoringRuns:
    """The monitoring runs on one MLflow server, found again by their tags.

    Parameters
    ----------
    client : mlflow.MlflowClient
        The client; see `mirante.tracking.client.connect`.
    experiment : str, default "mirante"
        The experiment that they are in; made when missing.
    """

    def __init__(self, client: MlflowClient, *, experiment: str = EXPERIMENT) -> None:
        self.client = client
        self._experiment = experiment
        self._experiment_id: str | None = None
        self._runs: dict[tuple[str, str | None], str] = {}
        self._lock = threading.Lock()

    def experiment_id(self) -> str:
        """Return the experiment's id; made when missing.

        Returns
        -------
        str
            The id.

        Raises
        ------
        TrackingError
            If the experiment was deleted, or MLflow does not answer.
        """
        if self._experiment_id is None:
            with asking(self.client, f"open the experiment {self._experiment!r}"):
                self._experiment_id = self._find_or_make_experiment()
        return self._experiment_id

    def _find_or_make_experiment(self) -> str:
        from mlflow.exceptions import MlflowException

        found = self.client.get_experiment_by_name(self._experiment)
        if found is None:
            try:
                return str(self.client.create_experiment(self._experiment))
            except MlflowException as error:
                if error.error_code != "RESOURCE_ALREADY_EXISTS":
                    raise
                found = self.client.get_experiment_by_name(self._experiment)  # someone was quicker
        if found is None or found.lifecycle_stage != "active":
            raise TrackingError(
                f"the experiment {self._experiment!r} is deleted in MLflow, so monitoring runs have no "
                f"place; restore it: mlflow experiments restore --experiment-id "
                f"{getattr(found, 'experiment_id', '?')}"
            )
        return str(found.experiment_id)

    def run_for(self, subject: str, *, model_version: str | None = None) -> str:
        """Return the id of the monitoring run of a subject; made when missing.

        Parameters
        ----------
        subject : str
            ``host/web-1``, ``model/m@champion``, …
        model_version : str, optional
            For a model: each version has its own run.

        Returns
        -------
        str
            The run's id, the same from any process: when two make one at the same time, the older stays.

        Raises
        ------
        TrackingError
            If MLflow does not answer.
        """
        with self._lock:
            known = self._runs.get((subject, model_version))
            if known is None:
                experiment = self.experiment_id()
                with asking(self.client, f"find or make the monitoring run of {subject!r}"):
                    known = self._find(experiment, subject, model_version)
                    if known is None:
                        known = self._make(experiment, subject, model_version)
                self._runs[subject, model_version] = known
            return known

    def _find(self, experiment: str, subject: str, version: str | None) -> str | None:
        # a digest instead of the subject itself: MLflow's filters have no way to quote every name
        found = self.client.search_runs(
            [experiment],
            filter_string=f"tags.`mirante.key` = '{_digest(subject, version)}'",
            order_by=["attributes.start_time ASC", "attributes.run_id ASC"],
            max_results=1,
        )
        return str(found[0].info.run_id) if found else None

    def _make(self, experiment: str, subject: str, version: str | None) -> str:
        tags = {
            "mirante.kind": "monitoring",
            "mirante.subject": subject,
            "mirante.key": _digest(subject, version),
        }
        if version is not None:
            tags["mirante.model_version"] = version
        name = subject if version is None else f"{subject} v{version}"
        made = str(self.client.create_run(experiment, tags=tags, run_name=name).info.run_id)
        first = self._find(experiment, subject, version) or made
        if first != made:
            self.client.delete_run(made)
        return first

    def log(
        self,
        run_id: str,
        metrics: Sequence[tuple[str, float, int, int]],
        *,
        logged_model: str | None = None,
        check: Callable[[], None] = lambda: None,
    ) -> None:
        """Send points to a run, 1,000 in one request.

        Parameters
        ----------
        run_id : str
            The run.
        metrics : sequence of (key, value, timestamp in ms, step)
            Keys as `mirante.tracking.names` makes them. NaN stays NaN; MLflow clips infinity to 1.797e308.
        logged_model : str, optional
            The id of a logged model, such as ``m-0a1b``, that shows them as its own too.
        check : callable
            Called before each request; what it raises ends the sending.

        Raises
        ------
        TrackingError
            If MLflow does not answer or refuses; the requests before may have arrived.
        """
        from mlflow.entities import Metric

        points = [
            Metric(key, value, timestamp, step, model_id=logged_model, run_id=run_id)
            for key, value, timestamp, step in metrics
        ]
        for start in range(0, len(points), _BATCH):
            check()
            with asking(self.client, f"log metrics to the run {run_id}"):
                self.client.log_batch(run_id, metrics=points[start : start + _BATCH])

    def forget(self) -> None:
        """Look everything up again next time: a run or the experiment may have been deleted."""
        with self._lock:
            self._experiment_id = None
            self._runs.clear()


def _digest(subject: str, version: str | None) -> str:
    return hashlib.blake2s(json.dumps([subject, version]).encode(), digest_size=16).hexdigest()
