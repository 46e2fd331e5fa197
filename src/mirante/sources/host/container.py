"""The limits of the container (or the service's control group) that we run in, and how near it is to them.

Linux' control groups, both versions: https://docs.kernel.org/admin-guide/cgroup-v2.html and cgroup-v1.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import psutil

from mirante.sources.host.figure import Figure

__all__ = ["Container"]

_GROUPS = Path("/sys/fs/cgroup")
_OWN = Path("/proc/self/cgroup")


@dataclass(frozen=True, slots=True)
class _Memory:
    limit: int
    used: int
    oom_kills: int


@dataclass(frozen=True, slots=True)
class _Cpu:
    cores: float
    seconds: float
    throttled: float


class Container:
    """Reads the limits that hold for this process; where there are none, nothing is said.

    A limit of a group further up holds for all below it: of memory the one that is nearest to being full
    counts, of CPU the tightest.

    Parameters
    ----------
    groups : Path
        Where the control groups are mounted.
    own : Path
        The file that names the groups of this process.
    memory : int, optional
        Bytes of the machine; a limit that is not below them limits nothing.
    clock : callable
        Seconds that nobody sets.

    Examples
    --------
    >>> list(Container(Path("/no/such/folder")).figures())
    []
    """

    def __init__(
        self,
        groups: Path = _GROUPS,
        own: Path = _OWN,
        *,
        memory: int | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._groups, self._own, self._clock = groups, own, clock
        self._total = psutil.virtual_memory().total if memory is None else memory
        self._before = self._clock(), self._cpu()

    def figures(self) -> Iterator[Figure]:
        """Give limits and use; CPU is measured since the last call, or since this object was made."""
        yield from self._about_cpu()
        memory = self._memory()
        if memory is not None:
            yield Figure("system_container_memory_percent", 100 * memory.used / memory.limit)
            yield Figure("system_container_memory_used_bytes", memory.used)
            yield Figure("system_container_memory_limit_bytes", memory.limit)
            yield Figure("system_container_oom_kills_total", memory.oom_kills)

    def _about_cpu(self) -> Iterator[Figure]:
        now, cpu = self._clock(), self._cpu()
        (then, before), self._before = self._before, (now, cpu)
        if cpu is None:
            return
        if before is not None and now > then:
            share = (cpu.seconds - before.seconds) / ((now - then) * cpu.cores)
            yield Figure("system_container_cpu_percent", max(0.0, 100 * share))
        yield Figure("system_container_cpu_limit_cores", cpu.cores)
        yield Figure("system_container_throttled_seconds_total", cpu.throttled)

    def _memory(self) -> _Memory | None:
        read = _memory_2 if self._is_2 else _memory_1
        found = (read(folder) for folder in self._folders("memory"))
        limited = [one for one in found if one is not None and 0 < one.limit < self._total]
        return max(limited, key=lambda one: one.used / one.limit, default=None)

    def _cpu(self) -> _Cpu | None:
        read = _cpu_2 if self._is_2 else partial(_cpu_1, groups=self._groups)
        limited = [one for folder in self._folders("cpu") if (one := read(folder)) is not None]
        return min(limited, key=lambda one: one.cores, default=None)

    @property
    def _is_2(self) -> bool:
        return (self._groups / "cgroup.controllers").is_file()

    def _folders(self, controller: str) -> list[Path]:
        """Return the folder of our group and those above it; a container may see no more than its own."""
        top = self._groups if self._is_2 else self._groups / controller
        path = Path()
        for line in _text(self._own).splitlines():
            number, _, rest = line.partition(":")
            names, _, group = rest.partition(":")
            if (self._is_2 and number == "0") or (not self._is_2 and controller in names.split(",")):
                path = Path(group.strip("/"))
        if ".." in path.parts or not (top / path).is_dir():  # the group's path is told as seen from outside
            path = Path()
        return [top / path, *(top / above for above in path.parents)]


def _memory_2(folder: Path) -> _Memory | None:
    limit, used = _number(folder / "memory.max"), _number(folder / "memory.current")
    if limit is None or used is None:
        return None
    cache = _table(folder / "memory.stat").get("inactive_file", 0)
    return _Memory(limit, max(0, used - cache), _table(folder / "memory.events").get("oom_kill", 0))


def _memory_1(folder: Path) -> _Memory | None:
    limit, used = _number(folder / "memory.limit_in_bytes"), _number(folder / "memory.usage_in_bytes")
    if limit is None or used is None:
        return None
    cache = _table(folder / "memory.stat").get("total_inactive_file", 0)
    return _Memory(limit, max(0, used - cache), _table(folder / "memory.oom_control").get("oom_kill", 0))


def _cpu_2(folder: Path) -> _Cpu | None:
    quota, _, period = _text(folder / "cpu.max").strip().partition(" ")
    if not (quota.isdigit() and period.isdigit() and int(period)):
        return None
    stat = _table(folder / "cpu.stat")
    return _Cpu(
        int(quota) / int(period), stat.get("usage_usec", 0) / 1e6, stat.get("throttled_usec", 0) / 1e6
    )


def _cpu_1(folder: Path, *, groups: Path) -> _Cpu | None:
    quota, period = _number(folder / "cpu.cfs_quota_us"), _number(folder / "cpu.cfs_period_us")
    if quota is None or quota <= 0 or not period:
        return None
    accounts = (
        groups / "cpuacct" / folder.relative_to(groups / "cpu")
    )  # mostly another name for the same folder
    used = _number(accounts / "cpuacct.usage") or 0
    return _Cpu(quota / period, used / 1e9, _table(folder / "cpu.stat").get("throttled_time", 0) / 1e9)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii", errors="replace")
    except OSError:
        return ""


def _number(path: Path) -> int | None:
    """Return the number in a file; None for ``max``, and where there is no such file."""
    try:
        return int(_text(path))
    except ValueError:
        return None


def _table(path: Path) -> dict[str, int]:
    pairs = (line.split() for line in _text(path).splitlines())
    return {pair[0]: int(pair[1]) for pair in pairs if len(pair) == 2 and pair[1].isdigit()}
