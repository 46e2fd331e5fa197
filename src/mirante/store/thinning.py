"""Series as a chart needs them: few readings of many, chosen by the database, and no peak lost."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
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
    func,
    literal,
    select,
    true,
    type_coerce,
)

from mirante.store.dialect import chunks
from mirante.store.schema import readings, series
from mirante.store.series import POINT, Points, Series, in_order, micros_of, select_points, within
from mirante.store.types import to_micros

__all__ = ["read_highest", "read_thinned"]

# A stretch costs the database as much as it takes to read so many readings and choose of them here.
_READ_WHOLE = 5


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
        Ordered by name and labels, without those that have no reading in the interval; a chart shows no
        notes, so that they are not read.
    """
    inside = _Inside(query, since, until)
    rows = _probed(connection, inside, points, most)
    found = {row.id: row for row in rows}
    long = [row for row in rows if row.more is not None]
    stretches = _stretches_over(long, points)
    result: list[Series] = []
    for chunk in chunks([row.id for row in rows if row.many is None]):
        read = Points.of(connection.execute(select_points(chunk, since, until, notes=False)).all())
        for id_, part in read.parts():
            cut = stretches if found[id_].more is not None else None
            keep = None if cut is None else _extremes(read.micros[part], read.values[part], cut)
            result.append(read.series(found[id_], part, keep))
    for chunk in chunks([row.id for row in rows if row.many is not None]):
        one_pass = connection.dialect.name != "sqlite"
        chosen = connection.execute(
            (_rank_extremes if one_pass else _select_extremes)(chunk, stretches)
        ).all()
        read = Points.of([row for row in chosen if row[1] is not None])
        result += [read.series(found[id_], part) for id_, part in read.parts()]
    return in_order(result)


