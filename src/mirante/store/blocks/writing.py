"""Blocks as they are written and given up: a reading that comes late finds its place free."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

import numpy as np
from sqlalchemy import (
    BigInteger,
    Connection,
    Float,
    Integer,
    LargeBinary,
    Text,
    bindparam,
    delete,
    insert,
    select,
    type_coerce,
)

from mirante.store.blocks.codec import Block, Unpacked, pack, unpack
from mirante.store.blocks.reading import COLUMNS, raise_packed_until
from mirante.store.dialect import chunks, one_of
from mirante.store.schema import blocks, readings
from mirante.store.types import to_micros, unescaped

__all__ = [
    "MOST_BYTES",
    "MOST_ROWS",
    "SETTLED",
    "drop_packed_before",
    "insert_rows",
    "make_room",
    "packs",
    "replace_blocks",
]

# A row of SQLite's index trees that is longer than 1,002 bytes takes a page of its own.
MOST_ROWS, MOST_BYTES = 112, 960
SETTLED = 0  # the place in the order of arrival of what has left it


def _micros(name: str) -> Any:
    """Return a time that is given in microseconds: the column type's own conversion takes aware times."""
    return type_coerce(bindparam(name, type_=BigInteger), BigInteger)


_INSERT_ROWS = insert(readings).values(
    series_id=bindparam("of"),
    time=_micros("micros"),
    value=type_coerce(bindparam("number", type_=Float), Float),
    note=type_coerce(bindparam("said", type_=Text), Text),
    sequence=SETTLED,
)
_INSERT = insert(blocks).values(
    series_id=bindparam("of"),
    last_time=_micros("last"),
    first_time=_micros("first"),
    rows=bindparam("size", type_=Integer),
    times=bindparam("packed_times", type_=LargeBinary),
    data=bindparam("packed_data", type_=LargeBinary),
)
_block_end = type_coerce(blocks.c.last_time, BigInteger)
_DELETE = delete(blocks).where(
    blocks.c.series_id == bindparam("of"), _block_end == bindparam("last", type_=BigInteger)
)


def packs(readings_of_one: Unpacked) -> Iterator[Block]:
    """Give blocks of readings of one series, each as full as it may be, and the last with what is left.

    Parameters
    ----------
    readings_of_one : Unpacked
        In the order of time, notes as the database keeps them.
    """
    one = readings_of_one
    notes = one.notes or [""] * len(one.ids)
    for begin in range(0, len(one.ids), MOST_ROWS):
        yield from _small(one, notes, begin, min(begin + MOST_ROWS, len(one.ids)))


def _small(one: Unpacked, notes: Sequence[str], begin: int, end: int) -> Iterator[Block]:
    part = slice(begin, end)
    block = pack(one.micros[part], one.values[part], notes[part])
    if len(block.data) + len(block.times) <= MOST_BYTES or end - begin == 1:
        yield block
        return
    middle = (begin + end) // 2
    yield from _small(one, notes, begin, middle)
    yield from _small(one, notes, middle, end)


def replace_blocks(
    connection: Connection, old: Iterable[tuple[int, int]], new: Collection[tuple[int, Block]]
) -> None:
    """Put blocks in the place of others.

    Parameters
    ----------
    connection : Connection
        A transaction that writes.
    old : iterable of (int, int)
        The series and the end of each block that goes.
    new : collection of (int, Block)
        Blocks that come, with their series.
    """
    gone = [{"of": id_, "last": last} for id_, last in old]
    if gone:
        connection.execute(_DELETE, gone)
    if new:
        rows = [
            {
                "of": id_,
                "last": block.last,
                "first": block.first,
                "size": block.rows,
                "packed_times": block.times,
                "packed_data": block.data,
            }
            for id_, block in new
        ]
        connection.execute(_INSERT, rows)
        raise_packed_until(connection, max(block.last for _, block in new))


def insert_rows(connection: Connection, found: Unpacked) -> None:
    """Write readings one row each; they have left the order of arrival."""
    if not len(found.ids):
        return
    notes = found.notes or [""] * len(found.ids)
    numbers = [None if number != number else number for number in found.values.tolist()]
    columns = (found.ids.tolist(), found.micros.tolist(), numbers, notes)
    names = ("of", "micros", "number", "said")
    connection.execute(
        _INSERT_ROWS, [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]
    )


def make_room(
    connection: Connection, wanted: Mapping[tuple[int, int], tuple[float, str]]
) -> set[tuple[int, int]]:
    """Turn blocks in whose span something is about to be written into rows, where it is not as it was.

    Parameters
    ----------
    connection : Connection
        A transaction that writes.
    wanted : mapping
        Value and note by series and time in microseconds.

    Returns
    -------
    set of (int, int)
        What is in a block with that value and note already: its block stays.
    """
    times: dict[int, list[int]] = {}
    for id_, micros in wanted:
        times.setdefault(id_, []).append(micros)
    same: set[tuple[int, int]] = set()
    for part in chunks(sorted(times)):
        own = {id_: sorted(times[id_]) for id_ in part}
        ends = [end for each in own.values() for end in (each[0], each[-1])]
        query = select(*COLUMNS).where(
            one_of(connection, blocks.c.series_id, part),
            _block_end >= min(ends),
            type_coerce(blocks.c.first_time, BigInteger) <= max(ends),
        )
        given_up = []
        for row in connection.execute(query.order_by(blocks.c.series_id, blocks.c.last_time)).all():
            inside = [micros for micros in own[row.series_id] if row.first <= micros <= row.last]
            if not inside:
                continue
            kept = _contents(row)
            found = {(row.series_id, micros) for micros in inside}
            if all(
                micros in kept and _alike(kept[micros], wanted[row.series_id, micros]) for micros in inside
            ):
                same |= found
            else:
                given_up.append(row)
        replace_blocks(connection, [(row.series_id, row.last) for row in given_up], ())
        insert_rows(connection, unpack(given_up))
    return same


def _contents(row: Any) -> dict[int, tuple[float, str]]:
    found = unpack([row])
    notes = map(unescaped, found.notes) if found.notes else [""] * len(found.ids)
    pairs = zip(found.values.tolist(), notes, strict=True)
    return dict(zip(found.micros.tolist(), pairs, strict=True))


def _alike(one: tuple[float, str], other: tuple[float, str]) -> bool:
    both_unknown = one[0] != one[0] and other[0] != other[0]
    return one[1] == other[1] and (one[0] == other[0] or both_unknown)


def drop_packed_before(connection: Connection, time: datetime) -> None:
    """Drop what lies in blocks and is from before a time.

    Parameters
    ----------
    connection : Connection
        A transaction that writes.
    time : datetime
        Aware.
    """
    torn = select(*COLUMNS).where(blocks.c.first_time < time, blocks.c.last_time >= time)
    rows = connection.execute(torn.order_by(blocks.c.series_id, blocks.c.last_time)).all()
    connection.execute(delete(blocks).where(blocks.c.first_time < time))
    found = unpack(rows)
    insert_rows(connection, found.only(found.micros >= np.int64(to_micros(time))))
