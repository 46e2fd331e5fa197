"""What a serving process counts, for Prometheus: over all workers, also those that have died."""

from __future__ import annotations

import os
from collections.abc import Iterable

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest

from mirante.errors import InputError

__all__ = ["CONTENT_TYPE", "ServingMetrics"]

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_FOLDER = "PROMETHEUS_MULTIPROC_DIR"
_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)


class ServingMetrics:
    """Counters of predictions, their latency, errors, violations of signatures, and what was not recorded.

    Where the environment variable ``PROMETHEUS_MULTIPROC_DIR`` names a folder, as `mirante serve` sets it for
    its workers, all processes count there, and each shows the sum.

    Parameters
    ----------
    registry : prometheus_client.CollectorRegistry, optional
        Where to register; one of its own when not given.

    Raises
    ------
    InputError
        If the registry has metrics of these names already.

    Examples
    --------
    >>> metrics = ServingMetrics()
    >>> metrics.answered("churn", 0.004)
    >>> metrics.predicted("churn", 3)
    >>> b'mlflow_model_predictions_total{model="churn"} 3.0' in metrics.render()
    True
    """

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        self._latencies: dict[str, Histogram] = {}
        self.registry = registry = CollectorRegistry() if registry is None else registry
        try:
            self._predictions = Counter(
                "mlflow_model_predictions_total", "Predictions since start", ["model"], registry=registry
            )
            self._latency = Histogram(
                "mlflow_prediction_latency_seconds",
                "Latency of a prediction in seconds",
                ["model"],
                registry=registry,
                buckets=_BUCKETS,
            )
            self._errors = Counter(
                "prediction_errors_total",
                "Requests answered with an error, since start",
                ["model", "status"],
                registry=registry,
            )
            self._violations = Counter(
                "signature_violations_total",
                "Rows that broke the model's signature, since start",
                ["model", "feature", "kind"],
                registry=registry,
            )
            self._dropped = Counter(
                "monitor_dropped_total",
                "Predictions that were not recorded, since start",
                ["model", "reason"],
                registry=registry,
            )
            self._shadowed = Counter(
                "shadow_requests_total",
                "Requests for the model beside: sent, failed, or dropped since too many waited",
                ["model", "result"],
                registry=registry,
            )
        except ValueError as error:
            raise InputError(
                f"the registry has metrics of these names already ({error}); give each process one registry "
                "that all middlewares and decorators share as metrics="
            ) from error

    def answered(self, model: str, seconds: float) -> None:
        """Count the latency of a request that was answered with predictions."""
        latency = self._latencies.get(model)
        if latency is None:  # to find it by its labels takes as long as to count
            latency = self._latencies[model] = self._latency.labels(model)
        latency.observe(seconds)

    def predicted(self, model: str, rows: int) -> None:
        """Count predictions."""
        self._predictions.labels(model).inc(rows)

    def failed(self, model: str, status: str) -> None:
        """Count a request that was answered with an error, or an exception by its name."""
        self._errors.labels(model, status).inc()

    def violated(self, model: str, column: str, kind: str, rows: int) -> None:
        """Count rows that broke the signature."""
        self._violations.labels(model, column, kind).inc(rows)

    def dropped(self, model: str, reason: str, rows: int) -> None:
        """Count predictions that were not recorded."""
        self._dropped.labels(model, reason).inc(rows)

    def shadowed(self, model: str, result: str) -> None:
        """Count a request for the model beside: ``sent``, ``failed`` or ``dropped``."""
        self._shadowed.labels(model, result).inc()

    def show(self, models: Iterable[str]) -> None:
        """Let the counters of models be there with 0 before anything is counted."""
        for model in models:
            self._predictions.labels(model)
            self._latency.labels(model)

    def render(self) -> bytes:
        """Return all of it in Prometheus' text format, summed over all processes."""
        folder = os.environ.get(_FOLDER)
        if not folder:
            return bytes(generate_latest(self.registry))
        from prometheus_client.multiprocess import MultiProcessCollector

        whole = CollectorRegistry()
        MultiProcessCollector(whole, path=folder)  # type: ignore[no-untyped-call]  # theirs
        return bytes(generate_latest(whole))