def read_highest(
    connection: Connection,
    query: Select[Any],
    *,
    since: datetime,
    until: datetime,
    step: timedelta,
    above: float | None = None,
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
    above : float, optional
        Only readings that are greater; for those that rarely are, which are found sooner than all.

    Returns
    -------
    list of Series
        Each value at the beginning of its step, without notes; steps and series without any are left out.
    """
    found = {row.id: row for row in connection.execute(query)}
    width = step // timedelta(microseconds=1)
    stretches = _Stretches.of(to_micros(since), to_micros(until) - 1, width)
    result: list[Series] = []
    for chunk in chunks(list(found)):
        if above is None and connection.dialect.name == "sqlite":
            each = _values_in(stretches, chunk, greatest=func.max)
        else:
            each = _above(chunk, stretches, above)
        rows = connection.execute(each.order_by(*each.selected_columns[:2])).all()
        points = Points.of([row for row in rows if row[2] is not None])
        result += [points.series(found[id_], part) for id_, part in points.parts()]
    return in_order(result)


def _above(ids: Sequence[int], stretches: _Stretches, above: float | None) -> Select[Any]:
    """Return id, begin and the greatest value of those stretches that have a reading above a number."""
    first, step = literal(stretches.first, BigInteger), literal(stretches.step, BigInteger)
    time, value = micros_of(readings), type_coerce(readings.c.value, Float)
    begin = (first + (time - first) // step * step).label("begin")
    found = select(readings.c.series_id, begin, value.label("value")).where(
        readings.c.series_id.in_(ids), time >= first, time <= stretches.last
    )
    found = found if above is None else found.where(value > above)
    few = found.subquery()
    return select(few.c.series_id, few.c.begin, func.max(few.c.value)).group_by(few.c.series_id, few.c.begin)


@dataclass(frozen=True, slots=True)
class _Inside:
    """Series, and the interval of time in which their readings are looked at."""

    query: Select[Any]
    since: datetime | None
    until: datetime | None

    def select(self, *columns: Any, of: Sequence[int] | None = None) -> Select[Any]:
        """Return the query with more columns, each asked of one series' readings in the interval."""
        query = self.query if of is None else self.query.where(series.c.id.in_(of))
        return query.add_columns(*columns)

    def each(self, name: str, function: Callable[[Any], Any], *, offset: int | None = None) -> Any:
        """Return what a function makes of one series' readings, or of the one that has so many before it."""
        own = readings.alias()
        query = select(function(own)).where(
            own.c.series_id == series.c.id, *within(own, self.since, self.until)
        )
        if offset is not None:
            query = query.order_by(own.c.time).limit(1).offset(offset)
        return query.scalar_subquery().label(name)


def _probed(connection: Connection, inside: _Inside, points: int, most: int | None) -> list[Any]:
    """Return the series that have readings there: from when to when, and whether they are long or very long.

    ``more`` is None where a series has no more than `points`, ``many`` where it is read faster than thinned.
    """
    first = inside.each("first", lambda own: func.min(micros_of(own)))
    ids: list[int] | None = None
    if most is not None:
        peak = inside.each("peak", lambda own: func.max(own.c.value))
        rows = [row for row in connection.execute(inside.select(first, peak)) if row.first is not None]
        rows.sort(key=lambda row: (row.peak is None, -(row.peak or 0.0)))
        ids = [row.id for row in rows[:most]]
    columns = [
        first,
        inside.each("last", lambda own: func.max(micros_of(own))),
        inside.each("more", micros_of, offset=points),
        inside.each("many", micros_of, offset=_READ_WHOLE * points),
    ]
    return [row for row in connection.execute(inside.select(*columns, of=ids)) if row.first is not None]


@dataclass(frozen=True, slots=True)
class _Stretches:
    """Stretches of time of one length, the last of them ending with `last`; all in microseconds."""

    table: CTE
    first: int
    step: int
    last: int

    @classmethod
    def of(cls, first: int, last: int, step: int) -> _Stretches:
        """Return those that begin with `first`."""
        table = select(literal(first, BigInteger).label("begin")).cte("stretches", recursive=True)
        following = table.c.begin + literal(step, BigInteger)
        table = table.union_all(select(following).where(following <= literal(last, BigInteger)))
        return cls(table, first, step, last)

    def hold(self, time: ColumnElement[int], begin: ColumnElement[int]) -> tuple[ColumnElement[bool], ...]:
        """Return what is true of a time in the stretch that begins so."""
        end = begin + literal(self.step, BigInteger)
        return time >= begin, time < end, time <= literal(self.last, BigInteger)


def _stretches_over(long: Sequence[Any], points: int) -> _Stretches:
    """Return the stretches of a chart: half as many as it may have points."""
    first = min((row.first for row in long), default=0)
    last = max((row.last for row in long), default=0)
    return _Stretches.of(first, last, -(-(last + 1 - first) // max(points // 2, 1)))


def _extremes(
    micros: NDArray[np.int64], values: NDArray[np.float64], stretches: _Stretches
) -> NDArray[np.intp]:
    """Choose what `_select_extremes` chooses, of the readings of one series that are here already."""
    places = np.arange(len(micros))
    starts = np.flatnonzero(np.diff((micros - stretches.first) // stretches.step, prepend=-1))
    counts = np.diff(starts, append=len(micros))
    known = ~np.isnan(values)
    # a stretch of nothing but NaN keeps its first
    fits = known == np.repeat(np.logical_or.reduceat(known, starts), counts)
    kept = []
    for signed in (values, -values):
        least = np.minimum.reduceat(np.where(known, signed, np.inf), starts)
        same = fits & (~known | (signed == np.repeat(least, counts)))
        kept.append(np.minimum.reduceat(np.where(same, places, len(places)), starts))
    return np.unique(np.concatenate(kept))


def _values_in(stretches: _Stretches, ids: Sequence[int], **functions: Any) -> Select[Any]:
    """Return id, begin, and what functions make of the values of each series in each stretch."""
    found = []
    for name, function in functions.items():
        own = readings.alias()
        inside = stretches.hold(micros_of(own), stretches.table.c.begin)
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
        inside = stretches.hold(micros_of(other), values.c.begin)
        time = select(micros_of(other)).where(other.c.series_id == values.c.id, *inside, same)
        times.append(time.order_by(other.c.time).limit(1).correlate(values).scalar_subquery())
    own = (readings.c.series_id == values.c.id) & micros_of(readings).in_(times)
    chosen = select(values.c.id, *POINT[:2]).select_from(values.outerjoin(readings, own))
    return chosen.order_by(values.c.id, readings.c.time)


def _rank_extremes(ids: Sequence[int], stretches: _Stretches) -> Select[Any]:
    """Choose what `_select_extremes` chooses, in one pass over the readings.

    PostgreSQL knows nothing of how many stretches there are, and takes minutes for the way that suits SQLite.
    """
    first, step = literal(stretches.first, BigInteger), literal(stretches.step, BigInteger)
    time, value = micros_of(readings), type_coerce(readings.c.value, Float)
    within_one = (readings.c.series_id, (time - first) // step)
    ranks = [
        func.row_number().over(partition_by=within_one, order_by=(order.nulls_last(), time))
        for order in (value.asc(), value.desc())
    ]
    ranked = select(
        readings.c.series_id, *POINT[:2], ranks[0].label("least"), ranks[1].label("greatest")
    ).where(readings.c.series_id.in_(ids), time >= first, time <= stretches.last)
    every = ranked.subquery()
    chosen = select(every.c.series_id, every.c.micros, every.c.number)
    ends = (every.c.least == 1) | (every.c.greatest == 1)
    return chosen.where(ends).order_by(every.c.series_id, every.c.micros)
