"""Windows of traces from the server's own aggregation: few queries for many windows of any size."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import structlog

from mirante.errors import TrackingError
from mirante.tracking.client import asking, server_name
from mirante.tracking.traces.increments import milliseconds, recent_models
from mirante.tracking.traces.seen import GRID, MODEL_ID, TOKENS, TraceWindow

if TYPE_CHECKING:
    from mlflow import MlflowClient

__all__ = ["assessment_counts", "assessment_values", "trace_totals", "windows_aggregated"]

_log = structlog.get_logger("mirante.traces")
_MOST = 50_000  # points in one answer; the server has no further pages
_ABSENT = frozenset({"ENDPOINT_NOT_FOUND", "FEATURE_DISABLED", "NOT_IMPLEMENTED", "NOT_FOUND"})
_FEEDBACK = ["assessment.type = 'feedback'"]

Points = list[tuple[Mapping[str, str], Mapping[str, float]]]


def windows_aggregated(
    client: MlflowClient, experiment: str, start: datetime, end: datetime, length: timedelta
) -> list[TraceWindow] | None:
    """Return the windows of an experiment that have traces.

    Parameters
    ----------
    client : mlflow.MlflowClient
        The client.
    experiment : str
        Its id.
    start, end : datetime
        Half-open interval of the times at which traces begin; multiples of the length since 1970.
    length : timedelta
        Of a window; whole seconds.

    Returns
    -------
    list of TraceWindow, or None
        In order; None where the server has no aggregation (before MLflow 3.9, and with files as its store).

    Raises
    ------
    TrackingError
        If MLflow does not answer.
    """
    ask = _Asking(client, experiment, start, end, length)
    windows = _windows(ask)
    if not windows:
        return windows
    models: dict[datetime, dict[str, TraceWindow]] = defaultdict(dict)
    for model in _models(client, experiment, start, end):
        for one in _windows(ask.of(model)) or ():
            models[one.start][model] = one
    return [replace(one, models=models.get(one.start, {})) for one in windows]


def _models(client: MlflowClient, experiment: str, start: datetime, end: datetime) -> list[str]:
    """Return the logged models that are told apart; none where MLflow counts traces that it cannot return.

    A feedback that is NaN makes it answer 500 to whoever asks for the trace. Any other failure may be over at
    the next look, and is raised.
    """
    try:
        return recent_models(client, experiment, start, end)
    except TrackingError as error:
        if not _is_answer_500(error):
            raise
        _log.warning("traces that MLflow cannot return: their models are not told apart", error=str(error))
        return []


def _is_answer_500(error: TrackingError) -> bool:
    """Say whether the server answered 500; MLflow's client says "internal error" of one that is away, too."""
    from mlflow.exceptions import RestException

    cause = error.__cause__
    if isinstance(cause, RestException):
        return bool(cause.get_http_status_code() == 500)
    return re.search(r"too many 500 error responses|failed with error code 500\b", str(cause)) is not None


def _windows(ask: _Asking) -> list[TraceWindow] | None:
    counts = ask("TRACES", "trace_count", ["COUNT"], ["trace_status"])
    if counts is None:
        return None
    statuses: dict[datetime, dict[str, int]] = defaultdict(dict)
    for labels, values in counts:
        statuses[_bucket(labels)][labels["trace_status"].lower()] = int(values["COUNT"])
    if not statuses:
        return []
    latency = {}
    for labels, values in ask.known("TRACES", "latency", [f"P{one}" for one in GRID]):
        latency[_bucket(labels)] = tuple(_percentile(values, one) / 1000 for one in GRID)
    tokens: dict[datetime, dict[str, float]] = defaultdict(dict)
    for kind, metric in TOKENS.items():
        for labels, values in ask.known("TRACES", metric, ["SUM"]):
            tokens[_bucket(labels)][kind] = float(values["SUM"])
    cost = {
        _bucket(labels): float(values["SUM"]) for labels, values in ask.known("SPANS", "total_cost", ["SUM"])
    }
    found = _assessments(ask)
    return [
        TraceWindow(one, statuses[one], latency.get(one, ()), tokens[one], cost.get(one), found.get(one, {}))
        for one in sorted(statuses)
    ]


def assessment_counts(
    client: MlflowClient, experiment: str, start: datetime, end: datetime, length: timedelta
) -> dict[datetime, dict[str, int]] | None:
    """Return how many valid feedbacks each window's traces have by now, by name.

    Parameters
    ----------
    client, experiment, start, end, length
        As for `windows_aggregated`.

    Returns
    -------
    dict of datetime to dict of str to int, or None
        By the window's start.

    Raises
    ------
    TrackingError
        If MLflow does not answer.
    """
    ask = _Asking(client, experiment, start, end, length)
    points = ask("ASSESSMENTS", "assessment_count", ["COUNT"], ["assessment_name"], _FEEDBACK)
    if points is None:
        return None
    found: dict[datetime, dict[str, int]] = defaultdict(dict)
    for labels, values in points:
        found[_bucket(labels)][labels["assessment_name"]] = int(values["COUNT"])
    return dict(found)


