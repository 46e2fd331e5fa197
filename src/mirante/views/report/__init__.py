"""The report of an MLflow experiment: all its runs in a few numbers, a table and a page."""

from __future__ import annotations

from mirante.tracking.runs.directions import DIRECTIONS, direction_of
from mirante.views.report.compare import ExperimentComparison, compare_reports
from mirante.views.report.experiment import ExperimentReport, RunRow
from mirante.views.report.file import write_report
from mirante.views.report.generate import MLflowReport, report_of
from mirante.views.report.metrics import MetricSummary
from mirante.views.report.text import csv_text

__all__ = [
    "DIRECTIONS",
    "ExperimentComparison",
    "ExperimentReport",
    "MLflowReport",
    "MetricSummary",
    "RunRow",
    "compare_reports",
    "csv_text",
    "direction_of",
    "report_of",
    "write_report",
]
