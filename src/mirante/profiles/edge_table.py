"""Finding the open bins of values by a table, all columns at once, with no comparison to be guessed."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

__all__ = ["EdgeTable"]

Floats = NDArray[np.float64]
Singles = NDArray[np.float32]
Places = NDArray[np.intp]

_PARTS = 4  # of a table for each edge of a column
_NEAR, _FAR = 2.0, 32.0  # half of the parts lie within 2 spreads of the middle edge, half within 32
_MOST = 15  # edges in one part: four comparisons; columns that have more are searched


class EdgeTable:
    """The edges of columns, and for each part of a column's range the first edge in it.

    A value's part follows from its distance from the column's middle edge, in spreads (the middle half of
    the edges), by sums and products alone: these never turn two values round, so that the edges of lower
    parts lie below it and those of higher ones do not. The edges within the part are compared with it, one,
    two or four at a time, the same for all values. Searching sorted edges takes two to three times as long,
    since each of its comparisons falls either way.

    Parameters
    ----------
    edges : sequence of ndarray of float64
        Per column, strictly increasing; may be empty, and hold infinite ones.

    Examples
    --------
    >>> table = EdgeTable([np.array([0.0, 1.0, 2.0]), np.array([5.0])])
    >>> table.bins(np.array([[-1.0, 1.0, 1.5], [5.0, 6.0, np.nan]])).tolist()
    [[0, 1, 2], [0, 1, 1]]
    """

    def __init__(self, edges: Sequence[Floats]) -> None:
        self._edges = tuple(edges)
        parts = np.array([max(_PARTS * one.size, 8) for one in edges], np.float32).reshape(-1, 1)
        self._middle = np.zeros((len(edges), 1))
        self._unit = np.ones((len(edges), 1))
        for column, one in enumerate(edges):
            self._middle[column], self._unit[column] = _centre(one)
        self._near, self._far = parts / np.float32(4 * _NEAR), parts / np.float32(4 * _FAR)
        self._half = parts / np.float32(2)
        sizes = parts.ravel().astype(np.intp) + 2  # one more for the far end, one for what rounding adds
        self._start: Places = np.r_[0, np.cumsum(sizes)[:-1]].astype(np.intp).reshape(-1, 1)
        found = [self._counts(column, int(size)) for column, size in enumerate(sizes)]
        most = [int(one.max(initial=0)) for one in found]
        self._searched = [column for column, one in enumerate(most) if one > _MOST]
        self._steps = max((one for one in most if one <= _MOST), default=0).bit_length()
        room = 1 << self._steps  # a comparison may look that far beyond a column's last edge
        self._first: Places = np.r_[0, np.cumsum([one.size + room for one in edges])][:-1].astype(np.intp)
        self._first = self._first.reshape(-1, 1)
        self._walls = np.concatenate([np.r_[one, np.full(room, np.nan)] for one in edges] or [np.empty(0)])
        below = [np.cumsum(one) - one for one in found]
        self._table: Places = np.concatenate(
            [first + one for first, one in zip(self._first.ravel(), below, strict=True)]
            or [np.empty(0, np.intp)]
        )

    def _counts(self, column: int, size: int) -> Places:
        """Return how many edges of a column lie in each of its parts."""
        edges = self._edges[column]
        part = self._parts(edges[None], slice(column, column + 1))[0]
        return np.bincount(part, minlength=size)

    def _parts(self, values: Floats, columns: slice) -> Places:
        """Return in which part of its column's range each value lies; no NaN among them."""
        with np.errstate(over="ignore", invalid="ignore"):
            z = values - self._middle[columns]
            z *= self._unit[columns]
            near = z.astype(np.float32)
        far = np.minimum(near, np.float32(_FAR))
        np.maximum(far, np.float32(-_FAR), out=far)
        far *= self._far[columns]
        np.minimum(near, np.float32(_NEAR), out=near)
        np.maximum(near, np.float32(-_NEAR), out=near)
        near *= self._near[columns]
        far += near
        far += self._half[columns]
        return far.astype(np.intp)

    def bins(self, matrix: Floats) -> Places:
        """Return how many of its column's edges lie below each value.

        Parameters
        ----------
        matrix : ndarray, shape (columns, rows)
            In any order.

        Returns
        -------
        ndarray of int, shape (columns, rows)
            As ``searchsorted(edges, value, "left")``; NaN lies above all edges.
        """
        finite = np.isfinite(matrix)
        whole = bool(finite.all())
        values = matrix if whole else np.where(finite, matrix, 0.0)
        places = self._parts(values, slice(None))
        places += self._start
        places = self._table.take(places)
        for step in range(self._steps - 1, -1, -1):
            ahead = 1 << step
            below = self._walls[ahead - 1 :].take(places) < values
            places += below * ahead if ahead > 1 else below
        places -= self._first
        for column in self._searched:
            places[column] = self._edges[column].searchsorted(values[column], "left")
        if not whole:
            self._place_others(matrix, finite, places)
        return places

    def _place_others(self, matrix: Floats, finite: NDArray[np.bool_], places: Places) -> None:
        for column in np.flatnonzero(~finite.all(axis=1)):
            odd = ~finite[column]
            places[column, odd] = self._edges[column].searchsorted(matrix[column, odd], "left")


def _centre(edges: Floats) -> tuple[float, float]:
    """Return the middle edge, and one over the spread of the middle half; finite and above 0 in any case."""
    known = edges[np.isfinite(edges)]
    if not known.size:
        return 0.0, 1.0
    middle = float(known[known.size // 2])
    with np.errstate(over="ignore", divide="ignore"):
        spread = known[(3 * known.size) // 4 if known.size > 1 else 0] - known[known.size // 4]
        if not spread > 0:
            spread = known[-1] - known[0]
        unit = 1.0 / spread if spread > 0 else 1.0
    return middle, float(unit) if np.isfinite(unit) and unit > 0 else 1.0
