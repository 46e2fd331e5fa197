"""Open bins, and the sums of values in them: exact, or as the place of their mean between two edges."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["OpenBins"]

_MANY = 256  # open bins of a column from which one byte tells the place in each: they are narrow
_FINE, _COARSE = 65_534, 254  # steps from edge to edge; even, so that the middle is one of them

Counts = NDArray[np.int64]
Floats = NDArray[np.float64]
Places = NDArray[np.int32]


@dataclass(frozen=True, slots=True, eq=False)
class OpenBins:
    """Where the open bins of a layout are.

    Parameters
    ----------
    walls : ndarray of float64, shape (bins,)
        The right edge of each, NaN for the last of a column.
    cells : ndarray of int32, shape (bins,)
        The cell that counts each.
    last : ndarray of int, shape (columns,)
        The last of each column.
    outer, inner : ndarray of int32
        Those without two finite edges, and the others: those of columns with few before those of columns
        with many.
    few : int
        How many of the inner ones are of columns with few.
    """

    walls: Floats
    cells: Places
    last: NDArray[np.intp]
    outer: Places
    inner: Places
    few: int

    @classmethod
    def of(cls, walls: Floats, start: NDArray[np.intp]) -> OpenBins:
        """Find them.

        Parameters
        ----------
        walls : ndarray of float64, shape (bins,)
            The right edge of each bin, NaN for the last of a column.
        start : ndarray of int, shape (columns + 1,)
            The first bin of each column, and the number of all.

        Returns
        -------
        OpenBins

        Examples
        --------
        >>> found = OpenBins.of(np.array([1.0, 2.0, 4.0, np.nan]), np.array([0, 4]))
        >>> found.cells.tolist(), found.edges.tolist(), found.outer.tolist(), found.inner.tolist()
        ([0, 2, 4, 6], [1, 3, 5], [0, 3], [1, 2])
        """
        sizes = np.diff(start)
        column = np.repeat(np.arange(sizes.size, dtype=np.int32), sizes)
        closed = np.isfinite(walls)
        closed[1:] &= closed[:-1]
        closed[:1] = False
        many = (sizes > _MANY)[column]
        inner = [np.flatnonzero(closed & part).astype(np.int32) for part in (~many, many)]
        cells = 2 * np.arange(walls.size, dtype=np.int32) - column
        outer = np.flatnonzero(~closed).astype(np.int32)
        return cls(walls, cells, start[1:] - 1, outer, np.concatenate(inner), inner[0].size)

    @property
    def edges(self) -> Places:
        """The cell of each edge."""
        return np.delete(self.cells + np.int32(1), self.last)

    def places(self, counts: Counts, sums: Floats) -> tuple[Counts, Counts]:
        """Return the place of the mean in each inner bin that holds anything, in steps from its left edge.

        The bits of the middle step are turned over: so zero stands for the middle, which is all that is
        known of bins that were put together.

        Parameters
        ----------
        counts : ndarray of int64, shape (bins,)
            Values in each.
        sums : ndarray of float64, shape (bins,)
            Of these values.

        Returns
        -------
        fine, coarse : ndarray of int64
            Of columns with few bins in 65,534 steps, of those with many in 254.
        """
        inner, few = self._held(counts)
        left, right = self.walls[inner - 1], self.walls[inner]
        with np.errstate(all="ignore"):
            # halves: 1e308 less -1e308 is no number
            place = (sums[inner] / counts[inner] / 2 - left / 2) / (right / 2 - left / 2)
        place = np.clip(np.nan_to_num(place, nan=0.5), 0.0, 1.0)
        fine, coarse = np.rint(place[:few] * _FINE), np.rint(place[few:] * _COARSE)
        return fine.astype(np.int64) ^ _FINE // 2, coarse.astype(np.int64) ^ _COARSE // 2

    def sums(self, counts: Counts, read: Callable[[int], Counts]) -> Floats:
        """Return the sums that `places` told, and zero for all other bins.

        Parameters
        ----------
        counts : ndarray of int64, shape (bins,)
            Values in each.
        read : callable
            Called with the size of each part of what `places` gave, and returns it.

        Returns
        -------
        ndarray of float64, shape (bins,)
        """
        (inner, few), found = self._held(counts), np.zeros(self.walls.size)
        fine, coarse = (read(few) ^ _FINE // 2) / _FINE, (read(inner.size - few) ^ _COARSE // 2) / _COARSE
        share = np.concatenate((fine, coarse)) if fine.size and coarse.size else fine if fine.size else coarse
        with np.errstate(all="ignore"):
            mean = self.walls.take(inner - 1) * (1.0 - share) + self.walls.take(inner) * share
            found[inner] = counts.take(inner) * mean
        return found

    def _held(self, counts: Counts) -> tuple[Places, int]:
        """Return the inner bins that hold anything, and how many of them are of columns with few bins."""
        held = counts.take(self.inner) > 0
        return self.inner[held], int(np.count_nonzero(held[: self.few]))
