"""Counting a table at the edges and levels of a layout: few rows all columns at once, many rows in blocks."""

from __future__ import annotations

import os
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mirante.profiles.categorical import CategoricalProfile
from mirante.profiles.columns import is_text, known_counts, level_counts, to_numbers
from mirante.profiles.frames import RawColumn, chunks_of
from mirante.profiles.layout import Layout
from mirante.profiles.numeric import NumericProfile
from mirante.stats.histograms import Tally, tally

__all__ = ["CategoryCounts", "NumberCounts", "count_categories", "count_matrix", "count_numbers"]

Floats = NDArray[np.float64]
Counts = NDArray[np.int64]

_MANY = 200_000  # rows from which columns are counted side by side: below, a thread costs what it saves
_FEW = 4096  # up to that many rows, searching the values in the edges beats sorting them in blocks


@dataclass(frozen=True, slots=True, eq=False)
class NumberCounts:
    """The counts of all numeric columns of a table, side by side as in a `Layout`.

    Parameters
    ----------
    cells : ndarray of int64, shape (cells,)
        Values per cell.
    sums : ndarray of float64, shape (bins,)
        Sum of the finite values in each open bin.
    powers : ndarray of float64, shape (columns, 4)
        Sums of z, z², z³, z⁴ over the finite values.
    whole : ndarray of int64, shape (columns, 5)
        Values counted, missing, unreadable among the missing, minus and plus infinities among the counted.
    ends : ndarray of float64, shape (columns, 2)
        Smallest and largest value; NaN when there is none.
    """

    cells: Counts
    sums: Floats
    powers: Floats
    whole: Counts
    ends: Floats

    @classmethod
    def of(cls, columns: list[NumericProfile]) -> NumberCounts:
        """Put the counts of single columns side by side.

        Parameters
        ----------
        columns : list of NumericProfile
            May be empty.

        Returns
        -------
        NumberCounts
        """
        found = [one.tally for one in columns]
        pairs = zip(found, columns, strict=True)
        whole = [(t.n, t.missing, one.unreadable, t.low_infinite, t.high_infinite) for t, one in pairs]
        return cls(
            np.concatenate([t.counts for t in found] or [np.empty(0, np.int64)]),
            np.concatenate([t.sums for t in found] or [np.empty(0)]),
            np.array([t.powers for t in found], np.float64).reshape(-1, 4),
            np.array(whole, np.int64).reshape(-1, 5),
            np.array([(t.minimum, t.maximum) for t in found], np.float64).reshape(-1, 2),
        )

    def column(self, place: int, layout: Layout) -> NumericProfile:
        """Return one column's profile; its arrays are views.

        Parameters
        ----------
        place : int
            Which of the numeric columns.
        layout : Layout
            As it was counted.

        Returns
        -------
        NumericProfile
        """
        cells, bins = layout.cell_start, layout.bin_start
        n, missing, unreadable, low, high = self.whole[place].tolist()
        minimum, maximum = self.ends[place].tolist()
        counted = Tally(
            self.cells[cells[place] : cells[place + 1]],
            self.sums[bins[place] : bins[place + 1]],
            self.powers[place],
            n,
            missing,
            low,
            high,
            minimum,
            maximum,
        )
        shift, scale = float(layout.shift[place]), float(layout.scale[place])
        name, edges = layout.numeric[place], layout.edges[place]
        return NumericProfile(name, edges, shift, scale, counted, unreadable)

    def __add__(self, other: NumberCounts) -> NumberCounts:
        low = np.fmin(self.ends[:, :1], other.ends[:, :1])
        high = np.fmax(self.ends[:, 1:], other.ends[:, 1:])
        with np.errstate(over="ignore", invalid="ignore"):  # of values like 1e100 there are no moments
            sums, powers = self.sums + other.sums, self.powers + other.powers
        return NumberCounts(
            self.cells + other.cells, sums, powers, self.whole + other.whole, np.hstack((low, high))
        )

    def same(self, other: NumberCounts) -> bool:
        """Return whether all counts, smallest and largest values are the same."""
        return (
            np.array_equal(self.whole, other.whole)
            and np.array_equal(self.ends, other.ends, equal_nan=True)
            and np.array_equal(self.cells, other.cells)
        )


