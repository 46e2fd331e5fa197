"""How fast and in how much memory windows become tables: ``python benchmarks/tables.py [--hours 720]``.

Makes a store of one model with 40 numeric and 10 categorical columns and a window for each hour, writes both
tables in a process of its own, and reads that process' peak (VmHWM: Linux only). A year is 8,760 hours. The
goal: 256 MB above what the imports take, however many windows there are.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

from mirante.drift.monitor import DriftMonitor
from mirante.profiles import TableProfile
from mirante.store import BaselineRow, Store, WindowRow
from mirante.store.types import finite

GOAL_MB = 256
SUBJECT = "model/churn@champion"
START = datetime(2026, 1, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)

CHILD = """
import sys, time
from pathlib import Path
from mirante.store import Store
from mirante.views.tables.files import write_tables

def peak_mb():
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM"))

with Store(sys.argv[1]) as store:
    before, start = peak_mb(), time.perf_counter()
    done = write_tables(store, Path(sys.argv[2]))
    written, middle = time.perf_counter() - start, time.perf_counter()
    write_tables(store, Path(sys.argv[2]))
    print(done.rows, before, peak_mb(), written, time.perf_counter() - middle)
"""


def table(rng: np.random.Generator, rows: int) -> dict[str, object]:
    """Return rows of 50 columns."""
    numbers = {f"x{place:02}": rng.normal(place, 1.0 + place, rows) for place in range(40)}
    return numbers | {f"c{place}": rng.choice(["a", "b", "c", "d"], rows) for place in range(10)}


def fill(store: Store, hours: int) -> None:
    """Write a window for each hour; the same twenty over and over, which are no quicker to read."""
    rng = np.random.default_rng(20130208)
    baseline = TableProfile.of(table(rng, 20_000))
    monitor = DriftMonitor(baseline, window="1h")
    store.baselines.put(BaselineRow(SUBJECT, "1", START, baseline.rows, baseline.to_bytes()))
    kept = []
    for _ in range(min(hours, 20)):
        profile = TableProfile.of(table(rng, 2_000), like=baseline)
        verdict = monitor.update(profile)
        columns = {name: finite(one) for name, one in verdict.columns.items()}
        kept.append(
            (profile.to_bytes(), {"columns": columns, "drifted": verdict.drifted, "drift_share": 0.0})
        )
    with store.transaction() as connection:
        for hour in range(hours):
            start, (data, verdicts) = START + hour * HOUR, kept[hour % len(kept)]
            row = WindowRow(SUBJECT, "1", start, start + HOUR, 2_000, 0, True, data, verdicts)
            store.windows.put(row, connection=connection)


def main() -> None:
    """Fill, write, tell."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hours", type=int, default=720)
    hours = parser.parse_args().hours
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{folder}/mirante.db"
        with Store(url) as store:
            fill(store, hours)
        done = subprocess.run(
            [sys.executable, "-c", CHILD, url, f"{folder}/tables"], check=True, capture_output=True, text=True
        )
        size = sum(path.stat().st_size for path in Path(folder, "tables").rglob("*.parquet"))
        store_size = Path(folder, "mirante.db").stat().st_size
    rows, before, peak, written, again = map(float, done.stdout.split())
    print(f"{hours} windows of 50 columns, store {store_size / 1e6:,.0f} MB")
    print(
        f"{rows:,.0f} rows in {written:.1f} s: {rows / written:,.0f} rows/s, "
        f"{1000 * written / hours:.1f} ms a window"
    )
    print(f"files {size / 1e6:.1f} MB, {size / rows:.0f} bytes a row; a second run takes {again:.2f} s")
    print(f"peak {peak - before:.0f} MB above {before:.0f} MB of imports and store (goal {GOAL_MB})")


if __name__ == "__main__":
    main()
