"""Readings in the store: written by upsert, read as series, as latest values, or in order of arrival."""

from __future__ import annotations

import hashlib
import json
import math
from collections import ChainMap
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import BigInteger, Connection, Float, Select, func, insert, select, type_coerce, update

from mirante.readings import Reading, subject_of
from mirante.store.database import Database
from mirante.store.dialect import chunks, upsert
from mirante.store.schema import counters, readings, series
from mirante.store.series import Series, page_end, read_series
from mirante.store.types import from_micros, to_micros

__all__ = ["ReadingsPart", "SubjectRow"]

_COUNTER = "readings"
# Time and value as they are kept: a type's own conversion, for each row, costs more than the query.
_POINT = (
    type_coerce(readings.c.time, BigInteger).label("micros"),
    type_coerce(readings.c.value, Float).label("number"),
    readings.c.note,
    readings.c.sequence,
)

_ANY_TIME = datetime(1970, 1, 1, tzinfo=UTC)
_Key = tuple[str, tuple[tuple[str, str], ...]]


@dataclass(frozen=True, slots=True)
class SubjectRow:
    """What the store knows of one subject: how many series, and from when to when."""

    subject: str
    series: int
    first_time: datetime
    last_time: datetime


class ReadingsPart:
    """Readings in a database; a `mirante.readings.Sink`.

    Parameters
    ----------
    database : Database
        Where they are kept.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._ids: dict[_Key, int] = {}  # committed series only; dict operations are atomic between threads
        # One of each committed series, which is never changed or removed.
        self._seen: dict[int, Reading] = {}

    def write(self, readings: Iterable[Reading], *, connection: Connection | None = None) -> int:
        """Write readings; the last one wins where series and time are the same.

        A reading that is in the store already, with the same value and note, changes nothing: it does not
        come up again in `after`.

        Parameters
        ----------
        readings : iterable of Reading
            What to write.
        connection : Connection, optional
            A transaction to join.

        Returns
        -------
        int
            How many readings were new or changed.
        """
        batch = {(reading.key, to_micros(reading.time)): reading for reading in readings}
        if not batch:
            return 0
        with self._database.writing(connection) as transaction:
            ids = self._series_ids(transaction, {key: batch[key, time] for key, time in batch})
            sequence = _reserve(transaction, len(batch)) - len(batch)
            rows = [
                {
                    "series_id": ids[key],
                    "time": reading.time,
                    "value": reading.value,
                    "note": reading.note,
                    "sequence": sequence + place,
                }
                for place, ((key, _), reading) in enumerate(batch.items(), start=1)
            ]
            return int(transaction.execute(_upsert(transaction), rows).rowcount)

    def _series_ids(self, connection: Connection, wanted: Mapping[_Key, Reading]) -> dict[_Key, int]:
        """Return the ids of series, adding those that are not there yet."""
        ids = {key: self._ids[key] for key in wanted if key in self._ids}
        missing = {_digest(key): key for key in wanted if key not in ids}
        if not missing:
            return ids
        new = [
            {
                "digest": digest,
                "name": wanted[key].name,
                "labels": dict(key[1]),
                "subject": subject_of(wanted[key].labels),
            }
            for digest, key in missing.items()
        ]
        connection.execute(upsert(connection, series), new)
        found: dict[_Key, int] = {}
        for chunk in chunks(list(missing)):
            query = select(series.c.digest, series.c.id).where(series.c.digest.in_(chunk))
            found |= {missing[bytes(row.digest)]: row.id for row in connection.execute(query)}
        # An id that is rolled back must not be remembered.
        self._database.on_commit(lambda: self._ids.update(found))
        return ids | found

    def series(
        self,
        name: str | Sequence[str] | None = None,
        *,
        subject: str | None = None,
        where: Mapping[str, str] | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        connection: Connection | None = None,
    ) -> list[Series]:
        """Return the series that fit, with their readings in ``[since, until)``.

        Parameters
        ----------
        name : str or sequence of str, optional
            Names of the readings; all when None.
        subject : str, optional
            What they are about.
        where : mapping of str to str, optional
            Labels that must be there with these values.
        since, until : datetime, optional
            Half-open interval of time.
        connection : Connection, optional
            A transaction to read in.

        Returns
        -------
        list of Series
            Ordered by name and labels; series without a reading in the interval are left out.
        """
        query = _select_series(name, subject)
        with self._database.reading(connection) as snapshot:
            return read_series(snapshot, query, since=since, until=until, where=where)

    def page_end(
        self,
        limit: int,
        name: str | Sequence[str] | None = None,
        *,
        subject: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        connection: Connection | None = None,
    ) -> datetime | None:
        """Return where a page of about `limit` readings ends, counted from the oldest.

        Parameters
        ----------
        limit : int
            About so many readings of all series together; those of one moment are never parted.
        name, subject, since, until, connection
            As in `series`.

        Returns
        -------
        datetime or None
            The ``until`` of this page and the ``since`` of the next one; None where this page is the last.
        """
        query = _select_series(name, subject)
        with self._database.reading(connection) as snapshot:
            return page_end(snapshot, query, limit, since=since, until=until)

    def latest(
        self,
        *,
        subject: str | None = None,
        names: Sequence[str] | None = None,
        most: int | None = None,
        connection: Connection | None = None,
    ) -> list[Reading]:
        """Return the newest reading of every series, ordered by name and labels.

        Parameters
        ----------
        subject : str, optional
            What they are about.
        names : sequence of str, optional
            Names of the readings; all when None.
        most : int, optional
            So many series of one subject at most, those that come first by name and labels; `series_counts`
            says how many there are.
        connection : Connection, optional
            A transaction to read in.

        Returns
        -------
        list of Reading
            One per series.
        """
        newer = readings.alias()
        newest = select(func.max(newer.c.time)).where(newer.c.series_id == series.c.id).correlate(series)
        own = (readings.c.series_id == series.c.id) & (readings.c.time == newest.scalar_subquery())
        # An outer join, because it makes SQLite go from the few series to the many readings.
        query = select(series.c.id, *_POINT).select_from(series.outerjoin(readings, own))
        if subject is not None:
            query = query.where(series.c.subject == subject)
        if names is not None:
            query = query.where(series.c.name.in_(list(names)))
        if most is not None:
            query = query.where(series.c.id.in_(_first_of_each(most)))
        with self._database.reading(connection) as snapshot:
            rows = [row for row in snapshot.execute(query).all() if row.micros is not None]
            found = self._readings(rows, snapshot, committed=connection is None)
        return sorted(found, key=lambda reading: reading.key)

    def series_counts(self, *, connection: Connection | None = None) -> dict[str, int]:
        """Return how many series each subject has, with readings or without."""
        query = select(series.c.subject, func.count()).group_by(series.c.subject)
        with self._database.reading(connection) as snapshot:
            return {subject: int(count) for subject, count in snapshot.execute(query)}

    def after(
        self, sequence: int, *, limit: int = 10_000, connection: Connection | None = None
    ) -> list[tuple[int, Reading]]:
        """Return the readings that arrived after a sequence number, in the order of arrival.

        A reading whose value or note was changed arrives again, under a new number, and no longer
        under the old one. Numbers may have gaps.

        Parameters
        ----------
        sequence : int
            The last number that the caller has seen; 0 for the beginning.
        limit : int
            At most so many.
        connection : Connection, optional
            A transaction to read in.

        Returns
        -------
        list of (int, Reading)
            Numbers ascending.
        """
        query = (
            select(readings.c.series_id, *_POINT)
            .where(readings.c.sequence > sequence)
            .order_by(readings.c.sequence)
            .limit(limit)
        )
        with self._database.reading(connection) as snapshot:
            rows = snapshot.execute(query).all()
            found = self._readings(rows, snapshot, committed=connection is None)
        return [(row[-1], reading) for row, reading in zip(rows, found, strict=True)]

    def _readings(self, rows: Sequence[Any], snapshot: Connection, *, committed: bool) -> list[Reading]:
        """Return the readings of rows that are the id of a series and `_POINT`."""
        first = self._first_of({row[0] for row in rows}, snapshot, committed=committed)
        times = {
            micros: from_micros(micros) for micros in {row[1] for row in rows}
        }  # of a tick, all have one
        return [
            first[id_].again(math.nan if number is None else number, times[micros], note)
            for id_, micros, number, note, _sequence in rows
        ]

    def _first_of(
        self, ids: Collection[int], snapshot: Connection, *, committed: bool
    ) -> Mapping[int, Reading]:
        """Return a reading of each series; its name and labels never change, so they are read once."""
        missing = [id_ for id_ in ids if id_ not in self._seen]
        # A transaction may see ids that it rolls back later; another series can get them then.
        new = self._seen if committed else {}
        for chunk in chunks(missing):
            query = select(series.c.id, series.c.name, series.c.labels).where(series.c.id.in_(chunk))
            for row in snapshot.execute(query):
                new[row.id] = Reading(row.name, 0.0, _ANY_TIME, row.labels)
        return ChainMap(new, self._seen) if new and not committed else self._seen

    def subjects(self, *, connection: Connection | None = None) -> list[SubjectRow]:
        """Return all subjects that have readings, ordered by name."""
        own = readings.c.series_id == series.c.id
        first = select(func.min(readings.c.time)).where(own).scalar_subquery()
        last = select(func.max(readings.c.time)).where(own).scalar_subquery()
        query = select(series.c.subject, first.label("first"), last.label("last")).order_by(series.c.subject)
        rows: dict[str, SubjectRow] = {}
        with self._database.reading(connection) as snapshot:
            for subject, start, end in snapshot.execute(query):
                if start is None:  # a series whose readings are gone
                    continue
                old = rows.get(subject, SubjectRow(subject, 0, start, end))
                rows[subject] = SubjectRow(
                    subject, old.series + 1, min(old.first_time, start), max(old.last_time, end)
                )
        return list(rows.values())

    def count(self, *, connection: Connection | None = None) -> int:
        """Return the number of readings in the store."""
        with self._database.reading(connection) as snapshot:
            return int(snapshot.execute(select(func.count()).select_from(readings)).scalar_one())


def _digest(key: _Key) -> bytes:
    return hashlib.blake2b(json.dumps(key).encode(), digest_size=16).digest()


def _upsert(connection: Connection) -> Any:
    changed = ["value", "note"]
    return upsert(connection, readings, update=[*changed, "sequence"], only_if_changed=changed)


def _reserve(connection: Connection, count: int) -> int:
    """Take `count` sequence numbers and return the last; the row stays locked until the commit."""
    step = update(counters).where(counters.c.name == _COUNTER).values(value=counters.c.value + count)
    if connection.execute(step).rowcount == 0:
        connection.execute(insert(counters).values(name=_COUNTER, value=count))
    query = select(counters.c.value).where(counters.c.name == _COUNTER)
    return int(connection.execute(query).scalar_one())


def _select_series(name: str | Sequence[str] | None, subject: str | None) -> Select[Any]:
    query = select(series)
    if name is not None:
        names = [name] if isinstance(name, str) else list(name)
        query = query.where(series.c.name.in_(names))
    if subject is not None:
        query = query.where(series.c.subject == subject)
    return query


def _first_of_each(most: int) -> Select[Any]:
    """Return the ids of so many series of each subject."""
    order = (series.c.name, series.c.labels, series.c.id)
    place = func.row_number().over(partition_by=series.c.subject, order_by=order).label("place")
    ranked = select(series.c.id, place).subquery()
    return select(ranked.c.id).where(ranked.c.place <= most)
