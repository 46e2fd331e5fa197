"""The host in MLflow: figures logged once per call, or by a thread in the background."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from types import TracebackType
from typing import SupportsFloat

from mirante.errors import InputError
from mirante.sources.host.system import ROOT, Host, SystemMetrics
from mirante.tracking.runs import current_run_id, host_subject, send_metrics

__all__ = ["SystemMonitor"]

_log = logging.getLogger(__name__)


class SystemMonitor:
    """Watches this host and logs it to MLflow: once per call, or every `interval` seconds between start
    and stop.

    Metrics go to the caller's active MLflow run if there is one, else to the host's monitoring run: never
    a new run per sample. Without a server there is one warning, and the figures all the same.

    Parameters
    ----------
    interval : float, default 60
        Seconds between two samples of the background thread.
    log : bool, default True
        Whether to log to MLflow.
    host : str, optional
        The host's name; the machine's by default.
    disk : str, optional
        A path on the disk to watch; the root by default.
    wait : callable, optional
        ``wait(event, seconds)`` waits for the event; for tests.

    Raises
    ------
    InputError
        If `interval` is not positive.

    Examples
    --------
    >>> 0.0 <= SystemMonitor(log=False).collect_metrics().cpu_percent <= 100.0
    True
    """

    def __init__(
        self,
        interval: float = 60,
        *,
        log: bool = True,
        host: str | None = None,
        disk: str | None = None,
        wait: Callable[[threading.Event, float], bool] = threading.Event.wait,
    ) -> None:
        given: object = interval
        if not (isinstance(given, SupportsFloat) and float(given) > 0):
            raise InputError(f"interval is {interval!r}; give a number of seconds over 0")
        self.interval = float(interval)
        self.latest: SystemMetrics | None = None
        self._log = log
        self._subject = host_subject(host)
        self._host = Host(disk or ROOT)
        self._wait = wait
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def collect_metrics(self) -> SystemMetrics:
        """Return the host's figures of this moment; the CPU's since the last call, at least 0.1 s.

        Returns
        -------
        SystemMetrics
            Also kept in ``latest``.
        """
        self.latest = self._host.metrics()
        return self.latest

    def log_metrics(self) -> SystemMetrics:
        """Collect the figures and log them to MLflow in one request. Never raises because of MLflow.

        Returns
        -------
        SystemMetrics
            The figures, logged or not.
        """
        return self._sample(current_run_id())

    def _sample(self, run_id: str | None) -> SystemMetrics:
        metrics = self.collect_metrics()
        if self._log:
            send_metrics(
                {
                    "system.cpu": metrics.cpu_percent,
                    "system.memory": metrics.memory_percent,
                    "system.disk": metrics.disk_percent,
                    "system.network.sent": metrics.network_io["bytes_sent"],
                    "system.network.recv": metrics.network_io["bytes_recv"],
                    "system.processes": metrics.process_count,
                },
                subject=self._subject,
                run_id=run_id,
            )
        return metrics

    def start(self) -> SystemMonitor:
        """Sample in a background thread, the first time at once; a second call changes nothing.

        Returns
        -------
        SystemMonitor
            Itself.
        """
        if self._thread is None or not self._thread.is_alive():
            self._stop = threading.Event()
            # the active run belongs to the caller's thread, so it is asked for here
            self._thread = threading.Thread(
                target=self._run,
                args=(self._stop, current_run_id()),
                name="mirante-system-monitor",
                daemon=True,
            )
            self._thread.start()
        return self

    def _run(self, stop: threading.Event, run_id: str | None) -> None:
        while not stop.is_set():
            try:
                self._sample(run_id)
            except Exception:  # one bad sample must not end the watch
                _log.exception("a sample of the host failed")
            if self._wait(stop, self.interval):
                return

    def stop(self) -> None:
        """End the background thread and wait for its last sample; without a thread, nothing happens."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def __enter__(self) -> SystemMonitor:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
