"""Counting at fixed edges: exact, repeatable, and the same in whatever parts the values arrive."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mirante.errors import InputError

__all__ = ["BLOCK", "EXACT", "Tally", "cells", "choose_edges", "edge_ranks", "side_counts", "tally"]

EXACT = 1000  # distinct values that are all edges
QUANTILES = 999  # else

BLOCK = 131_072  # values sorted at a time, 1 MB: a larger sort costs a little more, fewer searches save more

Floats = NDArray[np.float64]
Counts = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Tally:
    """What one pass over a column counts; two tallies at the same edges add up.

    Parameters
    ----------
    counts : ndarray of int64, shape (2k + 1,)
        Values per cell: open bin, edge, open bin, edge, …, open bin. Edges are cells of their own, so that
        repeated values ("60 % zeros") are right.
    sums : ndarray of float64, shape (k + 1,)
        Sum of the finite values strictly between two edges (and outside the outermost).
    powers : ndarray of float64, shape (4,)
        Sums of z, z², z³, z⁴ over the finite values, ``z = (value - shift) / scale``.
    n, missing : int
        Values counted, and NaN.
    low_infinite, high_infinite : int
        How many of the `n` are minus and plus infinity.
    minimum, maximum : float
        NaN when nothing was counted.
    """

    counts: Counts
    sums: Floats
    powers: Floats
    n: int
    missing: int
    low_infinite: int
    high_infinite: int
    minimum: float
    maximum: float

    @property
    def below(self) -> Counts:
        """Values ``< edge``, per edge; shape (k,)."""
        return self.counts.cumsum()[0:-1:2]

    @property
    def upto(self) -> Counts:
        """Values ``<= edge``, per edge; shape (k,)."""
        return self.counts.cumsum()[1::2]


def choose_edges(values: Floats, *, exact: int = EXACT, count: int = QUANTILES) -> Floats:
    """Return the edges at which a baseline, and later its windows, are counted.

    Parameters
    ----------
    values : ndarray of float64
        The baseline; NaN is left out, infinities are values.
    exact : int, default 1000
        Up to that many distinct values, all of them are edges, and the KS distance from the counts is exact.
        More of them would cost every window memory and time for the third digit of a distance.
    count : int, default 999
        Otherwise that many quantiles, with smallest and largest value. ``count + 1`` must be a multiple of
        10, so that the deciles are among them and PSI over deciles is exact; KS is then within 7e-4.

    Returns
    -------
    ndarray of float64
        Strictly increasing; empty when there is no value.

    Raises
    ------
    InputError
        If `count` does not hold the deciles.

    Examples
    --------
    >>> choose_edges(np.array([3.0, 1.0, np.nan, 1.0])).tolist()
    [1.0, 3.0]
    >>> choose_edges(np.arange(100.0), exact=10, count=9).tolist()
    [0.0, 9.0, 19.0, 29.0, 39.0, 49.0, 59.0, 69.0, 79.0, 89.0, 99.0]
    """
    if (count + 1) % 10:
        raise InputError(
            f"count is {count}; count + 1 must be a multiple of 10, so that the deciles are edges (999)"
        )
    ordered = np.sort(np.asarray(values, dtype=np.float64))
    ordered = ordered[: ordered.size - np.count_nonzero(np.isnan(ordered))]
    if ordered.size == 0:
        return ordered
    ordered = ordered + 0.0  # -0.0 and 0.0 are one value
    distinct = ordered[np.r_[True, ordered[1:] != ordered[:-1]]]
    if distinct.size <= exact:
        return distinct
    return np.unique(ordered[edge_ranks(ordered.size, count)])


def edge_ranks(size: int, count: int = QUANTILES) -> Counts:
    """Return which of so many values in order are edges, where not all distinct ones are.

    Parameters
    ----------
    size : int
        Values; at least one.
    count : int, default 999
        Quantiles.

    Returns
    -------
    ndarray of int64, shape (count + 2,)
        Places from 0, in order: the smallest, the quantiles, the largest.

    Examples
    --------
    >>> edge_ranks(100, 9).tolist()
    [0, 9, 19, 29, 39, 49, 59, 69, 79, 89, 99]
    """
    # exact integer arithmetic: floating point would miss a decile by one rank
    ranks = -(-np.arange(1, count + 1, dtype=np.int64) * size // (count + 1)) - 1
    found: Counts = np.r_[0, ranks, size - 1]
    return found


def tally(values: Floats, edges: Floats, *, shift: float = 0.0, scale: float = 1.0) -> Tally:
    """Count a column at fixed edges in one pass.

    Parameters
    ----------
    values : ndarray, one-dimensional
        Anything that converts to float64. NaN counts as missing; infinities sort to the ends.
    edges : ndarray of float64, strictly increasing
        Where to count.
    shift, scale : float
        Centre and unit of the power sums: the baseline's mean and standard deviation, to lose no digits.

    Returns
    -------
    Tally
        The integers do not depend on the order of the values or on how they are cut into parts.

    Examples
    --------
    >>> t = tally(np.array([0.0, 0.0, 1.0, np.nan, np.inf]), np.array([0.0, 1.0]))
    >>> t.below.tolist(), t.upto.tolist(), t.n, t.missing, t.high_infinite
    ([0, 2], [2, 3], 4, 1, 1)
    """
    k = edges.size
    running, sums = np.zeros(2 * k + 1, np.int64), np.zeros(k + 1)
    powers, room = np.zeros(4), np.empty((3, min(BLOCK, values.size)))
    n = missing = low = high = 0
    minimum, maximum = np.inf, -np.inf
    for start in range(0, values.size, BLOCK):
        part = values[start : start + BLOCK]
        block = room[0, : part.size]
        np.copyto(block, part)
        block.sort()
        size = part.size
        if block[-1] != block[-1]:  # NaN sorts to the end
            size = int(block.searchsorted(np.inf, "right"))
        missing += part.size - size
        if size == 0:
            continue
        block = block[:size]
        n += size
        minimum, maximum = min(minimum, float(block[0])), max(maximum, float(block[-1]))
        left, right = _sides(block, edges)
        running[0:-1:2] += left
        running[1::2] += right
        first, last = _finite_range(block)
        low += first
        high += size - last
        if last > first:
            finite = block[first:last]
            _add_sums(sums, finite, np.clip(left, first, last) - first, np.clip(right, first, last) - first)
            _add_powers(powers, finite, room[1:, : finite.size], shift, scale)
    running[-1] = n
    if n == 0:
        minimum = maximum = np.nan
    counts = np.diff(running, prepend=0)
    return Tally(counts, sums, powers, n, missing, low, high, minimum + 0.0, maximum + 0.0)


def _sides(block: Floats, edges: Floats) -> tuple[Counts, Counts]:
    """Return how many values of a sorted block are below each edge, and below or at it."""
    left = block.searchsorted(edges, "left")
    met = np.flatnonzero(block.take(left, mode="clip") == edges)
    if met.size == 0:  # a column without repeats: one search instead of two
        return left, left
    right = left.copy()
    right[met] = block.searchsorted(edges[met], "right")
    return left, right


def _finite_range(block: Floats) -> tuple[int, int]:
    first = int(block.searchsorted(-np.inf, "right")) if block[0] == -np.inf else 0
    last = int(block.searchsorted(np.inf, "left")) if block[-1] == np.inf else block.size
    return first, last


def _add_sums(sums: Floats, block: Floats, left: Counts, right: Counts) -> None:
    starts, stops = np.r_[0, right], np.r_[left, block.size]
    filled = np.flatnonzero(stops > starts)
    if filled.size == 0:
        return
    # reduceat adds from one place to the next: a bin, what lies at its right edge, a bin, …
    places = np.empty(2 * filled.size, np.intp)
    places[0::2], places[1::2] = starts[filled], stops[filled]
    if places[-1] == block.size:
        places = places[:-1]
    with np.errstate(over="ignore", invalid="ignore"):  # values near 1.8e308: sums say inf, counts stay right
        added = np.add.reduceat(block, places)[0::2]
    sums[filled] += added


def _add_powers(powers: Floats, block: Floats, room: Floats, shift: float, scale: float) -> None:
    z, z2 = room
    inverse, after = 1.0 / scale, np.ones(4)
    with np.errstate(over="ignore", invalid="ignore"):
        np.subtract(block, shift, out=z)
        # where nothing overflows on the way, the sums are scaled instead of each value
        if 1e-50 < scale < 1e50 and block[0] > -1e70 and block[-1] < 1e70 and abs(shift) < 1e70:
            after = inverse ** np.arange(1.0, 5.0)
        else:
            np.multiply(z, inverse, out=z)
        np.multiply(z, z, out=z2)
        # einsum and not dot: BLAS takes threads for this, which costs more than the sum
        powers += after * (z.sum(), z2.sum(), np.einsum("i,i->", z, z2), np.einsum("i,i->", z2, z2))


def side_counts(values: Floats, edges: Floats) -> tuple[Counts, Counts]:
    """Return how many values lie below each edge, and how many below or at it.

    Parameters
    ----------
    values, edges : ndarray
        As for `tally`.

    Returns
    -------
    below, upto : ndarray of int64

    Examples
    --------
    >>> [side.tolist() for side in side_counts(np.array([1.0, 2.0, 2.0, 3.0]), np.array([2.0]))]
    [[1], [3]]
    """
    counted = tally(values, edges)
    return counted.below, counted.upto


def cells(below: Counts, upto: Counts, n: int) -> Counts:
    """Return the running counts over cells: open bin, edge, open bin, edge, …, open bin.

    Parameters
    ----------
    below, upto : ndarray of int64, shape (k,)
        From `side_counts`.
    n : int
        All values counted.

    Returns
    -------
    ndarray of int64, shape (2k + 1,)
        Never decreasing; the last is `n`. ``np.diff(..., prepend=0)`` gives the count of each cell.

    Examples
    --------
    >>> cells(np.array([1]), np.array([3]), 4).tolist()
    [1, 3, 4]
    """
    running = np.empty(2 * below.size + 1, np.int64)
    running[0:-1:2] = below
    running[1:-1:2] = upto
    running[-1] = n
    return running
