"""The page of an experiment: its running runs, what failed, its best values, its traces, and its past."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from mirante.i18n import translator
from mirante.tracking.links import experiment_link, run_link
from mirante.web.pages.alertlist import alerts_shown
from mirante.web.pages.charts import marks_for, thinned_series
from mirante.web.pages.drawing import ChartGroup, Drawing, known, lively
from mirante.web.pages.experiments import ExperimentRow, rows_of
from mirante.web.pages.model import find_subject
from mirante.web.pages.query import Query, TimeRange
from mirante.web.pages.render import render
from mirante.web.pages.states import card_of

if TYPE_CHECKING:
    from mirante.readings import Reading
    from mirante.store import Store
    from mirante.web.pages.charts import Chart

__all__ = ["BestRow", "RunRow", "experiment_page"]

_RUN = re.compile(r"(?P<name>.*) \((?P<id>[0-9a-f]{32})\)", re.DOTALL)  # as the source of runs notes it
_SHOWN_ALERTS = 8
_SHOWN_BEST = 30
_SHOWN_METRICS = 6
_CHARTED = 6
_WHOLE = ("mlflow_experiment_runs", "experiment_failed_share")
_LATENCIES = {
    "trace_latency_seconds_p50": "p50",
    "trace_latency_seconds_p95": "p95",
    "trace_latency_seconds_p99": "p99",
}
_TRACED = ("traces", "trace_error_share", *_LATENCIES, "assessment_mean")
_DURATIONS = ("experiment_run_seconds_p50", "experiment_run_seconds_p95")


@dataclass(slots=True)
class MetricCell:
    """A metric of a running run: its last value, its step, by how much it is worse than the run's best."""

    key: str
    value: float = math.nan
    step: float = math.nan
    worsening: float = math.nan


@dataclass(slots=True)
class RunRow:
    """A running run: its name, age and silence in seconds, and its first metrics."""

    id: str
    name: str
    link: str
    age: float = math.nan
    idle: float = math.nan
    metrics: dict[str, MetricCell] = field(default_factory=dict)

    @property
    def shown(self) -> list[MetricCell]:
        """The metrics that the page has room for: what is no number first, then what has become worse."""
        return sorted(self.metrics.values(), key=_need)[:_SHOWN_METRICS]


@dataclass(frozen=True, slots=True)
class BestRow:
    """The best value of a metric, and the run that has it; no address where MLflow's pages have none."""

    key: str
    value: float
    run: str
    link: str = ""


def _best(reading: Reading, mlflow: str) -> BestRow:
    key, noted = reading.labels.get("key", ""), _RUN.fullmatch(reading.note)
    if noted is None or not mlflow:
        return BestRow(key, reading.value, reading.note)
    link = run_link(mlflow, reading.labels.get("experiment_id", ""), noted["id"])
    return BestRow(key, reading.value, noted["name"], link)


def experiment_page(store: Store, subject: str, query: Query, tasks: Mapping[str, Any] | None = None) -> str:
    """Return the page of an experiment as HTML.

    Parameters
    ----------
    store : Store
        What is shown.
    subject : str
        ``experiment/<name>``.
    query : Query
        ``range`` or ``since`` and ``until``.
    tasks : mapping, optional
        What the service says of its tasks, as in ``/healthz``; by default what it last wrote of them.

    Raises
    ------
    UnknownPageError
        If the store does not know the subject.
    """
    found = find_subject(store, subject)
    span = TimeRange.of(query, found.first_time, found.last_time, default="24h")
    alerts = store.alerts.list(subject=subject, limit=500)
    alive = [alert for alert in alerts if alert.state != "resolved"]
    over = [alert for alert in alerts if alert.state == "resolved"]
    latest = store.readings.latest(subject=subject)
    identity = next((one.labels["experiment_id"] for one in latest if "experiment_id" in one.labels), "")
    row = rows_of(latest).get(subject, ExperimentRow(subject, ""))
    best = [one for one in latest if one.name == "experiment_best_metric"]
    return render(
        "experiment.html",
        query,
        subject=subject,
        card=card_of(store, subject, alive, query, tasks),
        row=row,
        link=experiment_link(query.mlflow, identity) if query.mlflow and identity else "",
        span=span,
        spans=TimeRange.names(),
        alerts=alerts_shown(store, [*alive, *over][:_SHOWN_ALERTS], query, {}),
        running=_running(latest, query.mlflow),
        left_out=_value(latest, "experiment_runs_left_out"),
        best=[_best(one, query.mlflow) for one in best[:_SHOWN_BEST]],
        more_best=len(best) - _SHOWN_BEST,
        groups=_groups(store, subject, latest, span, marks_for(store, subject, alerts, span), query),
    )


