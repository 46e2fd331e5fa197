"""Series: how readings of one name and one set of labels come out of the store, as arrays.

A chart has about a thousand pixels, and a store may hold a million readings for it: `read_thinned` and
`read_highest` have the database choose the few that are seen, `read_recent` reads the last ones only.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import (
    CTE,
    BigInteger,
    ColumnElement,
    Connection,
    Float,
    Select,
    Text,
    func,
    literal,
    select,
    true,
    type_coerce,
)

from mirante.store.dialect import chunks
from mirante.store.schema import readings, series
from mirante.store.types import to_micros, unescaped

__all__ = ["Series", "page_end", "read_highest", "read_recent", "read_series", "read_thinned"]

_BEFORE_ALL = -(2**62)


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
    where: Mapping[str, str] | None = None,
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
    where : mapping of str to str, optional
        Labels that must be there with these values.

    Returns
    -------
    list of Series
        Without those that have no reading in the interval.
    """
    found = {row.id: row for row in connection.execute(query) if _fits(row.labels, where)}
    result = []
    for chunk in chunks(list(found)):
        rows = connection.execute(_select_points(chunk, since, until)).all()
        result += [_series(found[part[0].series_id], part) for part in _by_series(rows)]
    return _sorted(result)


def _sorted(found: Iterable[Series]) -> list[Series]:
    return sorted(found, key=lambda one: (one.name, sorted(one.labels.items())))


def read_recent(connection: Connection, query: Select[Any], points: int) -> list[Series]:
    """Return series with their newest readings, ordered by name and labels.

    Parameters
    ----------
    connection : Connection
        Where to read.
    query : Select
        Rows of the table of series.
    points : int
        So many readings of each series at most.

    Returns
    -------
    list of Series
        Without those that have no reading.
    """
    found = {row.id: row for row in connection.execute(query)}
    older = readings.alias()
    last = select(_micros(older)).where(older.c.series_id == series.c.id).order_by(older.c.time.desc())
    oldest = func.coalesce(last.limit(1).offset(points - 1).scalar_subquery(), _BEFORE_ALL)
    own = (readings.c.series_id == series.c.id) & (_micros(readings) >= oldest)
    # An outer join, because it makes SQLite go from the few series to the many readings.
    few = query.with_only_columns(series.c.id, *_POINT, maintain_column_froms=True)
    few = few.select_from(series.outerjoin(readings, own)).order_by(series.c.id, readings.c.time)
    rows = [row for row in connection.execute(few).all() if row[1] is not None]
    return _sorted(_series(found[part[0][0]], part) for part in _by_series(rows))


