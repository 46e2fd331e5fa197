"""The reference API's counter of predictions, for Prometheus at once and for MLflow now and then.

It counts in memory and sends from a thread of its own, so that a prediction costs microseconds instead of
a run in MLflow.
"""

from __future__ import annotations

import atexit
import logging
import math
import threading
import warnings
import weakref
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import TracebackType

from prometheus_client import REGISTRY, CollectorRegistry, Counter, Histogram

from mirante.errors import InputError, MiranteWarning
from mirante.readings import model_subject
from mirante.tracking.runs import current_run_id, send_metrics

__all__ = ["LATENCY", "PREDICTIONS", "MLflowMetrics", "collectors_in"]

_log = logging.getLogger(__name__)

PREDICTIONS = "mlflow_model_predictions_total"
LATENCY = "mlflow_prediction_latency_seconds"
_MOST_RUNS = 1_000


@dataclass(frozen=True, slots=True)
class _Collectors:
    predictions: Counter
    latency: Histogram


_collectors: weakref.WeakKeyDictionary[CollectorRegistry, _Collectors] = weakref.WeakKeyDictionary()
_collectors_lock = threading.Lock()


def _collectors_of(registry: CollectorRegistry) -> _Collectors:
    """Return the two metrics of a registry; all instances share them, as two may not have one name."""
    with _collectors_lock:
        found = _collectors.get(registry)
        if found is None:
            found = _collectors[registry] = _Collectors(
                Counter(PREDICTIONS, "Predictions since start", ["model"], registry=registry),
                Histogram(LATENCY, "Latency of a prediction in seconds", ["model"], registry=registry),
            )
        return found


def collectors_in(registry: CollectorRegistry) -> tuple[Counter | Histogram, ...]:
    """Return what `MLflowMetrics` registered in a registry; nothing before its first instance there.

    Parameters
    ----------
    registry : prometheus_client.CollectorRegistry
        The registry.

    Returns
    -------
    tuple
        The counter of predictions and the histogram of latency, or nothing.
    """
    found = _collectors.get(registry)
    return () if found is None else (found.predictions, found.latency)


@dataclass(slots=True)
class _Tally:
    """What one model did for one destination: so far, and since the last flush that arrived."""

    count: int = 0
    new: int = 0
    timed: int = 0
    seconds: float = 0.0

    def add(self, other: _Tally) -> None:
        self.count += other.count
        self.new += other.new
        self.timed += other.timed
        self.seconds += other.seconds

    def metrics(self, suffix: str = "") -> dict[str, float]:
        found: dict[str, float] = {f"prediction_count{suffix}": self.count}
        if self.timed:
            found[f"prediction_latency{suffix}"] = self.seconds / self.timed
        return found


