"""Readings of one series as bytes, and back bit for bit.

Times take no byte where they are evenly spaced, as hours and days are, else their steps do, in the smallest
unit that measures all. Values stay float64, shuffled by bytes and compressed where that gains enough: what
drifts looks random, while flags and counts become a tenth. Notes follow, mostly none.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Block", "Unpacked", "pack", "unpack", "unpack_times"]

_HEAD = struct.Struct("<BI")  # what follows, and the bytes of the values
_SQUEEZED, _NOTES = 1, 2
_WORTH = 0.75  # of the raw bytes: above, reading them slower is not worth it
_SEPARATOR = "\0"  # that no note holds, as `AnyText` keeps it
_STEPS = struct.Struct("<BQ")  # bytes of a step, and the unit of steps
_LESS = 0x80  # marks steps that are compressed
_SIZES = tuple(np.dtype(f"<u{size}") for size in (1, 2, 4, 8))


@dataclass(frozen=True, slots=True)
class Block:
    """Readings of one series, packed.

    Parameters
    ----------
    first, last : int
        Times of the first and the last, in microseconds.
    rows : int
        How many there are.
    times : bytes
        All times, see `unpack_times`.
    data : bytes
        Values and notes.
    """

    first: int
    last: int
    rows: int
    times: bytes
    data: bytes


@dataclass(frozen=True, slots=True)
class Unpacked:
    """Readings out of blocks, as columns: those of a series stand together, in the order of time.

    Parameters
    ----------
    ids : ndarray of int64, shape (n,)
        Of their series.
    micros : ndarray of int64, shape (n,)
        Times.
    values : ndarray of float64, shape (n,)
        NaN where unknown.
    notes : sequence of str
        As the database keeps them; empty where none was asked for, or none is there.
    """

    ids: NDArray[np.int64]
    micros: NDArray[np.int64]
    values: NDArray[np.float64]
    notes: Sequence[str] = ()

    def only(self, chosen: NDArray[np.bool_]) -> Unpacked:
        """Return a part of them."""
        if chosen.all():
            return self
        notes = [self.notes[place] for place in np.flatnonzero(chosen).tolist()] if self.notes else ()
        return Unpacked(self.ids[chosen], self.micros[chosen], self.values[chosen], notes)

    def of(self, ids: Sequence[int]) -> Unpacked:
        """Return those of some series."""
        return self.only(np.isin(self.ids, np.array(ids, dtype=np.int64)))

    def peaks(self) -> dict[int, float]:
        """Return the greatest value of each series; NaN where none is known."""
        if not len(self.ids):
            return {}
        starts = np.flatnonzero(np.diff(self.ids, prepend=self.ids[0] - 1))
        greatest = np.fmax.reduceat(self.values, starts)
        return dict(zip(self.ids[starts].tolist(), greatest.tolist(), strict=True))


def pack(micros: NDArray[np.int64], values: NDArray[np.float64], notes: Sequence[str]) -> Block:
    """Return a block of readings.

    Parameters
    ----------
    micros : ndarray of int64, shape (n,)
        Times, strictly ascending; at least one.
    values : ndarray of float64, shape (n,)
        Values.
    notes : sequence of str
        As the database keeps them.

    Examples
    --------
    >>> hours = np.arange(3) * 3_600_000_000
    >>> block = pack(hours, np.array([0.5, np.nan, np.inf]), ["", "said", ""])
    >>> block.rows, block.times
    (3, b'')
    >>> unpack([(7, 0, hours[-1], 3, block.times, block.data)]).values
    array([0.5, nan, inf])
    """
    raw = np.ascontiguousarray(values, dtype="<f8").tobytes()
    shuffled = np.frombuffer(raw, np.uint8).reshape(-1, 8).T.tobytes()
    small = zlib.compress(shuffled)
    squeezed = len(small) < _WORTH * len(raw)
    kept = small if squeezed else raw
    said = zlib.compress(_SEPARATOR.join(notes).encode()) if any(notes) else b""
    flags = (_SQUEEZED if squeezed else 0) | (_NOTES if said else 0)
    data = _HEAD.pack(flags, len(kept)) + kept + said
    return Block(int(micros[0]), int(micros[-1]), len(micros), _pack_times(micros), data)


def _pack_times(micros: NDArray[np.int64]) -> bytes:
    steps = np.diff(micros)
    if not steps.size or (steps == steps[0]).all():
        return b""
    unit = int(np.gcd.reduce(steps))
    counts = steps // unit
    kind = next(one for one in _SIZES if counts.max() <= np.iinfo(one).max)
    raw = counts.astype(kind).tobytes()
    small = zlib.compress(raw)
    if len(small) < _WORTH * len(raw):
        return _STEPS.pack(kind.itemsize | _LESS, unit) + small
    return _STEPS.pack(kind.itemsize, unit) + raw


def unpack_times(first: int, last: int, rows: int, times: bytes) -> NDArray[np.int64]:
    """Return the times of a block in microseconds.

    Examples
    --------
    >>> block = pack(np.array([1, 2, 5]), np.zeros(3), ["", "", ""])
    >>> unpack_times(block.first, block.last, block.rows, block.times)
    array([1, 2, 5])
    """
    if not times:
        step = (last - first) // (rows - 1) if rows > 1 else 0
        even: NDArray[np.int64] = np.arange(rows, dtype=np.int64) * step + first
        return even
    size, unit = _STEPS.unpack_from(times)
    raw = times[_STEPS.size :]
    counts = np.frombuffer(zlib.decompress(raw) if size & _LESS else raw, f"<u{size & ~_LESS}")
    found = np.empty(rows, dtype=np.int64)
    found[0] = first
    np.cumsum(counts.astype(np.int64) * unit, out=found[1:])
    found[1:] += first
    return found


def unpack(found: Sequence[Any], *, notes: bool = True) -> Unpacked:
    """Return the readings of blocks.

    Parameters
    ----------
    found : sequence of tuple
        Of the series' id, first and last time, how many, times and data of each block, in the order of
        series and time.
    notes : bool
        Whether they are wanted.
    """
    if not found:
        none = np.empty(0, dtype=np.int64)
        return Unpacked(none, none, none.astype(np.float64))
    ids, firsts, lasts, counts, times, data = zip(*found, strict=True)
    rows = np.array(counts, dtype=np.int64)
    begins = np.cumsum(rows) - rows
    micros = _even_times(np.array(firsts, dtype=np.int64), np.array(lasts, dtype=np.int64), rows, begins)
    for place, own in enumerate(times):
        if own:
            begin, count = int(begins[place]), int(counts[place])
            micros[begin : begin + count] = unpack_times(firsts[place], lasts[place], count, bytes(own))
    raw = np.frombuffer(b"".join(map(_raw_values, data)), "<f8")
    values = raw.astype(np.float64)  # a copy: bytes are not writable
    said: Sequence[str] = ()
    if notes and any(one[0] & _NOTES for one in data):
        said = list(chain.from_iterable(map(_notes_of, data, counts)))
    return Unpacked(np.repeat(np.array(ids, dtype=np.int64), rows), micros, values, said)


def _even_times(
    first: NDArray[np.int64], last: NDArray[np.int64], rows: NDArray[np.int64], begins: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Return the times of blocks that are all evenly spaced: for many together, a tenth of one by one."""
    steps: NDArray[np.int64] = (last - first) // np.maximum(rows - 1, 1)
    place = np.arange(int(rows.sum()), dtype=np.int64) - np.repeat(begins, rows)
    return np.repeat(first, rows) + np.repeat(steps, rows) * place


def _raw_values(data: bytes) -> bytes:
    flags, size = _HEAD.unpack_from(data)
    kept = data[_HEAD.size : _HEAD.size + size]
    if not flags & _SQUEEZED:
        return kept
    return np.frombuffer(zlib.decompress(kept), np.uint8).reshape(8, -1).T.tobytes()


def _notes_of(data: bytes, rows: int) -> Sequence[str]:
    flags, size = _HEAD.unpack_from(data)
    if not flags & _NOTES:
        return [""] * rows
    return zlib.decompress(data[_HEAD.size + size :]).decode().split(_SEPARATOR)
