"""Which of several services on one store does the work, by the database's own clock."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Select,
    cast,
    func,
    inspect,
    select,
    text,
    update,
)

from mirante.errors import LeaseLostError
from mirante.store.database import Database
from mirante.store.dialect import upsert
from mirante.store.schema import leases
from mirante.store.types import from_micros

__all__ = ["LeasePart", "LeaseRow", "check", "end", "standing"]

_NAME = "service"  # there is one for each store
_HOLDER = "mirante holder {token}"  # how PostgreSQL calls what a holder's process writes, while it does
_VALUES = ("token", "holder", "host", "process", "since", "expires")

# A holder that was stopped, or whose network was cut, in the middle of a transaction keeps the right to
# write: the server would wait for it longer than people should wait for an alert.
_END_TRANSACTIONS = text("""
SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
WHERE datname = current_database() AND application_name = :name AND pid <> pg_backend_pid()
""")


@dataclass(frozen=True, slots=True)
class LeaseRow:
    """Who has the lease, as it stood at one moment.

    Parameters
    ----------
    token : int
        Grows with each change of hands.
    holder : str
        Name of the holder, unlike all others, and `mark` after a space; empty when it was given back.
    host : str
        Where it runs.
    process : int
        Its process id there.
    since : datetime
        When it took the lease.
    expires : datetime, optional
        When it is over unless it is renewed; None where the kernel says so (SQLite).
    seen : datetime, optional
        The database's time when this was read.
    """

    token: int
    holder: str
    host: str
    process: int
    since: datetime
    expires: datetime | None = None
    seen: datetime | None = None

    @property
    def is_over(self) -> bool:
        """Whether it was given back, or had run out when it was read."""
        if not self.holder:
            return True
        return self.expires is not None and self.seen is not None and self.expires <= self.seen

    @property
    def mark(self) -> str:
        """What tells the holder's process from all others of its machine; empty where it is not known."""
        return self.holder.partition(" ")[2]

    def is_still(self, other: LeaseRow | None) -> bool:
        """Say whether it is the same lease as `other`, and was not renewed between them."""
        return other is not None and all(getattr(self, name) == getattr(other, name) for name in _VALUES)


class LeasePart:
    """The lease in a database.

    On PostgreSQL it has connections of its own, which give up within seconds: all others may be in use, or
    wait for a network that is gone.

    Parameters
    ----------
    database : Database
        Where it is kept.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._hasty: Database | None = None
        self._making = threading.Lock()

    @property
    def expires(self) -> bool:
        """Whether it runs out by itself; beside a file the holder's lock on another file stands for that."""
        return self._database.file is None

    def read(self) -> LeaseRow | None:
        """Return who has the lease; None before the first service."""
        database = self._own()
        with database.reading() as connection:
            return _read(connection, _now(connection))

    def take(
        self,
        holder: str,
        *,
        after: LeaseRow | None,
        host: str,
        process: int,
        lasting: timedelta | None = None,
    ) -> LeaseRow | None:
        """Take the lease, if nothing changed since it was looked at.

        Nobody takes it in the middle of a holder's transaction, and no transaction of a former holder is
        written afterwards (see `check`). On PostgreSQL whatever the former holder's process has begun to
        write and not finished is ended first, also what people write there: it would keep the right to write.

        Parameters
        ----------
        holder : str
            Unlike all others.
        after : LeaseRow, optional
            What `read` said: the caller decides that it is over.
        host, process : str and int
            For people who look for the holder.
        lasting : timedelta, optional
            How long it holds without `renew`; for good when None.

        Returns
        -------
        LeaseRow or None
            None if somebody was quicker, or the former holder renewed it.
        """
        database = self._own()
        if after is not None and after.holder and self.expires:
            if not after.is_still(self.read()):
                return None
            with database.reading() as connection:
                connection.execute(_END_TRANSACTIONS, {"name": _HOLDER.format(token=after.token)})
        with database.transaction() as connection:
            now = _now(connection)
            found = _read(connection, now, hold=True)
            if found is not None and not found.is_still(after):
                return None
            expires = None if lasting is None else now + lasting
            token = 1 if found is None else found.token + 1
            row = LeaseRow(token, holder, host, process, now, expires, now)
            values = {name: getattr(row, name) for name in _VALUES}
            connection.execute(upsert(connection, leases, update=_VALUES), {"name": _NAME, **values})
        self._database.name_writers(_HOLDER.format(token=token))
        return row

    def renew(self, token: int, lasting: timedelta | None = None) -> bool:
        """Keep the lease, which may have run out as long as nobody took it meanwhile.

        Parameters
        ----------
        token : int
            Of the lease.
        lasting : timedelta, optional
            For how long, from now; for good when None.

        Returns
        -------
        bool
            False if it is another's by now, or was given back.
        """
        database, mine = self._own(), _mine(token)
        with database.errors(), database.engine.connect() as plain:
            # Not as a writer: the holder itself may be in the middle of a long transaction.
            if lasting is None:
                return plain.execute(select(leases.c.token).where(*mine)).scalar() is not None
            connection = plain.execution_options(isolation_level="READ COMMITTED")
            with connection.begin():
                values = {"expires": _now(connection) + lasting}
                return connection.execute(update(leases).where(*mine).values(values)).rowcount == 1

    def release(self, token: int) -> None:
        """Give the lease back, so that another may take it at once; one that is another's stays.

        Parameters
        ----------
        token : int
            Of the lease. Writes of its holder are refused from now on.
        """
        with self._own().transaction() as connection:
            connection.execute(update(leases).where(*_mine(token)).values({"holder": ""}))

    def close(self) -> None:
        """Close its own connections; a second call does nothing."""
        if self._hasty is not None:
            self._hasty.close()

    def _own(self) -> Database:
        if not self.expires:
            return self._database
        with self._making:
            if self._hasty is None:
                self._hasty = self._database.hasty()
            return self._hasty