def read_thinned(
    connection: Connection,
    query: Select[Any],
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    points: int,
    most: int | None = None,
) -> list[Series]:
    """Return series in ``[since, until)``, of long ones the least and the greatest reading of each stretch.

    The stretches of time are alike in all series and as long as the series are together, so that a chart
    of them has at most two readings for each of ``points / 2`` places. A peak is never lost; a stretch
    in which all is NaN keeps one.

    Parameters
    ----------
    connection : Connection
        Where to read.
    query : Select
        Rows of the table of series.
    since, until : datetime, optional
        Half-open interval of time.
    points : int
        So many readings of each series at most; shorter ones are whole.
    most : int, optional
        So many series at most: those that reach highest.

    Returns
    -------
    list of Series
        Ordered by name and labels, without those that have no reading in the interval.
    """
    rows = [
        row for row in connection.execute(_probe(query, since, until, points, most)) if row.first is not None
    ]
    if most is not None:
        rows = sorted(rows, key=lambda row: (row.peak is None, -(row.peak or 0.0)))[:most]
    found = {row.id: row for row in rows}
    whole = [row.id for row in rows if row.more is None]
    long = [row for row in rows if row.more is not None]
    points_of: list[Any] = []
    for chunk in chunks(whole):
        points_of += _by_series(connection.execute(_select_points(chunk, since, until)).all())
    if long:
        first, last = min(row.first for row in long), max(row.last for row in long)
        step = -(-(last + 1 - first) // max(points // 2, 1))
        for chunk in chunks([row.id for row in long]):
            chosen = connection.execute(_select_extremes(chunk, _Stretches.of(first, last, step))).all()
            points_of += _by_series([row for row in chosen if row[1] is not None])
    return _sorted(_series(found[part[0][0]], part) for part in points_of)


def read_highest(
    connection: Connection,
    query: Select[Any],
    *,
    since: datetime,
    until: datetime,
    step: timedelta,
) -> list[Series]:
    """Return the greatest value of each series in each step of time from `since` until `until`.

    Parameters
    ----------
    connection : Connection
        Where to read.
    query : Select
        Rows of the table of series.
    since, until : datetime
        Half-open interval of time.
    step : timedelta
        How long a step is.

    Returns
    -------
    list of Series
        Each value at the beginning of its step, without notes; steps and series without any are left out.
    """
    found = {row.id: row for row in connection.execute(query)}
    width = step // timedelta(microseconds=1)
    stretches = _Stretches.of(to_micros(since), to_micros(until) - 1, width)
    points_of: list[Any] = []
    for chunk in chunks(list(found)):
        each = _values_in(stretches, chunk, greatest=func.max).add_columns(literal("").label("note"))
        rows = connection.execute(each.order_by(series.c.id, stretches.table.c.begin)).all()
        points_of += _by_series([row for row in rows if row[2] is not None])
    return _sorted(_series(found[part[0][0]], part) for part in points_of)


def _micros(table: Any) -> ColumnElement[int]:
    return type_coerce(table.c.time, BigInteger)


# Raw microseconds, numbers and notes: numpy takes them as they are, which saves a call for each.
_POINT = (
    _micros(readings).label("micros"),
    type_coerce(readings.c.value, Float).label("number"),
    type_coerce(readings.c.note, Text).label("note"),
)


def _within(table: Any, since: datetime | None, until: datetime | None) -> list[ColumnElement[bool]]:
    first = [] if since is None else [table.c.time >= since]
    return first if until is None else [*first, table.c.time < until]


def _probe(
    query: Select[Any], since: datetime | None, until: datetime | None, points: int, most: int | None
) -> Select[Any]:
    """Ask of each series when it begins and ends, and whether it has more than so many readings."""
    own = readings.alias()
    inside = [own.c.series_id == series.c.id, *_within(own, since, until)]
    ends = (func.min(_micros(own)).label("first"), func.max(_micros(own)).label("last"))
    columns = [select(end).where(*inside).scalar_subquery().label(end.name) for end in ends]
    beyond = select(_micros(own)).where(*inside).order_by(own.c.time).limit(1).offset(points)
    columns.append(beyond.scalar_subquery().label("more"))
    if most is not None:
        columns.append(select(func.max(own.c.value)).where(*inside).scalar_subquery().label("peak"))
    return query.add_columns(*columns)


@dataclass(frozen=True, slots=True)
class _Stretches:
    """Stretches of time of one length, the last of them ending with `last`; all in microseconds."""

    table: CTE
    step: int
    last: int

    @classmethod
    def of(cls, first: int, last: int, step: int) -> _Stretches:
        """Return those that begin with `first`."""
        table = select(literal(first, BigInteger).label("begin")).cte("stretches", recursive=True)
        following = table.c.begin + literal(step, BigInteger)
        table = table.union_all(select(following).where(following <= literal(last, BigInteger)))
        return cls(table, step, last)

    def hold(self, time: ColumnElement[int], begin: ColumnElement[int]) -> tuple[ColumnElement[bool], ...]:
        """Return what is true of a time in the stretch that begins so."""
        end = begin + literal(self.step, BigInteger)
        return time >= begin, time < end, time <= literal(self.last, BigInteger)


def _values_in(stretches: _Stretches, ids: Sequence[int], **functions: Any) -> Select[Any]:
    """Return id, begin, and what functions make of the values of each series in each stretch."""
    found = []
    for name, function in functions.items():
        own = readings.alias()
        inside = stretches.hold(_micros(own), stretches.table.c.begin)
        value = select(function(type_coerce(own.c.value, Float))).where(
            own.c.series_id == series.c.id, *inside
        )
        found.append(value.correlate(series, stretches.table).scalar_subquery().label(name))
    query = select(series.c.id, stretches.table.c.begin, *found)
    return query.select_from(series.join(stretches.table, true())).where(series.c.id.in_(ids))


def _select_extremes(ids: Sequence[int], stretches: _Stretches) -> Select[Any]:
    """Choose of each series and stretch the first least and the first greatest reading.

    The values first, then where they are: either goes along the primary key, and nothing is sorted.
    """
    # An offset of nothing keeps the database from computing the values again for each reading.
    values = _values_in(stretches, ids, least=func.min, greatest=func.max).offset(0).subquery("extremes")
    times = []
    for value in (values.c.least, values.c.greatest):
        other = readings.alias()
        same = type_coerce(other.c.value, Float).is_not_distinct_from(value)
        inside = stretches.hold(_micros(other), values.c.begin)
        time = select(_micros(other)).where(other.c.series_id == values.c.id, *inside, same)
        times.append(time.order_by(other.c.time).limit(1).correlate(values).scalar_subquery())
    own = (readings.c.series_id == values.c.id) & _micros(readings).in_(times)
    chosen = select(values.c.id, *_POINT).select_from(values.outerjoin(readings, own))
    return chosen.order_by(values.c.id, readings.c.time)


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
    ids = query.with_only_columns(series.c.id)
    fits = [readings.c.series_id.in_(ids), *_within(readings, since, until)]
    times = select(readings.c.time).where(*fits).order_by(readings.c.time)
    end: datetime | None = connection.execute(times.offset(limit).limit(1)).scalar()
    if end is None or connection.execute(times.limit(1)).scalar() != end:
        return end
    # More than a page at one moment: the page is that whole moment.
    later: datetime | None = connection.execute(times.where(readings.c.time > end).limit(1)).scalar()
    return later


def _select_points(ids: Sequence[int], since: datetime | None, until: datetime | None) -> Select[Any]:
    query = select(readings.c.series_id, *_POINT).where(readings.c.series_id.in_(ids))
    return query.where(*_within(readings, since, until)).order_by(readings.c.series_id, readings.c.time)


def _fits(labels: Mapping[str, str], where: Mapping[str, str] | None) -> bool:
    return where is None or all(labels.get(name) == value for name, value in where.items())


def _by_series(rows: Sequence[Any]) -> Iterator[Sequence[Any]]:
    if not rows:
        return
    ids = np.fromiter((row[0] for row in rows), dtype=np.int64, count=len(rows))
    starts = [0, *(np.flatnonzero(np.diff(ids)) + 1).tolist(), len(rows)]
    yield from (rows[start:end] for start, end in pairwise(starts))


def _series(row: Any, points: Sequence[Any]) -> Series:
    micros = np.fromiter((point[1] for point in points), dtype=np.int64, count=len(points))
    values = np.array([point[2] for point in points], dtype=np.float64)  # None becomes NaN
    return Series(
        name=row.name,
        labels=MappingProxyType(row.labels),
        subject=row.subject,
        times=micros.view("datetime64[us]"),
        values=values,
        notes=tuple(unescaped(point[3]) if point[3] else "" for point in points),
    )
