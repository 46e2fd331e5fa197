"""Readings over time: whole series, their newest points, and as many as a chart or a page has room for."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Select, func, select

from mirante.store.database import Database
from mirante.store.dialect import chunks
from mirante.store.schema import series
from mirante.store.series import (
    Series,
    Where,
    has_more,
    of_all_rows,
    page_end,
    read_recent,
    read_series,
)
from mirante.store.thinning import read_highest, read_thinned

__all__ = ["History"]


class History:
    """What a store knows of readings over time.

    Parameters
    ----------
    database : Database
        Where they are.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def series(
        self,
        name: str | Sequence[str] | None = None,
        *,
        subject: str | None = None,
        where: Where | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        above: float | None = None,
        slices: bool = True,
        connection: Connection | None = None,
    ) -> list[Series]:
        """Return the series that fit, with their readings in ``[since, until)``.

        Parameters
        ----------
        name : str or sequence of str, optional
            Names of the readings; all when None.
        subject : str, optional
            What they are about.
        where : mapping of str to str, or callable, optional
            Labels that must be there with these values, or what says of labels whether they are wanted.
        since, until : datetime, optional
            Half-open interval of time.
        above : float, optional
            Only readings that are greater.
        slices : bool, default True
            Whether those of slices are among them; else only those of all rows.
        connection : Connection, optional
            A transaction to read in.

        Returns
        -------
        list of Series
            Ordered by name and labels; series without a reading in the interval are left out.
        """
        query = _select_series(name, subject, slices=slices)
        with self._database.reading(connection) as snapshot:
            return read_series(snapshot, query, since=since, until=until, where=where, above=above)

    def recent(
        self,
        names: Sequence[str] | None = None,
        *,
        subjects: Sequence[str] | None = None,
        points: int,
        oldest_only: bool = False,
        since: datetime | None = None,
        until: datetime | None = None,
        slices: bool = True,
        connection: Connection | None = None,
    ) -> list[Series]:
        """Return series of many subjects at once, with the newest readings of each.

        Parameters
        ----------
        names : sequence of str, optional
            Names of the readings; all when None.
        subjects : sequence of str, optional
            What they are about; all when None.
        points : int
            So many readings of each series at most.
        oldest_only : bool
            Of each subject only the series that was there first.
        since, until : datetime, optional
            Half-open interval of time.
        slices : bool, default True
            Whether those of slices are among them; else only those of all rows.
        connection : Connection, optional
            A transaction to read in.

        Returns
        -------
        list of Series
            Ordered by name and labels within a thousand subjects; those without a reading are left out.
        """
        query = _select_series(names, None, slices=slices)
        if oldest_only:
            query = query.where(series.c.id.in_(select(func.min(series.c.id)).group_by(series.c.subject)))
        with self._database.reading(connection) as snapshot:
            if subjects is None:
                return read_recent(snapshot, query, points, since=since, until=until)
            of = [query.where(series.c.subject.in_(chunk)) for chunk in chunks(subjects)]
            return [
                one for each in of for one in read_recent(snapshot, each, points, since=since, until=until)
            ]

    def thinned(
        self,
        names: Sequence[str],
        *,
        subject: str,
        since: datetime,
        until: datetime,
        points: int,
        most: int | None = None,
        slices: bool = True,
        connection: Connection | None = None,
    ) -> list[Series]:
        """Return series as a chart needs them: of long ones the least and the greatest of each stretch.

        Parameters
        ----------
        names : sequence of str
            Names of the readings.
        subject : str
            What they are about.
        since, until : datetime
            Half-open interval of time.
        points : int
            So many readings of each series at most; shorter ones are whole.
        most : int, optional
            So many series at most: those that reach highest.
        slices : bool, default True
            Whether those of slices are among them; else only those of all rows.
        connection : Connection, optional
            A transaction to read in.

        Returns
        -------
        list of Series
            Ordered by name and labels, without notes; series without a reading in the interval are left
            out.
        """
        query = _select_series(names, subject, slices=slices)
        with self._database.reading(connection) as snapshot:
            return read_thinned(snapshot, query, since=since, until=until, points=points, most=most)

    def highest(
        self,
        names: Sequence[str],
        *,
        subject: str,
        since: datetime,
        until: datetime,
        step: timedelta,
        above: float | None = None,
        slices: bool = True,
        connection: Connection | None = None,
    ) -> list[Series]:
        """Return the greatest value of each series in each step of time, counted from `since` on.

        Parameters
        ----------
        names : sequence of str
            Names of the readings.
        subject : str
            What they are about.
        since, until : datetime
            Half-open interval of time.
        step : timedelta
            How long a step is.
        above : float, optional
            Only readings that are greater; for those that rarely are, which are found sooner than all.
        slices : bool, default True
            Whether those of slices are among them; else only those of all rows.
        connection : Connection, optional
            A transaction to read in.

        Returns
        -------
        list of Series
            Each value at the beginning of its step; ordered by name and labels.
        """
        query = _select_series(names, subject, slices=slices)
        with self._database.reading(connection) as snapshot:
            return read_highest(snapshot, query, since=since, until=until, step=step, above=above)

    def has_more(
        self,
        count: int,
        name: str | Sequence[str] | None = None,
        *,
        subject: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        connection: Connection | None = None,
    ) -> bool:
        """Say whether there are more than so many readings; see `series` for which."""
        query = _select_series(name, subject)
        with self._database.reading(connection) as snapshot:
            return has_more(snapshot, query, count, since=since, until=until)

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


def _select_series(
    name: str | Sequence[str] | None, subject: str | None, *, slices: bool = True
) -> Select[Any]:
    query = select(series) if slices else select(series).where(of_all_rows())
    if name is not None:
        names = [name] if isinstance(name, str) else list(name)
        query = query.where(series.c.name.in_(names))
    if subject is not None:
        query = query.where(series.c.subject == subject)
    return query
