"""Windows in the store: each with its profile and its verdicts."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeAlias

from sqlalchemy import Connection, Text, bindparam, delete, func, select, tuple_, type_coerce

from mirante.store.database import Database
from mirante.store.dialect import chunks, upsert
from mirante.store.parts import ProfileParts
from mirante.store.rows import read_rows
from mirante.store.schema import windows
from mirante.store.types import as_values

__all__ = ["VersionRow", "WindowRow", "WindowsPart"]


@dataclass(frozen=True, slots=True)
class WindowRow:
    """One window ``[start, end)`` of a subject and model version.

    Parameters
    ----------
    subject, version : str
        What was monitored.
    start, end : datetime
        Half-open interval of event time.
    rows : int
        Rows in the window.
    late : int
        Rows that came after the window had closed.
    closed : bool
        Whether its lateness has passed.
    profile : bytes
        The window's profile; empty in a list without profiles.
    verdicts : mapping
        What was found, as JSON.
    """

    subject: str
    version: str
    start: datetime
    end: datetime
    rows: int = 0
    late: int = 0
    closed: bool = False
    profile: bytes = b""
    verdicts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class VersionRow:
    """A version of a subject, and when its first and its last closed window begin."""

    version: str
    first: datetime
    last: datetime


_Versions: TypeAlias = list[VersionRow]  # inside the class, `list` is a method
_Names: TypeAlias = list[str]
_AT_A_TIME = 16  # windows with their profiles: up to a megabyte each


class WindowsPart:
    """Windows in a database.

    Parameters
    ----------
    database : Database
        Where they are kept.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self.parts = ProfileParts(database)

    def put(self, row: WindowRow, *, connection: Connection | None = None) -> None:
        """Write a window; one with the same subject, start and version is replaced."""
        values = as_values(row)
        keys = {column.name for column in windows.primary_key}
        with self._database.writing(connection) as transaction:
            values["profile"] = self.parts.kept(row.profile, transaction)
            transaction.execute(upsert(transaction, windows, update=sorted(values.keys() - keys)), values)

    def get(
        self,
        subject: str,
        start: datetime,
        *,
        version: str | None = None,
        connection: Connection | None = None,
    ) -> WindowRow | None:
        """Return one window, or None.

        Parameters
        ----------
        subject : str
            What was monitored.
        start : datetime
            Where the window begins.
        version : str, optional
            The model version; when None, the one with the most rows in that window.
        connection : Connection, optional
            A transaction to read in.
        """
        query = select(windows).where(windows.c.subject == subject, windows.c.start == start)
        if version is not None:
            query = query.where(windows.c.version == version)
        query = query.order_by(windows.c.rows.desc(), windows.c.version).limit(1)
        with self._database.reading(connection) as snapshot:
            return next(iter(self.parts.whole(read_rows(snapshot, query, WindowRow), snapshot)), None)

    def ends(
        self, subject: str, starts: Iterable[datetime], *, connection: Connection | None = None
    ) -> dict[tuple[datetime, str], datetime]:
        """Return where some windows of a subject end, by start and version; those it has not are left out.

        Parameters
        ----------
        subject : str
            What was monitored.
        starts : iterable of datetime
            Where the windows begin.
        connection : Connection, optional
            A transaction to read in.
        """
        found: dict[tuple[datetime, str], datetime] = {}
        query = select(windows.c.start, windows.c.version, windows.c.end)
        query = query.where(windows.c.subject == subject).order_by(windows.c.rows, windows.c.version.desc())
        with self._database.reading(connection) as snapshot:
            for chunk in chunks(sorted(set(starts))):
                for start, version, end in snapshot.execute(query.where(windows.c.start.in_(chunk))):
                    found[start, version] = end
        return found

    def versions(self, subject: str, *, connection: Connection | None = None) -> _Versions:
        """Return the versions of a subject that have closed windows, the one that served last first."""
        # The primary key alone tells the versions; the rows are large, and only their ends are looked at.
        known = select(windows.c.version).where(windows.c.subject == subject).distinct().subquery()
        own = windows.alias()
        starts = select(own.c.start).where(own.c.subject == subject, own.c.version == known.c.version)
        starts = starts.where(own.c.closed).limit(1)
        first = starts.order_by(own.c.start).scalar_subquery().label("first")
        last = starts.order_by(own.c.start.desc()).scalar_subquery().label("last")
        query = select(known.c.version, first, last).order_by(last.desc(), known.c.version.desc())
        with self._database.reading(connection) as snapshot:
            return [row for row in read_rows(snapshot, query, VersionRow) if row.first is not None]

    def list(
        self,
        subject: str,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        with_profile: bool = False,
        with_verdicts: bool = True,
        limit: int | None = None,
        connection: Connection | None = None,
    ) -> list[WindowRow]:
        """Return the windows of a subject that begin in ``[since, until)``, oldest first.

        Parameters
        ----------
        subject : str
            What was monitored.
        since, until : datetime, optional
            Half-open interval of the windows' starts.
        with_profile : bool
            Whether to read the profiles as well; they are most of the bytes.
        with_verdicts : bool
            Whether to read the verdicts; of a year of fifty columns they take a second. Empty else.
        limit : int, optional
            At most so many; the oldest are left out.
        connection : Connection, optional
            A transaction to read in.
        """
        left_out = {"profile": not with_profile, "verdicts": not with_verdicts}
        columns = [column for column in windows.c if not left_out.get(column.name, False)]
        query = select(*columns).where(windows.c.subject == subject)
        if since is not None:
            query = query.where(windows.c.start >= since)
        if until is not None:
            query = query.where(windows.c.start < until)
        with self._database.reading(connection) as snapshot:
            newest = query.order_by(windows.c.start.desc(), windows.c.version.desc()).limit(limit)
            return self.parts.whole(read_rows(snapshot, newest, WindowRow)[::-1], snapshot)

    def remove(
        self, subject: str, of: Iterable[tuple[datetime, str]], *, connection: Connection | None = None
    ) -> None:
        """Delete windows of a subject, each by start and version."""
        gone = [{"of_start": start, "of_version": version} for start, version in of]
        own = windows.c
        one = delete(windows).where(
            own.subject == subject,
            own.start == bindparam("of_start"),
            own.version == bindparam("of_version"),
        )
        if gone:
            with self._database.writing(connection) as transaction:
                transaction.execute(one, gone)

    def subjects(self, *, connection: Connection | None = None) -> _Names:
        """Return the subjects that have windows, in the order of their names."""
        query = select(windows.c.subject).distinct().order_by(windows.c.subject)
        with self._database.reading(connection) as snapshot:
            return list(snapshot.execute(query).scalars())

    def walk(
        self,
        subject: str,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        connection: Connection | None = None,
    ) -> Iterator[WindowRow]:
        """Yield the closed windows of a subject that begin in ``[since, until)``, with their profiles.

        Parameters
        ----------
        subject : str
            What was monitored.
        since, until : datetime, optional
            Half-open interval of the windows' starts.
        connection : Connection, optional
            A transaction to read in.

        Yields
        ------
        WindowRow
            By start and version; sixteen are in memory at a time, however many there are.
        """
        key = tuple_(windows.c.start, windows.c.version)
        query = select(windows).where(windows.c.subject == subject, windows.c.closed)
        query = query.where(windows.c.start >= since) if since is not None else query
        query = query.where(windows.c.start < until) if until is not None else query
        query = query.order_by(windows.c.start, windows.c.version).limit(_AT_A_TIME)
        page = query
        while True:
            with self._database.reading(connection) as snapshot:
                found = self.parts.whole(read_rows(snapshot, page, WindowRow), snapshot)
            yield from found
            if len(found) < _AT_A_TIME:
                return
            last = tuple_(
                found[-1].start, found[-1].version, types=[windows.c.start.type, windows.c.version.type]
            )
            page = query.where(key > last)

    def before(
        self, subject: str, version: str, start: datetime, *, connection: Connection | None = None
    ) -> WindowRow | None:
        """Return the last closed window of a version that begins before a time, with its profile, or None."""
        query = select(windows).where(windows.c.subject == subject, windows.c.version == version)
        query = query.where(windows.c.start < start, windows.c.closed)
        query = query.order_by(windows.c.start.desc()).limit(1)
        with self._database.reading(connection) as snapshot:
            return next(iter(self.parts.whole(read_rows(snapshot, query, WindowRow), snapshot)), None)

    def digest(
        self, subject: str, since: datetime, until: datetime, *, connection: Connection | None = None
    ) -> tuple[bytes, _Names]:
        """Return what tells the closed windows that begin in ``[since, until)`` from any others.

        Parameters
        ----------
        subject : str
            What was monitored.
        since, until : datetime
            Half-open interval of the windows' starts.
        connection : Connection, optional
            A transaction to read in.

        Returns
        -------
        digest : bytes
            Other bytes when a window came, went or was judged or measured anew. Profiles are known by their
            length and by the verdicts, which are read as text and never parsed: that makes it quick.
        versions : list of str
            Of those windows; empty when there is none.
        """
        found, versions = hashlib.blake2b(digest_size=16), set()
        c = windows.c
        said = type_coerce(c.verdicts, Text).label("said")
        query = select(c.version, c.start, c.end, c.rows, func.length(c.profile), said)
        query = query.where(windows.c.subject == subject, windows.c.closed)
        query = query.where(windows.c.start >= since, windows.c.start < until)
        query = query.order_by(windows.c.start, windows.c.version).execution_options(yield_per=_AT_A_TIME)
        with self._database.reading(connection) as snapshot:
            for row in snapshot.execute(query):
                versions.add(row.version)
                found.update(repr(tuple(row)).encode())
        return found.digest(), sorted(versions)
