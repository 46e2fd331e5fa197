"""A stretch of a series' old readings is written anew: fewer, out of the order of arrival, and in blocks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise, repeat
from operator import attrgetter, itemgetter
from typing import NamedTuple

import numpy as np
from sqlalchemy import (
    BigInteger,
    Connection,
    Float,
    Text,
    bindparam,
    delete,
    select,
    type_coerce,
    update,
)

from mirante.readings.condensing import Summary, summary_of
from mirante.store.ages import Ages
from mirante.store.blocks.codec import Block, Unpacked, unpack
from mirante.store.blocks.reading import COLUMNS
from mirante.store.blocks.writing import SETTLED, packs, replace_blocks
from mirante.store.dialect import one_of
from mirante.store.schema import blocks, counters, readings
from mirante.store.tallies import ROWS
from mirante.store.types import micros_of

__all__ = ["Condensed", "Stretch", "rewrite"]

_row_time = micros_of(readings)
_POINT = (
    readings.c.series_id,
    _row_time.label("micros"),
    type_coerce(readings.c.value, Float).label("number"),
    type_coerce(readings.c.note, Text).label("said"),
    readings.c.sequence,
)
_DELETE = delete(readings).where(
    readings.c.series_id == bindparam("of"),
    _row_time >= bindparam("begin", type_=BigInteger),
    _row_time <= bindparam("end", type_=BigInteger),
)


@dataclass(frozen=True, slots=True)
class Condensed:
    """What became of readings.

    Parameters
    ----------
    read : int
        Old readings that others were made of, or that were dropped.
    left : int
        What was made of them.
    """

    read: int = 0
    left: int = 0

    def __add__(self, other: Condensed) -> Condensed:
        return Condensed(self.read + other.read, self.left + other.left)


@dataclass(frozen=True, slots=True)
class Stretch:
    """Old readings of one series that follow each other and are written anew.

    Parameters
    ----------
    series : int
        Whose.
    name : str
        Of the series.
    ages : Ages
        What is old of it.
    newest : int
        Time of its newest reading, in microseconds; that one is not among them.
    unseen_from : int
        What is older is summed up even if nobody has seen it.
    first, last : int
        Times of the first and the last.
    rows : int
        How many there are.
    """

    series: int
    name: str
    ages: Ages
    newest: int
    unseen_from: int
    first: int
    last: int
    rows: int


class _Point(NamedTuple):
    """One reading: its time, its number (None for NaN), its note, and its place in the order of arrival."""

    micros: int
    number: float | None
    said: str
    sequence: int


_micros = attrgetter("micros")


def rewrite(connection: Connection, stretches: Sequence[Stretch], arrived: int) -> Condensed:
    """Read stretches once more, now that nobody else writes, and put in their place what is left of them.

    Parameters
    ----------
    connection : Connection
        A transaction that writes.
    stretches : sequence of Stretch
        No two of them overlap.
    arrived : int
        The place in the order of arrival up to which all have seen all.
    """
    alike: dict[tuple[int, int], list[Stretch]] = {}
    for one in stretches:
        alike.setdefault((one.first, one.last), []).append(one)
    gone: list[dict[str, int]] = []
    old: list[tuple[int, int]] = []
    new: list[tuple[int, Block]] = []
    done = Condensed()
    for (first, last), some in alike.items():
        ids = [one.series for one in some]
        rows, packed = _rows(connection, ids, first, last), _blocks(connection, ids, first, last)
        for one in some:
            own, before = rows.get(one.series, []), packed.get(one.series, [])
            left, tally = _left(one, sorted([*own, *_points(before)], key=_micros), arrived)
            done += tally
            gone += _freed(one, left, arrived) if own else []
            after = list(_packed(left, arrived))
            old += [(one.series, block.last) for block in before if block not in after]
            new += [(one.series, block) for block in after if block not in before]
    if gone:
        connection.execute(_DELETE, gone)
    replace_blocks(connection, old, new)
    if done.read:
        fewer = update(counters).where(counters.c.name == ROWS)
        connection.execute(fewer.values(value=counters.c.value - done.read + done.left))
    return done


def _rows(connection: Connection, ids: Sequence[int], first: int, last: int) -> dict[int, list[_Point]]:
    query = select(*_POINT).where(
        one_of(connection, readings.c.series_id, ids), _row_time >= first, _row_time <= last
    )
    found: dict[int, list[_Point]] = {}
    for id_, *point in connection.execute(query):
        found.setdefault(id_, []).append(_Point(*point))
    return found


def _blocks(connection: Connection, ids: Sequence[int], first: int, last: int) -> dict[int, list[Block]]:
    query = select(*COLUMNS).where(
        one_of(connection, blocks.c.series_id, ids),
        type_coerce(blocks.c.last_time, BigInteger) >= first,
        type_coerce(blocks.c.first_time, BigInteger) <= last,
    )
    found: dict[int, list[Block]] = {}
    for id_, *block in connection.execute(query.order_by(blocks.c.series_id, blocks.c.last_time)):
        found.setdefault(id_, []).append(Block(*block))
    return found


def _points(packed: Sequence[Block]) -> Iterator[_Point]:
    found = unpack([(0, one.first, one.last, one.rows, one.times, one.data) for one in packed])
    numbers = (None if number != number else number for number in found.values.tolist())
    notes = found.notes or repeat("")
    return map(_Point, found.micros.tolist(), numbers, notes, repeat(SETTLED))


def _left(stretch: Stretch, points: Sequence[_Point], arrived: int) -> tuple[list[_Point], Condensed]:
    """Return what is left of readings, and how many became how many."""
    left: list[_Point] = []
    read = made = 0
    quiet = stretch.name.endswith("_detected")
    for group, of_newest in _groups(points, stretch):
        dropped = group[0].micros < stretch.ages.first_kept
        unseen = max(point.sequence for point in group) > arrived  # a sink that is away has not seen it
        waits = unseen and group[0].micros >= stretch.unseen_from
        if of_newest or waits or (len(group) == 1 and not dropped):
            left += [_settled(point, arrived, quiet) for point in group]
            continue
        read += len(group)
        if not dropped:
            made += 1
            number, said = _summary(group, summary_of(stretch.name))
            left.append(_Point(group[0].micros, number, said, SETTLED))
    return left, Condensed(read, made)


def _groups(points: Sequence[_Point], stretch: Stretch) -> Iterator[tuple[Sequence[_Point], bool]]:
    """Give the readings that share an hour or a day, and whether the newest is among them: those stay."""
    times = [*map(_micros, points), stretch.newest]
    places = stretch.ages.places(np.array(times, dtype=np.int64))
    ends = [*np.flatnonzero(np.diff(places[:-1], prepend=places[0] - 1)).tolist(), len(points)]
    for begin, end in pairwise(ends):
        yield points[begin:end], bool(places[begin] == places[-1])


def _settled(point: _Point, arrived: int, quiet: bool) -> _Point:
    """Take a reading that all have seen out of the order of arrival, and the note from a flag that is 0."""
    if not SETTLED < point.sequence <= arrived:
        return point
    said = "" if quiet and point.number == 0.0 else point.said
    return _Point(point.micros, point.number, said, SETTLED)


def _freed(stretch: Stretch, left: Sequence[_Point], arrived: int) -> Iterator[dict[str, int]]:
    """Give the spans in which no row stays: all but what somebody has yet to see."""
    begin = stretch.first
    for point in left:
        if point.sequence > arrived:
            if point.micros > begin:
                yield {"of": stretch.series, "begin": begin, "end": point.micros - 1}
            begin = point.micros + 1
    if begin <= stretch.last:
        yield {"of": stretch.series, "begin": begin, "end": stretch.last}


def _packed(left: Sequence[_Point], arrived: int) -> Iterator[Block]:
    """Give blocks of all readings but those that stay rows, between which a block ends."""
    some: list[_Point] = []
    for point in [*left, None]:
        if point is not None and point.sequence <= arrived:
            some.append(point)
        elif some:
            micros, numbers, notes, _ = zip(*some, strict=True)
            times, values = (
                np.array(micros, dtype=np.int64),
                np.array(numbers, dtype=np.float64),
            )  # None is NaN
            yield from packs(Unpacked(np.zeros(len(some), dtype=np.int64), times, values, notes))
            some = []


def _summary(group: Sequence[_Point], how: Summary) -> tuple[float | None, str]:
    """Return the number and the note that stand for a group; None where no number is known."""
    if how == "last":
        return group[-1].number, group[-1].said
    known = [(point.number, point.said) for point in group if point.number is not None]
    if not known:
        return None, group[0].said
    numbers = [number for number, _ in known]
    if how in ("greatest", "least"):
        number, said = (max if how == "greatest" else min)(known, key=itemgetter(0))
        # a note that tells why all is well is not worth its bytes a month later
        return number, said if number or how == "least" else ""
    total = float(sum(numbers))
    return (total if how == "sum" else total / len(numbers)), ""
