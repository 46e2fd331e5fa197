"""Values at given ranks, exactly, among values that are counted in parts and never brought together.

A float64 is taken for a whole number of 64 bits that sorts as it does. A part counts its values by these
numbers, as finely as 65,536 cells allow; counts add up; and where a wanted rank lies in a cell of several
values, the next look at the parts counts that cell's values alone, finer by 64 times at least.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mirante.stats.histograms import EXACT, edge_ranks

__all__ = ["MOST_CELLS", "KeyCounts", "RankSearch", "keys_of", "values_of"]

MOST_CELLS = 65_536

Floats = NDArray[np.float64]
Keys = NDArray[np.uint64]
Counts = NDArray[np.int64]

_SIGN = np.uint64(1 << 63)


def keys_of(values: Floats) -> Keys:
    """Return whole numbers that sort as values do; -0.0 is 0.0.

    Parameters
    ----------
    values : ndarray of float64
        Without NaN.

    Examples
    --------
    >>> values_of(keys_of(np.array([-np.inf, -1.0, -0.0, 2.5]))).tolist()
    [-inf, -1.0, 0.0, 2.5]
    """
    bits = np.ascontiguousarray(values + 0.0, np.float64).view(np.uint64)
    return np.where(bits & _SIGN, ~bits, bits | _SIGN)


def values_of(keys: Keys) -> Floats:
    """Return the values of `keys_of`."""
    return np.where(keys & _SIGN, keys ^ _SIGN, ~keys).astype(np.uint64).view(np.float64)


@dataclass(frozen=True, slots=True)
class KeyCounts:
    """How many values there are in each cell; those of parts add up, the same in any order.

    Parameters
    ----------
    bits : int
        A cell is all keys that differ in so many last bits only; 0 counts each value for itself.
    keys : ndarray of uint64
        The first key of each cell that has a value, ascending.
    counts : ndarray of int64
        Of each.

    Examples
    --------
    >>> parts = [KeyCounts.of(keys_of(np.array(part))) for part in ([1.0, 2.0], [2.0])]
    >>> both = parts[0] + parts[1]
    >>> values_of(both.keys).tolist(), both.counts.tolist(), both.bits
    ([1.0, 2.0], [1, 2], 0)
    """

    bits: int
    keys: Keys
    counts: Counts

    @classmethod
    def of(cls, keys: Keys, *, most: int = MOST_CELLS) -> KeyCounts:
        """Count keys, as finely as `most` cells allow."""
        found, counts = np.unique(keys, return_counts=True)
        return _coarsened(0, found, counts.astype(np.int64), most)

    def __add__(self, other: KeyCounts) -> KeyCounts:
        return _added(self, other, MOST_CELLS)

    @property
    def total(self) -> int:
        """All values."""
        return int(self.counts.sum())

    def to_bytes(self) -> bytes:
        """Return it as bytes.

        Examples
        --------
        >>> KeyCounts.from_bytes(KeyCounts.of(keys_of(np.array([1.0, 1.0]))).to_bytes()).counts.tolist()
        [2]
        """
        return bytes(np.r_[np.uint64(self.bits), self.keys, self.counts.view(np.uint64)].tobytes())

    @classmethod
    def from_bytes(cls, data: bytes) -> KeyCounts:
        """Read what `to_bytes` wrote."""
        numbers = np.frombuffer(data, np.uint64)
        half = numbers.size // 2
        return cls(int(numbers[0]), numbers[1 : half + 1], numbers[half + 1 :].view(np.int64))


def _added(one: KeyCounts, other: KeyCounts, most: int) -> KeyCounts:
    keys, counts = np.r_[one.keys, other.keys], np.r_[one.counts, other.counts]
    order = np.argsort(keys, kind="stable")  # two runs that are in order: little more than a look at each
    bits = max(one.bits, other.bits)
    return _coarsened(bits, *_cells(keys[order], counts[order], bits), most)


def _coarsened(bits: int, keys: Keys, counts: Counts, most: int) -> KeyCounts:
    if keys.size > most:
        bits = _bits_for(keys, most)
        keys, counts = _cells(keys, counts, bits)
    return KeyCounts(bits, keys, counts)


def _bits_for(keys: Keys, most: int) -> int:
    """Return the least number of last bits without which there are at most so many different keys."""
    apart = keys[1:] ^ keys[:-1]
    length = np.frexp(apart.astype(np.float64))[1].astype(np.uint64)
    length -= apart >> np.minimum(length - np.uint64(1), np.uint64(63)) == 0  # rounded up to a power of two
    different = 1 + np.cumsum(np.bincount(length.astype(np.intp), minlength=65)[::-1])[::-1]
    # with b bits left out, neighbours differ whose difference is longer than b
    return int(np.flatnonzero(np.r_[different[1:], 1] <= most)[0])


def _cells(keys: Keys, counts: Counts, bits: int) -> tuple[Keys, Counts]:
    """Return the cells of keys in order, and what is in each."""
    cells = keys >> np.uint64(bits)
    starts = np.flatnonzero(np.r_[True, cells[1:] != cells[:-1]][: cells.size])
    sums = np.add.reduceat(counts, starts) if starts.size else counts
    return cells[starts] << np.uint64(bits), sums


@dataclass(frozen=True, slots=True)
class RankSearch:
    """The edges that a column's values have (`mirante.stats.histograms.choose_edges`), as far as known.

    Parameters
    ----------
    bits : int
        Keys of the open cells differ in so many last bits; 0 when all is known.
    known : ndarray of uint64
        Keys of edges.
    cells : ndarray of uint64
        The first key of each open cell, ascending.
    ranks : tuple of ndarray of int64
        For each open cell, which of its values are edges.
    """

    bits: int
    known: Keys
    cells: Keys
    ranks: tuple[Counts, ...]

    @classmethod
    def of(cls, first: KeyCounts) -> RankSearch:
        """Begin with the counts of all values.

        Parameters
        ----------
        first : KeyCounts
            Of all parts.

        Examples
        --------
        >>> search = RankSearch.of(KeyCounts.of(keys_of(np.array([3.0, 1.0, 1.0]))))
        >>> search.open, search.edges.tolist()
        (False, [1.0, 3.0])
        """
        if not first.bits and first.keys.size <= EXACT:
            return cls(0, first.keys, first.keys[:0], ())
        return cls._next(first.keys[:0], first, [(0, first.keys.size, np.unique(edge_ranks(first.total)))])

    @property
    def open(self) -> bool:
        """Whether the parts have to be looked at again."""
        return self.cells.size > 0

    @property
    def edges(self) -> Floats:
        """The edges, once nothing is open."""
        return values_of(np.sort(self.known))

    def look(self, keys: Keys) -> KeyCounts:
        """Count those keys of a part that lie in open cells."""
        masked = keys >> np.uint64(self.bits)
        cells = self.cells >> np.uint64(self.bits)
        at = np.minimum(cells.searchsorted(masked), cells.size - 1)
        return KeyCounts.of(keys[cells[at] == masked])

    def refined(self, found: KeyCounts) -> RankSearch:
        """Return what is known after another look.

        Parameters
        ----------
        found : KeyCounts
            What `look` counted in all parts.
        """
        last = np.uint64((1 << self.bits) - 1)
        spans = []
        for cell, ranks in zip(self.cells, self.ranks, strict=True):
            begin, end = found.keys.searchsorted(cell), found.keys.searchsorted(cell | last, "right")
            spans.append((int(begin), int(end), ranks))
        return self._next(self.known, found, spans)

    @classmethod
    def _next(cls, known: Keys, found: KeyCounts, spans: Sequence[tuple[int, int, Counts]]) -> RankSearch:
        """Say in which cells of `found` wanted ranks lie, each counted within its span of cells."""
        cells: dict[int, list[int]] = {}
        for begin, end, ranks in spans:
            upto = np.cumsum(found.counts[begin:end])
            at = upto.searchsorted(ranks, "right")
            before = np.r_[0, upto][at]
            for place, rank in zip((at + begin).tolist(), (ranks - before).tolist(), strict=True):
                cells.setdefault(place, []).append(rank)
        places = np.array(sorted(cells), np.intp)
        if not found.bits:
            return cls(0, np.r_[known, found.keys[places]], known[:0], ())
        wanted = tuple(np.array(cells[place], np.int64) for place in places.tolist())
        return cls(found.bits, known, found.keys[places], wanted)
