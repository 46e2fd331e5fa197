"""Traces of MLflow as a source: requests, errors, latencies, tokens and feedback of each window."""

from __future__ import annotations

from mirante.sources.traces.book import TraceBook
from mirante.sources.traces.config import TracesConfig
from mirante.sources.traces.source import TracesSource

__all__ = ["TraceBook", "TracesConfig", "TracesSource"]
