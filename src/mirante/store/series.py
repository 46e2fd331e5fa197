"""Series: how readings of one name and one set of labels come out of the store, as arrays."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from types import MappingProxyType
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import (
    ColumnElement,
    Connection,
    Float,
    Select,
    Text,
    and_,
    func,
    select,
    type_coerce,
)

from mirante.readings import SLICE
from mirante.store.blocks.codec import Unpacked
from mirante.store.blocks.reading import (
    any_packed,
    count_in_blocks,
    packed_until,
    read_blocks,
    read_newest,
    times_in_blocks,
)
from mirante.store.dialect import chunks
from mirante.store.schema import readings, series
from mirante.store.types import from_micros, micros_of, unescaped

__all__ = [
    "POINT",
    "Points",
    "Series",
    "Where",
    "fits",
    "has_more",
    "in_order",
    "of_all_rows",
    "page_end",
    "read_recent",
    "read_series",
    "select_points",
    "within",
]

Where: TypeAlias = "Mapping[str, str] | Callable[[Mapping[str, str]], bool]"
_BEFORE_ALL = -(2**62)
_MICROSECOND = timedelta(microseconds=1)
_ESCAPE = "\x1b"  # begins what `unescaped` undoes


@dataclass(frozen=True, slots=True)
class Series:
    """One series: a name, labels, and its readings in the order of time.

    Parameters
    ----------
    name : str
        Name of the readings.
    labels : mapping of str to str
        Their labels.
    subject : str
        What they are about.
    times : ndarray of datetime64[us], shape (n,)
        Times in UTC, strictly ascending.
    values : ndarray of float64, shape (n,)
        Values; NaN where unknown.
    notes : tuple of str
        One note per reading, mostly empty.
    """

    name: str
    labels: Mapping[str, str]
    subject: str
    times: NDArray[np.datetime64]
    values: NDArray[np.float64]
    notes: tuple[str, ...]


def read_series(
    connection: Connection,
    query: Select[Any],
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    where: Where | None = None,
    above: float | None = None,
) -> list[Series]:
    """Return series with their readings in ``[since, until)``, ordered by name and labels.

    Parameters
    ----------
    connection : Connection
        Where to read.
    query : Select
        Rows of the table of series.
    since, until : datetime, optional
        Half-open interval of time.
    where : mapping of str to str, or callable, optional
        Labels that must be there with these values, or what says of labels whether they are wanted.
    above : float, optional
        Only readings that are greater.

    Returns
    -------
    list of Series
        Without those that have no reading in the interval.
    """
    found = {row.id: row for row in connection.execute(query) if fits(row.labels, where)}
    result = []
    for chunk in chunks(list(found)):
        chosen = select_points(chunk, since, until)
        chosen = chosen if above is None else chosen.where(readings.c.value > above)
        packed = read_blocks(connection, chunk, since, until, above=above)
        points = Points.of(connection.execute(chosen).all()).merged(packed)
        result += [points.series(found[id_], part) for id_, part in points.parts()]
    return in_order(result)


def in_order(found: Iterable[Series]) -> list[Series]:
    """Return series in the order of name and labels."""
    return sorted(found, key=lambda one: (one.name, sorted(one.labels.items())))


def read_recent(
    connection: Connection,
    query: Select[Any],
    points: int,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
) -> list[Series]:
    """Return series with their newest readings in ``[since, until)``, ordered by name and labels.

    Parameters
    ----------
    connection : Connection
        Where to read.
    query : Select
        Rows of the table of series.
    points : int
        So many readings of each series at most.
    since, until : datetime, optional
        Half-open interval of time.

    Returns
    -------
    list of Series
        Without those that have no reading in the interval.
    """
    found = {row.id: row for row in connection.execute(query)}
    older = readings.alias()
    inside = [older.c.series_id == series.c.id, *within(older, since, until)]
    last = select(micros_of(older)).where(*inside).order_by(older.c.time.desc())
    oldest = func.coalesce(last.limit(1).offset(points - 1).scalar_subquery(), _BEFORE_ALL)
    newer = [micros_of(readings) >= oldest, *within(readings, since, until)]
    own = and_(readings.c.series_id == series.c.id, *newer)
    # An outer join, because it makes SQLite go from the few series to the many readings.
    few = query.with_only_columns(series.c.id, *POINT, maintain_column_froms=True)
    few = few.select_from(series.outerjoin(readings, own)).order_by(series.c.id, readings.c.time)
    newest = Points.of([row for row in connection.execute(few).all() if row[1] is not None])
    packed = read_newest(connection, _to_complete(connection, found, newest, points), points, since, until)
    newest = newest.merged(packed)
    return in_order(
        newest.series(found[id_], slice(max(part.start, part.stop - points), part.stop))
        for id_, part in newest.parts()
    )


def _to_complete(connection: Connection, ids: Iterable[int], newest: Points, points: int) -> Sequence[int]:
    """Return the series whose newest readings may be in blocks: rows are fewer, or older than some block."""
    until = packed_until(connection)
    if until is None:
        return ()
    complete = {
        id_
        for id_, part in newest.parts()
        if part.stop - part.start == points and newest.micros[part.start] > until
    }
    return sorted(set(ids) - complete)


# Raw microseconds, numbers and notes: numpy takes them as they are, which saves a call for each.
POINT = (
    micros_of(readings).label("micros"),
    type_coerce(readings.c.value, Float).label("number"),
    type_coerce(readings.c.note, Text).label("note"),
)


def within(table: Any, since: datetime | None, until: datetime | None) -> list[ColumnElement[bool]]:
    """Return what is true of readings in an interval."""
    first = [] if since is None else [table.c.time >= since]
    return first if until is None else [*first, table.c.time < until]


def page_end(
    connection: Connection,
    query: Select[Any],
    limit: int,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
) -> datetime | None:
    """Return where a page of about `limit` readings ends, oldest first; readings of one moment stay together.

    Parameters
    ----------
    connection : Connection
        Where to read.
    query : Select
        Rows of the table of series.
    limit : int
        At least one.
    since, until : datetime, optional
        Half-open interval of time.

    Returns
    -------
    datetime or None
        The time of the first reading of the next page; None where all that is left fits.
    """
    end = _nth_time(connection, query, limit, since, until)
    if end is None or _nth_time(connection, query, 0, since, until) != end:
        return end
    # More than a page at one moment: the page is that whole moment.
    return _nth_time(connection, query, 0, end + _MICROSECOND, until)


def _nth_time(
    connection: Connection, query: Select[Any], place: int, since: datetime | None, until: datetime | None
) -> datetime | None:
    """Return the time of the reading that has so many before it; None where there are no more."""
    ids = query.with_only_columns(series.c.id)
    fits = [readings.c.series_id.in_(ids), *within(readings, since, until)]
    times = select(micros_of(readings)).where(*fits).order_by(readings.c.time)
    own = list(connection.scalars(ids)) if any_packed(connection, since) else []
    packed = times_in_blocks(connection, own, since, until, place + 1)
    if not len(packed):
        found = connection.execute(times.offset(place).limit(1)).scalar()
        return None if found is None else from_micros(int(found))
    rows = np.array(connection.scalars(times.limit(place + 1)).all(), dtype=np.int64)
    every = np.sort(np.concatenate((packed, rows)))
    return from_micros(int(every[place])) if place < len(every) else None


def has_more(
    connection: Connection,
    query: Select[Any],
    count: int,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
) -> bool:
    """Say whether series have more than so many readings in ``[since, until)``."""
    ids = query.with_only_columns(series.c.id)
    fits = [readings.c.series_id.in_(ids), *within(readings, since, until)]
    one_more = select(readings.c.series_id).where(*fits).limit(1).offset(count)
    if connection.execute(one_more).first() is not None:
        return True
    if not any_packed(connection, since):
        return False
    packed = count_in_blocks(connection, list(connection.scalars(ids)), since, until)
    rows = select(func.count()).select_from(readings).where(*fits)
    return packed > 0 and packed + int(connection.execute(rows).scalar_one()) > count


def select_points(
    ids: Sequence[int], since: datetime | None, until: datetime | None, *, notes: bool = True
) -> Select[Any]:
    """Return the readings of some series, for `Points`."""
    query = select(readings.c.series_id, *(POINT if notes else POINT[:2])).where(
        readings.c.series_id.in_(ids)
    )
    return query.where(*within(readings, since, until)).order_by(readings.c.series_id, readings.c.time)


def of_all_rows() -> ColumnElement[bool]:
    """Return what is true of series that are of no slice: labels are kept as compact JSON."""
    # a quotation mark within a name or value is escaped, so that only the label itself looks like this
    return ~type_coerce(series.c.labels, Text).contains(f'"{SLICE}":', autoescape=True)


def fits(labels: Mapping[str, str], where: Where | None) -> bool:
    """Say whether labels are wanted."""
    if where is None or callable(where):
        return where is None or where(labels)
    return all(labels.get(name) == value for name, value in where.items())


def _unescaped(notes: Sequence[str]) -> Sequence[str]:
    return tuple(map(unescaped, notes)) if _ESCAPE in "".join(notes) else notes  # rarely


@dataclass(frozen=True, slots=True)
class Points:
    """Rows of a series' id, time and number, and note if it was asked for, as columns.

    The rows of one series stand together.
    """

    ids: NDArray[np.int64]
    micros: NDArray[np.int64]
    values: NDArray[np.float64]
    notes: Sequence[str]

    @classmethod
    def of(cls, rows: Sequence[Any]) -> Points:
        """Return the columns of rows."""
        ids, micros, numbers, *more = zip(*rows, strict=True) if rows else ((), (), ())
        notes = _unescaped(more[0]) if more else ("",) * len(ids)
        values = np.array(numbers, dtype=np.float64)  # None becomes NaN
        return cls(np.array(ids, dtype=np.int64), np.array(micros, dtype=np.int64), values, notes)

    def merged(self, packed: Unpacked) -> Points:
        """Return these rows and the readings of blocks, in the order of series and time."""
        if not len(packed.ids):
            return self
        said = _unescaped(packed.notes) if packed.notes else ("",) * len(packed.ids)
        ids = np.concatenate((packed.ids, self.ids))
        micros = np.concatenate((packed.micros, self.micros))
        order = np.lexsort((micros, ids))
        values = np.concatenate((packed.values, self.values))[order]
        notes = [*said, *self.notes]
        return Points(ids[order], micros[order], values, [notes[place] for place in order.tolist()])

    def highest(self) -> Points:
        """Return of each series the greatest value of each time, where a time may come several times."""
        if not len(self.ids):
            return self
        new = np.diff(self.ids, prepend=self.ids[0] - 1) != 0
        starts = np.flatnonzero(new | (np.diff(self.micros, prepend=self.micros[0] - 1) != 0))
        greatest = np.maximum.reduceat(self.values, starts)
        return Points(self.ids[starts], self.micros[starts], greatest, ("",) * len(starts))

    def parts(self) -> Iterator[tuple[int, slice]]:
        """Give the id of each series and where its rows are."""
        if len(self.ids):
            starts = [0, *(np.flatnonzero(np.diff(self.ids)) + 1).tolist(), len(self.ids)]
            yield from ((int(self.ids[start]), slice(start, end)) for start, end in pairwise(starts))

    def series(self, row: Any, part: slice, keep: NDArray[np.intp] | None = None) -> Series:
        """Return the readings of a part, or those that are kept of it, as a series.

        Parameters
        ----------
        row : Row
            Of the table of series.
        part : slice
            See `parts`.
        keep : ndarray of int, optional
            Places in the part, ascending.
        """
        micros, values, notes = self.micros[part], self.values[part], self.notes[part]
        if keep is not None:
            micros, values, notes = micros[keep], values[keep], [notes[place] for place in keep.tolist()]
        times = micros.view("datetime64[us]")
        return Series(row.name, MappingProxyType(row.labels), row.subject, times, values, tuple(notes))
