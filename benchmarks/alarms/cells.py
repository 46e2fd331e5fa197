"""Which cells are simulated, how often, and the bar that each of them has to reach."""

from __future__ import annotations

from dataclasses import dataclass, replace

__all__ = ["Bar", "Cell", "plan"]

ROWS = (100, 500, 5_000, 50_000)
BASELINES = (5_000, 50_000)
RHOS = (0.0, 0.8)
DAYS = 31


@dataclass(frozen=True, slots=True)
class Bar:
    """What a figure must be.

    Parameters
    ----------
    figure : str
        Its name.
    sign : str
        ``<=`` or ``>=``.
    limit : float
        A share, 0 to 1, or a difference of shares.
    errors : float, default 0
        So many standard errors beyond the limit are put up with: for differences, which are never exactly 0.
    """

    figure: str
    sign: str
    limit: float
    errors: float = 0.0


@dataclass(frozen=True, slots=True)
class Cell:
    """One setting of the simulation.

    Parameters
    ----------
    run : str
        What is simulated, a name of `benchmarks.alarms.runs.RUNS`.
    rows, baseline_rows : int
        Rows of a window (n), and of the baseline (m).
    rho : float
        Correlation between the columns' latents.
    baselines : int
        Independent baselines.
    windows : int
        Quiet windows of each baseline.
    trials : int
        Shifts of each kind for each baseline.
    bars : tuple of Bar
        Empty where figures are only reported.
    """

    run: str
    rows: int
    baseline_rows: int
    rho: float
    baselines: int
    windows: int
    trials: int
    bars: tuple[Bar, ...]

    @property
    def name(self) -> str:
        """Name of the cell, for ``--cells`` and as a part of the seed: ``quiet/500/5000/0.8``."""
        return f"{self.run}/{self.rows}/{self.baseline_rows}/{self.rho:g}"


def plan(*, quick: bool = False) -> list[Cell]:
    """Return all cells, the quick ones first.

    Parameters
    ----------
    quick : bool, default False
        Few baselines, windows and trials: rough numbers for tuning.

    Returns
    -------
    list of Cell
    """
    cells = [*_days(), *_power(), *_tiny(), *_quiet()]
    return [_rough(cell) for cell in cells] if quick else cells


def _quiet() -> list[Cell]:
    bars = (Bar("alarms", "<=", 0.01),)
    return [
        Cell("quiet", n, m, rho, 100, 40 if n == max(ROWS) else 200, 0, bars)
        for n in ROWS
        for m in BASELINES
        for rho in RHOS
    ]


def _power() -> list[Cell]:
    limits = {
        5_000: {"shift_0.25_at_once": 0.97, "shift_0.1_within_6": 0.85, "mix_20_to_30": 0.95},
        50_000: {"shift_0.25_at_once": 0.99, "shift_0.1_within_6": 0.95, "mix_20_to_30": 0.97},
    }
    cells = []
    for m in BASELINES:
        bars = [Bar(name, ">=", limit) for name, limit in limits[m].items()]
        bars.append(Bar("mix_10_to_20", ">=", 0.99))
        cells += [Cell("power", 500, m, rho, 200, 0, 10, () if rho else tuple(bars)) for rho in RHOS]
    return cells


def _tiny() -> list[Cell]:
    bars = (Bar("alarms", "<=", 0.0),)
    return [Cell("tiny", max(ROWS), m, rho, 100, 16, 0, bars) for m in BASELINES for rho in RHOS]


def _days() -> list[Cell]:
    differ = (Bar("alarms", "<=", 0.01), Bar("day_1_found", ">=", 0.70))
    same = (
        Bar("alarms_own", "<=", 0.01),
        Bar("alarms_own_minus_plain", "<=", 0.0, errors=2.0),
        Bar("found_own_minus_plain", ">=", 0.0, errors=2.0),
    )
    return [
        Cell("days", 500, DAYS * 500, 0.0, 100, 100, 15, differ),
        Cell("same_days", 500, DAYS * 500, 0.0, 100, 100, 15, same),
    ]


def _rough(cell: Cell) -> Cell:
    if cell.rows == max(ROWS):
        return replace(cell, baselines=8, windows=12)
    if cell.run == "power":
        return replace(cell, baselines=40, trials=5)
    return replace(cell, baselines=32, windows=80, trials=6)
