"""Runs in MLflow: the monitoring runs of subjects, and what the reference API's classes log."""

from __future__ import annotations

from mirante.tracking.runs.log import (
    current_run_id,
    forget_connections,
    host_subject,
    log_artifact,
    log_metrics,
    log_params_run,
    send_metrics,
)
from mirante.tracking.runs.monitoring import EXPERIMENT, MonitoringRuns

__all__ = [
    "EXPERIMENT",
    "MonitoringRuns",
    "current_run_id",
    "forget_connections",
    "host_subject",
    "log_artifact",
    "log_metrics",
    "log_params_run",
    "send_metrics",
]
