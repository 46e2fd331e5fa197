"""What one row costs with whylogs: run by `worker.py` with whylogs' own interpreter."""

from __future__ import annotations

import time
from typing import Any

__all__ = ["measure_whylogs"]


def measure_whylogs(row: dict[str, float | str], calls: int) -> dict[str, Any]:
    """Return the microseconds of each ``DatasetProfile.track`` of a row, the cheapest of whylogs' ways.

    Parameters
    ----------
    row : dict
        Features, prediction and latency.
    calls : int
        How many; a tenth as many before them warm up.
    """
    import whylogs
    from whylogs.core import DatasetProfile

    profile = DatasetProfile()
    taken = []
    clock = time.perf_counter_ns
    for _ in range(calls + calls // 10):
        begin = clock()
        profile.track(row)
        taken.append((clock() - begin) / 1000)
    return {"us": taken[calls // 10 :], "version": whylogs.__version__}
