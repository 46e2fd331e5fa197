"""CPU seconds, wall seconds and memory of the process that runs this."""

from __future__ import annotations

import ctypes
import gc
import importlib.metadata
import platform
import resource
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

__all__ = ["Peak", "repeat", "resident_mib", "settle", "spread", "timed", "versions"]

Result = TypeVar("Result")
_STATUS, _CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")


def timed(work: Callable[[], Result]) -> tuple[Result, float, float]:
    """Return what a piece of work gave, its CPU seconds (all threads) and its wall seconds."""
    wall, cpu = time.perf_counter(), time.process_time()
    result = work()
    return result, time.process_time() - cpu, time.perf_counter() - wall


def repeat(work: Callable[[], float], *, budget_seconds: float, most: int) -> None:
    """Do work that tells its CPU seconds until the budget is used up; at least once."""
    used, times = work(), 1
    while used < budget_seconds and times < most:
        used += work()
        times += 1


def spread(values: list[float]) -> dict[str, float]:
    """Return median, least and largest; the first of several is left out, since it warms up."""
    kept = values[1:] or values
    return {"median": statistics.median(kept), "min": min(kept), "max": max(kept), "n": len(kept)}


def _status_mib(field: str) -> float | None:
    if not _STATUS.exists():
        return None
    lines = _STATUS.read_text(encoding="ascii", errors="replace").splitlines()
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith(f"{field}:")), None)


def resident_mib() -> float:
    """Return the memory that the process holds now."""
    now = _status_mib("VmRSS")
    return _most_mib() if now is None else now


def _most_mib() -> float:
    # of the process itself: ru_maxrss may still hold what the parent had when it forked
    most = _status_mib("VmHWM")
    if most is not None:
        return most
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (
        2**20 if platform.system() == "Darwin" else 2**10
    )


def settle() -> None:
    """Give freed memory back to the system, so that later work does not hide in it."""
    gc.collect()
    if platform.system() == "Linux":
        ctypes.CDLL(None).malloc_trim(0)


class Peak:
    """The peak of memory from now on; elsewhere than on Linux, since the start of the process."""

    def __init__(self) -> None:
        self.start_mib = resident_mib()
        if _CLEAR.exists():
            _CLEAR.write_text("5", encoding="ascii")  # Linux: forget the high-water mark

    def mib(self) -> float:
        """Return it."""
        return _most_mib()


def versions(distributions: list[str]) -> dict[str, str]:
    """Return the versions of what is installed here, Python's with them."""
    found = {"python": platform.python_version()}
    for name in (*distributions, "numpy", "scipy", "pandas", "pyarrow"):
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found
