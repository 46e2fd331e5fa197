"""From what the baselines gave to shares with standard errors, and whether a bar is reached."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.alarms.cells import Bar, Cell
from benchmarks.alarms.subject import Outcome

__all__ = ["Figure", "figures_of", "holds"]

BUDGET_SHARE = 0.01


@dataclass(frozen=True, slots=True)
class Figure:
    """A share over all baselines of a cell.

    Parameters
    ----------
    share : float
        Alarms by trials, or the difference of two such shares.
    error : float
        Standard error over baselines, since the windows of one baseline are not independent; NaN with one
        baseline. It is 0 where no baseline differs from the others, and says little then.
    above : float
        Share of the baselines above the budget.
    worst : float
        Largest share of a baseline.
    trials, baselines : int
        How many.
    """

    share: float
    error: float
    above: float
    worst: float
    trials: int
    baselines: int


def figures_of(cell: Cell, outcomes: Sequence[Outcome]) -> dict[str, Figure]:
    """Return a cell's figures by name.

    Parameters
    ----------
    cell : Cell
        Its bars ask for differences: ``a_x_minus_y`` is ``a_x`` less ``a_y``, baseline by baseline.
    outcomes : sequence of Outcome
        One for each baseline.

    Returns
    -------
    dict of str to Figure
    """
    names = list(dict.fromkeys(name for outcome in outcomes for name in outcome.counts))
    figures = {name: _ratio([outcome.counts.get(name, [0, 0]) for outcome in outcomes]) for name in names}
    for bar in cell.bars:
        first, minus, last = bar.figure.partition("_minus_")
        if minus:
            other = f"{first.rpartition('_')[0]}_{last}"
            figures[bar.figure] = _difference(
                [outcome.counts[first] for outcome in outcomes],
                [outcome.counts[other] for outcome in outcomes],
            )
    return figures


def _ratio(counts: Sequence[Sequence[int]]) -> Figure:
    alarms, trials = np.array(counts, np.float64).T
    share = alarms.sum() / trials.sum()
    # the ratio's error by linearisation: trials differ between baselines where only some trials count
    error = _spread(alarms - share * trials) * len(counts) / trials.sum()
    each = alarms[trials > 0] / trials[trials > 0]
    above = float(np.mean(each > BUDGET_SHARE))
    return Figure(float(share), error, above, float(each.max()), int(trials.sum()), len(counts))


def _difference(these: Sequence[Sequence[int]], those: Sequence[Sequence[int]]) -> Figure:
    each = np.array([a / n - b / k for (a, n), (b, k) in zip(these, those, strict=True)])
    trials = sum(n for _, n in these)
    above = float(np.mean(each > BUDGET_SHARE))
    return Figure(float(each.mean()), _spread(each), above, float(each.max()), trials, len(each))


def _spread(each: np.ndarray) -> float:
    """Return the standard error of the mean."""
    return float(each.std(ddof=1) / np.sqrt(len(each))) if len(each) > 1 else float("nan")


def holds(bar: Bar, figure: Figure) -> bool:
    """Return whether a figure reaches its bar.

    Parameters
    ----------
    bar : Bar
        The bar.
    figure : Figure
        With the name that the bar has.

    Returns
    -------
    bool
    """
    room = bar.errors * figure.error if bar.errors else 0.0
    return figure.share <= bar.limit + room if bar.sign == "<=" else figure.share >= bar.limit - room
