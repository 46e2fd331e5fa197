"""Readings in the store: written by upsert, read as series, as latest values, or in order of arrival."""

from __future__ import annotations

import hashlib
import json
import math
from collections import ChainMap
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    Connection,
    Float,
    Select,
    Text,
    func,
    select,
    text,
    type_coerce,
)

from mirante.readings import Reading, subject_of
from mirante.store.blocks.reading import any_packed, count_in_blocks, packed_until
from mirante.store.blocks.writing import make_room
from mirante.store.capping import SeriesCap
from mirante.store.database import Database
from mirante.store.dialect import chunks, one_of, upsert
from mirante.store.history import History
from mirante.store.schema import blocks, readings, series
from mirante.store.series import Where, fits, of_all_rows, within
from mirante.store.tallies import count_written, removals, reserve
from mirante.store.types import from_json, from_micros, micros_of, to_micros, unescaped

__all__ = ["COUNTER", "ReadingsPart", "SubjectRow"]

COUNTER = "readings"
_PAST = "past"  # counts those that are below 0 in the order of arrival, and so never arrive
# As they are kept: a type's own conversion, for each row, costs more than the query.
_POINT = (
    micros_of(readings).label("micros"),
    type_coerce(readings.c.value, Float).label("number"),
    type_coerce(readings.c.note, Text).label("text"),
    readings.c.sequence,
)

_JSON = type_coerce(series.c.labels, Text).label("json")
_ARRIVES = text("mirante_readings.sequence > 0")  # literally: an index of those alone is found by it
_GOES_ON = series.c.ended.is_(None)
_ANY_TIME = datetime(1970, 1, 1, tzinfo=UTC)
_Key = tuple[str, tuple[tuple[str, str], ...]]


@dataclass(frozen=True, slots=True)
class SubjectRow:
    """What the store knows of one subject: how many series, and from when to when."""

    subject: str
    series: int
    first_time: datetime
    last_time: datetime


