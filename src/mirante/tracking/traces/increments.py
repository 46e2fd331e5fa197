"""Windows of traces counted one by one, for servers that cannot aggregate."""

from __future__ import annotations

import contextlib
import json
import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np

from mirante.tracking.client import asking, unless_missing
from mirante.tracking.traces.seen import GRID, MODEL_ID, MOST_MODELS, TOKENS, TraceWindow

if TYPE_CHECKING:
    from mlflow import MlflowClient

__all__ = ["milliseconds", "model_name", "recent_models", "windows_counted"]

_RECENT = 200  # traces in one answer
_ID = re.compile(r"[\w.-]{1,250}")
_MILLISECOND = timedelta(milliseconds=1)


def windows_counted(
    client: MlflowClient,
    experiment: str,
    start: datetime,
    end: datetime,
    length: timedelta,
    *,
    most: int = 10_000,
) -> list[TraceWindow]:
    """Return the windows of an experiment that have traces, read trace by trace without their spans.

    Parameters
    ----------
    client : mlflow.MlflowClient
        The client.
    experiment : str
        Its id.
    start, end : datetime
        Half-open interval of the times at which traces begin.
    length : timedelta
        Of a window.
    most : int, default 10,000
        Traces that are read of a window; how many of the rest there are is not known, and `left_out` is 1.

    Returns
    -------
    list of TraceWindow
        In order.

    Raises
    ------
    TrackingError
        If MLflow does not answer.
    """
    found = []
    while start < end:
        window = _window(client, experiment, start, min(start + length, end), most)
        if window.traces:
            found.append(window)
        start += length
    return found


def _window(client: MlflowClient, experiment: str, start: datetime, end: datetime, most: int) -> TraceWindow:
    whole, models, left_out = _Tally(), defaultdict[str, _Tally](_Tally), 0
    for info in _infos(client, experiment, start, end, newest_first=False):
        if whole.statuses.total() >= most:
            left_out = 1
            break
        whole.add(info)
        model = _model_of(info)
        if model and (model in models or len(models) < MOST_MODELS):
            models[model].add(info)
    apart = {model: tally.window(start) for model, tally in models.items()}
    return replace(whole.window(start), models=apart, left_out=left_out)


class _Tally:
    """Traces that are counted."""

    def __init__(self) -> None:
        self.statuses: Counter[str] = Counter()
        self._seconds: list[float] = []
        self._tokens: defaultdict[str, float] = defaultdict(float)
        self._costs: list[float] = []
        self._assessments: defaultdict[str, Counter[str]] = defaultdict(Counter)

    def add(self, info: Any) -> None:
        """Count one."""
        self.statuses[str(getattr(info.state, "value", info.state)).lower()] += 1
        if info.execution_duration is not None:
            self._seconds.append(info.execution_duration / 1000)
        for kind, key in TOKENS.items():
            count = _number(info.trace_metadata.get("mlflow.trace.tokenUsage"), key)
            if count is not None:
                self._tokens[kind] += count
        cost = _number(info.trace_metadata.get("mlflow.trace.cost"), "total_cost")
        if cost is not None:
            self._costs.append(cost)
        for name, value in _feedback(info):
            self._assessments[name][value] += 1

    def window(self, start: datetime) -> TraceWindow:
        """Return what was counted."""
        return TraceWindow(
            start,
            dict(self.statuses),
            tuple(float(one) for one in np.percentile(self._seconds, GRID)) if self._seconds else (),
            dict(self._tokens),
            math.fsum(self._costs) if self._costs else None,
            {name: dict(values) for name, values in self._assessments.items()},
        )


def recent_models(client: MlflowClient, experiment: str, start: datetime, end: datetime) -> list[str]:
    """Return the ids of the logged models that made the last traces of a time.

    Parameters
    ----------
    client : mlflow.MlflowClient
        The client.
    experiment : str
        Its id.
    start, end : datetime
        Half-open interval of the times at which traces begin.

    Returns
    -------
    list of str
        Those of the last 200 traces, at most 10, the one with the most of these first.

    Raises
    ------
    TrackingError
        If MLflow does not answer.
    """
    last = islice(_infos(client, experiment, start, end, newest_first=True), _RECENT)
    return [model for model, _ in Counter(filter(None, map(_model_of, last))).most_common(MOST_MODELS)]


def model_name(client: MlflowClient, model: str) -> str:
    """Return the name of a logged model; its id when there is none of it any more.

    Raises
    ------
    TrackingError
        If MLflow does not answer.
    """
    with asking(client, f"look up the logged model {model}"):
        found = unless_missing(client.get_logged_model, model)
    return model if found is None else str(found.name)


def _model_of(info: Any) -> str | None:
    """Return the id of the logged model that made a trace, as far as it is one."""
    model = info.trace_metadata.get(MODEL_ID)
    return model if model and _ID.fullmatch(model) else None


def _infos(
    client: MlflowClient, experiment: str, start: datetime, end: datetime, *, newest_first: bool
) -> Iterator[Any]:
    first, last = milliseconds(start), milliseconds(end)
    token: str | None = None
    while True:
        with asking(client, f"read the traces of the experiment {experiment}"):
            page = client.search_traces(
                locations=[experiment],
                filter_string=f"timestamp_ms >= {first} AND timestamp_ms < {last}",
                order_by=["timestamp_ms DESC" if newest_first else "timestamp_ms ASC"],
                include_spans=False,
                max_results=_RECENT,
                page_token=token,
            )
        for trace in page:
            yield trace.info
        token = page.token
        if not token:
            return


def _feedback(info: Any) -> Iterator[tuple[str, str]]:
    for one in info.assessments or ():
        feedback = getattr(one, "feedback", None)
        if feedback is not None and one.valid is not False:
            yield str(one.name), json.dumps(feedback.value)


def _number(text: str | None, key: str) -> float | None:
    """Return a number of a JSON object in a trace's metadata; None where there is none."""
    with contextlib.suppress(ValueError, TypeError, KeyError):
        value = float(json.loads(text or "null")[key])
        return value if math.isfinite(value) else None
    return None


def milliseconds(moment: datetime) -> int:
    """Return a time as MLflow has it."""
    return (moment - datetime.fromtimestamp(0, UTC)) // _MILLISECOND
