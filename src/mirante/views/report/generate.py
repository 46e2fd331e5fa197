"""Reads all runs of an experiment and counts, averages and compares them."""

from __future__ import annotations

import math
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mirante.errors import InputError, TrackingError
from mirante.views.report.directions import Direction, direction_of
from mirante.views.report.experiment import ExperimentReport, RunRow

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

__all__ = ["MLflowReport"]

# MLflow's SQL store clips an infinite metric to the greatest float
_INFINITE = 1.79769e308
_PAGE = 1_000


class MLflowReport:
    """Reports on MLflow experiments.

    Parameters
    ----------
    tracking_uri : str, optional
        Where MLflow is; its own setting when not given.
    directions : mapping of str to {"lower", "higher"}, optional
        Which way is better, for metrics whose name misleads; see `mirante.views.report.DIRECTIONS`.
    log : bool, default True
        Whether each report is also logged to MLflow, as the artifact ``report-<experiment id>.md``: to the
        caller's active run, else to the experiment's monitoring run.
    client : MlflowClient, optional
        A client that is already there.

    Raises
    ------
    InputError
        If a direction is neither ``lower`` nor ``higher``.
    """

    def __init__(
        self,
        tracking_uri: str | None = None,
        *,
        directions: Mapping[str, Direction] | None = None,
        log: bool = True,
        client: MlflowClient | None = None,
    ) -> None:
        self._uri = tracking_uri
        self._directions = dict(directions or {})
        self._log = log
        self._client = client
        for metric, direction in self._directions.items():
            if direction not in ("lower", "higher"):
                raise InputError(f"the direction of {metric!r} is {direction!r}; write 'lower' or 'higher'")

    def generate_experiment_report(self, experiment_id: str | int) -> ExperimentReport:
        """Report on one experiment.

        Parameters
        ----------
        experiment_id : str or int
            Its id, or its name.

        Returns
        -------
        ExperimentReport
            A mapping with ``total_runs, successful_runs, failed_runs, average_metrics, best_metrics,
            worst_metrics`` and more. Deleted runs do not count. Runs are read page by page, however many.

        Raises
        ------
        TrackingError
            If there is no such experiment, or the server does not answer.
        """
        from mirante.tracking.client import asking, brief_requests, connect

        client = self._client or connect(self._uri)
        with asking(client, f"report on the experiment {experiment_id!r}"):
            with brief_requests():  # the first question: a server that is away is known within seconds
                experiment = _find(client, str(experiment_id))
            if experiment is None:
                raise TrackingError(
                    f"MLflow has no experiment with the id or name {str(experiment_id)!r}; "
                    "`mlflow experiments search` lists those that are there"
                )
            rows = [_row(run) for run in _all_runs(client, experiment.experiment_id)]
        report = self._summed_up(experiment.experiment_id, experiment.name, rows)
        if self._log:
            _log(report)
        return report

    def _summed_up(self, experiment_id: str, name: str, runs: list[RunRow]) -> ExperimentReport:
        values: dict[str, list[tuple[float, str]]] = {}
        odd: Counter[str] = Counter()
        for run in reversed(runs):  # the oldest first: it wins between equals
            for key, value in run.metrics.items():
                if math.isfinite(value):
                    values.setdefault(key, []).append((value, run.run_id))
                else:
                    odd[key] += 1
        named = sorted({*values, *odd})
        directions = {key: self._directions.get(key, direction_of(key)) for key in named}
        least = {key: min(pairs, key=lambda pair: pair[0]) for key, pairs in values.items()}
        most = {key: max(pairs, key=lambda pair: pair[0]) for key, pairs in values.items()}
        kept = sorted(values)
        best = {key: least[key] if directions[key] == "lower" else most[key] for key in kept}
        worst = {key: most[key] if directions[key] == "lower" else least[key] for key in kept}
        status = Counter(run.status for run in runs)
        return ExperimentReport(
            experiment_id=experiment_id,
            experiment_name=name,
            total_runs=len(runs),
            successful_runs=status["FINISHED"],
            failed_runs=status["FAILED"],
            average_metrics={key: _mean([value for value, _run in values[key]]) for key in kept},
            best_metrics={key: best[key][0] for key in kept},
            worst_metrics={key: worst[key][0] for key in kept},
            best_runs={key: best[key][1] for key in kept},
            worst_runs={key: worst[key][1] for key in kept},
            directions=directions,
            metric_counts={key: len(values[key]) for key in kept},
            not_finite=dict(sorted(odd.items())),
            runs_by_status=dict(sorted(status.items())),
            runs=tuple(runs),
        )


def _mean(values: list[float]) -> float:
    """Return the mean; divided before it is summed where the sum would be infinite."""
    try:
        return math.fsum(values) / len(values)
    except OverflowError:
        return math.fsum(value / len(values) for value in values)


def _find(client: MlflowClient, wanted: str) -> Any:
    """Return an experiment by id, else by name, else None; a deleted one counts as gone."""
    from mlflow.exceptions import MlflowException

    found = None
    if wanted.isdecimal():
        try:
            found = client.get_experiment(wanted)
        except MlflowException as error:
            if error.error_code not in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
                raise
    if found is None:
        found = client.get_experiment_by_name(wanted)
    return None if found is None or found.lifecycle_stage != "active" else found


def _all_runs(client: MlflowClient, experiment_id: str) -> Iterator[Run]:
    from mlflow.entities import ViewType

    token = None
    while True:
        page = client.search_runs(
            [experiment_id], run_view_type=ViewType.ACTIVE_ONLY, max_results=_PAGE, page_token=token
        )
        yield from page
        token = page.token
        if not token:
            return


def _row(run: Run) -> RunRow:
    return RunRow(
        run_id=run.info.run_id,
        name=run.info.run_name or run.info.run_id,
        status=run.info.status,
        started=_time(run.info.start_time),
        ended=_time(run.info.end_time),
        metrics={key: _metric(value) for key, value in run.data.metrics.items()},
        params=dict(run.data.params),
    )


def _metric(value: float) -> float:
    return math.copysign(math.inf, value) if abs(value) >= _INFINITE else float(value)


def _time(milliseconds: int | None) -> datetime | None:
    return None if not milliseconds else datetime.fromtimestamp(milliseconds / 1000, tz=UTC)


def _log(report: ExperimentReport) -> None:
    from mirante.tracking.runs import log_artifact

    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / f"report-{report.experiment_id}.md"
        file.write_text(report.to_markdown(), encoding="utf-8")
        log_artifact(file, subject=f"experiment/{report.experiment_id}")
