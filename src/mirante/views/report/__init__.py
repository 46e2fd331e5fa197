"""The report of an MLflow experiment: all its runs in a few numbers, a table and a page."""

from __future__ import annotations

from mirante.views.report.directions import DIRECTIONS, direction_of
from mirante.views.report.experiment import ExperimentReport, RunRow
from mirante.views.report.file import write_report
from mirante.views.report.generate import MLflowReport

__all__ = ["DIRECTIONS", "ExperimentReport", "MLflowReport", "RunRow", "direction_of", "write_report"]
