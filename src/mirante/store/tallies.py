"""How many readings there are and when the oldest was, kept up as they are written.

To count them takes a second for ten million, and longer where the disk has to be asked. A program of a
release that knows nothing of the tally, or a hand at the database, makes it wrong; so the service counts anew
at its start and every few hours. Beside it, what else is counted on: numbers in the order of arrival, and
notices and series that were removed.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    Connection,
    ScalarSelect,
    Select,
    delete,
    func,
    insert,
    select,
    type_coerce,
    update,
)

from mirante.store.database import Database
from mirante.store.dialect import upsert
from mirante.store.schema import blocks, counters, readings, series
from mirante.store.types import from_micros, micros_of, to_micros

__all__ = [
    "ROWS",
    "count_gone",
    "count_written",
    "gone_notices",
    "readings_tally",
    "recount",
    "removals",
    "remove_series",
    "reserve",
]

ROWS, _FIRST, _RECOUNTS = "readings_rows", "readings_first", "readings_recounts"
_NOTICES, _TRIES = "notices_gone", "tries_gone"
_REMOVALS = "series_removals"


def count_written(connection: Connection, rows: int, oldest: datetime) -> None:
    """Count new readings; the counter of their sequence is locked meanwhile.

    Parameters
    ----------
    connection : Connection
        The transaction in which they were written.
    rows : int
        How many are new.
    oldest : datetime
        The least of their times.
    """
    if not rows:
        return
    own = counters.c.name == ROWS
    connection.execute(update(counters).where(own).values(value=counters.c.value + rows))
    time = to_micros(oldest)
    older = (counters.c.name == _FIRST) & (counters.c.value > time)
    if connection.execute(update(counters).where(older).values(value=time)).rowcount == 0:
        known = select(func.count()).where(counters.c.name == _FIRST)
        if not connection.execute(known).scalar_one():
            connection.execute(insert(counters).values(name=_FIRST, value=time))


def readings_tally(connection: Connection) -> tuple[int, datetime | None]:
    """Return how many readings there are, and when the oldest was; None without any."""
    names = (ROWS, _FIRST)
    query = select(counters.c.name, counters.c.value).where(counters.c.name.in_(names))
    found = {name: int(value) for name, value in connection.execute(query)}
    return found.get(ROWS, 0), from_micros(found[_FIRST]) if _FIRST in found else None


def recount(database: Database) -> int:
    """Count the readings and put the tally right; nobody who writes waits while they are counted.

    Parameters
    ----------
    database : Database
        The store's.

    Returns
    -------
    int
        How many readings there were more than the tally said; negative where there were fewer.
    """
    with database.reading() as snapshot:
        seen = snapshot.execute(_SEEN).one()
    rows, packed, said, *firsts, said_first, turn = (None if one is None else int(one) for one in seen)
    more = (rows or 0) + (packed or 0) - (said or 0)
    first = min((one for one in firsts if one is not None), default=None)
    if not more and first == said_first:
        return 0
    with database.writing() as connection:
        known = upsert(connection, counters)
        connection.execute(known, [{"name": ROWS, "value": 0}, {"name": _RECOUNTS, "value": 0}])
        this = (counters.c.name == _RECOUNTS) & (counters.c.value == (turn or 0))
        if not connection.execute(update(counters).where(this).values(value=counters.c.value + 1)).rowcount:
            return 0  # somebody else put it right meanwhile
        own = counters.c.name == ROWS
        # what was written since the snapshot is in the tally already
        connection.execute(update(counters).where(own).values(value=counters.c.value + more))
        if first != said_first:
            _correct_first(connection, said_first, first)
    return more


def _correct_first(connection: Connection, said: int | None, first: int | None) -> None:
    """Put the time of the oldest right, unless a still older one came meanwhile."""
    own = counters.c.name == _FIRST
    as_seen = own & (counters.c.value == said)
    if first is None:
        connection.execute(delete(counters).where(as_seen))
    elif said is None:
        connection.execute(upsert(connection, counters), {"name": _FIRST, "value": first})
        connection.execute(update(counters).where(own & (counters.c.value > first)).values(value=first))
    else:
        connection.execute(update(counters).where(as_seen).values(value=first))


def _counter(name: str) -> ScalarSelect[int]:
    return select(counters.c.value).where(counters.c.name == name).scalar_subquery()


def _select_seen() -> Select[Any]:
    """Select readings and tally in one statement, so that they are of one moment on every database."""
    # of each series the first, which is one step each: the oldest of all has no index
    micros = micros_of(readings)
    first = select(func.min(micros).label("first")).where(readings.c.series_id == series.c.id)
    each = first.correlate(series).scalar_subquery()
    ends = select(each.label("first")).select_from(series).subquery()
    packed = select(func.coalesce(func.sum(blocks.c.rows), 0)).scalar_subquery()
    return select(
        select(func.count()).select_from(readings).scalar_subquery(),
        packed,
        _counter(ROWS),
        select(func.min(ends.c.first)).scalar_subquery(),
        select(func.min(type_coerce(blocks.c.first_time, BigInteger))).scalar_subquery(),
        _counter(_FIRST),
        _counter(_RECOUNTS),
    )


_SEEN = _select_seen()


def reserve(connection: Connection, counter: str, count: int) -> int:
    """Take `count` sequence numbers and return the last; the row stays locked until the commit.

    Parameters
    ----------
    connection : Connection
        The transaction in which they are used.
    counter : str
        Whose: ``readings`` or ``labels``.
    count : int
        How many.
    """
    step = update(counters).where(counters.c.name == counter).values(value=counters.c.value + count)
    if connection.execute(step).rowcount == 0:
        connection.execute(insert(counters).values(name=counter, value=count))
    query = select(counters.c.value).where(counters.c.name == counter)
    return int(connection.execute(query).scalar_one())


def count_gone(connection: Connection, tally: Sequence[tuple[str, str, int, int]]) -> None:
    """Count notices that are removed: what is told of them to Prometheus only ever grows.

    Parameters
    ----------
    connection : Connection
        The transaction in which they are removed.
    tally : sequence of (str, str, int, int)
        Channel, status, how many, and how many tries they took.
    """
    for channel, status, count, tries in tally:
        reserve(connection, f"{_NOTICES}:{status}:{channel}", int(count))
        reserve(connection, f"{_TRIES}:{status}:{channel}", int(tries))


def gone_notices(connection: Connection) -> dict[tuple[str, str], tuple[int, int]]:
    """Return by channel and status how many notices were removed, and how many tries they had taken."""
    found: dict[tuple[str, str], list[int]] = {}
    for place, kind in enumerate((_NOTICES, _TRIES)):
        query = select(counters.c.name, counters.c.value).where(
            counters.c.name.startswith(f"{kind}:", autoescape=True)
        )
        for name, value in connection.execute(query):
            _, status, channel = name.split(":", 2)
            found.setdefault((channel, status), [0, 0])[place] = int(value)
    return {key: (count, tries) for key, (count, tries) in found.items()}


def removals(connection: Connection) -> int:
    """Return how often series were removed: whoever remembers ids of series asks anew after each time."""
    query = select(counters.c.value).where(counters.c.name == _REMOVALS)
    return int(connection.execute(query).scalar() or 0)


def remove_series(connection: Connection, ids: Sequence[int]) -> None:
    """Remove series with the readings that they have left.

    Parameters
    ----------
    connection : Connection
        A transaction.
    ids : sequence of int
        Of the series; at most as many as one query takes.
    """
    packed = select(func.coalesce(func.sum(blocks.c.rows), 0)).where(blocks.c.series_id.in_(ids))
    gone = int(connection.execute(packed).scalar_one())
    connection.execute(delete(blocks).where(blocks.c.series_id.in_(ids)))
    gone += connection.execute(delete(readings).where(readings.c.series_id.in_(ids))).rowcount
    connection.execute(delete(series).where(series.c.id.in_(ids)))
    own = counters.c.name == ROWS
    connection.execute(update(counters).where(own).values(value=counters.c.value - gone))
    reserve(connection, _REMOVALS, 1)