class ReadingsPart(History):
    """Readings in a database; a `mirante.readings.Sink`.

    Parameters
    ----------
    database : Database
        Where they are kept.
    cap : SeriesCap, optional
        How many series a subject may have.
    """

    def __init__(self, database: Database, cap: SeriesCap | None = None) -> None:
        super().__init__(database)
        self.cap = SeriesCap() if cap is None else cap
        self._ids: dict[_Key, int] = {}  # committed series only; dict operations are atomic between threads
        self._removals = 0
        # One of each committed series, which is never changed; nor does another get its id.
        self._seen: dict[int, Reading] = {}

    def write(
        self, readings: Iterable[Reading], *, arrive: bool = True, connection: Connection | None = None
    ) -> int:
        """Write readings; the last one wins where series and time are the same.

        A reading that is in the store already, with the same value and note, changes nothing: it does not
        come up again in `after`. One of a new series of a subject that has as many as it may is left out,
        which `cap` counts.

        Parameters
        ----------
        readings : iterable of Reading
            What to write.
        arrive : bool
            Whether they come up in `after`. What a past brings that nobody was there for does not: it is
            in series and charts, no rule judges it, and no sink sends it on.
        connection : Connection, optional
            A transaction to join.

        Returns
        -------
        int
            How many readings were new or changed.
        """
        batch: Mapping[tuple[_Key, int], Reading]
        batch = {(reading.key, to_micros(reading.time)): reading for reading in readings}
        if not batch:
            return 0
        with self._database.writing(connection) as transaction:
            ids = self._series_ids(transaction, {key: batch[key, time] for key, time in batch})
            if len(ids) < len({key for key, _ in batch}):  # of series that are too many
                batch = {place: reading for place, reading in batch.items() if place[0] in ids}
            batch = _not_as_packed(transaction, ids, batch)
            if not batch:
                return 0
            if arrive:
                sequence = reserve(transaction, COUNTER, len(batch)) - len(batch)
            else:
                sequence = -reserve(transaction, _PAST, len(batch)) - 1
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
            new = _changed(transaction, _insert_new(transaction), rows)
            count_written(transaction, new, min(reading.time for reading in batch.values()))
            if new == len(rows):  # as nearly always
                return new
            return new + _changed(transaction, _upsert(transaction, arrive), rows)

    def _series_ids(self, connection: Connection, wanted: Mapping[_Key, Reading]) -> dict[_Key, int]:
        """Return the ids of series, adding those that are not there yet."""
        if self._ids and (now := removals(connection)) != self._removals:
            self._ids, self._removals = {}, now  # which series went, nobody remembers
        ids = {key: self._ids[key] for key in wanted if key in self._ids}
        missing = {_digest(key): key for key in wanted if key not in ids}
        if not missing:
            return ids
        found = _known_ids(connection, missing)
        new: list[dict[str, Any]] = [
            {
                "digest": digest,
                "name": wanted[key].name,
                "labels": dict(key[1]),
                "subject": subject_of(wanted[key].labels),
            }
            for digest, key in missing.items()
            if key not in found
        ]
        new = self.cap.admitted(connection, new)
        if new:
            connection.execute(upsert(connection, series), new)
            made: list[bytes] = [row["digest"] for row in new]
            found |= _known_ids(connection, {digest: missing[digest] for digest in made})
        # An id that is rolled back must not be remembered.
        self._database.on_commit(lambda: self._ids.update(found))
        return ids | found

    def latest(
        self,
        *,
        subject: str | None = None,
        names: Sequence[str] | None = None,
        slices: bool = True,
        arrived: bool = False,
        connection: Connection | None = None,
    ) -> list[Reading]:
        """Return the newest reading of every series that is not over, ordered by name and labels.

        Parameters
        ----------
        subject : str, optional
            What they are about.
        names : sequence of str, optional
            Names of the readings; all when None.
        slices : bool, default True
            Whether those of slices are among them; else only those of all rows.
        arrived : bool, default False
            Whether only those count that come up in `after`; what a backfill brought does not.
        connection : Connection, optional
            A transaction to read in.

        Returns
        -------
        list of Reading
            One per series.
        """
        query = _select_newest(series.c.id, *_POINT, arrived=arrived)
        if subject is not None:
            query = query.where(series.c.subject == subject)
        if names is not None:
            query = query.where(series.c.name.in_(list(names)))
        if not slices:
            query = query.where(of_all_rows())
        with self._database.reading(connection) as snapshot:
            rows = [row for row in snapshot.execute(query).all() if row.micros is not None]
            found = self._readings(rows, snapshot, committed=connection is None)
        return sorted(found, key=lambda reading: reading.key)

    def newest(self, *, most: int) -> list[Any]:
        """Return the newest number of every series that is not over as a row: it is all that changes of it.

        What a backfill brought never arrived, and is not among them.

        Parameters
        ----------
        most : int
            So many series of one subject at most, those that come first by name and labels; `series_counts`
            says how many there are.

        Returns
        -------
        list of Row
            ``id`` of the series (see `names_of`), ``micros`` since 1970, ``number`` (None for NaN); in no
            order.
        """
        crowded = [subject for subject, count in self.series_counts().items() if count > most]
        query = _select_newest(series.c.id, *_POINT[:2], arrived=True)
        with self._database.reading() as snapshot:
            if crowded:  # to find the first ones takes as long as to read them
                few = series.c.subject.not_in(crowded)
                query = query.where(few | series.c.id.in_(_first_of_each(most, crowded)))
            return [row for row in snapshot.execute(query).all() if row.micros is not None]

    def names_of(self, ids: Collection[int]) -> Iterator[tuple[int, str, Mapping[str, str]]]:
        """Give the id, the name and the labels of series; they never change.

        Parameters
        ----------
        ids : collection of int
            As they are in `newest`.
        """
        unseen = []
        for id_ in ids:
            if (known := self._seen.get(id_)) is None:
                unseen.append(id_)
            else:
                yield id_, known.name, known.labels
        if unseen:
            with self._database.reading() as snapshot:
                yield from _names_of(unseen, snapshot)

    def series_counts(self, *, connection: Connection | None = None) -> dict[str, int]:
        """Return how many series each subject has that are not over, with readings or without."""
        query = select(series.c.subject, func.count()).where(_GOES_ON).group_by(series.c.subject)
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
            .where(readings.c.sequence > sequence, _ARRIVES)
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
            first[id_].again(math.nan if number is None else number, times[micros], note and unescaped(note))
            for id_, micros, number, note, _sequence in rows
        ]

    def _first_of(
        self, ids: Collection[int], snapshot: Connection, *, committed: bool
    ) -> Mapping[int, Reading]:
        """Return a reading of each series; its name and labels never change, so they are read once."""
        missing = [id_ for id_ in ids if id_ not in self._seen]
        # A transaction may see ids that it rolls back later; another series can get them then.
        new = self._seen if committed else {}
        for id_, name, labels in _names_of(missing, snapshot):
            new[id_] = Reading(name, 0.0, _ANY_TIME, labels)
        return ChainMap(new, self._seen) if new and not committed else self._seen

    def subjects(
        self, only: Sequence[str] | None = None, *, connection: Connection | None = None
    ) -> list[SubjectRow]:
        """Return subjects that have readings, ordered by name.

        Parameters
        ----------
        only : sequence of str, optional
            Not more than these; all when None.
        connection : Connection, optional
            A transaction to read in.
        """
        mine = readings.c.series_id == series.c.id
        first = select(func.min(readings.c.time)).where(mine).scalar_subquery()
        last = select(func.max(readings.c.time)).where(mine).scalar_subquery()
        # the newest is never in a block, the oldest may be
        packed = select(blocks.c.first_time).where(blocks.c.series_id == series.c.id)
        packed_first = packed.order_by(blocks.c.last_time).limit(1).scalar_subquery()
        each = select(
            series.c.subject, first.label("first"), last.label("last"), packed_first.label("packed")
        )
        rows: list[SubjectRow] = []
        with self._database.reading(connection) as snapshot:
            for part in [None] if only is None else chunks(sorted(only)):
                own = each if part is None else each.where(series.c.subject.in_(part))
                # An offset of nothing keeps the database from looking for the ends again at each mention.
                ends = own.offset(0).subquery()
                begin = ends.c.first  # None for a series whose readings are gone
                query = (
                    select(
                        ends.c.subject,
                        func.count(begin),
                        func.min(begin),
                        func.max(ends.c.last),
                        func.min(ends.c.packed),
                    )
                    .where(begin.is_not(None))
                    .group_by(ends.c.subject)
                    .order_by(ends.c.subject)
                )
                rows += [
                    SubjectRow(subject, count, begun if packed is None else min(begun, packed), last)
                    for subject, count, begun, last, packed in snapshot.execute(query)
                ]
        return rows

    def subject_names(self, *, connection: Connection | None = None) -> list[str]:
        """Return the subjects of all series, ordered by name; readings of some may be gone."""
        query = select(series.c.subject).distinct().order_by(series.c.subject)
        with self._database.reading(connection) as snapshot:
            return list(snapshot.scalars(query))

    def count(
        self,
        names: Sequence[str] | None = None,
        *,
        where: Where | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        connection: Connection | None = None,
    ) -> int:
        """Return the number of readings in the store: all, or those that fit; see `series` for which."""
        with self._database.reading(connection) as snapshot:
            query = select(func.count()).select_from(readings).where(*within(readings, since, until))
            wanted = select(series.c.id, series.c.labels)
            wanted = wanted if names is None else wanted.where(series.c.name.in_(list(names)))
            ids: list[int] | None = None
            if where is not None:
                ids = [id_ for id_, labels in snapshot.execute(wanted) if fits(labels, where)]
                parts = [query.where(readings.c.series_id.in_(part)) for part in chunks(ids)]
            elif names is not None:
                parts = [query.where(readings.c.series_id.in_(wanted.with_only_columns(series.c.id)))]
            else:
                parts = [query]
            rows = sum(int(snapshot.execute(part).scalar_one()) for part in parts)
            if not any_packed(snapshot, since):
                return rows
            if ids is None and names is not None:
                ids = list(snapshot.scalars(wanted.with_only_columns(series.c.id)))
            return rows + count_in_blocks(snapshot, ids, since, until)

    def known(
        self, names: Sequence[str], *, most: int = 10_000, connection: Connection | None = None
    ) -> dict[str, list[dict[str, str]]]:
        """Return the labels of the series of some names, by name; so many series at most.

        Parameters
        ----------
        names : sequence of str
            Names of readings.
        most : int
            Of all of them together.
        connection : Connection, optional
            A transaction to read in.
        """
        query = select(series.c.name, _JSON).where(series.c.name.in_(list(names))).limit(most)
        found: dict[str, list[dict[str, str]]] = {}
        with self._database.reading(connection) as snapshot:
            rows = snapshot.execute(query).all()
        for row, labels in zip(rows, _parsed(rows), strict=True):
            found.setdefault(row.name, []).append(labels)
        return found

    def names(self, *, connection: Connection | None = None) -> dict[str, int]:
        """Return how many series there are of each name."""
        query = select(series.c.name, func.count()).group_by(series.c.name)
        with self._database.reading(connection) as snapshot:
            return {name: int(count) for name, count in snapshot.execute(query)}


