"""Readings that lie in blocks, as they are asked for: of some series, in an interval of time."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    FromClause,
    Integer,
    Select,
    and_,
    func,
    select,
    true,
    type_coerce,
    update,
)

from mirante.store.blocks.codec import Unpacked, unpack, unpack_times
from mirante.store.dialect import chunks, one_of, upsert
from mirante.store.schema import blocks, counters, series
from mirante.store.types import to_micros

__all__ = [
    "COLUMNS",
    "SPANS",
    "any_packed",
    "count_in_blocks",
    "no_readings",
    "packed_until",
    "raise_packed_until",
    "read_blocks",
    "read_newest",
    "times_in_blocks",
]

_UNTIL = "readings_packed"  # the counter of the greatest time in any block

# As they are kept: times in microseconds.
SPANS = (
    blocks.c.series_id,
    type_coerce(blocks.c.first_time, BigInteger).label("first"),
    type_coerce(blocks.c.last_time, BigInteger).label("last"),
    type_coerce(blocks.c.rows, Integer).label("size"),
    blocks.c.times,
)
COLUMNS = (*SPANS, blocks.c.data)
_UNTIL_QUERY = select(counters.c.value).where(counters.c.name == _UNTIL)
_SOME = 40  # readings of a block, at the least usually
_BEFORE_ALL = -(2**62)


def no_readings() -> Unpacked:
    """Return none."""
    return unpack(())


def packed_until(connection: Connection) -> int | None:
    """Return a time in microseconds after which nothing is in a block; None where there are no blocks."""
    found = connection.execute(_UNTIL_QUERY).scalar()
    return None if found is None else int(found)


def any_packed(connection: Connection, since: datetime | None = None) -> bool:
    """Say whether something from a time on may be in a block."""
    until = packed_until(connection)
    return until is not None and (since is None or to_micros(since) <= until)


def raise_packed_until(connection: Connection, last: int) -> None:
    """Keep what `packed_until` says true of a block that ends so."""
    connection.execute(upsert(connection, counters), {"name": _UNTIL, "value": last})
    own = (counters.c.name == _UNTIL) & (counters.c.value < last)
    connection.execute(update(counters).where(own).values(value=last))


def read_blocks(
    connection: Connection,
    ids: Sequence[int],
    since: datetime | None = None,
    until: datetime | None = None,
    *,
    above: float | None = None,
    notes: bool = True,
) -> Unpacked:
    """Return the readings of series in ``[since, until)`` that lie in blocks.

    Parameters
    ----------
    connection : Connection
        Where to read.
    ids : sequence of int
        Of the series.
    since, until : datetime, optional
        Half-open interval of time.
    above : float, optional
        Only readings that are greater.
    notes : bool
        Whether their notes are wanted.
    """
    if not ids or not any_packed(connection, since):
        return no_readings()
    rows: list[Any] = []
    for part in chunks(sorted(ids)):
        query = select(*COLUMNS).where(one_of(connection, blocks.c.series_id, part), *_reaching(since, until))
        rows += connection.execute(query.order_by(blocks.c.series_id, blocks.c.last_time)).all()
    return _inside(unpack(rows, notes=notes), since, until, above)


def read_newest(
    connection: Connection,
    ids: Sequence[int],
    points: int,
    since: datetime | None = None,
    until: datetime | None = None,
) -> Unpacked:
    """Return at least the newest `points` readings in ``[since, until)`` of each series, as far as in blocks.

    Parameters
    ----------
    connection : Connection
        Where to read.
    ids : sequence of int
        Of the series.
    points : int
        So many of each.
    since, until : datetime, optional
        Half-open interval of time.
    """
    if not ids or not any_packed(connection, since):
        return no_readings()
    found: list[Any] = []
    waiting, most = sorted(ids), 2 + points // _SOME
    while waiting:
        of: dict[int, list[Any]] = {}
        for part in chunks(waiting):
            for row in connection.execute(_newest_blocks(connection, part, most, since, until)):
                of.setdefault(row.series_id, []).append(row)
        # the last of them may reach beyond the interval
        waiting = [
            id_
            for id_, own in of.items()
            if len(own) == most and sum(row.size for row in own[: None if until is None else -1]) < points
        ]
        found += [row for id_, own in of.items() if id_ not in set(waiting) for row in own]
        most *= 4
    return _inside(unpack(found), since, until, None)


def _newest_blocks(
    connection: Connection, ids: Sequence[int], most: int, since: datetime | None, until: datetime | None
) -> Select[Any]:
    other = blocks.alias()
    ends = select(other.c.last_time).where(other.c.series_id == series.c.id, *_reaching(since, until, other))
    oldest = ends.order_by(other.c.last_time.desc()).limit(1).offset(most - 1).scalar_subquery()
    own = (blocks.c.series_id == series.c.id) & (
        type_coerce(blocks.c.last_time, BigInteger) >= func.coalesce(oldest, _BEFORE_ALL)
    )
    query = select(*COLUMNS).select_from(series.join(blocks, own)).where(*_reaching(since, until))
    query = query.where(one_of(connection, series.c.id, ids))
    return query.order_by(blocks.c.series_id, blocks.c.last_time)


def count_in_blocks(
    connection: Connection,
    ids: Sequence[int] | None,
    since: datetime | None = None,
    until: datetime | None = None,
) -> int:
    """Return how many readings in ``[since, until)`` lie in blocks, of some series or of all."""
    inside = [] if since is None else [blocks.c.first_time >= since]
    inside += [] if until is None else [blocks.c.last_time < until]
    total = 0
    for part in [None] if ids is None else chunks(sorted(ids)):
        own = true() if part is None else one_of(connection, blocks.c.series_id, part)
        whole = select(func.coalesce(func.sum(blocks.c.rows), 0)).where(own, *_reaching(since, until))
        if inside:
            torn = select(*SPANS).where(own, *_reaching(since, until), ~and_(*inside))
            total += sum(_count(row, since, until) for row in connection.execute(torn))
        total += int(connection.execute(whole.where(*inside)).scalar_one())
    return total


def times_in_blocks(
    connection: Connection,
    ids: Sequence[int],
    since: datetime | None,
    until: datetime | None,
    most: int,
) -> NDArray[np.int64]:
    """Return the first times in ``[since, until)`` of readings in blocks: `most` of all series together.

    Parameters
    ----------
    connection : Connection
        Where to read.
    ids : sequence of int
        Of the series.
    since, until : datetime, optional
        Half-open interval of time.
    most : int
        So many; where several series have a time, it comes as often.

    Returns
    -------
    ndarray of int64, shape (n,)
        In microseconds, ascending.
    """
    if not ids or not any_packed(connection, since):
        return np.empty(0, dtype=np.int64)
    rows: list[Any] = []
    for part in chunks(sorted(ids)):
        query = select(*SPANS).where(one_of(connection, blocks.c.series_id, part), *_reaching(since, until))
        rows += connection.execute(query).all()
    rows.sort(key=lambda row: row.last)
    # once blocks that are inside as a whole hold enough, what begins after them is not among the first
    held, bound = 0, None
    begin = None if since is None else to_micros(since)
    for row in rows:
        held += row.size if begin is None or row.first >= begin else 0
        if held >= most:
            bound = row.last
            break
    near = [row for row in rows if bound is None or row.first <= bound]
    found = [_between(unpack_times(*row[1:]), since, until) for row in near]
    return np.sort(np.concatenate(found))[:most] if found else np.empty(0, dtype=np.int64)


def _reaching(
    since: datetime | None, until: datetime | None, table: FromClause = blocks
) -> list[ColumnElement[bool]]:
    """Return what is true of blocks of which a part may be in an interval."""
    first = [] if since is None else [table.c.last_time >= since]
    return first if until is None else [*first, table.c.first_time < until]


def _between(micros: NDArray[np.int64], since: datetime | None, until: datetime | None) -> NDArray[np.int64]:
    begin = 0 if since is None else np.searchsorted(micros, to_micros(since))
    return micros[begin : len(micros) if until is None else np.searchsorted(micros, to_micros(until))]


def _count(row: Any, since: datetime | None, until: datetime | None) -> int:
    return len(_between(unpack_times(*row[1:]), since, until))


def _inside(found: Unpacked, since: datetime | None, until: datetime | None, above: float | None) -> Unpacked:
    chosen = np.ones(len(found.ids), dtype=np.bool_)
    if since is not None:
        chosen &= found.micros >= to_micros(since)
    if until is not None:
        chosen &= found.micros < to_micros(until)
    if above is not None:
        chosen &= found.values > above
    return found.only(chosen)
