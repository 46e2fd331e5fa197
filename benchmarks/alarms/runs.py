"""What is simulated with one baseline: quiet windows, shifts, days that differ."""

from __future__ import annotations

import zlib
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from benchmarks.alarms.cells import Cell
from benchmarks.alarms.columns import COLUMNS, HEAVY, MIXED, NAMES, NUMERIC
from benchmarks.alarms.subject import QUIET, Outcome, Subject

__all__ = ["RUNS", "generator", "run"]

POOL = 2 * QUIET  # quiet windows of a baseline, from which each trial takes its own
LONG = 8  # windows after which a small shift is given up
DAY_SD = 0.2

Floats = NDArray[np.float64]


def quiet(cell: Cell, rng: np.random.Generator) -> Outcome:
    """Count the alarms of windows that are like the baseline."""
    subject = Subject(rng, rows=cell.rows, baseline_rows=cell.baseline_rows, rho=cell.rho)
    subject.count_alarms("alarms", subject.profiles(cell.windows))
    return subject.outcome


def tiny(cell: Cell, rng: np.random.Generator) -> Outcome:
    """Count the alarms of windows in which every column moved by a hundredth of its standard deviation."""
    subject = Subject(rng, rows=cell.rows, baseline_rows=cell.baseline_rows, rho=cell.rho)
    shifts = np.full((cell.windows, len(NAMES)), 0.01)
    subject.count_alarms("alarms", subject.profiles(cell.windows, shifts=shifts))
    return subject.outcome


def power(cell: Cell, rng: np.random.Generator) -> Outcome:
    """Count how often a shift is found in time."""
    subject = Subject(rng, rows=cell.rows, baseline_rows=cell.baseline_rows, rho=cell.rho)
    pool = list(subject.profiles(POOL))
    for _ in range(cell.trials):
        at, light = _three(rng, 0.25)
        first = subject.first_alarm(pool, subject.profiles(1, shifts=at[np.newaxis]))
        _count(subject.outcome, "shift_0.25_at_once", light, found=first == 1)
        at, light = _three(rng, 0.1)
        first = subject.first_alarm(pool, subject.profiles(LONG, shifts=np.tile(at, (LONG, 1))))
        _count(subject.outcome, "shift_0.1_within_6", light, found=1 <= first <= 6)
        _count(subject.outcome, "shift_0.1_within_8", light, found=first > 0)
        for name, shares in MIXED.items():
            subject.outcome.add(name, subject.first_alarm(pool, subject.profiles(1, shares=shares)) == 1)
    return subject.outcome


def _three(rng: np.random.Generator, size: float) -> tuple[Floats, bool]:
    """Return a shift of three columns at random, and whether none of them has a heavy atom."""
    chosen = rng.choice(len(NAMES), 3, replace=False)
    shift = np.zeros(len(NAMES))
    shift[chosen] = size
    return shift, not HEAVY & {NAMES[place] for place in chosen}


def _count(outcome: Outcome, figure: str, light: bool, *, found: bool) -> None:
    outcome.add(figure, found)
    if light:
        outcome.add(f"{figure}_light", found)


def days(cell: Cell, rng: np.random.Generator) -> Outcome:
    """Count false alarms and finds where the baseline's days differ in three columns."""
    numbers = rng.choice(NUMERIC, 2, replace=False)
    varying = [*numbers, NUMERIC + rng.integers(len(COLUMNS) - NUMERIC)]
    day_sd = np.zeros(len(NAMES))
    day_sd[varying] = DAY_SD
    subject = Subject(rng, rows=cell.rows, baseline_rows=cell.baseline_rows, day_sd=day_sd)
    pool = list(subject.profiles(max(POOL, cell.windows)))
    subject.count_alarms("alarms", pool[: cell.windows], own=True)
    steady = np.flatnonzero(day_sd == 0)
    for trial in range(cell.trials):
        shift = np.zeros((1, len(NAMES)))
        shift[0, varying[trial % 3]] = 1.0
        found = subject.first_alarm(pool, subject.profiles(1, shifts=shift), own=True) == 1
        subject.outcome.add("day_1_found", found)
        subject.outcome.add(f"day_1_found_{'categorical' if trial % 3 == 2 else 'numeric'}", found)
        shift = np.zeros((1, len(NAMES)))
        shift[0, rng.choice(steady, 3, replace=False)] = 0.25
        found = subject.first_alarm(pool, subject.profiles(1, shifts=shift), own=True) == 1
        subject.outcome.add("shift_0.25_elsewhere", found)
    return subject.outcome


def same_days(cell: Cell, rng: np.random.Generator) -> Outcome:
    """Count both, with and without the baseline's own windows, where its days do not differ."""
    subject = Subject(rng, rows=cell.rows, baseline_rows=cell.baseline_rows, day_sd=np.zeros(len(NAMES)))
    pool = list(subject.profiles(max(POOL, cell.windows)))
    for own, name in ((True, "own"), (False, "plain")):
        subject.count_alarms(f"alarms_{name}", pool[: cell.windows], own=own)
    for _ in range(cell.trials):
        at, _ = _three(rng, 0.25)
        moved = list(subject.profiles(1, shifts=at[np.newaxis]))
        state = rng.bit_generator.state
        for own, name in ((True, "own"), (False, "plain")):
            rng.bit_generator.state = state  # both judge the window after the same quiet ones
            subject.outcome.add(f"found_{name}", subject.first_alarm(pool, moved, own=own) == 1)
    return subject.outcome


RUNS: dict[str, Callable[[Cell, np.random.Generator], Outcome]] = {
    "quiet": quiet,
    "power": power,
    "tiny": tiny,
    "days": days,
    "same_days": same_days,
}


def generator(cell: Cell, seed: int, number: int) -> np.random.Generator:
    """Return the randomness of a baseline: it depends on seed, cell and number only."""
    key = (zlib.crc32(cell.name.encode()), number)
    return np.random.Generator(np.random.SFC64(np.random.SeedSequence(seed, spawn_key=key)))


def run(task: tuple[Cell, int, int]) -> Outcome:
    """Simulate one baseline of a cell.

    Parameters
    ----------
    task : tuple
        Cell, seed, and the number of the baseline.

    Returns
    -------
    Outcome
    """
    cell, seed, number = task
    return RUNS[cell.run](cell, generator(cell, seed, number))
