"""Profiles of windows in the store: what many have in common is kept once, and comes out with each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, TypeVar

from sqlalchemy import Connection, LargeBinary, delete, func, insert, select, type_coerce

from mirante.parted import digest_of, join, split
from mirante.store.database import Database
from mirante.store.schema import profile_parts, windows

__all__ = ["ProfileParts"]

_MAGIC = b"MRTC"  # begins a profile whose common part is in the other table, by the digest that follows
_OWN = len(_MAGIC) + 16
_KEPT = 64

_Row = TypeVar("_Row", bound=Any)


class ProfileParts:
    """Takes profiles apart as they go in, and puts them together as they come out.

    Parameters
    ----------
    database : Database
        Where they are kept.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._read: dict[
            bytes, bytes
        ] = {}  # committed ones; the same bytes are the same layout for who reads

    def kept(self, data: bytes, connection: Connection) -> bytes:
        """Return a profile as its row keeps it; what it has in common with others is written beside.

        Parameters
        ----------
        data : bytes
            Any; such that have no common part stay as they are.
        connection : Connection
            The transaction that writes the row.
        """
        parts = split(data)
        if parts is None:
            return data
        digest = digest_of(parts[0])
        # looked up each time: another program may have taken it away since it was last seen
        known = select(profile_parts.c.digest).where(profile_parts.c.digest == digest)
        if connection.execute(known).first() is None:
            connection.execute(insert(profile_parts), {"digest": digest, "data": parts[0]})
        return _MAGIC + digest + parts[1]

    def whole(self, rows: Sequence[_Row], connection: Connection) -> list[_Row]:
        """Return rows with their profiles as they went in.

        Parameters
        ----------
        rows : sequence of dataclass
            Each with a field ``profile``.
        connection : Connection
            That has read the rows.
        """
        return [
            replace(row, profile=self._joined(row.profile, connection)) if _is_parted(row.profile) else row
            for row in rows
        ]

    def _joined(self, data: bytes, connection: Connection) -> bytes:
        digest = data[len(_MAGIC) : _OWN]
        common = self._read.get(digest)
        if common is None:
            query = select(profile_parts.c.data).where(profile_parts.c.digest == digest)
            common = bytes(connection.execute(query).scalar_one())
            if len(self._read) >= _KEPT:
                self._read.clear()
            self._read[digest] = common
        return join(common, data[_OWN:])

    def sweep(self) -> int:
        """Take away the common parts that no window needs any more, and return how many there were."""
        with self._database.reading() as snapshot:
            if not _needless(snapshot):  # as nearly always, without anybody who waits
                return 0
        with self._database.transaction() as transaction:
            gone = _needless(transaction)
            for digest in gone:
                transaction.execute(delete(profile_parts).where(profile_parts.c.digest == digest))
        return len(gone)


def _needless(connection: Connection) -> set[bytes]:
    # SQLite and PostgreSQL count bytes from 1; of an empty profile SQLite gives NULL
    named = type_coerce(func.substr(windows.c.profile, len(_MAGIC) + 1, 16), LargeBinary)
    needed = {bytes(one or b"") for one in connection.execute(select(named).distinct()).scalars()}
    there = {bytes(one) for one in connection.execute(select(profile_parts.c.digest)).scalars()}
    return there - needed


def _is_parted(data: bytes) -> bool:
    return data[: len(_MAGIC)] == _MAGIC
