"""The same counts on Spark and on one machine, and what each costs: ``python -m benchmarks.spark``.

Writes Parquet files of 16 numbers and 4 texts a row, and counts them at the edges of a baseline in three
ways: one local process, tasks over file paths (`profile_spark_files`), and `mapInArrow` (`profile_spark`), on
a local Spark with two threads, or with ``--cluster`` on a standalone cluster: a Master and two Workers of one
core each, on the loopback, which are children of this process. CPU time is that of the whole tree: Python,
Java, Workers and executors (Linux only).
Bars, against the local run's CPU: files at most 3 times, mapInArrow 12.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import psutil
import pyarrow as pa
import pyarrow.parquet as pq
from tests.standalone import cluster

from mirante import TableProfile, profile_spark, profile_spark_files
from mirante.sources.tables import profile_path

LEVELS = (5, 20, 200, 1000)
BARS = {"files": 3.0, "mapInArrow": 12.0}


def part(rng: np.random.Generator, rows: int) -> pa.Table:
    """Return rows of 16 numbers and 4 texts; every fourth number lacks 5 %."""
    texts = [pa.array([f"level {number}" for number in range(count)]) for count in LEVELS]
    numbers = {}
    for place in range(16):
        values = rng.normal(place, 1.0 + place, rows)
        numbers[f"x{place:02}"] = pa.array(values, mask=rng.random(rows) < (0.05 if place % 4 == 0 else 0.0))
    levels = {f"c{len(one)}": one.take(pa.array(rng.integers(0, len(one), rows))) for one in texts}
    return pa.table({**numbers, **levels})


def processor_seconds() -> float:
    """Return what this process and all below it have used; Spark's workers stay, so nothing is lost."""
    own = psutil.Process()
    total = 0.0
    for one in [own, *own.children(recursive=True)]:
        used = one.cpu_times()
        total += used.user + used.system + used.children_user + used.children_system
    return total - sum(own.cpu_times()[2:4])


def timed(name: str, work: Callable[[], TableProfile], repeat: int) -> tuple[TableProfile, float, float]:
    """Return what `work` gives, and the least processor and wall seconds of some runs."""
    processor, wall = [], []
    for _ in range(repeat):
        before, start = processor_seconds(), time.perf_counter()
        found = work()
        processor.append(processor_seconds() - before)
        wall.append(time.perf_counter() - start)
    print(f"{name:12} CPU s {' '.join(f'{one:6.1f}' for one in processor)}", end="   ")
    print(f"wall s {' '.join(f'{one:6.1f}' for one in wall)}", flush=True)
    return found, min(processor), min(wall)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=5_000_000)
    parser.add_argument("--files", type=int, default=20)
    parser.add_argument("--baseline", type=int, default=50_000, help="rows from which edges are chosen")
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--cluster", action="store_true", help="a standalone cluster of two Workers")
    options = parser.parse_args()
    os.environ["PYSPARK_PYTHON"] = sys.executable
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "rows"
        folder.mkdir()
        if options.cluster:
            with cluster(Path(name), memory="2g", java=()) as master:
                compare(folder, master, options)
        else:
            compare(folder, "local[2]", options)
    print(f"load of the machine: {os.getloadavg()[0]:.1f}")


def compare(folder: Path, master: str, options: argparse.Namespace) -> None:
    """Write the rows, count them in each way, and print what it took."""
    from pyspark.sql import SparkSession

    rng = np.random.default_rng(8)
    for number in range(options.files):
        pq.write_table(part(rng, options.rows // options.files), folder / f"{number:03}.parquet")
    baseline = TableProfile.of(part(rng, options.baseline))
    size = sum(file.stat().st_size for file in folder.iterdir()) / 1e9
    print(f"{options.rows:,} rows × 20 in {options.files} files, {size:.2f} GB", end="; ")
    print(f"baseline of {options.baseline:,} rows")
    local, cost, _ = timed("local", lambda: profile_path(folder, baseline), options.repeat)
    builder = SparkSession.builder.master(master).config("spark.ui.enabled", "false")
    builder = builder.config("spark.driver.host", "127.0.0.1").config("spark.executor.memory", "1g")
    builder = builder.config("spark.ui.showConsoleProgress", "false")
    spark = builder.config("spark.driver.memory", "2g").getOrCreate()
    spark.sparkContext.setLogLevel("ERROR")
    frame = spark.read.parquet(str(folder))
    ways = {
        "files": lambda: profile_spark_files(spark, folder, baseline=baseline),
        "mapInArrow": lambda: profile_spark(frame, baseline=baseline),
    }
    for way, work in ways.items():
        found, used, _ = timed(way, work, options.repeat)
        same = found == local and found.numbers.cells.tobytes() == local.numbers.cells.tobytes()
        kept = "kept" if used <= BARS[way] * cost else "MISSED"
        print(f"{'':12} counts {'equal' if same else 'DIFFER'}", end="; ")
        print(f"{used / cost:.1f} × local; bar {BARS[way]:g}: {kept}")
    spark.stop()


if __name__ == "__main__":
    main()
