"""Traces in MLflow, window by window: from the server's own aggregation, or counted one by one."""

from __future__ import annotations

from mirante.tracking.traces.aggregates import (
    assessment_counts,
    assessment_values,
    trace_totals,
    windows_aggregated,
)
from mirante.tracking.traces.increments import model_name, windows_counted
from mirante.tracking.traces.seen import GRID, TraceWindow

__all__ = [
    "GRID",
    "TraceWindow",
    "assessment_counts",
    "assessment_values",
    "model_name",
    "trace_totals",
    "windows_aggregated",
    "windows_counted",
]
