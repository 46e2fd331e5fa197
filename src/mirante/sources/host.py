"""The host that we run on: CPU, memory, disk, network and processes."""

from __future__ import annotations

import logging
import os
import platform
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from types import TracebackType
from typing import SupportsFloat

import psutil

from mirante.errors import InputError
from mirante.readings import Reading
from mirante.tracking.runs import current_run_id, host_subject, send_metrics

__all__ = ["HostSource", "SystemMetrics", "SystemMonitor"]

_log = logging.getLogger(__name__)

_ROOT = os.sep
_SHORTEST_CPU_SAMPLE = 0.1  # seconds; the kernel counts CPU time in hundredths, so less is noise


@dataclass
class SystemMetrics:
    """What a host does at one moment; ``metrics.__dict__`` goes to rules.

    Parameters
    ----------
    cpu_percent, memory_percent, disk_percent : float
        In use, 0 to 100; NaN if it cannot be read.
    network_io : dict
        ``bytes_sent`` and ``bytes_recv`` since the host started.
    process_count : int
        Processes running.

    Examples
    --------
    >>> SystemMetrics(93.0, 40.0, 70.0, {"bytes_sent": 1, "bytes_recv": 2}, 120).__dict__["cpu_percent"]
    93.0
    """

    cpu_percent: float
    memory_percent: float
    disk_percent: float
    network_io: dict[str, int]
    process_count: int


class _Cpu:
    """CPU in use between two calls; the first call measures too, where psutil's own answers 0.

    It keeps its own counters: psutil's are shared by all that use it in one thread.
    """

    def __init__(self) -> None:
        self._before = self._times()
        self._at = time.monotonic()
        self._lock = threading.Lock()

    @staticmethod
    def _times() -> tuple[float, float]:
        times = psutil.cpu_times()
        # guest time is part of user time on Linux, and waiting for a disk is not work
        guest = getattr(times, "guest", 0.0) + getattr(times, "guest_nice", 0.0)
        idle = times.idle + getattr(times, "iowait", 0.0)
        return sum(times) - guest, idle

    def percent(self) -> float:
        with self._lock:
            time.sleep(max(0.0, self._at + _SHORTEST_CPU_SAMPLE - time.monotonic()))
            (total_before, idle_before), after = self._before, self._times()
            self._before, self._at = after, time.monotonic()
        total = after[0] - total_before
        if total <= 0:
            return float("nan")
        return min(100.0, max(0.0, 100.0 * (1.0 - (after[1] - idle_before) / total)))


class _Host:
    """Reads this host's figures; keeps the CPU counters between two readings."""

    def __init__(self, disk: str) -> None:
        self._disk = disk
        self._cpu = _Cpu()

    def metrics(self) -> SystemMetrics:
        network = psutil.net_io_counters()  # None where there is no network card
        return SystemMetrics(
            cpu_percent=self._cpu.percent(),
            memory_percent=float(psutil.virtual_memory().percent),
            disk_percent=self._disk_percent(),
            network_io={
                "bytes_sent": network.bytes_sent if network else 0,
                "bytes_recv": network.bytes_recv if network else 0,
            },
            process_count=len(psutil.pids()),
        )

    def _disk_percent(self) -> float:
        try:
            return float(psutil.disk_usage(self._disk).percent)
        except OSError:  # unmounted, or no permission: the other figures are still worth having
            return float("nan")


class HostSource:
    """The readings of this host.

    Parameters
    ----------
    host : str, optional
        The name that readings carry; the machine's by default.
    disk : str, optional
        A path on the disk to watch; the root by default.

    Examples
    --------
    >>> from datetime import datetime, UTC
    >>> readings = HostSource("web-1").read(datetime(2013, 2, 8, tzinfo=UTC))
    >>> readings[0].name, dict(readings[0].labels), len(readings)
    ('system_cpu_percent', {'host': 'web-1'}, 6)
    """

    def __init__(self, host: str | None = None, *, disk: str | None = None) -> None:
        self.host = host or platform.node() or "localhost"
        self._host = _Host(disk or _ROOT)

    def read(self, now: datetime) -> list[Reading]:
        """Return the readings of this moment.

        Parameters
        ----------
        now : datetime
            The time that they carry, with a time zone.

        Returns
        -------
        list of Reading
            The six ``system_…`` readings.
        """
        metrics = self._host.metrics()
        values = {
            "system_cpu_percent": metrics.cpu_percent,
            "system_memory_percent": metrics.memory_percent,
            "system_disk_percent": metrics.disk_percent,
            "system_network_sent_bytes_total": metrics.network_io["bytes_sent"],
            "system_network_received_bytes_total": metrics.network_io["bytes_recv"],
            "system_processes": metrics.process_count,
        }
        return [Reading(name, value, now, {"host": self.host}) for name, value in values.items()]


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
        self._host = _Host(disk or _ROOT)
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
