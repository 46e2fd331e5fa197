"""Where the counts of a table lie: columns, edges and levels, as a baseline decides them for its windows."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mirante.profiles.categorical import CategoricalProfile
from mirante.profiles.edge_table import EdgeTable
from mirante.profiles.numeric import NumericProfile
from mirante.profiles.sums import OpenBins

__all__ = ["Layout"]

Floats = NDArray[np.float64]
Places = NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class Layout:
    """The columns of a baseline, in one row of counts: numbers after numbers, categories after categories.

    All numeric columns lie side by side in one array, so that adding, comparing and scoring windows takes a
    few calls for the whole table and no loop over columns. A numeric column with k edges has 2k + 1 cells
    (open bin, edge, open bin, …) and k + 1 open bins; a categorical one has a place for each level and one
    for all others.

    Parameters
    ----------
    names : tuple of str
        All columns in the baseline's order.
    numeric, categorical : tuple of str
        The same, by kind.
    edges : tuple of ndarray of float64
        Per numeric column, strictly increasing.
    shift, scale : ndarray of float64, shape (numeric,)
        Centre and unit of the power sums.
    levels : tuple of tuple of str
        Per categorical column.
    """

    names: tuple[str, ...]
    numeric: tuple[str, ...]
    categorical: tuple[str, ...]
    edges: tuple[Floats, ...]
    shift: Floats
    scale: Floats
    levels: tuple[tuple[str, ...], ...]

    @classmethod
    def of(cls, columns: Sequence[NumericProfile | CategoricalProfile]) -> Layout:
        """Return the layout of a baseline's columns.

        Parameters
        ----------
        columns : sequence of profiles
            In the order of the table.

        Returns
        -------
        Layout

        Examples
        --------
        >>> Layout.of([NumericProfile.of("age", np.array([1.0, 2.0]))]).cell_start.tolist()
        [0, 5]
        """
        numbers = [one for one in columns if isinstance(one, NumericProfile)]
        categories = [one for one in columns if isinstance(one, CategoricalProfile)]
        return cls(
            tuple(one.name for one in columns),
            tuple(one.name for one in numbers),
            tuple(one.name for one in categories),
            tuple(one.edges for one in numbers),
            np.array([one.shift for one in numbers], np.float64),
            np.array([one.scale for one in numbers], np.float64),
            tuple(one.levels for one in categories),
        )

    @cached_property
    def cell_start(self) -> Places:
        """First cell of each numeric column, and the number of all; shape (numeric + 1,)."""
        return np.cumsum([0, *(2 * one.size + 1 for one in self.edges)], dtype=np.intp)

    @cached_property
    def bin_start(self) -> Places:
        """First open bin of each numeric column, and the number of all; shape (numeric + 1,)."""
        return np.cumsum([0, *(one.size + 1 for one in self.edges)], dtype=np.intp)

    @cached_property
    def level_start(self) -> Places:
        """First level of each categorical column, and the number of all; shape (categorical + 1,)."""
        return np.cumsum([0, *(len(one) + 1 for one in self.levels)], dtype=np.intp)

    @cached_property
    def walls(self) -> Floats:
        """The right edge of each open bin, NaN for the last of a column; shape (bins,)."""
        walls = np.full(int(self.bin_start[-1]), np.nan)
        if self.edges:
            closed = np.ones(walls.size, bool)
            closed[self.bin_start[1:] - 1] = False
            walls[closed] = np.concatenate(self.edges)
        return walls

    @cached_property
    def bins(self) -> OpenBins:
        """The open bins of all numeric columns."""
        return OpenBins.of(self.walls, self.bin_start)

    @cached_property
    def edge_table(self) -> EdgeTable:
        """Where the edges of all numeric columns are found quickly."""
        return EdgeTable(self.edges)

    @cached_property
    def places(self) -> tuple[dict[str, int], ...]:
        """Per categorical column, the place of each level among them."""
        return tuple({level: place for place, level in enumerate(levels)} for levels in self.levels)

    def known(self, place: int, kind: Any) -> Any:
        """Return the levels of a categorical column as an Arrow array, which is made once.

        Parameters
        ----------
        place : int
            Which of the categorical columns.
        kind : Arrow type
            Of text.

        Returns
        -------
        Arrow array, shape (levels,)
        """
        found = self._known.get((place, kind))
        if found is None:
            import pyarrow as pa

            found = self._known[place, kind] = pa.array(self.levels[place], kind)
        return found

    @cached_property
    def _known(self) -> dict[tuple[int, Any], Any]:
        return {}

    @cached_property
    def digest(self) -> bytes:
        """Sixteen bytes that tell this layout from any other."""
        found = hashlib.blake2b(repr((self.names, self.numeric, self.levels)).encode(), digest_size=16)
        for array in (*self.edges, self.shift, self.scale):
            found.update(np.asarray(array, "<f8").tobytes())
            found.update(b"|")
        return found.digest()

    def same(self, other: Layout) -> bool:
        """Return whether counts of the two add and compare.

        Parameters
        ----------
        other : Layout
            Of another profile.

        Returns
        -------
        bool
        """
        return self is other or self.digest == other.digest

    def only(self, names: Sequence[str]) -> Layout:
        """Return the layout of some of the columns.

        Parameters
        ----------
        names : sequence of str
            To keep, in the baseline's order.

        Returns
        -------
        Layout
            Itself when all are kept.
        """
        if tuple(names) == self.names:
            return self
        kept = set(names)
        numbers = [place for place, name in enumerate(self.numeric) if name in kept]
        categories = [place for place, name in enumerate(self.categorical) if name in kept]
        return Layout(
            tuple(names),
            tuple(self.numeric[place] for place in numbers),
            tuple(self.categorical[place] for place in categories),
            tuple(self.edges[place] for place in numbers),
            self.shift[numbers],
            self.scale[numbers],
            tuple(self.levels[place] for place in categories),
        )
