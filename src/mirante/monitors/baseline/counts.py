"""What a worker counts of a part of a table for a baseline (windows, copies, slices), or draws of it."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import add

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from mirante.errors import InputError
from mirante.monitors.baseline.looks import Batches, Found, blocks
from mirante.monitors.baseline.shape import BaselineShape
from mirante.monitors.limits.duplicates import DistinctRows, row_hashes
from mirante.monitors.slices.baselines import SlicePlan
from mirante.monitors.windows import Window, WindowClock
from mirante.profiles import TableProfile
from mirante.sources.spark.counting import counted

__all__ = [
    "ALL",
    "CHANGED",
    "UNTIMED",
    "Counting",
    "Drawing",
    "Part",
    "count_part",
    "count_rows",
    "draw_part",
    "merged_counts",
]

ALL, UNTIMED = -1, -2
"""Keys of the copies and slices of all rows, and of the rows without a time; from 0 on, of each window."""

CHANGED = "{} changed while it was read; give a table, or a version of it, that stays as it is"

_MOST_BYTES = 256 << 20  # of windows that a worker holds open
_SIZES = struct.Struct("<I")


@dataclass(frozen=True, slots=True)
class Counting:
    """What counting needs.

    Parameters
    ----------
    shape : BaselineShape
        Of the rows.
    like : TableProfile
        Edges and levels.
    clock : WindowClock
        Cuts windows.
    windows : mapping of float to int
        The number of each window by its start, in seconds since 1970.
    plan : SlicePlan, optional
        Count slices, and nothing else.
    own : frozenset of int
        Windows that are kept of each slice.
    """

    shape: BaselineShape
    like: TableProfile
    clock: WindowClock
    windows: Mapping[float, int]
    plan: SlicePlan | None = None
    own: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Drawing:
    """Which rows are drawn.

    Parameters
    ----------
    places : mapping of int to ndarray of int
        By part, in order.
    """

    places: Mapping[int, NDArray[np.int64]]


@dataclass(frozen=True, slots=True)
class Part:
    """What is counted of some rows.

    Parameters
    ----------
    profile : TableProfile, optional
        Of them.
    rows : DistinctRows
        Their hashes.
    slices : tuple of TableProfile
        Of each slice.
    """

    profile: TableProfile | None
    rows: DistinctRows
    slices: tuple[TableProfile, ...] = ()

    def __add__(self, other: Part) -> Part:
        rows = DistinctRows(self.rows.bits, self.rows.hashes, self.rows.counts)
        rows.merge(other.rows)
        known = [one.profile for one in (self, other) if one.profile is not None]
        slices = map(add, self.slices, other.slices)
        return Part(reduce(add, known) if known else None, rows, tuple(slices))

    def to_bytes(self, like: TableProfile, plan: SlicePlan | None) -> bytes:
        """Return it as bytes."""
        profile = b"" if self.profile is None else self.profile.to_bytes(like=like, exact=True)
        mine = [one.to_bytes(like=plan.like, exact=True) for one in self.slices] if plan else []
        blobs = [profile, json.dumps(self.rows.to_json()).encode(), *mine]
        return b"".join(_SIZES.pack(len(blob)) + blob for blob in blobs)

    @classmethod
    def from_bytes(cls, data: bytes, like: TableProfile, plan: SlicePlan | None) -> Part:
        """Read what `to_bytes` wrote."""
        blobs, place = [], 0
        while place < len(data):
            (size,) = _SIZES.unpack_from(data, place)
            blobs.append(data[place + _SIZES.size : place + _SIZES.size + size])
            place += _SIZES.size + size
        profile, rows, *mine = blobs
        return cls(
            TableProfile.from_bytes(profile, like=like) if profile else None,
            DistinctRows.from_json(json.loads(rows)),
            tuple(TableProfile.from_bytes(one, like=plan.like) for one in mine) if plan else (),
        )


def count_part(part: int, batches: Batches, known: Counting) -> Iterator[Found]:  # noqa: ARG001  all are alike
    """Count the rows of a part, each window by itself.

    Parameters
    ----------
    part : int
        Its number.
    batches : iterator of pyarrow.RecordBatch
        Its rows.
    known : Counting
        How.

    Yields
    ------
    (int, bytes)
        `Part` under its window; of a window several times where there are many.
    """
    held: dict[int, Part] = {}
    size = 1 + known.like.numbers.cells.nbytes + known.like.numbers.sums.nbytes
    most = max(16, _MOST_BYTES // (size + known.like.categories.levels.nbytes))
    for rows in blocks(batches):
        several = _counted(rows, known) if known.plan is None else _sliced(rows, known, known.plan)
        for key, found in several:
            held[key] = held.pop(key) + found if key in held else found
            if len(held) > most:
                oldest = next(iter(held))
                yield oldest, held.pop(oldest).to_bytes(known.like, known.plan)
    for key, found in held.items():
        yield key, found.to_bytes(known.like, known.plan)


def _counted(rows: pa.Table, known: Counting) -> Iterator[tuple[int, Part]]:
    table, seen = known.shape.table(rows), known.shape.seen(rows)
    hashes = row_hashes(seen, seen.column_names)
    yield ALL, Part(None, _distinct(hashes))
    rest = np.arange(rows.num_rows)
    if known.shape.time is not None:
        times = known.shape.times(rows)
        rest = np.flatnonzero(np.isnat(times))
        for window, places in known.clock.assign(times):
            mine = counted(table.take(pa.array(np.sort(places))), known.like)
            yield _number(window, known), Part(mine, _distinct(hashes[places]))
    if rest.size:
        yield UNTIMED, Part(counted(table.take(pa.array(rest)), known.like), DistinctRows())


def _sliced(rows: pa.Table, known: Counting, plan: SlicePlan) -> Iterator[tuple[int, Part]]:
    table = known.shape.table(rows)
    yield ALL, Part(None, DistinctRows(), tuple(plan.counted(table)))
    if known.shape.time is None:
        return
    for window, places in known.clock.assign(known.shape.times(rows)):
        number = _number(window, known)
        if number in known.own:
            mine = plan.counted(table.take(pa.array(np.sort(places))))
            yield number, Part(None, DistinctRows(), tuple(mine))


def _number(window: Window, known: Counting) -> int:
    number = known.windows.get(window.start.timestamp())
    if number is None:
        raise InputError(CHANGED.format("the table"))
    return number


def _distinct(hashes: NDArray[np.uint64]) -> DistinctRows:
    found = DistinctRows()
    found.add(hashes)
    return found


def merged_counts(key: int, findings: Sequence[bytes], known: Counting, last: bool) -> Found:
    """Add up what is counted under one key.

    Parameters
    ----------
    key : int
        Of a window, or of all rows.
    findings : sequence of bytes
        From `count_part`, or from here.
    known : Counting
        How they were counted.
    last : bool
        Whether these are all: hashes of a window then become how many copies there are.

    Returns
    -------
    (int, bytes)
    """
    found = reduce(add, (Part.from_bytes(one, known.like, known.plan) for one in findings))
    if last:  # the hashes of all windows of a year would be too much for one driver
        numbers = np.array([found.rows.copies, found.rows.rows], np.uint64)
        found = Part(found.profile, DistinctRows(0, numbers, np.zeros(2, np.int64)), found.slices)
    return key, found.to_bytes(known.like, known.plan)


def count_rows(part: int, batches: Batches, known: None) -> Iterator[Found]:  # noqa: ARG001  nothing is needed
    """Return how many rows a part has.

    Parameters
    ----------
    part : int
        Its number.
    batches : iterator of pyarrow.RecordBatch
        Its rows.
    known : None
        Nothing.

    Yields
    ------
    (int, bytes)
        The number, as text, under the part's.

    Examples
    --------
    >>> list(count_rows(3, iter([pa.record_batch({"x": [1, 2]})] * 2), None))
    [(3, b'4')]
    """
    yield part, str(sum(batch.num_rows for batch in batches)).encode()


def draw_part(part: int, batches: Batches, known: Drawing) -> Iterator[Found]:
    """Return those rows of a part that are drawn.

    Parameters
    ----------
    part : int
        Its number.
    batches : iterator of pyarrow.RecordBatch
        Its rows.
    known : Drawing
        Which.

    Yields
    ------
    (int, bytes)
        An Arrow stream under the part's number, some of them in order.
    """
    wanted = known.places.get(part, np.zeros(0, np.int64))
    first = 0
    for rows in blocks(batches):
        begin, end = wanted.searchsorted([first, first + rows.num_rows])
        if end > begin:
            taken = rows.take(pa.array(wanted[begin:end] - first))
            sink = pa.BufferOutputStream()
            with pa.ipc.new_stream(sink, taken.schema) as writer:
                writer.write_table(taken)
            yield part, sink.getvalue().to_pybytes()
        first += rows.num_rows
        if end == wanted.size:
            return