@dataclass(frozen=True, slots=True, eq=False)
class CategoryCounts:
    """The counts of all categorical columns of a table, side by side as in a `Layout`.

    Parameters
    ----------
    levels : ndarray of int64, shape (levels,)
        Rows per level; the last of each column counts all other levels.
    missing : ndarray of int64, shape (columns,)
        Rows without a value.
    """

    levels: Counts
    missing: Counts

    @classmethod
    def of(cls, columns: list[CategoricalProfile]) -> CategoryCounts:
        """Put the counts of single columns side by side.

        Parameters
        ----------
        columns : list of CategoricalProfile
            May be empty.

        Returns
        -------
        CategoryCounts
        """
        levels = [np.append(one.counts, one.other) for one in columns]
        missing = np.array([one.missing for one in columns], np.int64)
        return cls(np.concatenate(levels or [np.empty(0, np.int64)]).astype(np.int64), missing)

    def __add__(self, other: CategoryCounts) -> CategoryCounts:
        return CategoryCounts(self.levels + other.levels, self.missing + other.missing)

    def same(self, other: CategoryCounts) -> bool:
        """Return whether all counts are the same."""
        return np.array_equal(self.levels, other.levels) and np.array_equal(self.missing, other.missing)


def count_numbers(raws: Mapping[str, RawColumn], rows: int, layout: Layout) -> NumberCounts:
    """Count the numeric columns of a table.

    Parameters
    ----------
    raws : mapping of str to array
        Columns by name; one that is absent is all missing.
    rows : int
        Of the table.
    layout : Layout
        Names and edges.

    Returns
    -------
    NumberCounts
        The same whichever way is taken: all columns as one matrix (few rows), or each in blocks (many).
    """
    if rows > _FEW or not layout.numeric:
        return NumberCounts.of(_columns_in_blocks(raws, rows, layout))
    matrix = np.empty((len(layout.numeric), rows))
    unreadable = np.zeros(len(layout.numeric), np.int64)
    for place, name in enumerate(layout.numeric):
        raw = raws.get(name)
        if raw is None:
            matrix[place] = np.nan
        else:
            matrix[place], unreadable[place] = to_numbers(name, raw)
    return count_matrix(matrix, unreadable, layout)


def _columns_in_blocks(raws: Mapping[str, RawColumn], rows: int, layout: Layout) -> list[NumericProfile]:
    """Count column by column; of a large table as many at a time as there are processors."""
    count = len(layout.numeric)
    threads = min(os.cpu_count() or 1, count) if rows > _MANY else 1
    if threads < 2:
        return [_in_blocks(place, raws, rows, layout) for place in range(count)]
    with ThreadPoolExecutor(threads) as pool:  # numpy sorts and searches without holding the interpreter
        return list(pool.map(lambda place: _in_blocks(place, raws, rows, layout), range(count)))


def _in_blocks(place: int, raws: Mapping[str, RawColumn], rows: int, layout: Layout) -> NumericProfile:
    name, shift, scale = layout.numeric[place], float(layout.shift[place]), float(layout.scale[place])
    edges, raw = layout.edges[place], raws.get(name)
    total: NumericProfile | None = None
    for chunk in [None] if raw is None else chunks_of(raw):  # one after another: nothing is copied whole
        numbers, unreadable = (np.full(rows, np.nan), 0) if chunk is None else to_numbers(name, chunk)
        counted = tally(numbers, edges, shift=shift, scale=scale)
        part = NumericProfile(name, edges, shift, scale, counted, unreadable)
        total = part if total is None else total + part
    assert total is not None  # noqa: S101  there is at least one chunk
    return total


