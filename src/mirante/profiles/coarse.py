"""Fewer edges for what is kept long: some of a layout's edges, and counts added up between them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from mirante.profiles.counting import NumberCounts
from mirante.profiles.layout import Layout

__all__ = ["Coarser", "coarse_layout"]


@dataclass(frozen=True, slots=True, eq=False)
class Coarser:
    """How counts of one layout become those of another with fewer edges.

    Parameters
    ----------
    layout : Layout
        The other; the same where it has few edges already.
    starts : ndarray of int, shape (cells of the other,)
        Where the cells begin that become one.
    bins : ndarray of int, shape (bins of the other,)
        Where the open bins begin that become one.
    """

    layout: Layout
    starts: NDArray[np.intp]
    bins: NDArray[np.intp]

    def counts(self, numbers: NumberCounts) -> NumberCounts:
        """Return counts at the edges that are left."""
        cells = np.add.reduceat(numbers.cells, self.starts) if self.starts.size else numbers.cells
        return NumberCounts(cells, self._sums(numbers, cells), numbers.powers, numbers.whole, numbers.ends)

    def _sums(self, numbers: NumberCounts, cells: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return the sum of each open bin: its middle for each value, and as it was outside of all edges."""
        walls, bins = self.layout.walls, self.bins
        if not bins.size:
            return numbers.sums
        left = np.r_[np.nan, walls[:-1]]
        column = np.searchsorted(self.layout.bin_start, np.arange(walls.size), "right") - 1
        own = cells[2 * np.arange(walls.size) - column]
        with np.errstate(all="ignore"):
            middle = own * (left / 2 + walls / 2)
        # the outermost edges are always left, so that nothing but the old open bins is outside of them
        return np.where(np.isfinite(left) & np.isfinite(walls), middle, np.add.reduceat(numbers.sums, bins))


@lru_cache(maxsize=64)  # layouts are known by their identity, and those of a service's models come again
def coarse_layout(layout: Layout, most: int) -> Coarser:
    """Choose edges of a layout.

    Parameters
    ----------
    layout : Layout
        Of a baseline.
    most : int
        So many edges of a numeric column at most, at least 2.

    Returns
    -------
    Coarser
    """
    kept = [_chosen(edges.size, most) for edges in layout.edges]
    if all(one.size == edges.size for one, edges in zip(kept, layout.edges, strict=True)):
        return Coarser(layout, np.empty(0, np.intp), np.empty(0, np.intp))
    edges = tuple(one[places] for one, places in zip(layout.edges, kept, strict=True))
    other = Layout(
        layout.names, layout.numeric, layout.categorical, edges, layout.shift, layout.scale, layout.levels
    )
    # a column's cells are open bin, edge, open bin, ...: what lies between two edges that are left is one bin
    cells = [
        start + np.r_[0, np.stack((2 * places + 1, 2 * places + 2), axis=1).ravel()]
        for start, places in zip(layout.cell_start.tolist(), kept, strict=False)
    ]
    bins = [
        start + np.r_[0, places + 1] for start, places in zip(layout.bin_start.tolist(), kept, strict=False)
    ]
    return Coarser(other, np.concatenate(cells), np.concatenate(bins))


def _chosen(size: int, most: int) -> NDArray[np.intp]:
    if size <= most:
        return np.arange(size)
    return np.unique(np.rint(np.linspace(0, size - 1, most)).astype(np.intp))