class MLflowMetrics:
    """Counts predictions and their latency, for Prometheus at once and for MLflow every `interval` seconds.

    In Prometheus: ``mlflow_model_predictions_total{model}`` and the histogram
    ``mlflow_prediction_latency_seconds{model}``, which all instances in a process share. In MLflow, at
    each flush: ``prediction_count`` (so far, of this instance) and ``prediction_latency`` (mean seconds
    since the last flush), in the run that was active in the thread that predicted, else in the model's
    monitoring run. Where several models share one run these two are of all of them, and
    ``prediction_count/<model>`` and ``prediction_latency/<model>`` follow.

    Parameters
    ----------
    log : bool, default True
        Whether to log to MLflow.
    interval : float, default 60
        Seconds between two flushes to MLflow.
    registry : prometheus_client.CollectorRegistry, optional
        Where the metrics are registered; prometheus_client's default registry if not given.

    Raises
    ------
    InputError
        If `interval` is not positive.

    Examples
    --------
    >>> metrics = MLflowMetrics(log=False, registry=CollectorRegistry())
    >>> metrics.log_prediction("churn", 0.25)
    >>> metrics.log_prediction("churn", 0.75)
    >>> metrics.get_prediction_stats()
    {'total_predictions': 2, 'avg_latency': 0.5}
    """

    def __init__(
        self, *, log: bool = True, interval: float = 60.0, registry: CollectorRegistry = REGISTRY
    ) -> None:
        if not interval > 0:
            raise InputError(f"interval is {interval!r}; give a number of seconds over 0")
        self._logs = log
        self._interval = float(interval)
        self._collectors = _collectors_of(registry)
        self._children: dict[str, tuple[Counter, Histogram]] = {}
        self._lock = threading.Lock()
        self._flushing = threading.Lock()
        self._all = _Tally()
        self._tallies: dict[str | None, dict[str, _Tally]] = {}  # by the caller's run, then by model
        self._warned = False
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def log_prediction(self, model_name: str, latency: float) -> None:
        """Count one prediction. Microseconds: nothing is sent here.

        Parameters
        ----------
        model_name : str
            The model.
        latency : float
            Seconds that the prediction took. One that is negative, NaN or infinite is left out of the
            means with one warning, and the prediction still counts.

        Raises
        ------
        InputError
            If `latency` is no number, or `model_name` no text.
        """
        try:
            children = self._children.get(model_name)
            usable = bool(0.0 <= latency < math.inf)
            seconds = float(latency) if usable else 0.0  # a float32 would turn the sum into one
        except (TypeError, ValueError):
            raise InputError(
                f"got the model name {model_name!r} and the latency {latency!r}; "
                "give a text and a number of seconds"
            ) from None
        if children is None:
            children = self._children[model_name] = (
                self._collectors.predictions.labels(model_name),
                self._collectors.latency.labels(model_name),
            )
        children[0].inc()
        if usable:
            children[1].observe(seconds)
        run_id = current_run_id() if self._logs else None
        with self._lock:
            own = self._tallies.setdefault(run_id, {}).setdefault(model_name, _Tally())
            for tally in (own, self._all):
                tally.count += 1
                tally.new += 1
                if usable:
                    tally.timed += 1
                    tally.seconds += seconds
        if not usable:
            self._warn(model_name, latency)
        if self._logs and (self._thread is None or not self._thread.is_alive()):
            self._start()

    def _warn(self, model_name: str, latency: float) -> None:
        if not self._warned:
            self._warned = True
            warnings.warn(
                f"latency of a prediction of {model_name!r} is {latency!r}, which is no duration; "
                "such predictions are counted and left out of the mean. This is said once.",
                MiranteWarning,
                stacklevel=3,
            )

    def get_prediction_stats(self) -> dict[str, float]:
        """Return this instance's totals.

        Returns
        -------
        dict
            ``total_predictions``, and ``avg_latency`` in seconds: NaN before the first.
        """
        with self._lock:
            mean = self._all.seconds / self._all.timed if self._all.timed else math.nan
            return {"total_predictions": self._all.count, "avg_latency": mean}

    def flush(self) -> None:
        """Send what is new to MLflow now: one request for each run. Never raises because of MLflow.

        What could not be sent stays and goes with the next flush.
        """
        if not self._logs:
            return
        with self._flushing:  # two flushes at once would both send the same predictions
            with self._lock:
                taken = {
                    run_id: {
                        model: _Tally(t.count, t.new, t.timed, t.seconds) for model, t in tallies.items()
                    }
                    for run_id, tallies in self._tallies.items()
                }
            for run_id, tallies in taken.items():
                for subject, models in _destinations(run_id, tallies):
                    if not any(tally.new for tally in models.values()):
                        continue
                    if send_metrics(_metrics_of(models), subject=subject, run_id=run_id):
                        self._settle(run_id, models)
            self._forget()

    def _forget(self) -> None:
        """Let the oldest runs go of which nothing is left to send: a service may open one for each job."""
        with self._lock:
            settled = [
                run_id
                for run_id, tallies in self._tallies.items()
                if run_id is not None and not any(tally.new for tally in tallies.values())
            ]
            for run_id in settled[: max(len(self._tallies) - _MOST_RUNS, 0)]:
                del self._tallies[run_id]

    def _settle(self, run_id: str | None, sent: Mapping[str, _Tally]) -> None:
        with self._lock:
            for model, tally in sent.items():
                mine = self._tallies[run_id][model]
                mine.new -= tally.new
                mine.timed -= tally.timed
                mine.seconds = mine.seconds - tally.seconds if mine.timed else 0.0  # no rounding left over

    def _start(self) -> None:
        with self._lock:
            if self._stop.is_set() or (self._thread is not None and self._thread.is_alive()):
                return
            # the thread and the exit hook hold the instance weakly, so that it can go when its user lets
            # it go
            me = weakref.ref(self)
            import concurrent.futures.thread  # noqa: F401 - MLflow needs it at exit, when it cannot be imported

            self._thread = threading.Thread(
                target=_flush_now_and_then,
                args=(me, self._stop, self._interval),
                name="mirante-metrics",
                daemon=True,
            )
            atexit.register(_close, me)
            self._thread.start()

    def close(self) -> None:
        """Send what is new and end the thread; at exit this happens by itself.

        Later predictions still count, and wait for `flush`.
        """
        self._stop.set()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(timeout=20.0)
        self.flush()

    def __enter__(self) -> MLflowMetrics:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _destinations(
    run_id: str | None, tallies: Mapping[str, _Tally]
) -> Iterator[tuple[str | None, Mapping[str, _Tally]]]:
    """Say what goes together: all models into the caller's run, or each model into its own monitoring run."""
    if run_id is not None:
        yield None, tallies
        return
    for model, tally in tallies.items():
        yield model_subject(model, "none"), {model: tally}


def _metrics_of(models: Mapping[str, _Tally]) -> dict[str, float]:
    total = _Tally()
    for tally in models.values():
        total.add(tally)
    metrics = total.metrics()
    if len(models) > 1:
        for model, tally in models.items():
            metrics |= tally.metrics(f"/{model}")
    return metrics


def _flush_now_and_then(me: weakref.ref[MLflowMetrics], stop: threading.Event, interval: float) -> None:
    while not stop.wait(interval):
        metrics = me()
        if metrics is None:
            return
        try:
            metrics.flush()
        except Exception:  # a warning that the user turned into an error must not end the thread
            _log.exception("a flush to MLflow failed")
        del metrics


def _close(me: weakref.ref[MLflowMetrics]) -> None:
    metrics = me()
    if metrics is not None:
        metrics.close()
