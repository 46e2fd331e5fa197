"""The processes that take most of the CPU and of the memory: their names, never their command lines."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

import psutil

from mirante.sources.host.figure import Figure

__all__ = ["Processes"]

_MOST = 5
# As long as the kernel keeps names. For longer ones psutil takes the rest from the command line, which a
# process can write anything into.
_NAME = 15


class _Seen(NamedTuple):
    seconds: float
    memory: int


class Processes:
    """Finds the busiest and the largest processes.

    They are readings with a rank, not with a process id, so that there are never more series than ranks; the
    note says which process it is.

    Parameters
    ----------
    most : int
        How many of each.
    clock : callable
        Seconds that nobody sets.

    Examples
    --------
    >>> [figure.labels["rank"] for figure in Processes(most=2).figures() if "memory" in figure.name]
    ['1', '2']
    """

    def __init__(self, most: int = _MOST, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._most, self._clock = most, clock
        self._before: tuple[float, Mapping[int, _Seen]] = self._clock(), _processes()

    def figures(self) -> Iterator[Figure]:
        """Give the top of both lists; CPU since the last call, as a share of all cores."""
        now, seen = self._clock(), _processes()
        (then, before), self._before = self._before, (now, seen)
        capacity = (now - then) * (psutil.cpu_count() or 1)
        if capacity > 0:
            busy = {
                pid: 100 * max(0.0, one.seconds - before[pid].seconds) / capacity
                for pid, one in seen.items()
                if pid in before
            }
            yield from self._ranked("system_process_cpu_percent", busy)
        sizes = {pid: float(one.memory) for pid, one in seen.items()}
        yield from self._ranked("system_process_memory_bytes", sizes)

    def _ranked(self, reading: str, amounts: Mapping[int, float]) -> Iterator[Figure]:
        top = sorted(amounts.items(), key=lambda pair: (-pair[1], pair[0]))[: self._most]
        for rank, (pid, amount) in enumerate(top, start=1):
            yield Figure(reading, amount, {"rank": str(rank)}, f"{_name(pid)} ({pid})")


def _processes() -> dict[int, _Seen]:
    found = {}
    for process in psutil.process_iter():
        try:
            with process.oneshot():
                times = process.cpu_times()
                found[process.pid] = _Seen(times.user + times.system, process.memory_info().rss)
        except psutil.Error:  # it has ended, or is not ours to see
            continue
    return found


def _name(pid: int) -> str:
    try:
        return psutil.Process(pid).name()[:_NAME]
    except psutil.Error:
        return "?"
