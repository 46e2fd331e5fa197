"""What one `Recorder.log` costs the serving thread, and how fast batches reach the disk.

Run: ``python benchmarks/recorder.py``. The timer's own cost is in every figure of the first table.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from mirante.capture.privacy import Privacy
from mirante.capture.recorder import Recorder

FEATURES = 20
CALLS = 200_000


def measure(call: Callable[[], Any]) -> list[float]:
    """Return median, p99 and p99.9 of one call in microseconds."""
    taken = np.empty(CALLS)
    clock = time.perf_counter_ns
    for place in range(CALLS):
        begin = clock()
        call()
        taken[place] = clock() - begin
    return [float(np.quantile(taken, share)) / 1000 for share in (0.5, 0.99, 0.999)]


def one_row() -> None:
    """Print the cost of one row."""
    row: dict[str, float | str] = {f"f{n}": n / 7 for n in range(FEATURES - 2)} | {
        "carrier": "UA",
        "origin": "JFK",
    }
    kept: list[tuple[Any, ...]] = []
    print(f"one row of {FEATURES} features   median      p99    p99.9  (microseconds, {CALLS:,} calls)")

    def show(name: str, call: Callable[[], Any]) -> None:
        print(f"{name:28}" + "".join(f"{value:8.2f} " for value in measure(call)))

    numbers = count()
    show("nothing (the timer)", lambda: None)
    show(
        "list.append of a tuple",
        lambda: kept.append((*row.values(), 0.5, 0.01, time.time(), f"id-{next(numbers)}")),
    )
    kept.clear()
    privacy = Privacy(drop=["f0", "f1"], hash=["carrier", "f2"], key="a key for the benchmark")
    kinds: tuple[tuple[str, dict[str, Any]], ...] = (
        ("Recorder.log", {}),
        ("2 dropped, 2 hashed", {"privacy": privacy}),
        ("one in ten recorded", {"sample": 0.1}),
    )
    for name, more in kinds:
        with tempfile.TemporaryDirectory() as root, Recorder("benchmark", root, **more) as recorder:
            show(name, lambda: recorder.log(row, 0.5, 0.01))
            recorder.flush()
            counts = (
                f"recorded {recorder.recorded:,}, passed {recorder.passed:,}, dropped {recorder.dropped:,}"
            )
        print(f"{'':28}{counts}")
    print()


def batches() -> None:
    """Print how many rows a second become durable."""
    print("batches of rows    rows/s to durable   bytes/row   log() ms")
    for rows in (1_000, 10_000, 100_000):
        rng = np.random.default_rng(0)
        frame = pd.DataFrame(rng.normal(size=(rows, FEATURES - 1))).add_prefix("f")
        frame["carrier"] = rng.choice(["UA", "AA", "B6"], rows)
        predictions = rng.random(rows)
        repeats = max(3, 300_000 // rows)
        with tempfile.TemporaryDirectory() as root:
            with Recorder("benchmark", root) as recorder:
                begin, called = time.perf_counter(), 0.0
                for _ in range(repeats):
                    at = time.perf_counter()
                    recorder.log(frame, predictions, 0.01)
                    called += time.perf_counter() - at
                    recorder.flush()
                taken = time.perf_counter() - begin
            size = sum(path.stat().st_size for path in Path(root).rglob("*.parquet"))
        speed, width = rows * repeats / taken, size / rows / repeats
        print(f"{rows:15,} {speed:19,.0f} {width:11.0f} {called / repeats * 1000:10.2f}")


if __name__ == "__main__":
    one_row()
    batches()