def _running(latest: Iterable[Reading], mlflow: str) -> list[RunRow]:
    """Return the running runs, those that are silent longest first."""
    rows: dict[str, RunRow] = {}
    for one in latest:
        run, experiment = one.labels.get("run_id"), one.labels.get("experiment_id", "")
        if run is None or one.name == "run_failed":
            continue
        link = run_link(mlflow, experiment, run) if mlflow else ""
        row = rows.setdefault(run, RunRow(run, one.labels.get("run", run), link))
        if one.name == "run_seconds":
            row.age = one.value
        elif one.name == "run_idle_seconds":
            row.idle = one.value
        elif (key := one.labels.get("key")) is not None:
            cell = row.metrics.setdefault(key, MetricCell(key))
            if one.name == "run_metric":
                cell.value = one.value
            elif one.name == "run_metric_step":
                cell.step = one.value
            elif one.name == "run_metric_worsening":
                cell.worsening = one.value
    return sorted(rows.values(), key=lambda row: (-row.idle, row.name))


def _need(cell: MetricCell) -> tuple[bool, float, str]:
    worse = cell.worsening if math.isfinite(cell.worsening) else 0.0
    return math.isfinite(cell.value), -worse, cell.key


def _value(latest: Iterable[Reading], name: str) -> float:
    return next((one.value for one in latest if one.name == name), 0.0)


def _groups(
    store: Store,
    subject: str,
    latest: Sequence[Reading],
    span: TimeRange,
    marks: Sequence[Any],
    query: Query,
) -> list[ChartGroup]:
    _ = translator(query.locale)
    whole = Drawing(
        thinned_series(store, subject, (*_WHOLE, *_DURATIONS), span),
        marks,
        query,
        lambda labels: labels.get("status", ""),
    )
    durations = {"experiment_run_seconds_p50": _("median"), "experiment_run_seconds_p95": "p95"}
    shares = whole.lines({"experiment_failed_share": ""})
    runs = [
        *whole.chart("runs", _("Runs by status"), whole.lines({"mlflow_experiment_runs": ""}), "runs"),
        *whole.chart("failed", _("Share of runs that failed"), known(shares), "share"),
        *whole.chart("durations", _("Duration of runs"), known(whole.lines(durations)), "seconds"),
    ]
    keys = list(dict.fromkeys(one.labels["key"] for one in latest if one.name == "run_metric"))[:_CHARTED]
    metrics = []
    if keys:
        series = thinned_series(store, subject, ["run_metric"], span)
        for place, key in enumerate(keys):
            lines = Drawing(
                [one for one in series if one.labels.get("key") == key],
                marks,
                query,
                lambda labels: labels.get("run", ""),
            )
            metrics += lines.chart(f"m{place}", key, lines.lines({"run_metric": ""}), "", zero=False)
    groups = (
        ChartGroup(_("Metrics of running runs"), metrics),
        ChartGroup(_("Runs"), runs),
        ChartGroup(_("Traces"), _trace_charts(store, subject, span, marks, query)),
    )
    return [group for group in groups if group.charts]


def _trace_charts(
    store: Store, subject: str, span: TimeRange, marks: Sequence[Any], query: Query
) -> list[Chart]:
    """Return the charts of an experiment's traces, window by window; none where there are none."""
    _ = translator(query.locale)
    drawn = Drawing(
        thinned_series(store, subject, _TRACED, span),
        marks,
        query,
        lambda labels: labels.get("assessment") or labels.get("status", ""),
    )
    requests, means = drawn.lines({"traces": ""}), drawn.lines({"assessment_mean": ""})
    errors = known(drawn.lines({"trace_error_share": ""}))
    return [
        *drawn.chart("requests", _("Requests by status"), lively(requests), "traces"),
        *drawn.chart("errors", _("Share of requests that failed"), errors, "share"),
        *drawn.chart("latency", _("Duration of requests"), known(drawn.lines(_LATENCIES)), "seconds"),
        *drawn.chart("assessments", _("Mean of feedback"), known(means), "", zero=False),
    ]
