"""Agents in the store: what was heard of each, the windows that they counted, and what they are to count."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, TypeAlias

from sqlalchemy import Connection, delete, func, select, update

from mirante.store.database import Database
from mirante.store.dialect import upsert
from mirante.store.rows import read_rows
from mirante.store.schema import agent_jobs, agents, window_parts
from mirante.store.tallies import reserve
from mirante.store.types import as_values

__all__ = ["AgentRow", "AgentsPart", "JobRow", "PartRow"]

COUNTER = "window_parts"
_KNOWN_FOR = timedelta(days=30)  # so long a part that comes again is known, and an agent that is silent


@dataclass(frozen=True, slots=True)
class AgentRow:
    """What is known of one agent.

    Parameters
    ----------
    name : str
        Its host, as its readings call it.
    instance : str
        Of its spool: two agents that call themselves the same differ in it.
    sequence : int
        Number of the last batch that was taken.
    checksum : int
        Of that batch.
    heard_at : datetime
        When that was, by the clock here.
    about : mapping
        ``interval`` (seconds between its batches), ``skew`` (seconds that its clock is ahead), ``program``
        (its version), ``form`` (of its batches), ``moved`` (when each of its marks last did, as an ISO time).
    marks : mapping of str to str
        How far it has counted, as an ISO time, by subject and version with a line break between them.
    """

    name: str
    instance: str
    sequence: int
    checksum: int
    heard_at: datetime
    about: Mapping[str, Any] = field(default_factory=dict)
    marks: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class JobRow:
    """What agents are to count of one version: `about` says how, `baseline` at which edges."""

    subject: str
    version: str
    digest: str
    about: Mapping[str, Any] = field(default_factory=dict)
    baseline: bytes = b""


@dataclass(frozen=True, slots=True)
class PartRow:
    """What one agent counted of one window; `sequence` is the order of arrival, given by the store."""

    subject: str
    version: str
    start: datetime
    agent: str
    end: datetime
    rows: int
    content: bytes = b""
    sequence: int = 0


_Agents: TypeAlias = list[AgentRow]  # inside the class, `list` is a method


class AgentsPart:
    """Agents in a database.

    Parameters
    ----------
    database : Database
        Where they are kept.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def put(self, row: AgentRow, *, connection: Connection | None = None) -> None:
        """Write what is known of an agent; what was known of it before is replaced."""
        values = as_values(row)
        with self._database.writing(connection) as transaction:
            transaction.execute(upsert(transaction, agents, update=sorted(values.keys() - {"name"})), values)

    def get(self, name: str, *, connection: Connection | None = None) -> AgentRow | None:
        """Return what is known of an agent; None where nothing was heard of it."""
        with self._database.reading(connection) as snapshot:
            found = read_rows(snapshot, select(agents).where(agents.c.name == name), AgentRow)
        return found[0] if found else None

    def list(self, *, connection: Connection | None = None) -> _Agents:
        """Return all agents, ordered by name."""
        with self._database.reading(connection) as snapshot:
            return read_rows(snapshot, select(agents).order_by(agents.c.name), AgentRow)

    def count(self, *, connection: Connection | None = None) -> int:
        """Return how many agents are known."""
        with self._database.reading(connection) as snapshot:
            return int(snapshot.execute(select(func.count()).select_from(agents)).scalar_one())

    def add_parts(self, parts: Sequence[PartRow], *, connection: Connection | None = None) -> int:
        """Write what agents counted of windows, and return how many are new; those that are there stay.

        Parameters
        ----------
        parts : sequence of PartRow
            One of each window and agent.
        connection : Connection, optional
            A transaction to join.
        """
        if not parts:
            return 0
        with self._database.writing(connection) as transaction:
            first = reserve(transaction, COUNTER, len(parts)) - len(parts) + 1
            rows = [{**as_values(part), "sequence": first + place} for place, part in enumerate(parts)]
            kept: dict[str, Any] = {"preserve_rowcount": True}
            known = upsert(transaction, window_parts)
            return int(transaction.execute(known, rows, execution_options=kept).rowcount)

    def parts(
        self, subject: str, version: str, after: int, *, connection: Connection | None = None
    ) -> Sequence[PartRow]:
        """Return the parts of windows that arrived after a sequence number, in the order of arrival.

        Parameters
        ----------
        subject, version : str
            Whose windows.
        after : int
            The last number that the caller has seen; 0 for all whose windows are not judged.
        connection : Connection, optional
            A transaction to read in.
        """
        c = window_parts.c
        query = select(window_parts).where(c.subject == subject, c.version == version, c.sequence > after)
        query = query.where(func.length(c.content) > 0).order_by(c.sequence)
        with self._database.reading(connection) as snapshot:
            return read_rows(snapshot, query, PartRow)

    def empty_parts(
        self,
        subject: str,
        version: str,
        until: datetime,
        seen: int,
        *,
        connection: Connection | None = None,
    ) -> None:
        """Let go of the content of parts whose windows ended by a time: they are judged.

        Parameters
        ----------
        subject, version : str
            Whose windows.
        until : datetime
            They ended by then.
        seen : int
            The last sequence number that the caller has read; what came after it stays.
        connection : Connection, optional
            A transaction to join.
        """
        c = window_parts.c
        own = (c.subject == subject) & (c.version == version)
        with self._database.writing(connection) as transaction:
            over = own & (c.end <= until) & (c.sequence <= seen) & (func.length(c.content) > 0)
            transaction.execute(update(window_parts).where(over).values(content=b""))

    def prune(self, now: datetime, *, connection: Connection | None = None) -> int:
        """Remove parts of windows that ended a month ago, and return how many; and agents as long unheard."""
        with self._database.writing(connection) as transaction:
            transaction.execute(delete(agents).where(agents.c.heard_at <= now - _KNOWN_FOR))
            old = window_parts.c.end <= now - _KNOWN_FOR
            return int(transaction.execute(delete(window_parts).where(old)).rowcount)

    def offer(self, row: JobRow, *, connection: Connection | None = None) -> None:
        """Say what is to be counted of a version; what was said of it before is replaced."""
        update = ["about", "baseline", "digest"]
        with self._database.writing(connection) as transaction:
            transaction.execute(upsert(transaction, agent_jobs, update=update), as_values(row))

    def withdraw(self, subject: str, *, keep: Collection[str], connection: Connection | None = None) -> None:
        """Take back what is to be counted of all versions of a subject but some."""
        c = agent_jobs.c
        with self._database.writing(connection) as transaction:
            gone = (c.subject == subject) & c.version.not_in(sorted(keep))
            transaction.execute(delete(agent_jobs).where(gone))

    def jobs(self, *, connection: Connection | None = None) -> Sequence[JobRow]:
        """Return all that is to be counted, without baselines."""
        c = agent_jobs.c
        query = select(c.subject, c.version, c.digest, c.about).order_by(c.subject, c.version)
        with self._database.reading(connection) as snapshot:
            return read_rows(snapshot, query, JobRow)

    def baseline(self, digest: str, *, connection: Connection | None = None) -> bytes | None:
        """Return the baseline that a digest stands for; None where nothing is counted with it any more."""
        query = select(agent_jobs.c.baseline).where(agent_jobs.c.digest == digest).limit(1)
        with self._database.reading(connection) as snapshot:
            found: bytes | None = snapshot.execute(query).scalar()
        return found
