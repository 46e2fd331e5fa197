"""What a worker finds when it looks through a part of a table for a baseline's edges, levels and times."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import reduce
from operator import add
from typing import Any
from zlib import crc32

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from mirante.monitors.baseline.shape import BaselineShape
from mirante.monitors.windows import WindowClock
from mirante.performance.realised.classes import MOST_CLASSES
from mirante.profiles.categorical import MOST_LEVELS
from mirante.profiles.choosing import NumberFacts, NumberLook
from mirante.profiles.columns import is_numeric, level_counts, to_numbers
from mirante.profiles.frames import raw_columns
from mirante.stats.ranks import RankSearch

__all__ = [
    "LEVELS",
    "LOTS",
    "REST",
    "TIMES",
    "First",
    "Later",
    "blocks",
    "first_look",
    "later_look",
    "longest_gap",
    "merged_looks",
]

REST, TIMES = -1, -2
"""Keys of what is found of all columns, and of the silences; those from 0 are of columns of numbers."""
LEVELS = 1 << 40
LOTS = 64
"""The first key of levels, and how many keys are of each column: workers share the adding."""

_BLOCK = 131_072  # rows that are looked at together
_HELD = 100_000  # levels that a worker holds
_GAPS = 1 << 18  # parts of the whole time, by which silences are found

Batches = Iterator[pa.RecordBatch]
Found = tuple[int, bytes]


@dataclass(frozen=True, slots=True)
class First:
    """What the first look needs.

    Parameters
    ----------
    shape : BaselineShape
        Of the rows.
    clock : WindowClock
        Cuts windows.
    """

    shape: BaselineShape
    clock: WindowClock


@dataclass(frozen=True, slots=True)
class Later:
    """What a later look needs.

    Parameters
    ----------
    shape : BaselineShape
        Of the rows.
    searches : mapping of str to (int, RankSearch, float)
        For each column of numbers its place, what is looked for, and its mean.
    span : (int, int), optional
        First and last time in microseconds since 1970, where silences are looked for.
    """

    shape: BaselineShape
    searches: Mapping[str, tuple[int, RankSearch, float]] = field(default_factory=dict)
    span: tuple[int, int] | None = None


def blocks(batches: Batches, rows: int = _BLOCK) -> Iterator[pa.Table]:
    """Yield batches joined to tables of about so many rows; none without rows.

    Examples
    --------
    >>> batch = pa.record_batch({"x": [1, 2]})
    >>> [table.num_rows for table in blocks(iter([batch] * 3), 4)]
    [4, 2]
    """
    held: list[pa.RecordBatch] = []
    for batch in batches:
        held.append(batch)
        if sum(one.num_rows for one in held) >= rows:
            yield pa.Table.from_batches(held)
            held = []
    if any(one.num_rows for one in held):
        yield pa.Table.from_batches(held)


def first_look(part: int, batches: Batches, known: First) -> Iterator[Found]:
    """Find what edges, levels and windows follow from.

    Parameters
    ----------
    part : int
        Its number.
    batches : iterator of pyarrow.RecordBatch
        Its rows.
    known : First
        What is what in them.

    Yields
    ------
    (int, bytes)
        For columns of numbers `NumberFacts` under their places; levels and their counts; and the rest.
    """
    numbers: dict[int, NumberFacts] = {}
    levels: dict[int, dict[str, int]] = {}
    rest: dict[str, Any] = _nothing()
    for rows in blocks(batches):
        found = raw_columns(known.shape.table(rows))[1]
        for place, (name, raw) in enumerate(found.items()):
            if is_numeric(raw):
                facts = NumberFacts.of(to_numbers(name, raw)[0])
                numbers[place] = numbers[place] + facts if place in numbers else facts
            else:
                _add(levels.setdefault(place, {}), level_counts(name, raw)[0])
        if sum(map(len, levels.values())) > _HELD:
            yield from _dealt(levels)
            levels = {}
        rest = _joined(rest, _rest(part, rows, known))
    for place, facts in numbers.items():
        yield place, facts.to_bytes()
    yield from _dealt(levels)
    yield REST, json.dumps(rest).encode()


def _dealt(levels: Mapping[int, Mapping[str, int]]) -> Iterator[Found]:
    """Yield the levels of each column in so many lots, by which workers share the adding."""
    for place, totals in levels.items():
        lots: dict[int, dict[str, int]] = {}
        for level, count in totals.items():
            lots.setdefault(crc32(level.encode("utf-8", "surrogatepass")) % LOTS, {})[level] = count
        for lot, mine in lots.items():
            yield LEVELS + place * LOTS + lot, json.dumps(mine).encode()


def _add(totals: dict[str, int], more: Mapping[str, int]) -> None:
    for level, count in more.items():
        totals[level] = totals.get(level, 0) + count


def _nothing() -> dict[str, Any]:
    return {"parts": {}, "first": None, "last": None, "timed": 0, "windows": [], "classes": []}


def _rest(part: int, rows: pa.Table, known: First) -> dict[str, Any]:
    found = _nothing() | {"parts": {str(part): rows.num_rows}}
    found["classes"] = sorted(known.shape.classes_in(rows))[: MOST_CLASSES + 1]
    if known.shape.time is None:
        return found
    times = known.shape.times(rows)
    there = times[~np.isnat(times)].astype(np.int64)
    if there.size:
        windows = {window.start.timestamp() for window, _ in known.clock.assign(times)}
        ends = {"first": int(there.min()), "last": int(there.max()), "timed": int(there.size)}
        found |= {**ends, "windows": sorted(windows)}
    return found


def _joined(one: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    parts = dict(one["parts"])
    _add(parts, other["parts"])
    firsts = [side["first"] for side in (one, other) if side["first"] is not None]
    lasts = [side["last"] for side in (one, other) if side["last"] is not None]
    return {
        "parts": parts,
        "first": min(firsts, default=None),
        "last": max(lasts, default=None),
        "timed": one["timed"] + other["timed"],
        "windows": sorted({*one["windows"], *other["windows"]}),
        # one more than are known at most says that there are too many
        "classes": sorted({*one["classes"], *other["classes"]})[: MOST_CLASSES + 1],
    }


def later_look(part: int, batches: Batches, known: Later) -> Iterator[Found]:  # noqa: ARG001  all are alike
    """Look for what the first look left open.

    Parameters
    ----------
    part : int
        Its number.
    batches : iterator of pyarrow.RecordBatch
        Its rows.
    known : Later
        What is looked for.

    Yields
    ------
    (int, bytes)
        `NumberLook` of each column under its place, and the times.
    """
    looks: dict[int, NumberLook] = {}
    times = _gaps(np.zeros(0, np.int64), (0, 0))
    for rows in blocks(batches):
        found = raw_columns(known.shape.table(rows), list(known.searches))[1]
        for name, (place, search, shift) in known.searches.items():
            look = NumberLook.of(to_numbers(name, found[name])[0], search, shift)
            looks[place] = looks[place] + look if place in looks else look
        if known.span is not None:
            moments = known.shape.times(rows)
            there = moments[~np.isnat(moments)].astype(np.int64)
            times = _least_and_most([times, _gaps(there, known.span)])
    for place, look in looks.items():
        yield place, look.to_bytes()
    if known.span is not None:
        yield TIMES, times.tobytes()


def _gaps(times: NDArray[np.int64], span: tuple[int, int]) -> NDArray[np.int64]:
    """Return rows of a small part of the whole time, and first and last of the times in it."""
    first, last = span
    length = max(-(-(last - first + 1) // _GAPS), 1)
    ordered = np.sort(times)
    parts, begins = np.unique((ordered - first) // length, return_index=True)
    ends = np.r_[begins[1:], ordered.size][: begins.size] - 1
    return (
        np.stack([parts, ordered[begins], ordered[ends]], axis=1)
        if parts.size
        else np.zeros((0, 3), np.int64)
    )


def _least_and_most(several: Sequence[NDArray[np.int64]]) -> NDArray[np.int64]:
    every = np.concatenate(several)
    parts, places = np.unique(every[:, 0], return_inverse=True)
    least, most = np.full(parts.size, np.iinfo(np.int64).max), np.full(parts.size, np.iinfo(np.int64).min)
    np.minimum.at(least, places, every[:, 1])
    np.maximum.at(most, places, every[:, 2])
    return np.stack([parts, least, most], axis=1)


def longest_gap(times: NDArray[np.int64]) -> float:
    """Return the longest silence in seconds between the times that `later_look` found.

    Examples
    --------
    >>> longest_gap(np.array([[0, 1_000_000, 3_000_000], [2, 8_000_000, 9_000_000]]))
    5.0
    """
    between = times[1:, 1] - times[:-1, 2]
    return float(between.max(initial=0)) / 1e6


def merged_looks(key: int, findings: Sequence[bytes], known: First | Later, last: bool) -> Found:
    """Bring findings of one key together.

    Parameters
    ----------
    key : int
        Whose.
    findings : sequence of bytes
        From `first_look`, `later_look`, or from here.
    known : First or Later
        Of which look they are.
    last : bool
        Whether these are all: of levels only so many are kept then as a baseline may have, under the key of
        their column.

    Returns
    -------
    (int, bytes)
    """
    if key >= LEVELS:
        totals: dict[str, int] = {}
        for one in findings:
            _add(totals, json.loads(one))
        if last:
            key -= (key - LEVELS) % LOTS
            ranked = sorted(totals.items(), key=lambda pair: (-pair[1], pair[0]))
            totals = dict(ranked[:MOST_LEVELS])
        return key, json.dumps(totals).encode()
    if key == REST:
        rest: dict[str, Any] = _nothing()
        for one in findings:
            rest = _joined(rest, json.loads(one))
        return key, json.dumps(rest).encode()
    if key == TIMES:
        times = [np.frombuffer(one, np.int64).reshape(-1, 3) for one in findings]
        return key, _least_and_most(times).tobytes()
    if isinstance(known, First):
        return key, reduce(add, map(NumberFacts.from_bytes, findings)).to_bytes()
    return key, reduce(add, map(NumberLook.from_bytes, findings)).to_bytes()
