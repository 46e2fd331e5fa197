"""One baseline, the windows that are drawn beside it, and the monitors that judge them."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.alarms.columns import NAMES, draw, draw_windows
from mirante.drift.monitor import DriftMonitor
from mirante.profiles.table import TableProfile

__all__ = ["BUDGET", "QUIET", "Outcome", "Subject"]

BUDGET = "1 in 100 windows"
QUIET = 32  # windows before a shift: as many as the longest pooled scale holds

Floats = NDArray[np.float64]


@dataclass
class Outcome:
    """What one baseline gave.

    Parameters
    ----------
    counts : dict of str to list of two int
        Alarms, and windows or trials that could have given one, for each figure.
    columns : Counter of str
        How often each column was among those that alarmed, in quiet windows.
    seconds : dict of str to float
        Processor time of ``draw``, ``profile`` and ``judge``.
    calls : Counter of str
        How often each of them was done, for a window.
    """

    counts: dict[str, list[int]] = field(default_factory=dict)
    columns: Counter[str] = field(default_factory=Counter)
    seconds: dict[str, float] = field(default_factory=dict)
    calls: Counter[str] = field(default_factory=Counter)

    def add(self, figure: str, alarm: bool) -> None:
        """Count one trial of a figure."""
        counted = self.counts.setdefault(figure, [0, 0])
        counted[0] += int(alarm)
        counted[1] += 1

    def spent(self, work: str, began: float) -> None:
        """Count the processor time of one window since `began` (of ``time.process_time``)."""
        self.seconds[work] = self.seconds.get(work, 0.0) + time.process_time() - began
        self.calls[work] += 1


class Subject:
    """A baseline, and windows of the same distribution, or of one that moved.

    Parameters
    ----------
    rng : Generator
        The randomness of everything that is drawn.
    rows : int
        Rows of a window.
    baseline_rows : int
        Rows of the baseline; a multiple of `rows` where it has days.
    rho : float
        Correlation between the columns' latents.
    day_sd : ndarray of float, shape (20,), optional
        Standard deviation of the day effects on each column's latent. With it the baseline consists of
        windows, which are kept as its own.
    """

    def __init__(
        self,
        rng: np.random.Generator,
        *,
        rows: int,
        baseline_rows: int,
        rho: float = 0.0,
        day_sd: Floats | None = None,
    ) -> None:
        self.rng, self.rows, self.rho, self.day_sd = rng, rows, rho, day_sd
        self.outcome = Outcome()
        days = 1 if day_sd is None else baseline_rows // rows
        table = draw(rng, baseline_rows // days, windows=days, rho=rho, shifts=self.effects(days))
        self.baseline = TableProfile.of(table)
        parts = [] if day_sd is None else [table.slice(day * rows, rows) for day in range(days)]
        self.own_windows = [TableProfile.of(part, like=self.baseline) for part in parts]

    def effects(self, windows: int) -> Floats | None:
        """Return fresh day effects, None where days do not differ."""
        if self.day_sd is None:
            return None
        return self.rng.standard_normal((windows, len(NAMES))) * self.day_sd

    def monitor(self, *, own: bool = False) -> DriftMonitor:
        """Return a monitor that has seen nothing yet, with or without the baseline's own windows."""
        windows = self.own_windows if own else ()
        return DriftMonitor(self.baseline, own_windows=windows, alarm_budget=BUDGET)

    def profiles(
        self,
        windows: int,
        *,
        shifts: Floats | None = None,
        shares: Mapping[str, Sequence[float]] | None = None,
    ) -> Iterator[TableProfile]:
        """Yield the profiles of fresh windows; `shifts` come on top of the day effects."""
        effects = self.effects(windows)
        moved = shifts if effects is None else effects if shifts is None else effects + shifts
        began = time.process_time()
        for table in draw_windows(self.rng, self.rows, windows, rho=self.rho, shifts=moved, shares=shares):
            self.outcome.spent("draw", began)
            began = time.process_time()
            profile = TableProfile.of(table, like=self.baseline)
            self.outcome.spent("profile", began)
            yield profile
            began = time.process_time()

    def judge(self, monitor: DriftMonitor, profile: TableProfile) -> Any:
        """Return the monitor's verdict of a window."""
        began = time.process_time()
        verdict = monitor.update(profile)
        self.outcome.spent("judge", began)
        return verdict

    def count_alarms(self, figure: str, profiles: Iterable[TableProfile], *, own: bool = False) -> None:
        """Give windows in their order to a new monitor, and count those that alarm."""
        monitor = self.monitor(own=own)
        for profile in profiles:
            verdict = self.judge(monitor, profile)
            self.outcome.add(figure, verdict.drifted)
            self.outcome.columns.update(verdict.drifted_columns)

    def first_alarm(
        self, quiet: Sequence[TableProfile], moved: Iterable[TableProfile], *, own: bool = False
    ) -> int:
        """Return which of the windows that moved, from 1, is the first to alarm; 0 if none does.

        They come after `QUIET` of the quiet windows, taken at random, in a new monitor.
        """
        monitor = self.monitor(own=own)
        for place in self.rng.choice(len(quiet), QUIET, replace=False):
            self.judge(monitor, quiet[place])
        for number, profile in enumerate(moved, 1):
            if self.judge(monitor, profile).drifted:
                return number
        return 0
