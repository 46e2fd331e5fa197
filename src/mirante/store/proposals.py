"""Proposals in the store: what Mirante would do about an alert, who decided, and the way back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, TypeAlias

from sqlalchemy import Connection, insert, select, update

from mirante.errors import InputError
from mirante.store.database import Database
from mirante.store.events import EventRow
from mirante.store.rows import read_rows
from mirante.store.schema import events, proposals
from mirante.store.types import as_values

__all__ = [
    "ACCEPT_BASELINE",
    "MOVE_ALIAS",
    "WAITING",
    "ProposalRow",
    "ProposalsPart",
    "not_carried_out",
    "proposal_event",
    "signed",
]

MOVE_ALIAS = "move_alias"
ACCEPT_BASELINE = "accept_baseline"
WAITING = ("open", "approved", "undoing")  # states in which something is still to come
_LONGEST_NAME = 200
_LONGEST_REASON = 2_000


def signed(author: str, reason: str) -> tuple[str, str]:
    """Return who decides and why, without blanks around them.

    Parameters
    ----------
    author, reason : str
        As they were given.

    Raises
    ------
    InputError
        If one of them is empty or too long.

    Examples
    --------
    >>> signed(" Ana ", "spring campaign")
    ('Ana', 'spring campaign')
    """
    author, reason = author.strip(), reason.strip()
    for what, text, most in (("author", author, _LONGEST_NAME), ("reason", reason, _LONGEST_REASON)):
        if not text:
            raise InputError(f"the {what} is empty; say who decides, and why")
        if len(text) > most:
            raise InputError(f"the {what} has {len(text)} characters; at most {most} are kept")
    return author, reason


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
        ``open``, ``approved`` (to be done), ``rejected``, ``withdrawn`` (its reason is gone), ``done``,
        ``failed``, ``undoing`` (to be undone) or ``undone``.
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


def proposal_event(row: ProposalRow, kind: str, text: str, **details: Any) -> EventRow:
    """Return the event that says what became of a proposal, who decided, and why.

    Parameters
    ----------
    row : ProposalRow
        As it is now; its `decided_at` is the event's time.
    kind, text : str
        Of the event.
    **details
        More for the event's data.

    Returns
    -------
    EventRow
        About the proposal's subject.

    Examples
    --------
    >>> from datetime import UTC
    >>> made = datetime(2026, 1, 31, tzinfo=UTC)
    >>> row = ProposalRow("p1", MOVE_ALIAS, "model/m@live", "rejected", made, author="Ana", reason="seen")
    >>> event = proposal_event(row, "proposal_rejected", "Ana: seen", version="2")
    >>> event.subject, event.data
    ('model/m@live', {'proposal': 'p1', 'author': 'Ana', 'reason': 'seen', 'version': '2'})
    """
    data = {"proposal": row.id, "author": row.author, "reason": row.reason, **details}
    return EventRow(row.subject, row.decided_at or row.created_at, kind, text, data)


def not_carried_out(row: ProposalRow, problem: str, now: datetime) -> ProposalRow:
    """Return a proposal as it is after the try to carry it out, or to undo it, came to nothing.

    Parameters
    ----------
    row : ProposalRow
        In the state ``approved`` or ``undoing``.
    problem : str
        Why; kept in its data.
    now : datetime
        The present.

    Returns
    -------
    ProposalRow
        ``failed``; or ``done`` as before, when it cannot be undone.

    Examples
    --------
    >>> from datetime import UTC
    >>> made = datetime(2026, 1, 31, tzinfo=UTC)
    >>> row = ProposalRow("p1", MOVE_ALIAS, "model/m@live", "approved", made)
    >>> after = not_carried_out(row, "there is no version 2", made)
    >>> after.state, after.data, not_carried_out(replace(row, state="undoing"), "", made).state
    ('failed', {'problem': 'there is no version 2'}, 'done')
    """
    state = "done" if row.state == "undoing" else "failed"
    return replace(row, state=state, decided_at=now, data={**row.data, "problem": problem})


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

    def move(
        self,
        row: ProposalRow,
        *,
        was: str,
        event: EventRow | None = None,
        connection: Connection | None = None,
    ) -> bool:
        """Write a proposal that changed; False when it is not in the state `was` any more.

        Two who decide at the same time: one of them is told that it is decided already.

        Parameters
        ----------
        row : ProposalRow
            As it is now.
        was : str
            The state that it must still be in.
        event : EventRow, optional
            Says so; written in the same transaction, or not at all.
        connection : Connection, optional
            A transaction to join.
        """
        query = update(proposals).where(proposals.c.id == row.id, proposals.c.state == was)
        with self._database.writing(connection) as transaction:
            moved = bool(transaction.execute(query.values(as_values(row))).rowcount)
            if moved and event is not None:
                transaction.execute(insert(events), as_values(event))
        return moved

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
            return read_rows(snapshot, query, ProposalRow)
