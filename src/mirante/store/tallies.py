"""How many readings there are and when the oldest was, kept up as they are written.

To count them takes a second for ten million, and longer where the disk has to be asked.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, func, insert, select, update

from mirante.store.schema import counters
from mirante.store.types import from_micros, to_micros

__all__ = ["count_written", "readings_tally"]

_ROWS, _FIRST = "readings_rows", "readings_first"


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
