"""MLflow's experiments as a source: their runs by status, and what the running ones log."""

from __future__ import annotations

from mirante.sources.runs.book import ExperimentBook
from mirante.sources.runs.config import ExperimentsConfig
from mirante.sources.runs.source import RunsSource

__all__ = ["ExperimentBook", "ExperimentsConfig", "RunsSource"]
