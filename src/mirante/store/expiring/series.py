"""Series that are over and have only old readings, and the subjects that they were the last ones of."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Select, delete, exists, func, select

from mirante.store.database import Database
from mirante.store.dialect import chunks
from mirante.store.schema import baselines, cursors, readings, series, slice_windows, windows
from mirante.store.tallies import remove_series
from mirante.store.types import micros_of, to_micros

__all__ = ["expire_series"]

_AT_ONCE = 200  # series of one transaction, each with few readings
# What the cursors of a subject are called; after some of them a version follows.
_OF_SUBJECT = ("alias/{}", "retention/{}", "baseline/{}")
_OF_VERSIONS = ("log/{}/", "counted/{}/", "served/{}/", "backfill:{}:")
_EXPERIMENT = "experiment/"
_OF_EXPERIMENTS = (_EXPERIMENT, "traces/")  # by their ids: the name is inside


def expire_series(
    database: Database,
    subject: str,
    before: datetime,
    *,
    arrived: int,
    watched: bool,
    more: Callable[[], bool],
) -> int:
    """Remove the series of a subject that are over; see `ExpiringPart.series`."""
    query = _over(subject, to_micros(before), arrived, watched=watched)
    with database.reading() as snapshot:
        if snapshot.execute(query.limit(1)).first() is None:
            return 0
    gone = 0
    while more():
        with database.transaction() as connection:
            ids = connection.execute(query.limit(_AT_ONCE)).scalars().all()
            if ids:
                remove_series(connection, ids)
                gone += len(ids)
            if len(ids) < _AT_ONCE:
                if not watched and not _is_there(connection, subject):
                    _forget(connection, subject)
                return gone
    return gone


def _over(subject: str, limit: int, arrived: int, *, watched: bool) -> Select[Any]:
    mine = (readings.c.series_id == series.c.id) & (micros_of(readings) >= limit)
    query = select(series.c.id).where(series.c.subject == subject, ~exists().where(mine))
    ended = series.c.ended <= arrived
    query = query.where(ended if watched else ended | series.c.ended.is_(None))
    # SQLite would give the highest number again, and programs remember what it stood for
    every = series.alias()
    return query.where(series.c.id < select(func.max(every.c.id)).scalar_subquery()).order_by(series.c.id)


def _is_there(connection: Connection, subject: str) -> bool:
    """Say whether anything is left of a subject that has a time."""
    return any(
        connection.execute(select(table.c.subject).where(table.c.subject == subject).limit(1)).first()
        for table in (series, windows)
    )


def _forget(connection: Connection, subject: str) -> None:
    """Remove what stays of a subject that nobody watches: as one that comes back, it is a new one."""
    for table in (baselines, slice_windows):
        connection.execute(delete(table).where(table.c.subject == subject))
    for chunk in chunks([*_cursors(connection, subject), *_cursors_of_experiments(connection, subject)]):
        connection.execute(delete(cursors).where(cursors.c.name.in_(chunk)))


def _cursors(connection: Connection, subject: str) -> Iterator[str]:
    yield from (name.format(subject) for name in _OF_SUBJECT)
    longer = select(series.c.subject).where(series.c.subject.startswith(subject, autoescape=True))
    others = connection.execute(longer.distinct()).scalars().all()
    for kind in _OF_VERSIONS:
        begin = kind.format(subject)
        named = select(cursors.c.name).where(cursors.c.name.startswith(begin, autoescape=True))
        for name in connection.execute(named).scalars():
            # `table/a` is no part of `table/a/b`, which may be watched
            if not any(name.startswith(kind.format(other)) for other in others):
                yield name


def _cursors_of_experiments(connection: Connection, subject: str) -> Iterator[str]:
    if not subject.startswith(_EXPERIMENT):
        return
    for kind in _OF_EXPERIMENTS:
        of_kind = select(cursors).where(cursors.c.name.startswith(kind, autoescape=True))
        for row in connection.execute(of_kind):
            if row.value.get("name") == subject.removeprefix(_EXPERIMENT):
                yield row.name
