"""The counts that the tests work on, and where in them to look: grids, atoms, deciles."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from mirante.profiles import TableProfile

__all__ = ["Cells", "Counts", "each"]

Floats = NDArray[np.float64]
Places = NDArray[np.intp]

_GRID = 250  # pooled windows are compared at the baseline's 249 quantiles: their KS distance is within 5e-3
_JUMP = 1e-3  # share of the baseline at one value from which they are compared right before it as well
_ATOM = 0.005  # a value with a smaller share changes the variance of ranks by less than 1e-6


@dataclass(frozen=True, slots=True)
class Counts:
    """The whole numbers of a table's profile, without the rest.

    Parameters
    ----------
    rows : int
        Of the table.
    cells : ndarray, shape (cells,)
        Values per cell, numeric columns side by side as in the layout.
    levels : ndarray, shape (levels,)
        Rows per level, categorical columns side by side; the last of each column is all other levels.
    missing : ndarray, shape (columns,)
        Missing values, numeric columns first.
    """

    rows: int
    cells: NDArray[np.int64]
    levels: NDArray[np.int64]
    missing: NDArray[np.int64]

    @classmethod
    def of(cls, profile: TableProfile) -> Counts:
        """Take the counts out of a profile."""
        missing = np.concatenate((profile.numbers.whole[:, 1], profile.categories.missing))
        return cls(profile.rows, profile.numbers.cells, profile.categories.levels, missing)

    def __add__(self, other: Counts) -> Counts:
        return Counts(
            self.rows + other.rows,
            self.cells + other.cells,
            self.levels + other.levels,
            self.missing + other.missing,
        )

    def __sub__(self, other: Counts) -> Counts:
        return Counts(
            self.rows - other.rows,
            self.cells - other.cells,
            self.levels - other.levels,
            self.missing - other.missing,
        )


class Cells:
    """The places that the tests look at, chosen once by a baseline.

    Parameters
    ----------
    baseline : TableProfile
        Decides what is a quantile, an atom, a decile.
    """

    def __init__(self, baseline: TableProfile) -> None:
        self.layout = baseline.layout
        self.start: Places = self.layout.cell_start[:-1]
        self.column: Places = np.repeat(np.arange(self.start.size), np.diff(self.layout.cell_start))
        self._mass = baseline.numbers.cells
        self._local, self._n = self.running(self._mass)

    def running(self, cells: NDArray[np.int64]) -> tuple[Floats, Floats]:
        """Return running counts.

        Parameters
        ----------
        cells : ndarray, shape (cells,)
            Values per cell.

        Returns
        -------
        local : ndarray of float64, shape (cells,)
            Values up to and with each cell, within its column.
        n : ndarray of float64, shape (numeric,)
            Values of each column.
        """
        n = np.add.reduceat(cells, self.start)
        local = cells.copy()
        local[self.start[1:]] -= n[:-1]  # so that one sum over all columns starts anew at each
        # whole numbers: a sum of floats waits for the one before it, and takes up to ten times as long
        np.cumsum(local, out=local)
        return local.astype(np.float64), n.astype(np.float64)

    @cached_property
    def _edges(self) -> list[tuple[int, int, Floats]]:
        """Per column its first cell, the first after it, and the running counts at its edges."""
        ends = self.layout.cell_start.tolist()
        return [(first, last, self._local[first:last][1::2]) for first, last in itertools.pairwise(ends)]

    @cached_property
    def shares(self) -> Floats:
        """The baseline's share of values up to and with each cell, within its column."""
        return self._local / np.maximum(self._n, 1.0).take(self.column)

    @cached_property
    def grid(self) -> tuple[Places, Places]:
        """Cells at which pooled windows are compared, and the numeric column of each."""
        found = []
        for first, last, upto in self._edges:
            kept = jumps = np.arange(upto.size)
            if upto.size > 2 * _GRID:
                n = float(self._local[last - 1])
                ranks = np.arange(1, _GRID) * n / _GRID
                kept = np.unique(np.minimum(np.searchsorted(upto, ranks - 1e-9, "left"), upto.size - 1))
                jumps = kept[self._mass[first:last][1::2][kept] > _JUMP * n]
            found.append(first + np.sort(np.r_[2 * jumps, 2 * kept + 1, last - 1 - first]))
        return _joined(found), _columns(found)

    @cached_property
    def atoms(self) -> tuple[Places, Places]:
        """Cells of single values that hold much of the baseline, and the numeric column of each."""
        found = []
        for first, last, _ in self._edges:
            mass, n = self._mass[first:last][1::2], float(self._local[last - 1])
            found.append(first + 2 * np.flatnonzero(mass >= max(_ATOM * n, 1.0)) + 1)
        return _joined(found), _columns(found)

    @cached_property
    def deciles(self) -> tuple[Places, Places, Places]:
        """The first cell of each decile bin, the first after it, and where each column's bins begin.

        A bin more on either side takes what lies beyond the baseline's smallest and largest value.
        """
        low, high = [], []
        for first, last, upto in self._edges:
            walls = [first, last]
            if upto.size:
                ranks = np.searchsorted(upto * 10, np.arange(1, 10) * self._local[last - 1], "left")
                # a window may lie beyond the last edge, unlike the baseline whose edges these are
                inner = np.unique(np.minimum(ranks, upto.size - 1))
                walls = [first, first + 1, *(first + 2 * inner + 2), last - 1, last]
            low.append(np.array(walls[:-1], np.intp))
            high.append(np.array(walls[1:], np.intp))
        return _joined(low), _joined(high), np.cumsum([0, *(one.size for one in low)], dtype=np.intp)[:-1]


def each(per_column: Floats, column: Places) -> Floats | float:
    """Return a number of each column for each place; one number where it is the same for all.

    Columns that lack no value have as many as the others: a number is spared a table of 32,000.

    Parameters
    ----------
    per_column : ndarray, shape (columns,)
        Numbers.
    column : ndarray of int, shape (places,)
        The column of each place.

    Returns
    -------
    ndarray, shape (places,), or float

    Examples
    --------
    >>> each(np.array([2.0, 3.0]), np.array([0, 0, 1])).tolist(), each(np.array([2.0, 2.0]), np.array([0, 1]))
    ([2.0, 2.0, 3.0], 2.0)
    """
    if per_column.size and (per_column == per_column[0]).all():
        return float(per_column[0])
    return per_column.take(column)


def _joined(parts: list[Places]) -> Places:
    return np.concatenate(parts).astype(np.intp) if parts else np.empty(0, np.intp)


def _columns(parts: list[Places]) -> Places:
    return np.repeat(np.arange(len(parts)), [part.size for part in parts]).astype(np.intp)