def _not_as_packed(
    connection: Connection, ids: Mapping[_Key, int], batch: Mapping[tuple[_Key, int], Reading]
) -> Mapping[tuple[_Key, int], Reading]:
    """Return the readings that are in no block yet as they are, and have their places free of blocks."""
    until = packed_until(connection)
    late = () if until is None else [place for place in batch if place[1] <= until]
    if not late:  # as nearly always
        return batch
    own = {(ids[key], micros): (batch[key, micros].value, batch[key, micros].note) for key, micros in late}
    same = make_room(connection, own)
    return {place: one for place, one in batch.items() if (ids[place[0]], place[1]) not in same}


def _digest(key: _Key) -> bytes:
    return hashlib.blake2b(json.dumps(key).encode(), digest_size=16).digest()


def _known_ids(connection: Connection, digests: Mapping[bytes, _Key]) -> dict[_Key, int]:
    """Return the ids of those series that are there."""
    found: dict[_Key, int] = {}
    for chunk in chunks(list(digests)):
        query = select(series.c.digest, series.c.id).where(series.c.digest.in_(chunk))
        found |= {digests[bytes(row.digest)]: row.id for row in connection.execute(query)}
    return found


def _changed(connection: Connection, statement: Any, rows: list[dict[str, Any]]) -> int:
    """Run an insert for many rows, and return how many it changed."""
    # of an insert for many rows, SQLAlchemy forgets the number unless it is asked to keep it
    done = connection.execute(statement, rows, execution_options={"preserve_rowcount": True})
    return int(done.rowcount)


