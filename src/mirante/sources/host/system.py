"""The host as a whole: CPU, memory, disk, network and the number of processes."""

from __future__ import annotations

import os
import threading
import time
from dataclasses import dataclass

import psutil

__all__ = ["ROOT", "Host", "SystemMetrics"]

ROOT = os.sep
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


class Host:
    """Reads this host's figures; keeps the CPU counters between two readings."""

    def __init__(self, disk: str) -> None:
        self._disk = disk
        self._cpu = _Cpu()

    def metrics(self) -> SystemMetrics:
        """Return the figures of this moment; the CPU's since the last call, at least 0.1 s."""
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
