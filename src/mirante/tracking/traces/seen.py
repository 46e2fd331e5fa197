"""What is seen of the traces of one window, whoever counted them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType

__all__ = ["GRID", "MODEL_ID", "MOST_MODELS", "TOKENS", "TraceWindow"]

GRID = tuple(range(101))
"""Percentiles by which a distribution of latencies is known."""
MODEL_ID = "mlflow.modelId"
"""Where a trace says which logged model made it."""
MOST_MODELS = 10
"""Logged models of an experiment that are told apart."""
TOKENS = MappingProxyType({"input": "input_tokens", "output": "output_tokens", "total": "total_tokens"})
"""What MLflow calls the kinds of tokens."""


@dataclass(frozen=True, slots=True)
class TraceWindow:
    """The traces of an experiment that began in a window.

    Parameters
    ----------
    start : datetime
        Where the window begins (UTC).
    statuses : mapping of str to int
        Traces by status, in lower case: ``ok``, ``error``, ``in_progress``.
    latency : tuple of float, length 101 or 0
        Percentiles 0 to 100 of the duration in seconds, of traces that have one; empty when none has. Between
        two values they are interpolated, as numpy does by default.
    tokens : mapping of str to float
        Sums by kind: ``input``, ``output``, ``total``; kinds that no trace tells are left out.
    cost : float, optional
        Sum in US dollars; None when no trace tells it.
    assessments : mapping of str to mapping of str to int
        By name of the feedback, how often each value was given. Values are JSON: ``true``, ``"good"``,
        ``0.5``, ``null`` where the judge failed. Feedback that was overridden is left out; several on one
        trace all count.
    models : mapping of str to TraceWindow
        The same of the traces that a logged model made, by its id; of the models that were found among the
        last 200 traces of each look, at most 10.
    left_out : int
        Traces beyond what is read of a window; they are in none of the numbers.
    """

    start: datetime
    statuses: Mapping[str, int] = field(default_factory=dict)
    latency: tuple[float, ...] = ()
    tokens: Mapping[str, float] = field(default_factory=dict)
    cost: float | None = None
    assessments: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    models: Mapping[str, TraceWindow] = field(default_factory=dict)
    left_out: int = 0

    @property
    def ended(self) -> int:
        """How many of the traces have ended, well or not."""
        return self.statuses.get("ok", 0) + self.statuses.get("error", 0)

    @property
    def traces(self) -> int:
        """How many traces there are."""
        return sum(self.statuses.values())
