"""How often quiet windows have a finding of data quality, and how often a fault is found: simulated.

Run: ``python benchmarks/limits.py``. Level 1 % for all limits of a window together.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import numpy as np

from mirante.drift.monitor import DriftMonitor
from mirante.monitors.limits import LimitsJudge
from mirante.profiles import TableProfile

LEVEL, BASELINES, WINDOWS = 0.01, 20, 40
KINDS = ("out_of_range", "new_category", "row_count")
Table = dict[str, Any]


@dataclass(frozen=True)
class Cell:
    """One row of the table: rows of the baseline and of a window, days of the baseline, how days differ."""

    rows: int
    window: int
    days: int = 0
    spread: float = 0.0


CELLS = (
    Cell(1_000, 100),
    Cell(5_000, 500),
    Cell(5_000, 5_000),
    Cell(50_000, 500),
    Cell(15_000, 500, 30),
    Cell(15_000, 500, 30, 0.3),
    Cell(6_000, 500, 12, 0.3),
    Cell(15_000, 500, 30, 1.0),
)


def rows_of(rng: np.random.Generator, count: int, day: float) -> Table:
    """Return ten columns: normal ones that the day moves, heavy tails, counts, categories with rare ones."""
    table: Table = {f"x{place}": rng.normal(day, 1, count) for place in range(5)}
    table |= {"tails": rng.standard_t(3, count), "waiting": rng.exponential(1, count)}
    city = np.minimum(rng.zipf(1.3, count), 50_000)
    table["city"] = np.array([f"c{number}" for number in city], object)
    table["plan"] = rng.choice(["a", "b", "c"], count).astype(object)
    return table | {"count": rng.poisson(3, count).astype(float)}


def volume(rng: np.random.Generator, cell: Cell) -> int:
    """Return rows of a day."""
    busy = np.exp(rng.normal(0, 0.1)) if cell.spread else 1.0
    return int(rng.poisson(cell.window * busy)) if cell.days else cell.window


def judge_of(rng: np.random.Generator, cell: Cell) -> tuple[LimitsJudge, TableProfile]:
    """Return the limits of one baseline."""
    days = [rows_of(rng, volume(rng, cell), rng.normal(0, cell.spread)) for _ in range(cell.days)]
    days = days or [rows_of(rng, cell.rows, 0.0)]
    profile = TableProfile.of({name: np.concatenate([day[name] for day in days]) for name in days[0]})
    own = [TableProfile.of(day, like=profile) for day in days] if cell.days else []
    starts = [datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=day) for day in range(cell.days)]
    drift = DriftMonitor(profile, own_windows=own, own_starts=starts, window="1d")
    baseline: Any = SimpleNamespace(drift=drift, about={}, profile=profile)
    return LimitsJudge(baseline, LEVEL, KINDS), profile


def share_found(cell: Cell, change: Callable[[np.random.Generator, Table], None] | None = None) -> float:
    """Return the share of windows with a finding."""
    rng = np.random.default_rng([1, cell.rows, cell.window, cell.days])
    found = []
    for _ in range(BASELINES):
        judge, profile = judge_of(rng, cell)
        for day in range(WINDOWS):
            count = volume(rng, cell)
            table = rows_of(rng, count, rng.normal(0, cell.spread))
            if change is not None:
                change(rng, table)
            start = datetime(2026, 3, 1, tzinfo=UTC) + timedelta(days=day)
            window = TableProfile.of(table, like=profile)
            found.append(
                any(one.judged.beyond for one in judge.judge(window, start, rows=count, distinct=None))
            )
    return float(np.mean(found))


def far_off(rng: np.random.Generator, table: Table) -> None:
    """Move 5 % of one column far away."""
    table["x0"][rng.random(len(table["x0"])) < 0.05] += 100.0


def main() -> None:
    """Print the table."""
    print("baseline  window  days  they differ by   quiet windows with a finding   5 % of a column far off")
    for cell in CELLS:
        quiet, fault = share_found(cell), share_found(cell, far_off)
        sizes = f"{cell.rows:8,} {cell.window:7,} {cell.days:5} {cell.spread:13.1f} σ"
        print(f"{sizes} {quiet:30.2%} {fault:25.1%}", flush=True)


if __name__ == "__main__":
    main()
