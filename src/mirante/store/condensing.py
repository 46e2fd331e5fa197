"""Old readings become few: one for each hour, later one for each day, and in the end none.

What is left of them lies in blocks, many of one series in a row: see `mirante.store.blocks`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, func, select

from mirante.readings.condensing import is_detail
from mirante.store.ages import Ages
from mirante.store.blocks.codec import unpack_times
from mirante.store.blocks.reading import SPANS
from mirante.store.blocks.rewriting import Condensed, Stretch, rewrite
from mirante.store.blocks.writing import MOST_BYTES, MOST_ROWS, SETTLED
from mirante.store.database import Database
from mirante.store.dialect import one_of
from mirante.store.schema import blocks, readings, series
from mirante.store.types import micros_of

__all__ = ["CondensingPart"]

_SERIES = 50  # that are looked at together
_AT_ONCE = 20_000  # readings of one transaction: others wait for a third of a second at most
_OPEN = 0.9 * MOST_BYTES  # a block that is smaller takes more in

_row_time = micros_of(readings)


class CondensingPart:
    """Makes few readings of many in a database.

    Parameters
    ----------
    database : Database
        Where they are.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def condense(self, subject: str, ages: Ages, *, arrived: int) -> Condensed:
        """Sum up the old readings of a subject, drop those that are too old, and pack what is left.

        What sums up others has the time of the first of them. The newest reading of each series stays as it
        is, however old it is, and in the order of arrival, which other old ones leave. So does what somebody
        who follows that order has not seen yet, but no longer than until it would be one for each day.

        Parameters
        ----------
        subject : str
            Whose.
        ages : Ages
            What is old.
        arrived : int
            The place in the order of arrival up to which all have seen all.

        Returns
        -------
        Condensed
        """
        known = select(series.c.id, series.c.name).where(series.c.subject == subject).order_by(series.c.id)
        with self._database.reading() as snapshot:
            names = {row.id: row.name for row in snapshot.execute(known)}
        ids, done = list(names), Condensed()
        for start in range(0, len(ids), _SERIES):
            chunk = {id_: names[id_] for id_ in ids[start : start + _SERIES]}
            with self._database.reading() as snapshot:
                old = list(_old(snapshot, chunk, ages, arrived))
            for some in _together(old):
                with self._database.transaction() as connection:
                    done += rewrite(connection, some, arrived)
        return done


@dataclass(frozen=True, slots=True)
class _Points:
    """The old readings of one series, those in rows and those in blocks, in the order of time.

    ``unit`` is the number of the block that a reading is in, or of itself where it has a row of its own;
    ``open_`` says of each whether it is in a block that has room.
    """

    micros: NDArray[np.int64]
    sequence: NDArray[np.int64]
    packed: NDArray[np.bool_]
    unit: NDArray[np.int64]
    open_: NDArray[np.bool_]


def _old(snapshot: Connection, names: Mapping[int, str], ages: Ages, arrived: int) -> Iterator[Stretch]:
    """Look at the old readings of series, and give those that are to be written anew."""
    until = max(ages.first_hour, ages.first_day, ages.first_kept)
    mine = one_of(snapshot, readings.c.series_id, list(names))
    query = select(readings.c.series_id, _row_time, readings.c.sequence).where(mine, _row_time < until)
    rows = _by_series(snapshot.execute(query.order_by(readings.c.series_id, readings.c.time)).all())
    spans = select(*SPANS, func.length(blocks.c.data).label("bytes")).where(
        one_of(snapshot, blocks.c.series_id, list(names))
    )
    packed: dict[int, list[Any]] = {}
    for row in snapshot.execute(spans.order_by(blocks.c.series_id, blocks.c.last_time)):
        packed.setdefault(row.series_id, []).append(row)
    if not rows and not packed:
        return
    last = select(readings.c.series_id, func.max(_row_time)).where(mine).group_by(readings.c.series_id)
    newest = {row[0]: int(row[1]) for row in snapshot.execute(last)}
    for id_ in sorted({*rows, *packed}):
        own = replace(ages, days=ages.hours) if is_detail(names[id_]) else ages
        points = _points_of(rows.get(id_), packed.get(id_, ()))
        for first, end in _stretches(points, own, newest[id_], arrived):
            times = points.micros[first], points.micros[end - 1]
            begin, stop = int(times[0]), int(times[1])
            yield Stretch(id_, names[id_], own, newest[id_], ages.first_day, begin, stop, end - first)


