"""Reads all runs of an experiment and finds what there is to say of them."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from mirante.durations import parse_duration
from mirante.errors import ConfigError, InputError
from mirante.tracking.client import connect, server_name
from mirante.tracking.links import experiment_link, run_link
from mirante.tracking.registry import answering
from mirante.tracking.runs.columns import RunColumns
from mirante.tracking.runs.directions import Direction
from mirante.tracking.runs.search import ExperimentRef, find_experiment, read_runs
from mirante.views.report.condition import Gap, StaleRun, durations, gaps, stale_runs
from mirante.views.report.experiment import ExperimentReport
from mirante.views.report.failures import common_causes, failures_over_time
from mirante.views.report.importance import param_importance
from mirante.views.report.metrics import MetricSummary, metric_summaries

if TYPE_CHECKING:
    from mlflow import MlflowClient

__all__ = ["MLflowReport", "report_of"]

_PARENT = "mlflow.parentRunId"
_STALE = timedelta(days=1)
_IMPORTANT = 3
_MODELS_LOOKED_AT = 20


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
    ui_url : str, optional
        Where people open MLflow, for links; the tracking URI when not given.
    clock : callable, optional
        Gives the present.

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
        ui_url: str | None = None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._uri = tracking_uri
        self._directions = dict(directions or {})
        self._log = log
        self._client = client
        self._ui_url = ui_url
        self._clock = clock
        for metric, direction in self._directions.items():
            if direction not in ("lower", "higher"):
                raise InputError(f"the direction of {metric!r} is {direction!r}; write 'lower' or 'higher'")

    def generate_experiment_report(
        self,
        experiment_id: str | int,
        *,
        since: datetime | str | None = None,
        until: datetime | str | None = None,
        filter_string: str = "",
        stale_after: str | timedelta = _STALE,
        important: Sequence[str] | None = None,
        progress: Callable[[int], None] | None = None,
    ) -> ExperimentReport:
        """Report on one experiment.

        Parameters
        ----------
        experiment_id : str or int
            Its id, or its name.
        since, until : datetime or str, optional
            Only runs that started in this half-open interval: a time (without a zone it is UTC), its ISO
            text, or how long ago: ``"30d"``.
        filter_string : str
            Only runs that MLflow's filter takes: ``"params.model = 'cnn' and metrics.loss < 0.2"``.
        stale_after : str or timedelta, default "1d"
            How long a running run may give no sign of life.
        important : sequence of str, optional
            Metrics whose parameters are looked at; when not given, of those that differ from run to run the
            three that most runs have.
        progress : callable, optional
            Told how many runs were read, while they are.

        Returns
        -------
        ExperimentReport
            A mapping with ``total_runs, successful_runs, failed_runs, average_metrics, best_metrics,
            worst_metrics`` and more. Deleted runs do not count. Runs are read page by page, however many.

        Raises
        ------
        TrackingError
            If there is no such experiment, or the server does not answer or refuses the filter.
        InputError
            If the interval is empty or no time, or `important` names a metric that no run has.
        """
        silence = parse_duration(stale_after)
        begin = None if since is None else _aware("since", since, self._clock())
        end = None if until is None else _aware("until", until, self._clock())
        if begin is not None and end is not None and begin >= end:
            raise InputError(f"since is {begin} and until is {end}; until must be later")
        client = answering(lambda: self._client or connect(self._uri))
        experiment = find_experiment(client, str(experiment_id))
        columns = read_runs(
            client,
            [experiment.id],
            filter_string=filter_string,
            since=begin,
            until=end,
            progress=progress,
        )
        report = report_of(
            experiment,
            columns,
            directions=self._directions,
            mlflow=self._ui_url if self._ui_url is not None else web_address_of(client),
            now=self._clock(),
            stale_after=silence,
            important=important,
            more_gaps=signature_gaps(client, columns),
            since=begin,
            until=end,
            filter_string=filter_string,
        )
        if self._log:
            _log(report, client.tracking_uri)
        return report


def report_of(
    experiment: ExperimentRef,
    columns: RunColumns,
    *,
    now: datetime,
    directions: Mapping[str, Direction] | None = None,
    mlflow: str = "",
    stale_after: timedelta = _STALE,
    important: Sequence[str] | None = None,
    more_gaps: Sequence[Gap] = (),
    since: datetime | None = None,
    until: datetime | None = None,
    filter_string: str = "",
) -> ExperimentReport:
    """Return the report of runs that were read already.

    Parameters
    ----------
    experiment : ExperimentRef
        Whose runs they are.
    columns : RunColumns
        The runs.
    now : datetime
        The present, for stale runs.
    directions : mapping of str to {"lower", "higher"}, optional
        What the caller states.
    mlflow : str
        Where people open MLflow; links are empty without.
    stale_after, important, since, until, filter_string
        As in `MLflowReport.generate_experiment_report`.
    more_gaps : sequence of Gap
        Beside those that the runs themselves tell.

    Raises
    ------
    InputError
        If `important` names a metric that no run has.
    """

    def page(run: str) -> str:
        return run_link(mlflow, experiment.id, run) if mlflow else ""

    metrics = metric_summaries(columns, directions or {}, page)
    finite = sorted((one for one in metrics.values() if one.count), key=lambda one: one.name)
    status = Counter(columns.statuses.tolist())
    causes, tried = common_causes(columns)
    periods, trend = failures_over_time(columns)
    parents = columns.tags.get(_PARENT)
    silent = [
        StaleRun(columns.run_ids[row], columns.names[row], page(columns.run_ids[row]), sign)
        for row, sign in stale_runs(columns, now, stale_after)
    ]
    chosen = _chosen(important, metrics)
    found = (param_importance(columns, name) for name in chosen)
    return ExperimentReport(
        experiment_id=experiment.id,
        experiment_name=experiment.name,
        total_runs=len(columns),
        successful_runs=status["FINISHED"],
        failed_runs=status["FAILED"],
        average_metrics={one.name: one.mean for one in finite},
        best_metrics={one.name: one.best for one in finite},
        worst_metrics={one.name: one.worst for one in finite},
        best_runs={one.name: one.best_run for one in finite},
        worst_runs={one.name: one.worst_run for one in finite},
        directions={name: metrics[name].direction for name in sorted(metrics)},
        metric_counts={one.name: one.count for one in finite},
        not_finite={name: metrics[name].not_finite for name in sorted(metrics) if metrics[name].not_finite},
        runs_by_status=dict(sorted(status.items())),
        metrics=metrics,
        durations=durations(columns),
        periods=periods,
        failure_trend_p_value=trend,
        common_causes=causes,
        values_tried=tried,
        importances=tuple(one for one in found if one is not None),
        gaps=(*gaps(columns), *more_gaps),
        stale_runs=tuple(silent),
        nested_runs=0 if parents is None else len(parents.rows),
        parent_runs=0 if parents is None else len(parents.levels),
        since=since,
        until=until,
        filter_string=filter_string,
        link=experiment_link(mlflow, experiment.id) if mlflow else "",
        columns=columns,
    )


def web_address_of(client: MlflowClient) -> str:
    """Return where people open a client's MLflow, without secrets; empty when that is no web address."""
    uri = client.tracking_uri
    return server_name(uri) if uri.startswith(("http://", "https://")) else ""


