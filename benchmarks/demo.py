"""Where the time of the demonstration goes: whole runs, each in a process of its own.

Run: ``python benchmarks/demo.py [--runs 3]``; needs ``pip install 'mirante[demo]'``. Prints the minimum,
median and maximum of each phase in seconds, and the rows that went in and came out.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from typing import Any


def one_run() -> dict[str, Any]:
    """Return the summary of one demonstration."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "mirante", "demo", "--dir", f"{folder}/demo", "--exit", "--json"]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    summary: dict[str, Any] = json.loads(done.stdout)
    return summary


def show(title: str, runs: list[dict[str, float]]) -> None:
    """Print a table: a line per phase."""
    print(f"\n{title:<26} {'min':>8} {'median':>8} {'max':>8}")
    for name in runs[0]:
        values = [run[name] for run in runs]
        low, middle, high = min(values), statistics.median(values), max(values)
        print(f"{name.replace('_', ' '):<26} {low:>8.2f} {middle:>8.2f} {high:>8.2f}")


def main() -> None:
    """Run, and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=3)
    summaries = [one_run() for _ in range(parser.parse_args().runs)]
    show("phase, seconds", [summary["seconds"] for summary in summaries])
    show("of replay and monitoring", [summary["replay_seconds"] for summary in summaries])
    last = summaries[-1]
    rows = [
        f"{name} {last[name]:,}"
        for name in ("rows_replayed", "rows_recorded", "rows_read_back", "rows_profiled")
    ]
    print(f"\n{', '.join(rows)}; {last['windows']} windows, {last['readings']:,} readings")


if __name__ == "__main__":
    main()
