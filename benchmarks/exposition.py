"""What `/metrics` costs with 100,000 series: ``python benchmarks/exposition.py``.

For one subject (of which 20,000 series are shown) and for a hundred, each in a process of its own: processor
seconds of the first scrape after a start and of later ones, each after new readings of all series; of gzip,
which Prometheus asks for; and the peak of memory above what the process had before the first scrape (VmHWM:
Linux only). The bar: a scrape takes at most 1 s.
"""

from __future__ import annotations

import argparse
import gzip
import json
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime, timedelta
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np

from mirante.readings import Reading
from mirante.sinks.prometheus import Exposition
from mirante.store import Store

T0 = datetime(2026, 1, 1, tzinfo=UTC)
TICK = timedelta(seconds=15)
METRICS = 50
BAR = 1.0


def memory_mb(what: str) -> float:
    """Return this process' resident memory (VmRSS), or its peak (VmHWM)."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(what))


def readings(series: int, subjects: int, tick: int) -> Iterator[Reading]:
    """Give one reading of each series."""
    now = T0 + tick * TICK
    for number in range(series):
        place = number // subjects
        labels = {"host": f"host-{number % subjects}", "item": f"item-{place}"}
        yield Reading(f"metric_{place % METRICS}", number / 7 + tick, now, labels)


def timed(work: Callable[[], bytes]) -> tuple[float, bytes]:
    """Return the processor seconds of some work, and what it gave."""
    begin = time.process_time()
    result = work()
    return time.process_time() - begin, result


def measure(url: str, series: int, subjects: int, scrapes: int) -> dict[str, Any]:
    """Scrape a store again and again, with new readings in between."""
    with Store(url) as store:
        exposition = Exposition(store)
        Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
        before = memory_mb("VmRSS")
        cold, text = timed(exposition.render)
        peak = memory_mb("VmHWM") - before
        later, packed = [], []
        for number in range(scrapes):
            with Store(url) as writer:  # of another process, in truth
                writer.readings.write(readings(series, subjects, 2 + number))
            seconds, text = timed(exposition.render)
            later.append(seconds)
            packed.append(timed(lambda: gzip.compress(text, 4))[0])  # noqa: B023  called at once
    return {
        "series": series,
        "subjects": subjects,
        "shown": sum(not line.startswith(b"#") for line in text.splitlines()),
        "megabytes": len(text) / 1e6,
        "first_seconds": cold,
        "later_seconds_p50": float(np.median(later)),
        "later_seconds_max": max(later),
        "gzip_seconds_p50": float(np.median(packed)),
        "peak_megabytes": peak,
    }


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--series", type=int, default=100_000)
    parser.add_argument("--scrapes", type=int, default=10)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    found = []
    for subjects in (1, 100):
        with tempfile.TemporaryDirectory() as folder:
            url = f"sqlite:///{folder}/mirante.db"
            with Store(url) as store:
                for tick in range(2):
                    store.readings.write(readings(options.series, subjects, tick))
            with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as alone:
                work = alone.submit(measure, url, options.series, subjects, options.scrapes)
                found.append(work.result())
    if options.json:
        print(json.dumps(found, indent=1))
        return
    print(
        f"{'series':>9}{'subjects':>9}{'shown':>9}{'MB':>6}{'first s':>9}{'later s':>9}{'most s':>8}", end=""
    )
    print(f"{'gzip s':>8}{'peak MB':>9}   (bar {BAR:g} s)")
    for row in found:
        print(f"{row['series']:9,}{row['subjects']:9}{row['shown']:9,}{row['megabytes']:6.1f}", end="")
        print(f"{row['first_seconds']:9.2f}{row['later_seconds_p50']:9.2f}", end="")
        print(
            f"{row['later_seconds_max']:8.2f}{row['gzip_seconds_p50']:8.2f}{row['peak_megabytes']:9.0f}",
            end="",
        )
        slowest = max(row["first_seconds"], row["later_seconds_max"])
        print("   kept" if slowest <= BAR else "   MISSED")


if __name__ == "__main__":
    main()