def _by_series(rows: Sequence[Any]) -> dict[int, NDArray[np.int64]]:
    """Return time and place in the order of arrival of the rows of each series."""
    if not rows:
        return {}
    of, *columns = (np.array(column, dtype=np.int64) for column in zip(*rows, strict=True))
    both = np.stack(columns)
    ends = [*np.flatnonzero(np.diff(of, prepend=of[0] - 1)).tolist(), len(of)]
    return {int(of[begin]): both[:, begin:end] for begin, end in pairwise(ends)}


def _points_of(rows: NDArray[np.int64] | None, spans: Sequence[Any]) -> _Points:
    micros, sequence = (np.empty(0, dtype=np.int64),) * 2 if rows is None else (rows[0], rows[1])
    if not spans:
        none = np.zeros(len(micros), dtype=np.bool_)
        return _Points(micros, sequence, none, np.arange(len(micros)), none)
    times = np.concatenate([unpack_times(*span[1:5]) for span in spans])
    sizes = [span.size for span in spans]
    room = [span.size < MOST_ROWS and span.bytes < _OPEN for span in spans]
    every = np.concatenate((times, micros))
    order = np.argsort(every, kind="stable")
    # of blocks numbers below 0, so that they are not those of rows
    unit = np.concatenate((np.repeat(-1 - np.arange(len(spans)), sizes), np.arange(len(micros))))
    packed = np.arange(len(every)) < len(times)
    open_ = np.concatenate((np.repeat(room, sizes), np.zeros(len(micros), dtype=np.bool_)))
    before = np.concatenate((np.full(len(times), SETTLED), sequence))
    return _Points(every[order], before[order], packed[order], unit[order], open_[order])


def _stretches(points: _Points, ages: Ages, newest: int, arrived: int) -> Iterator[tuple[int, int]]:
    """Give from where to where readings follow each other that are to be written anew."""
    micros = points.micros
    places = ages.places(micros)
    begins = np.flatnonzero(np.diff(places, prepend=places[0] - 1))
    ends = np.append(begins[1:], len(micros))
    # the group of the newest reading stays: it is what the series says now
    due = ((ends - begins > 1) | (micros[begins] < ages.first_kept)) & (micros[ends - 1] != newest)
    todo = np.repeat(due, ends - begins)
    todo |= ~points.packed & (points.sequence <= arrived) & (micros != newest)
    if not todo.any():
        return
    starts = np.flatnonzero(np.diff(points.unit, prepend=points.unit[0] - 1))
    stops = np.append(starts[1:], len(micros))
    again = np.logical_or.reduceat(todo, starts)
    # what follows an open block goes into it
    again[:-1] |= again[1:] & points.open_[starts[:-1]]
    first: int | None = None
    for place in range(len(starts) + 1):
        here = place < len(starts) and bool(again[place])
        # not within what becomes one reading
        full = (
            here
            and first is not None
            and starts[place] - starts[first] >= _AT_ONCE
            and places[starts[place]] != places[starts[place] - 1]
        )
        if first is not None and (not here or full):
            yield int(starts[first]), int(stops[place - 1])
            first = None
        if here and first is None:
            first = place


def _together(stretches: Sequence[Stretch]) -> Iterator[list[Stretch]]:
    """Give stretches for one transaction each."""
    some: list[Stretch] = []
    rows = 0
    for one in stretches:
        if some and rows + one.rows > _AT_ONCE:
            yield some
            some, rows = [], 0
        some.append(one)
        rows += one.rows
    if some:
        yield some