def assessment_values(
    client: MlflowClient,
    experiment: str,
    start: datetime,
    end: datetime,
    length: timedelta,
    *,
    model: str | None = None,
) -> dict[datetime, dict[str, dict[str, int]]]:
    """Return what the valid feedback of each window's traces says by now, as in `TraceWindow.assessments`.

    Parameters
    ----------
    client, experiment, start, end, length
        As for `windows_aggregated`; the server is one that aggregates.
    model : str, optional
        Only of the traces that this logged model made.

    Raises
    ------
    TrackingError
        If MLflow does not answer.
    """
    ask = _Asking(client, experiment, start, end, length)
    return _assessments(ask if model is None else ask.of(model))


def trace_totals(client: MlflowClient, experiment: str) -> dict[str, int] | None:
    """Return how many traces of each status an experiment has in all; None where the server does not count.

    Raises
    ------
    TrackingError
        If MLflow does not answer.
    """
    points = _query(client, experiment, "TRACES", "trace_count", ["COUNT"], ["trace_status"])
    if points is None:
        return None
    return {labels["trace_status"].lower(): int(values["COUNT"]) for labels, values in points}


class _Asking:
    """Asks for one experiment's windows between two times."""

    def __init__(
        self,
        client: MlflowClient,
        experiment: str,
        start: datetime,
        end: datetime,
        length: timedelta,
        filters: tuple[str, ...] = (),
    ) -> None:
        self._client, self._experiment = client, experiment
        self.start, self.end, self._length, self._filters = start, end, length, filters

    def of(self, model: str) -> _Asking:
        """Return one that asks for the traces of a logged model alone."""
        only = (*self._filters, f"trace.metadata.`{MODEL_ID}` = '{model}'")
        return _Asking(self._client, self._experiment, self.start, self.end, self._length, only)

    def __call__(
        self,
        view: str,
        metric: str,
        aggregations: list[str],
        dimensions: list[str] | None = None,
        filters: list[str] | None = None,
    ) -> Points | None:
        return _query(
            self._client,
            self._experiment,
            view,
            metric,
            aggregations,
            dimensions,
            filters=[*self._filters, *(filters or ())] or None,
            time_interval_seconds=int(self._length.total_seconds()),
            start_time_ms=milliseconds(self.start),
            end_time_ms=milliseconds(self.end) - 1,  # the server includes it
        )

    def known(
        self,
        view: str,
        metric: str,
        aggregations: list[str],
        dimensions: list[str] | None = None,
        filters: list[str] | None = None,
    ) -> Points:
        """Ask a server that is known to answer; one that has ceased to is no server without values."""
        points = self(view, metric, aggregations, dimensions, filters)
        if points is None:
            raise TrackingError(
                f"could not count the traces of the experiment {self._experiment}: MLflow at "
                f"{server_name(self._client.tracking_uri)} aggregated before, and does not now"
            )
        return points

    def each(self) -> Iterator[_Asking]:
        """Yield one that asks for each window by itself."""
        start = self.start
        while start < self.end:
            one = start, start + self._length, self._length
            yield _Asking(self._client, self._experiment, *one, self._filters)
            start += self._length


def _assessments(ask: _Asking) -> dict[datetime, dict[str, dict[str, int]]]:
    asked = ("ASSESSMENTS", "assessment_count", ["COUNT"], ["assessment_name", "assessment_value"], _FEEDBACK)
    points = ask.known(*asked)
    if len(points) >= _MOST:  # the answer is cut: many different values
        points = [point for one in ask.each() for point in one.known(*asked)]
    found: dict[datetime, dict[str, dict[str, int]]] = defaultdict(lambda: defaultdict(dict))
    for labels, values in points:
        found[_bucket(labels)][labels["assessment_name"]][labels["assessment_value"]] = int(values["COUNT"])
    return {start: dict(names) for start, names in found.items()}


def _query(
    client: MlflowClient,
    experiment: str,
    view: str,
    metric: str,
    aggregations: list[str],
    dimensions: list[str] | None = None,
    **given: Any,
) -> Points | None:
    """Ask the store behind the client, which has no public method for it; None where it cannot answer."""
    try:
        from mlflow.entities.trace_metrics import AggregationType, MetricAggregation, MetricViewType
    except ImportError:  # a client before 3.9
        return None
    from mlflow.exceptions import MlflowException

    store = client._tracing_client.store
    if not hasattr(store, "query_trace_metrics"):
        return None
    wanted = [
        MetricAggregation(AggregationType.PERCENTILE, float(one[1:]))
        if one.startswith("P")
        else MetricAggregation(AggregationType(one))
        for one in aggregations
    ]
    with asking(client, f"count the traces of the experiment {experiment}"):
        try:
            points = store.query_trace_metrics(
                [experiment], MetricViewType(view), metric, wanted, dimensions, max_results=_MOST, **given
            )
        except NotImplementedError:
            return None
        except MlflowException as error:
            if error.error_code in _ABSENT:
                return None
            raise
    return [(one.dimensions, one.values) for one in points]


def _percentile(values: Mapping[str, float], one: int) -> float:
    return float(values[f"P{float(one)}"])


def _bucket(labels: Mapping[str, str]) -> datetime:
    return datetime.fromisoformat(labels["time_bucket"]).astimezone(UTC)
