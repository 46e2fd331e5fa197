"""What moving to object storage costs, and reading from it: ``python -m benchmarks.archive [--segments 48]``.

Writes segments of 100,000 rows × 20 features, one for each hour, moves them to moto's S3 server on this
machine, and reads one hour's window out of the two days, here and there. The requests are counted on the line
to the server. On a real bucket each costs 10 to 50 ms more.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from tests.inference_log.archive.s3 import Line, Moto

from mirante.inference_log import InferenceLog
from mirante.inference_log.kinds import TIME_TYPE
from mirante.inference_log.names import make_named_folder
from mirante.inference_log.segments import SegmentWriter

START = datetime(2026, 1, 1, tzinfo=UTC)
ROWS, FEATURES = 100_000, 20


def write(root: Path, segments: int) -> None:
    """Write one segment for each hour."""
    folder = make_named_folder(make_named_folder(root, "m"), "1")
    now = [0.0]
    writer = SegmentWriter(folder, process="p", clock=lambda: now[0])
    chance = np.random.default_rng(0)
    for hour in range(segments):
        now[0] = (START + timedelta(hours=hour)).timestamp()
        micros = np.sort(chance.integers(0, 3_600_000_000, ROWS)) + int(now[0] * 1e6)
        columns: dict[str, Any] = {
            f"f{n}": chance.normal(size=ROWS).astype("float32").astype("float64") for n in range(FEATURES)
        }
        columns |= {"__id": pa.array(np.arange(ROWS).astype(str)), "__time": pa.array(micros).cast(TIME_TYPE)}
        columns |= {"__latency": np.full(ROWS, 0.01), "__prediction": chance.random(ROWS)}
        writer.append(pa.table(columns))
        writer.close()


def timed(work: Callable[[], Any], repeats: int = 3) -> float:
    """Return the shortest time, in milliseconds."""
    times = []
    for _ in range(repeats):
        begin = time.perf_counter()
        work()
        times.append(time.perf_counter() - begin)
    return min(times) * 1e3


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--segments", type=int, default=48)
    options = parser.parse_args()
    server = Moto()
    line = Line(server.port)
    try:
        with tempfile.TemporaryDirectory() as folder:
            measure(
                Path(folder),
                options.segments,
                server.url(f"{server.bucket('benchmark')}/log", port=line.port),
                line,
            )
    finally:
        line.cut()
        server.stop()


def measure(root: Path, segments: int, url: str, line: Line) -> None:
    """Print the table."""
    write(root, segments)
    moved = InferenceLog(root, url)
    start = START + timedelta(hours=segments // 2)
    hour = {"start": start, "end": start + timedelta(hours=1)}
    size = sum(path.stat().st_size for path in root.rglob("*.parquet"))
    print(f"{segments} segments, {segments * ROWS:,} rows of {FEATURES} features, {size / 1e6:.0f} MB")

    def scans() -> list[float]:
        def fresh() -> InferenceLog:
            return InferenceLog(root, url)

        log = fresh()
        log.scan("m", **hour)
        return [
            timed(lambda: log.scan("m", **hour)),
            timed(lambda: log.scan("m", **hour, columns=["f0", "__time"])),
            timed(lambda: fresh().scan("m", **hour, columns=["f0", "__time"])),
            timed(lambda: log.read_new("m", log.present("m"))),
        ]

    before = scans()
    begin = time.perf_counter()
    done = moved.move("m", START + timedelta(days=999), patience=1e9)
    took = time.perf_counter() - begin
    line.requests.clear()
    print(f"moved {done.rows / took:,.0f} rows/s, {done.bytes / took / 1e6:.0f} MB/s, sent and read back")
    after = scans()
    names = (
        "all columns of one hour",
        "two columns of one hour",
        "the same, new reader",
        "a tick with nothing new",
    )
    print(f"{'ms':28}{'local':>10}{'archived':>10}")
    for name, here, there in zip(names, before, after, strict=True):
        print(f"{name:28}{here:10.1f}{there:10.1f}")
    log = InferenceLog(root, url)
    log.scan("m", end=START)
    for name, work in (
        ("two columns of one hour", lambda: log.scan("m", **hour, columns=["f0", "__time"])),
        ("a tick with nothing new", lambda: log.read_new("m", log.present("m"))),
    ):
        line.requests.clear()
        work()
        print(f"{name}: {len(line.requests)} requests")


if __name__ == "__main__":
    main()