def _insert_new(connection: Connection) -> Any:
    return upsert(connection, readings)


def _upsert(connection: Connection, arrive: bool) -> Any:
    changed = ["value", "note"]
    # one that is on its way still arrives, with what it is now
    moved = ["sequence"] if arrive else []
    return upsert(connection, readings, update=[*changed, *moved], only_if_changed=changed)


def _names_of(ids: Sequence[int], snapshot: Connection) -> Iterator[tuple[int, str, dict[str, str]]]:
    """Give the id, the name and the labels of series."""
    query = select(series.c.id, series.c.name, _JSON)
    for chunk in chunks(ids):
        rows = snapshot.execute(query.where(one_of(snapshot, series.c.id, chunk))).all()
        yield from zip((row.id for row in rows), (row.name for row in rows), _parsed(rows), strict=True)


def _parsed(rows: Sequence[Any]) -> list[dict[str, str]]:
    """Return the labels of rows with `_JSON`: together, for a tenth of what a call for each costs."""
    labels: list[dict[str, str]] = from_json(f"[{','.join(row.json for row in rows)}]")
    return labels


def _select_newest(*columns: Any, arrived: bool) -> Select[Any]:
    newer = readings.alias()
    newest = select(func.max(newer.c.time)).where(newer.c.series_id == series.c.id).correlate(series)
    if arrived:
        newest = newest.where(newer.c.sequence > 0)
    own = (readings.c.series_id == series.c.id) & (readings.c.time == newest.scalar_subquery())
    # An outer join, because it makes SQLite go from the few series to the many readings.
    return select(*columns).select_from(series.outerjoin(readings, own)).where(_GOES_ON)


def _first_of_each(most: int, subjects: Sequence[str]) -> Select[Any]:
    """Return the ids of so many series of each subject."""
    order = (series.c.name, series.c.labels, series.c.id)
    place = func.row_number().over(partition_by=series.c.subject, order_by=order).label("place")
    ranked = select(series.c.id, place).where(series.c.subject.in_(subjects), _GOES_ON).subquery()
    return select(ranked.c.id).where(ranked.c.place <= most)
