"""How many readings there are and when the oldest was, kept up as they are written.

To count them takes a second for ten million, and longer where the disk has to be asked. A program of a
release that knows nothing of the tally, or a hand at the database, makes it wrong; so the service counts anew
at its start and every few hours.
"""

from __future__ import annotations

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
from mirante.store.schema import counters, readings, series
from mirante.store.types import from_micros, to_micros

__all__ = ["count_written", "readings_tally", "recount", "reserve"]

_ROWS, _FIRST, _RECOUNTS = "readings_rows", "readings_first", "readings_recounts"


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
    own = counters.c.name == _ROWS
    connection.execute(update(counters).where(own).values(value=counters.c.value + rows))
    time = to_micros(oldest)
    older = (counters.c.name == _FIRST) & (counters.c.value > time)
    if connection.execute(update(counters).where(older).values(value=time)).rowcount == 0:
        known = select(func.count()).where(counters.c.name == _FIRST)
        if not connection.execute(known).scalar_one():
            connection.execute(insert(counters).values(name=_FIRST, value=time))


def readings_tally(connection: Connection) -> tuple[int, datetime | None]:
    """Return how many readings there are, and when the oldest was; None without any."""
    names = (_ROWS, _FIRST)
    query = select(counters.c.name, counters.c.value).where(counters.c.name.in_(names))
    found = {name: int(value) for name, value in connection.execute(query)}
    return found.get(_ROWS, 0), from_micros(found[_FIRST]) if _FIRST in found else None


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
    found, said, first, said_first, turn = (None if one is None else int(one) for one in seen)
    more = (found or 0) - (said or 0)
    if not more and first == said_first:
        return 0
    with database.writing() as connection:
        known = upsert(connection, counters)
        connection.execute(known, [{"name": _ROWS, "value": 0}, {"name": _RECOUNTS, "value": 0}])
        this = (counters.c.name == _RECOUNTS) & (counters.c.value == (turn or 0))
        if not connection.execute(update(counters).where(this).values(value=counters.c.value + 1)).rowcount:
            return 0  # somebody else put it right meanwhile
        own = counters.c.name == _ROWS
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
    micros = type_coerce(readings.c.time, BigInteger)
    first = select(func.min(micros).label("first")).where(readings.c.series_id == series.c.id)
    each = first.correlate(series).scalar_subquery()
    ends = select(each.label("first")).select_from(series).subquery()
    return select(
        select(func.count()).select_from(readings).scalar_subquery(),
        _counter(_ROWS),
        select(func.min(ends.c.first)).scalar_subquery(),
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