def check(token: int, connection: Connection) -> None:
    """Refuse a transaction of somebody who no longer has the lease.

    A lease changes hands in a transaction that writes, of which there is one at a time: what holds here holds
    until this transaction ends.

    Parameters
    ----------
    token : int
        Of the lease.
    connection : Connection
        In a transaction that is going to write.

    Raises
    ------
    LeaseLostError
        If it was given back, or is another's.
    """
    row = connection.execute(_query()).first()
    if row is not None and row.token == token and row.holder:
        return
    if row is None or row.token == token:
        raise LeaseLostError("this service gave its lease of the store back and writes no more")
    raise LeaseLostError(
        f"this service's lease was taken over by process {row.process} on {row.host}: nothing was written; "
        "that service goes on where this one was"
    )


def standing(connection: Connection) -> LeaseRow | None:
    """Return who has or had the lease, also in a store of an older schema; None where nobody ever had.

    Parameters
    ----------
    connection : Connection
        A transaction to read in.
    """
    if not inspect(connection).has_table(leases.name):
        return None
    return _read(connection, _now(connection))


def end(former: LeaseRow | None, connection: Connection) -> None:
    """Give back the lease of a store whose rows were replaced: no holder of before has it any more.

    Parameters
    ----------
    former : LeaseRow, optional
        What was there before the rows were replaced: its token is not given out again.
    connection : Connection
        In the transaction that replaces them.
    """
    known = [row for row in (former, _read(connection, _now(connection))) if row is not None]
    if known:
        token = max(row.token for row in known) + 1
        values = {name: getattr(known[-1], name) for name in _VALUES} | {"token": token, "holder": ""}
        connection.execute(upsert(connection, leases, update=_VALUES), {"name": _NAME, **values})


def _query() -> Select[tuple[object, ...]]:
    return select(*(leases.c[name] for name in _VALUES)).where(leases.c.name == _NAME)


def _mine(token: int) -> tuple[ColumnElement[bool], ...]:
    return leases.c.name == _NAME, leases.c.token == token, leases.c.holder != ""


def _read(connection: Connection, now: datetime, *, hold: bool = False) -> LeaseRow | None:
    row = connection.execute(_query().with_for_update() if hold else _query()).first()
    return None if row is None else LeaseRow(**row._mapping, seen=now)


def _now(connection: Connection) -> datetime:
    """Return the time of the server, which all its services share; of a file that is this machine's."""
    if connection.dialect.name == "sqlite":
        return datetime.now(UTC)
    micros = cast(func.extract("epoch", func.clock_timestamp()) * 1_000_000, BigInteger)
    return from_micros(connection.execute(select(micros)).scalar_one())
