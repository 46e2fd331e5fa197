"""Mirante watches what runs around an MLflow server: hosts, models, their data, their experiments.

This file is the facade: every public name is loaded from its home when it is first asked for, so that
``import mirante`` stays cheap.
"""

from __future__ import annotations

from importlib import import_module

# type checkers take this name for true wherever it comes from, and typing would be half of the import's cost
TYPE_CHECKING = False

if TYPE_CHECKING:
    from mirante.alerts.manager import AlertManager
    from mirante.alerts.rules import AlertRule
    from mirante.alerts.sending import AlertSystem
    from mirante.capture.decorator import record
    from mirante.capture.middleware import CaptureMiddleware
    from mirante.capture.privacy import Privacy
    from mirante.capture.pyfunc import log_recorded_model
    from mirante.capture.recorder import Recorder
    from mirante.client import connect, label, monitor
    from mirante.drift.detector import DriftDetector
    from mirante.drift.explain import explain
    from mirante.drift.monitor import DriftMonitor
    from mirante.errors import (
        ArchiveError,
        ConfigError,
        DeliveryError,
        InputError,
        MiranteError,
        MiranteWarning,
        MissingDependencyError,
        NotFittedError,
        ServeError,
        StoreError,
        TrackingError,
    )
    from mirante.inference_log.reader import InferenceLog
    from mirante.monitors.check import check
    from mirante.monitors.spark import profile_spark, profile_spark_files
    from mirante.outliers.detector import OutlierDetector
    from mirante.performance.estimated import PerformanceEstimator
    from mirante.profiles import TableProfile
    from mirante.readings import Reading
    from mirante.sinks.prometheus import MLflowMetrics
    from mirante.sources.host import SystemMetrics, SystemMonitor
    from mirante.store import Store
    from mirante.views.dashboard import MLflowDashboard
    from mirante.views.report import MLflowReport

__version__ = "0.1.0"

__all__ = [
    "AlertManager",
    "AlertRule",
    "AlertSystem",
    "ArchiveError",
    "CaptureMiddleware",
    "ConfigError",
    "DeliveryError",
    "DriftDetector",
    "DriftMonitor",
    "InferenceLog",
    "InputError",
    "MLflowDashboard",
    "MLflowMetrics",
    "MLflowReport",
    "MiranteError",
    "MiranteWarning",
    "MissingDependencyError",
    "NotFittedError",
    "OutlierDetector",
    "PerformanceEstimator",
    "Privacy",
    "Reading",
    "Recorder",
    "ServeError",
    "Store",
    "StoreError",
    "SystemMetrics",
    "SystemMonitor",
    "TableProfile",
    "TrackingError",
    "__version__",
    "check",
    "connect",
    "explain",
    "label",
    "log_recorded_model",
    "monitor",
    "profile_spark",
    "profile_spark_files",
    "record",
]

_HOMES = {
    "AlertManager": "mirante.alerts.manager",
    "AlertRule": "mirante.alerts.rules",
    "AlertSystem": "mirante.alerts.sending",
    "ArchiveError": "mirante.errors",
    "CaptureMiddleware": "mirante.capture.middleware",
    "ConfigError": "mirante.errors",
    "DeliveryError": "mirante.errors",
    "DriftDetector": "mirante.drift.detector",
    "DriftMonitor": "mirante.drift.monitor",
    "InferenceLog": "mirante.inference_log.reader",
    "InputError": "mirante.errors",
    "MLflowDashboard": "mirante.views.dashboard",
    "MLflowMetrics": "mirante.sinks.prometheus",
    "MLflowReport": "mirante.views.report",
    "MiranteError": "mirante.errors",
    "MiranteWarning": "mirante.errors",
    "MissingDependencyError": "mirante.errors",
    "NotFittedError": "mirante.errors",
    "OutlierDetector": "mirante.outliers.detector",
    "PerformanceEstimator": "mirante.performance.estimated",
    "Privacy": "mirante.capture.privacy",
    "Reading": "mirante.readings",
    "Recorder": "mirante.capture.recorder",
    "ServeError": "mirante.errors",
    "Store": "mirante.store",
    "StoreError": "mirante.errors",
    "SystemMetrics": "mirante.sources.host",
    "SystemMonitor": "mirante.sources.host",
    "TableProfile": "mirante.profiles",
    "TrackingError": "mirante.errors",
    "check": "mirante.monitors.check",
    "connect": "mirante.client",
    "explain": "mirante.drift.explain",
    "label": "mirante.client",
    "log_recorded_model": "mirante.capture.pyfunc",
    "monitor": "mirante.client",
    "profile_spark": "mirante.monitors.spark",
    "profile_spark_files": "mirante.monitors.spark",
    "record": "mirante.capture.decorator",
}


def __getattr__(name: str) -> object:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'mirante' has no attribute {name!r}")
    value: object = getattr(import_module(home), name)
    globals()[name] = value  # the next look-up does not come here
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
