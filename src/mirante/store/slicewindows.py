"""The slices of windows in the store: how many rows, what was found in them, what they were worth."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeAlias

from sqlalchemy import Connection, Text, bindparam, func, select, type_coerce, update

from mirante.store.database import Database
from mirante.store.dialect import upsert
from mirante.store.rows import read_rows
from mirante.store.schema import slice_windows
from mirante.store.types import as_values

__all__ = ["SliceWindowRow", "SliceWindowsPart"]

_AT_A_TIME = 1_000
_KEYS = tuple(column.name for column in slice_windows.primary_key)


@dataclass(frozen=True, slots=True)
class SliceWindowRow:
    """One slice of one window of a subject and model version.

    Parameters
    ----------
    subject, version : str
        What was monitored.
    key, value : str
        The slice: a column and its value, or a condition and ``true``.
    start, end : datetime
        The window, half-open.
    rows : int
        Rows of the slice in it.
    closed : bool
        Whether it was judged.
    label : str
        What the slice's readings carry as label.
    columns, drifted : int
        Columns that were judged, and those of them that drifted.
    strongest : str
        The column that moved furthest; empty where nothing was compared.
    effect : float
        How far; NaN where nothing was compared.
    verdicts : mapping
        Names of the columns that drifted or lack values, and sentences about the strongest.
    performance : mapping of str to float
        Once labels are in, and there are enough.
    profile : bytes
        As long as it is needed; empty in a list without profiles.
    """

    subject: str
    version: str
    key: str
    value: str
    start: datetime
    end: datetime
    rows: int = 0
    closed: bool = False
    label: str = ""
    columns: int = 0
    drifted: int = 0
    strongest: str = ""
    effect: float = math.nan
    verdicts: Mapping[str, Any] = field(default_factory=dict)
    performance: Mapping[str, Any] = field(default_factory=dict)
    profile: bytes = b""

    @property
    def slice(self) -> tuple[str, str]:
        """Key and value."""
        return self.key, self.value


_Rows: TypeAlias = list[SliceWindowRow]  # inside the class, `list` is a method


class SliceWindowsPart:
    """Slices of windows in a database.

    Parameters
    ----------
    database : Database
        Where they are kept.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def put(self, rows: Iterable[SliceWindowRow], *, connection: Connection | None = None) -> None:
        """Write slices of windows; one with the same subject, version, slice and start is replaced."""
        values = [as_values(row) for row in rows]
        if values:
            with self._database.writing(connection) as transaction:
                replaced = sorted(values[0].keys() - set(_KEYS))
                transaction.execute(upsert(transaction, slice_windows, update=replaced), values)

    def measured(
        self,
        subject: str,
        version: str,
        start: datetime,
        figures: Mapping[tuple[str, str], Mapping[str, Any]],
        *,
        connection: Connection | None = None,
    ) -> None:
        """Write the performance of a window's slices, by key and value; others are passed over."""
        values = [
            {"of_key": key, "of_value": value, "found": dict(found)}
            for (key, value), found in figures.items()
        ]
        if not values:
            return
        own = slice_windows.c
        one = update(slice_windows).where(
            own.subject == subject,
            own.version == version,
            own.key == bindparam("of_key"),
            own.value == bindparam("of_value"),
            own.start == start,
        )
        with self._database.writing(connection) as transaction:
            transaction.execute(one.values(performance=bindparam("found")), values)

    def drop_profiles(
        self,
        subject: str,
        version: str,
        of: Iterable[tuple[str, str, datetime]],
        *,
        connection: Connection | None = None,
    ) -> None:
        """Forget the profiles of some slices, each by key, value and start; what was found in them stays."""
        values = [{"of_key": key, "of_value": value, "of_start": start} for key, value, start in of]
        if not values:
            return
        own = slice_windows.c
        one = update(slice_windows).where(
            own.subject == subject,
            own.version == version,
            own.key == bindparam("of_key"),
            own.value == bindparam("of_value"),
            own.start == bindparam("of_start"),
        )
        with self._database.writing(connection) as transaction:
            transaction.execute(one.values(profile=b""), values)

    def discard_open(self, subject: str, version: str, *, connection: Connection | None = None) -> None:
        """Delete the slices of windows that were not judged: their rows are counted anew."""
        own = slice_windows.c
        mine = slice_windows.delete().where(own.subject == subject, own.version == version, ~own.closed)
        with self._database.writing(connection) as transaction:
            transaction.execute(mine)

    def remove(self, rows: Iterable[SliceWindowRow], *, connection: Connection | None = None) -> None:
        """Delete slices of windows."""
        gone = [{f"of_{name}": getattr(row, name) for name in _KEYS} for row in rows]
        one = slice_windows.delete().where(
            *(slice_windows.c[name] == bindparam(f"of_{name}") for name in _KEYS)
        )
        if gone:
            with self._database.writing(connection) as transaction:
                transaction.execute(one, gone)

    def kept(self, subject: str, version: str, *, connection: Connection | None = None) -> _Rows:
        """Return the slices of a version that still have a profile, oldest first."""
        own = slice_windows.c
        query = select(slice_windows).where(
            own.subject == subject, own.version == version, own.profile != b""
        )
        with self._database.reading(connection) as snapshot:
            return read_rows(snapshot, query.order_by(own.start, own.key, own.value), SliceWindowRow)

    def newest(self, subject: str, version: str, *, connection: Connection | None = None) -> _Rows:
        """Return the last judged window of each slice of a version, without profiles."""
        own, later = slice_windows.c, slice_windows.alias().c
        same = [getattr(later, name) == getattr(own, name) for name in _KEYS if name != "start"]
        last = select(func.max(later.start)).where(*same, later.closed).correlate(slice_windows)
        query = select(*(column for column in own if column.name != "profile"))
        query = query.where(
            own.subject == subject, own.version == version, own.start == last.scalar_subquery()
        )
        with self._database.reading(connection) as snapshot:
            return read_rows(snapshot, query.order_by(own.key, own.value), SliceWindowRow)

    def any_of(self, subject: str, *, connection: Connection | None = None) -> bool:
        """Return whether a subject has slices at all: most have none, and none of their windows is asked."""
        query = select(slice_windows.c.start).where(slice_windows.c.subject == subject).limit(1)
        with self._database.reading(connection) as snapshot:
            return snapshot.execute(query).first() is not None

    def digest(
        self, subject: str, since: datetime, until: datetime, *, connection: Connection | None = None
    ) -> bytes:
        """Return what tells the judged slices of windows in ``[since, until)`` from any others.

        Parameters
        ----------
        subject : str
            What was monitored.
        since, until : datetime
            Half-open interval of the windows' starts.
        connection : Connection, optional
            A transaction to read in.
        """
        found, own = hashlib.blake2b(digest_size=16), slice_windows.c
        told = (type_coerce(own.verdicts, Text), type_coerce(own.performance, Text))
        query = select(own.start, own.key, own.value, own.version, own.rows, own.drifted, *told)
        query = query.where(own.subject == subject, own.closed, own.start >= since, own.start < until)
        query = query.order_by(own.start, own.key, own.value, own.version)
        with self._database.reading(connection) as snapshot:
            for row in snapshot.execute(query.execution_options(yield_per=_AT_A_TIME)):
                found.update(repr(tuple(row)).encode())
        return found.digest()

    def list(
        self,
        subject: str,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        of: tuple[str, str] | None = None,
        with_verdicts: bool = True,
        connection: Connection | None = None,
    ) -> _Rows:
        """Return judged slices of windows that begin in ``[since, until)``, oldest first, without profiles.

        Parameters
        ----------
        subject : str
            What was monitored.
        since, until : datetime, optional
            Half-open interval of the windows' starts.
        of : (str, str), optional
            Key and value of the one slice that is wanted.
        with_verdicts : bool, default True
            Whether to read verdicts and performance; empty else.
        connection : Connection, optional
            A transaction to read in.
        """
        left_out = {"profile"} if with_verdicts else {"profile", "verdicts", "performance"}
        own = slice_windows.c
        query = select(*(column for column in own if column.name not in left_out))
        query = query.where(own.subject == subject, own.closed)
        if since is not None:
            query = query.where(own.start >= since)
        if until is not None:
            query = query.where(own.start < until)
        if of is not None:
            query = query.where(own.key == of[0], own.value == of[1])
        with self._database.reading(connection) as snapshot:
            ordered = query.order_by(own.start, own.key, own.value, own.version)
            return read_rows(snapshot, ordered, SliceWindowRow)
