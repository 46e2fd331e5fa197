"""Proposals in the store: what Mirante would do about an alert, who decided, and the way back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeAlias

from sqlalchemy import Connection, insert, select, update

from mirante.store.database import Database
from mirante.store.schema import proposals
from mirante.store.types import as_values

__all__ = ["ProposalRow", "ProposalsPart"]


@dataclass(frozen=True, slots=True)
class ProposalRow:
    """One proposal.

    Parameters
    ----------
    id : str
        Hexadecimal, unique.
    kind, subject : str
        What is to be done, and to what.
    state : str
        ``open``, ``approved``, ``rejected``, ``done``, ``failed`` or ``undone``.
    created_at : datetime
        When it was made.
    alert_id : str, optional
        The alert behind it.
    text : str
        A sentence for people.
    data : mapping
        What it needs to be done and undone, as JSON.
    decided_at : datetime, optional
        When its state last changed.
    author, reason : str, optional
        Who decided, and why.
    """

    id: str
    kind: str
    subject: str
    state: str
    created_at: datetime
    alert_id: str | None = None
    text: str = ""
    data: Mapping[str, Any] = field(default_factory=dict)
    decided_at: datetime | None = None
    author: str | None = None
    reason: str | None = None


_Proposals: TypeAlias = list[ProposalRow]  # inside the class, `list` is a method


class ProposalsPart:
    """Proposals in a database.

    Parameters
    ----------
    database : Database
        Where they are kept.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, row: ProposalRow, *, connection: Connection | None = None) -> None:
        """Write a new proposal."""
        with self._database.writing(connection) as transaction:
            transaction.execute(insert(proposals), as_values(row))

    def get(self, id: str, *, connection: Connection | None = None) -> ProposalRow | None:  # noqa: A002  the column's name
        """Return one proposal, or None."""
        query = select(proposals).where(proposals.c.id == id)
        with self._database.reading(connection) as snapshot:
            found = snapshot.execute(query).first()
        return None if found is None else ProposalRow(**found._mapping)

    def move(self, row: ProposalRow, *, was: str, connection: Connection | None = None) -> bool:
        """Write a proposal that changed; False when it is not in the state `was` any more.

        Two who decide at the same time: one of them is told that it is decided already.
        """
        query = update(proposals).where(proposals.c.id == row.id, proposals.c.state == was)
        with self._database.writing(connection) as transaction:
            return bool(transaction.execute(query.values(as_values(row))).rowcount)

    def list(
        self,
        *,
        subject: str | None = None,
        states: Sequence[str] | None = None,
        limit: int = 500,
        connection: Connection | None = None,
    ) -> _Proposals:
        """Return proposals, newest first.

        Parameters
        ----------
        subject : str, optional
            What they are about; all when None.
        states : sequence of str, optional
            States; all when None.
        limit : int
            At most so many.
        connection : Connection, optional
            A transaction to read in.
        """
        query = select(proposals)
        if subject is not None:
            query = query.where(proposals.c.subject == subject)
        if states is not None:
            query = query.where(proposals.c.state.in_(states))
        query = query.order_by(proposals.c.created_at.desc(), proposals.c.id.desc()).limit(limit)
        with self._database.reading(connection) as snapshot:
            return [ProposalRow(**row._mapping) for row in snapshot.execute(query)]
