"""Series as a chart needs them: few readings of many, chosen by the database, and no peak lost."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
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

from mirante.store.blocks.codec import Unpacked
from mirante.store.blocks.reading import any_packed, read_blocks
from mirante.store.dialect import chunks
from mirante.store.schema import readings, series
from mirante.store.series import POINT, Points, Series, in_order, select_points, within
from mirante.store.types import micros_of, to_micros

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
    rows, packed = _probed(connection, _Inside(query, since, until), points, most)
    found = {row.id: row for row in rows}
    read: list[tuple[Any, Points, slice]] = []
    for chunk in chunks([row.id for row in rows if row.many is None]):
        chosen = select_points(chunk, since, until, notes=False)
        own = Points.of(connection.execute(chosen).all()).merged(packed.of(chunk))
        read += [(found[id_], own, part) for id_, part in own.parts()]
    many = [row for row in rows if row.many is not None]
    stretches = _stretches_over([*_ends_of_long(read, points), *_ends_of_many(many, packed)], points)
    one_pass = connection.dialect.name != "sqlite"
    for chunk in chunks([row.id for row in many]):
        extremes = (_rank_extremes if one_pass else _select_extremes)(chunk, stretches)
        few = [row for row in connection.execute(extremes).all() if row[1] is not None]
        own = Points.of(few).merged(packed.of(chunk))
        read += [(found[id_], own, part) for id_, part in own.parts()]
    result = []
    for row, own, part in read:
        long = row.many is not None or part.stop - part.start > points
        keep = _extremes(own.micros[part], own.values[part], stretches) if long else None
        result.append(own.series(row, part, keep))
    return in_order(result)


def _ends_of_long(read: Sequence[tuple[Any, Points, slice]], points: int) -> Iterator[tuple[int, int]]:
    for _, own, part in read:
        if part.stop - part.start > points:
            yield int(own.micros[part.start]), int(own.micros[part.stop - 1])


def _ends_of_many(many: Sequence[Any], packed: Unpacked) -> Iterator[tuple[int, int]]:
    for row in many:
        yield row.first, row.last
        if len(own := packed.of([row.id]).micros):
            yield int(own[0]), int(own[-1])


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
        packed = read_blocks(connection, chunk, since, until, above=above, notes=False)
        points = points.merged(_at_their_steps(packed, stretches)).highest()
        result += [points.series(found[id_], part) for id_, part in points.parts()]
    return in_order(result)


def _at_their_steps(packed: Unpacked, stretches: _Stretches) -> Unpacked:
    """Return known values at the beginnings of their steps."""
    known = packed.only(~np.isnan(packed.values))
    begins = stretches.first + (known.micros - stretches.first) // stretches.step * stretches.step
    return replace(known, micros=begins)


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


def _probed(
    connection: Connection, inside: _Inside, points: int, most: int | None
) -> tuple[list[Any], Unpacked]:
    """Return the series with their rows there: from when to when, and whether they are very many.

    ``many`` is None where rows are read faster than thinned, ``first`` where there are none. With them comes
    what is in blocks, whose readings are not among the rows.
    """
    ids = _maybe_packed(connection, inside) if most is None else _highest(connection, inside, most)
    packed = read_blocks(connection, ids, inside.since, inside.until, notes=False)
    columns = [
        inside.each("first", lambda own: func.min(micros_of(own))),
        inside.each("last", lambda own: func.max(micros_of(own))),
        inside.each("many", micros_of, offset=_READ_WHOLE * points),
    ]
    rows = connection.execute(inside.select(*columns, of=None if most is None else ids))
    held = set(packed.ids.tolist()) if len(packed.ids) else set()
    return [row for row in rows if row.first is not None or row.id in held], packed


def _maybe_packed(connection: Connection, inside: _Inside) -> list[int]:
    """Return the series that may have readings in blocks."""
    if not any_packed(connection, inside.since):
        return []
    return list(connection.scalars(inside.query.with_only_columns(series.c.id)))


def _highest(connection: Connection, inside: _Inside, most: int) -> list[int]:
    """Return the series that reach highest, `most` of them."""
    peaks: dict[int, float] = {}
    # some at a time: a year of 20,000 series takes half a gigabyte when it is out of its blocks
    for chunk in chunks(_maybe_packed(connection, inside)):
        peaks |= read_blocks(connection, chunk, inside.since, inside.until, notes=False).peaks()
    first = inside.each("first", lambda own: func.min(micros_of(own)))
    peak = inside.each("peak", lambda own: func.max(own.c.value))
    order = {
        row.id: _place(row.peak, peaks.get(row.id))
        for row in connection.execute(inside.select(first, peak))
        if row.first is not None or row.id in peaks
    }
    return sorted(order, key=order.__getitem__)[:most]


def _place(*peaks: float | None) -> tuple[bool, float]:
    """Return what orders series by their peak, the highest first, and those that know none last."""
    known = [peak for peak in peaks if peak is not None and peak == peak]
    return not known, -max(known, default=0.0)


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


def _stretches_over(ends: Sequence[tuple[int, int]], points: int) -> _Stretches:
    """Return the stretches of a chart: half as many as it may have points."""
    first = min((one[0] for one in ends), default=0)
    last = max((one[1] for one in ends), default=0)
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
