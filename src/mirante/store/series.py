"""Series: how readings of one name and one set of labels come out of the store, as arrays."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import BigInteger, ColumnElement, Connection, Select, select, type_coerce

from mirante.store.dialect import chunks
from mirante.store.schema import readings, series

__all__ = ["Series", "page_end", "read_series"]


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
    return sorted(result, key=lambda one: (one.name, sorted(one.labels.items())))


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
    fits: list[ColumnElement[bool]] = [readings.c.series_id.in_(ids)]
    fits += [readings.c.time >= since] if since is not None else []
    fits += [readings.c.time < until] if until is not None else []
    times = select(readings.c.time).where(*fits).order_by(readings.c.time)
    end: datetime | None = connection.execute(times.offset(limit).limit(1)).scalar()
    if end is None or connection.execute(times.limit(1)).scalar() != end:
        return end
    # More than a page at one moment: the page is that whole moment.
    later: datetime | None = connection.execute(times.where(readings.c.time > end).limit(1)).scalar()
    return later


def _select_points(ids: Sequence[int], since: datetime | None, until: datetime | None) -> Select[Any]:
    # Raw microseconds: numpy takes them as they are, which saves a datetime per reading.
    time = type_coerce(readings.c.time, BigInteger).label("micros")
    query = select(readings.c.series_id, time, readings.c.value, readings.c.note)
    query = query.where(readings.c.series_id.in_(ids)).order_by(readings.c.series_id, readings.c.time)
    if since is not None:
        query = query.where(readings.c.time >= since)
    return query if until is None else query.where(readings.c.time < until)


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
    values = np.fromiter((point[2] for point in points), dtype=np.float64, count=len(points))
    return Series(
        name=row.name,
        labels=MappingProxyType(row.labels),
        subject=row.subject,
        times=micros.view("datetime64[us]"),
        values=values,
        notes=tuple(point[3] for point in points),
    )
