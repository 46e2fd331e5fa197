"""What a window takes in the store, by age and by part, and what packing and reading it costs.

Run: ``python -m benchmarks.windows [--columns 50]``. A real window is judged, as in `benchmarks.retention`.
Times are of the processor, the least of some tries.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.retention import KINDS, ROWS, Sample, sample
from mirante.monitors.condensing import short_verdicts
from mirante.parted import split
from mirante.profiles import TableProfile
from mirante.store.types import LongJson


@dataclass(frozen=True, slots=True)
class Cost:
    """Bytes, and seconds for writing and for reading them."""

    size: int
    write: float
    read: float

    def __str__(self) -> str:
        return f"{self.size:9,} B  written in {1e6 * self.write:6.0f} µs, read in {1e6 * self.read:5.0f} µs"


def seconds(work: Callable[[], object], tries: int = 7, times: int = 20) -> float:
    """Return what the processor needs for something, the least of some tries."""
    best = float("inf")
    for _ in range(tries):
        begin = time.process_time()
        for _ in range(times):
            work()
        best = min(best, (time.process_time() - begin) / times)
    return best


def of_profile(profile: TableProfile) -> Cost:
    """Return what the profile of a judged window takes; the part that all have in common is left out."""
    data = profile.to_bytes(parted=True)
    parts = split(data)
    own = len(data) if parts is None else len(parts[1])
    return Cost(
        own,
        seconds(lambda: profile.to_bytes(parted=True)),
        seconds(lambda: TableProfile.from_bytes(data)),
    )


def of_verdicts(verdicts: Any) -> Cost:
    """Return what verdicts take."""
    kind: Any = LongJson()
    text = kind.process_bind_param(verdicts, None)
    return Cost(
        len(text.encode()),
        seconds(lambda: kind.process_bind_param(verdicts, None)),
        seconds(lambda: kind.process_result_value(text, None)),
    )


def show(made: Sample) -> None:
    """Print what windows of each age take."""
    window, verdicts = made.profiles[0], dict(made.window.verdicts)
    short = short_verdicts(verdicts)
    day = window.coarser()
    for hour in range(1, 24):
        day = day + made.profiles[hour % KINDS].coarser()
    of_age = {
        "full": (window, verdicts),
        "hourly": (window.coarser(), short),
        "daily": (day, short),
    }
    for age, (profile, said) in of_age.items():
        print(f"{age:7} profile  {of_profile(profile)}")
        print(f"{age:7} verdicts {of_verdicts(said)}")
    like = made.baseline.profile
    for name, options in (("whole", {}), ("exact", {"like": like, "exact": True}), ("near", {"like": like})):
        print(f"{name:7} on its way {len(window.to_bytes(**options)):7,} B")


def main() -> None:
    """Read the options and run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--columns", type=int, default=50)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        made = sample(options.columns, Path(folder))
    print(f"an hour with {ROWS} rows and {options.columns} columns and its prediction")
    show(made)


if __name__ == "__main__":
    main()
