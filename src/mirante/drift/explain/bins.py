"""The bins over which a column's shift is measured, with names that people read."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mirante.profiles.categorical import CategoricalProfile
from mirante.profiles.numeric import NumericProfile
from mirante.stats.histograms import cells

__all__ = ["NEW", "OTHER", "Bins", "bins_of", "interval", "number"]

NEW, OTHER = "a new level", "any other level"

Floats = NDArray[np.float64]

_RARE = 10  # rows of the baseline below which a level is counted together with the new ones


@dataclass(frozen=True, slots=True)
class Bins:
    """Rows of baseline and window over the same bins, the last one for missing values.

    Parameters
    ----------
    names : tuple of str
        As a condition: ``age <= 30``, ``city = Rio``, ``age missing``.
    before, after : ndarray of float64, shape (bins,)
        Rows.
    rare : ndarray of int
        Places of the levels that share the last bin but one.
    """

    names: tuple[str, ...]
    before: Floats
    after: Floats
    rare: NDArray[np.intp]


def bins_of(
    baseline: NumericProfile | CategoricalProfile, window: NumericProfile | CategoricalProfile
) -> Bins:
    """Count a column of both sides over bins that the baseline decides.

    Numbers: the baseline's deciles, what lies below its smallest and above its largest value, and every
    single value that holds a tenth of the rows. Categories: its levels. Levels with fewer than 10 rows are
    taken together with the new ones (in a baseline of under 200 rows, fewer than a twentieth of its rows):
    a level is in that group because the baseline had few of its rows, so each of them alone, and the new ones
    above all, are sure to have grown in any window.

    Parameters
    ----------
    baseline, window : NumericProfile or CategoricalProfile
        The window counted with the baseline.

    Returns
    -------
    Bins

    Examples
    --------
    >>> base = NumericProfile.of("x", np.array([1.0, 1.0, 2.0, np.nan]))
    >>> found = bins_of(base, NumericProfile.of("x", np.array([3.0]), like=base))
    >>> found.names
    ('x < 1', 'x = 1', '1 < x < 2', 'x = 2', 'x > 2', 'x missing')
    >>> found.before.tolist(), found.after.tolist()
    ([0.0, 2.0, 0.0, 1.0, 0.0, 1.0], [0.0, 0.0, 0.0, 0.0, 1.0, 0.0])
    """
    if isinstance(baseline, NumericProfile) and isinstance(window, NumericProfile):
        return _numbers(baseline, window)
    assert isinstance(baseline, CategoricalProfile)  # noqa: S101  both were counted with one baseline
    assert isinstance(window, CategoricalProfile)  # noqa: S101  both were counted with one baseline
    return _levels(baseline, window)


def _numbers(baseline: NumericProfile, window: NumericProfile) -> Bins:
    n = max(baseline.n, 1)
    deciles = np.unique(np.searchsorted(baseline.upto * 10, np.arange(1, 10) * n, "left"))
    deciles = deciles[deciles < baseline.edges.size]
    heavy = np.flatnonzero((baseline.upto - baseline.below) * 10 >= n)
    ends = [0, 2 * baseline.edges.size - 1, 2 * baseline.edges.size] if baseline.edges.size else [0]
    # a wall is the last cell of its bin; cell 2i lies between two edges, cell 2i + 1 is edge i itself
    walls = np.unique(np.concatenate([ends, 2 * deciles + 1, 2 * heavy, 2 * heavy + 1])).astype(np.intp)
    names = tuple(
        _cell_range(baseline.name, baseline.edges, first, last)
        for first, last in zip([-1, *walls[:-1].tolist()], walls.tolist(), strict=True)
    )
    before, after = (
        np.append(np.diff(cells(one.below, one.upto, one.n)[walls], prepend=0), one.missing).astype(
            np.float64
        )
        for one in (baseline, window)
    )
    return Bins((*names, f"{baseline.name} missing"), before, after, np.empty(0, np.intp))


def _cell_range(name: str, edges: Floats, before: int, last: int) -> str:
    """Name the cells after `before`, up to `last`."""
    if not edges.size:
        return f"{name} present"
    low = None if before < 0 else number(float(edges[before // 2]))
    high = None if last // 2 >= edges.size else number(float(edges[last // 2]))
    if last == before + 1 and last % 2:
        return f"{name} = {high}"
    return interval(name, low, high, open_low=before % 2 == 1, open_high=last % 2 == 0)


def _levels(baseline: CategoricalProfile, window: CategoricalProfile) -> Bins:
    least = min(_RARE, baseline.n / 20)
    common = baseline.counts >= least
    few = np.flatnonzero(~common)
    before, after = (
        np.append(one.counts[common], [one.counts[few].sum() + one.other, one.missing]).astype(np.float64)
        for one in (baseline, window)
    )
    rest = "a rare or new level" if few.size or baseline.other else NEW
    names = [f"{baseline.name} = {baseline.levels[place]}" for place in np.flatnonzero(common)]
    return Bins((*names, f"{baseline.name} = {rest}", f"{baseline.name} missing"), before, after, few)


def number(value: float) -> str:
    """Return a number as a condition shows it: four digits, whole from 1,000 on.

    Examples
    --------
    >>> number(2.0), number(0.123456), number(26483.0), number(float("inf"))
    ('2', '0.1235', '26483', 'inf')
    """
    return f"{value:.0f}" if 1000 <= abs(value) < 1e15 and math.isfinite(value) else f"{value:.4g}"


def interval(
    name: str, low: str | None, high: str | None, *, open_low: bool = True, open_high: bool = False
) -> str:
    """Return a range as a condition.

    Parameters
    ----------
    name : str
        The column's.
    low, high : str, optional
        Ends; None where there is none.
    open_low, open_high : bool
        Whether the end itself is left out.

    Returns
    -------
    str

    Examples
    --------
    >>> interval("age", "30", "40"), interval("age", None, "30"), interval("age", "40", None)
    ('30 < age <= 40', 'age <= 30', 'age > 40')
    """
    over, under = "<" if open_low else "<=", "<" if open_high else "<="
    if low is None:
        return f"{name} {under} {high}" if high is not None else f"{name} present"
    if high is None:
        return f"{name} {'>' if open_low else '>='} {low}"
    return f"{low} {over} {name} {under} {high}"
