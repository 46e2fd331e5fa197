"""Prometheus: the reference API's counters of predictions, and the newest readings as text."""

from __future__ import annotations

from mirante.sinks.prometheus.exposition import Exposition
from mirante.sinks.prometheus.metrics import MLflowMetrics

__all__ = ["Exposition", "MLflowMetrics"]
