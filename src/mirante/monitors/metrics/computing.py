"""The values of one's own metrics for a window, and their readings."""

from __future__ import annotations

import importlib
import math
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from numbers import Real
from typing import TYPE_CHECKING, Any

import structlog

from mirante.errors import InputError
from mirante.monitors.logged import logged_rows
from mirante.monitors.metrics.expression import ProfileExpression
from mirante.readings import Reading

if TYPE_CHECKING:
    from mirante.monitors.baseline import ModelBaseline
    from mirante.monitors.metrics.config import MetricConfig
    from mirante.monitors.openwindow import OpenWindow
    from mirante.monitors.rows import RowSource, Watched

__all__ = ["WindowMetrics", "metric_readings"]

_MOST_ROWS = 200_000

_log = structlog.get_logger("mirante.metrics")


class WindowMetrics:
    """Computes the metrics that the config names.

    A window's verdict stands without them, so they never fail: what is wrong is logged, once for each metric
    and reason, and the reading is NaN with the reason as its note.

    Parameters
    ----------
    config : ModelConfig or TableConfig
        Names them.
    version : str
        Whose rows.
    log : RowSource
        Has the rows, for metrics that are functions of them.
    baseline : ModelBaseline
        Of the version: it knows what predictions are, and an expression that does not fit it is told now,
        and not with the first window.
    """

    def __init__(self, config: Watched, version: str, log: RowSource, baseline: ModelBaseline) -> None:
        self._predictions = baseline.predictions
        self._config, self._version, self._inference_log = config, version, log
        self._expressions = {
            one.name: ProfileExpression(one.expression) for one in config.metrics if one.expression
        }
        self._told: set[tuple[str, str]] = set()
        for name, expression in self._expressions.items():
            try:
                expression.of(baseline.profile)
            except InputError as error:
                self._tell(name, _reason(error))

    def find(self, window: OpenWindow) -> dict[str, tuple[float, str]]:
        """Return the value of each metric, and why it is not known.

        Parameters
        ----------
        window : OpenWindow
            Complete. Functions get at most 200,000 of its rows, drawn uniformly.

        Returns
        -------
        dict of str to (float, str)
            By name; NaN with a reason where it could not be computed. Empty for a window without rows.
        """
        found: dict[str, tuple[float, str]] = {}
        if not window.rows:
            return found
        rows: list[Any] = []
        for one in self._config.metrics:
            try:
                found[one.name] = (self._value(one, window, rows), "")
            except Exception as error:  # somebody's own code may raise anything
                reason = _reason(error)
                self._tell(one.name, reason, first_window=window.window.start.isoformat())
                found[one.name] = (math.nan, reason)
        return found

    def _value(self, metric: MetricConfig, window: OpenWindow, rows: list[Any]) -> float:
        if metric.expression:
            return self._expressions[metric.name].of(window.profile)
        if not rows:  # read once for all metrics, and only if there is one that needs them
            span = window.window
            rows.append(
                logged_rows(
                    self._inference_log,
                    self._config.model,
                    self._version,
                    span.start,
                    span.end,
                    window.profile,
                    self._predictions,
                    _MOST_ROWS,
                ).to_pandas()
            )
        value = _function(str(metric.call))(rows[0].copy())
        if not isinstance(value, Real):
            raise InputError(f"{metric.call} returned {type(value).__name__}; it has to return a number")
        return float(value)

    def _tell(self, name: str, reason: str, **more: str) -> None:
        if (name, reason) not in self._told:
            self._told.add((name, reason))
            _log.warning(
                "metric not computed",
                subject=self._config.subject,
                version=self._version,
                metric=name,
                error=reason,
                **more,
            )


def _reason(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"[:500]


def _function(call: str) -> Callable[[Any], Any]:
    module, name = call.split(":")
    try:
        found: Callable[[Any], Any] = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise InputError(
            f"{call} cannot be loaded ({error}); install its package beside Mirante, or set PYTHONPATH"
        ) from error
    return found


def metric_readings(
    found: Mapping[str, tuple[float, str]], start: datetime, labels: Mapping[str, str]
) -> Sequence[Reading]:
    """Return the readings ``custom_metric`` of what `WindowMetrics.find` gave.

    Parameters
    ----------
    found : mapping of str to (float, str)
        Value and reason by name.
    start : datetime
        Of the window.
    labels : mapping of str to str
        Model, alias, version.

    Returns
    -------
    list of Reading
        With the label ``metric``; the reason is the note.
    """
    return [
        Reading("custom_metric", value, start, {**labels, "metric": name}, reason)
        for name, (value, reason) in found.items()
    ]