def signature_gaps(client: MlflowClient, columns: RunColumns) -> tuple[Gap, ...]:
    """Look at the newest 20 models that finished runs logged, whether they have a signature.

    The signature is in a file beside each model and costs a request; what cannot be read is not counted.
    """
    from mirante.tracking.signatures import logged_with_signature

    newest = [
        (model, str(columns.run_ids[row]))
        for row in range(len(columns) - 1, -1, -1)
        if columns.statuses[row] == "FINISHED"
        for model in columns.models[row]
    ][:_MODELS_LOOKED_AT]
    told = [(run, logged_with_signature(client, model)) for model, run in newest]
    known = [(run, has) for run, has in told if has is not None]
    lacking = [run for run, has in known if not has]
    return (
        (Gap("no_signature", len(lacking), len(known), tuple(dict.fromkeys(lacking))[:5]),) if known else ()
    )


def _chosen(important: Sequence[str] | None, metrics: Mapping[str, MetricSummary]) -> Sequence[str]:
    if important is None:
        return [one.name for one in metrics.values() if one.varies][:_IMPORTANT]
    unknown = [name for name in important if name not in metrics]
    if unknown:
        some = ", ".join([one.name for one in metrics.values() if one.count][:5]) or "none"
        raise InputError(f"no run has the metric {unknown[0]!r}; those that most runs have are: {some}")
    return important


def _aware(name: str, moment: datetime | str, now: datetime) -> datetime:
    if isinstance(moment, str):
        try:
            return now - parse_duration(moment)
        except (ConfigError, OverflowError):
            pass
        try:
            moment = datetime.fromisoformat(moment)
        except ValueError:
            raise InputError(
                f"{name} is {moment!r}; give a time, 2026-01-31T14:00:00Z, or how long ago: 30d"
            ) from None
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


def _log(report: ExperimentReport, uri: str | None = None) -> None:
    from mirante.tracking.runs import log_artifact

    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / f"report-{report.experiment_id}.md"
        file.write_text(report.to_markdown(), encoding="utf-8", errors="replace")
        log_artifact(file, subject=f"experiment/{report.experiment_id}", uri=uri)
