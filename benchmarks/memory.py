"""How much memory a profile of a large Parquet file takes: ``python benchmarks/memory.py [--gigabytes 2]``.

Makes a file of 16 numbers and 4 texts a row in a temporary folder, counts it in a process of its own, and
reads that process' peak (VmHWM: Linux only) before and after. The goal: 256 MB above what the imports take.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

GOAL_MB = 256
ROW_GROUP = 1 << 20  # what pyarrow writes by itself
LEVELS = (5, 20, 200, 1000)

CHILD = """
import sys, time
from pathlib import Path
import mirante.monitors.check.run, mirante.sources.tables, pandas
from mirante.sources.tables import profile_path

def peak_mb():
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM"))

before, start = peak_mb(), time.process_time()
reference = profile_path(sys.argv[1])
between, middle = peak_mb(), time.process_time()
current = profile_path(sys.argv[1], reference)
assert current == reference, "the same rows have the same counts"
print(reference.rows, before, between, peak_mb(), middle - start, time.process_time() - middle)
"""


def write(path: Path, size: int, row_group: int) -> int:
    """Write a Parquet file of at least `size` bytes, and return how many rows it has."""
    rng = np.random.default_rng(20130208)
    texts = [pa.array([f"level {number}" for number in range(count)]) for count in LEVELS]
    writer: pq.ParquetWriter | None = None
    rows = 0
    while writer is None or path.stat().st_size < size:
        numbers = {f"x{place:02}": rng.normal(place, 1.0 + place, row_group) for place in range(16)}
        levels = {f"c{len(one)}": one.take(pa.array(rng.integers(0, len(one), row_group))) for one in texts}
        part = pa.table({**numbers, **levels})
        writer = writer or pq.ParquetWriter(path, part.schema)
        writer.write_table(part, row_group_size=row_group)
        rows += row_group
    writer.close()
    return rows


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--gigabytes", type=float, default=2.0)
    parser.add_argument("--row-group", type=int, default=ROW_GROUP)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "large.parquet"
        rows = write(path, int(options.gigabytes * 1e9), options.row_group)
        done = subprocess.run(
            [sys.executable, "-c", CHILD, str(path)], check=True, capture_output=True, text=True
        )
        size = path.stat().st_size
    _, imports, chosen, peak, first, second = (float(word) for word in done.stdout.split())
    print(f"file {size / 1e9:.2f} GB, {rows:,} rows × 20, row groups of {options.row_group:,}")
    print(f"imports                          {imports:6.0f} MB")
    print(f"edges chosen, then all counted   {chosen - imports:+6.0f} MB   {first:6.1f} CPU s")
    print(f"counted at given edges           {peak - imports:+6.0f} MB   {second:6.1f} CPU s")
    print(
        f"goal: at most {GOAL_MB} MB above the imports: {'kept' if peak - imports <= GOAL_MB else 'MISSED'}"
    )


if __name__ == "__main__":
    main()