def count_matrix(matrix: Floats, unreadable: Counts, layout: Layout) -> NumberCounts:
    """Count a matrix.

    Parameters
    ----------
    matrix : ndarray of float64, shape (columns, rows)
        The numeric columns in the layout's order; NaN is missing.
    unreadable : ndarray of int64, shape (columns,)
        How many of the NaN were texts.
    layout : Layout
        Edges.

    Returns
    -------
    NumberCounts
    """
    columns, rows = matrix.shape
    if rows == 0:
        none = np.zeros(columns, np.int64)
        whole = np.stack((none, none, unreadable, none, none), axis=1)
        cells, bins = np.zeros(layout.cell_start[-1], np.int64), np.zeros(layout.bin_start[-1])
        return NumberCounts(cells, bins, np.zeros((columns, 4)), whole, np.full((columns, 2), np.nan))
    place = layout.edge_table.bins(matrix)
    place += layout.bin_start[:-1, None]
    finite = np.isfinite(matrix)
    whole = np.empty((columns, 5), np.int64)
    whole[:, 2] = unreadable
    ends = np.empty((columns, 2))
    if finite.all():
        known = None
        whole[:, 0], whole[:, 1], whole[:, 3:] = rows, 0, 0
        matrix.min(axis=1, out=ends[:, 0])
        matrix.max(axis=1, out=ends[:, 1])
    else:
        known = ~np.isnan(matrix)
        whole[:, 0] = known.sum(axis=1)
        whole[:, 1] = rows - whole[:, 0]
        whole[:, 3], whole[:, 4] = (matrix == -np.inf).sum(axis=1), (matrix == np.inf).sum(axis=1)
        ends[:, 0], ends[:, 1] = np.fmin.reduce(matrix, axis=1), np.fmax.reduce(matrix, axis=1)
    ends += 0.0  # -0.0 is 0.0
    cells, sums = _placed(matrix, place, known, finite, layout)
    return NumberCounts(cells, sums, _powers(matrix, finite, layout), whole, ends)


def _placed(
    matrix: Floats,
    place: NDArray[np.intp],
    known: NDArray[np.bool_] | None,
    finite: NDArray[np.bool_],
    layout: Layout,
) -> tuple[Counts, Floats]:
    """Return counts per cell and sums per open bin; `known` is None where no value is missing."""
    on_edge = layout.walls.take(place) == matrix
    cell = place * 2  # a column of k edges has k + 1 bins and 2k + 1 cells: one less for each column before
    cell += on_edge
    cell -= np.arange(len(place))[:, None]
    if known is not None:
        cell = cell[known]
    with np.errstate(over="ignore", invalid="ignore"):
        inner = np.where(finite & ~on_edge, matrix, 0.0)
        sums = np.asarray(np.bincount(place.ravel(), inner.ravel(), layout.bin_start[-1]), np.float64)
    return np.bincount(cell.ravel(), minlength=layout.cell_start[-1]), sums


def _powers(matrix: Floats, finite: NDArray[np.bool_], layout: Layout) -> Floats:
    with np.errstate(over="ignore", invalid="ignore"):
        z = matrix - layout.shift[:, None]
        z *= (1.0 / layout.scale)[:, None]
        if not finite.all():
            z[~finite] = 0.0
        z2 = z * z
        powers = np.empty((len(z), 4))
        powers[:, 0], powers[:, 1] = z.sum(axis=1), z2.sum(axis=1)
        powers[:, 2], powers[:, 3] = np.einsum("ij,ij->i", z, z2), np.einsum("ij,ij->i", z2, z2)
    return powers


def count_categories(raws: Mapping[str, RawColumn], rows: int, layout: Layout) -> CategoryCounts:
    """Count the categorical columns of a table.

    Parameters
    ----------
    raws : mapping of str to array
        Columns by name; one that is absent is all missing.
    rows : int
        Of the table.
    layout : Layout
        Names and levels.

    Returns
    -------
    CategoryCounts
    """
    counts = np.zeros(int(layout.level_start[-1]), np.int64)
    missing = np.full(len(layout.categorical), rows, np.int64)
    for column, name in enumerate(layout.categorical):
        raw = raws.get(name)
        if raw is None:
            continue
        start, stop = int(layout.level_start[column]), int(layout.level_start[column + 1])
        if is_text(raw):
            counts[start:stop], missing[column] = known_counts(raw, layout.known(column, raw.type))
            continue
        found, missing[column] = level_counts(name, raw)
        places, totals = layout.places[column], [0] * (stop - start)
        for level, count in found.items():
            totals[places.get(level, -1)] += count
        counts[start:stop] = totals
    return CategoryCounts(counts, missing)
