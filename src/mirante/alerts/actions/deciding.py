"""What a person says to a proposal, and that it is written with its event or not at all."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from mirante.errors import InputError
from mirante.store.proposals import proposal_event, signed

if TYPE_CHECKING:
    from mirante.store import ProposalRow, Store

__all__ = ["UnknownProposalError", "approve", "find", "record", "reject", "undo"]

_WHY_NOT = {
    "open": "nobody has decided it yet; approve or reject it",
    "approved": "it is approved and will be carried out as soon as MLflow answers",
    "rejected": "it was rejected",
    "withdrawn": "it was withdrawn, since its reason is gone; if the alert fires again, another one follows",
    "done": "it is done; it can be undone",
    "failed": "it was approved and could not be carried out",
    "undoing": "it will be undone as soon as MLflow answers",
    "undone": "it is undone",
}


class UnknownProposalError(InputError):
    """There is no proposal of that id."""


def find(store: Store, id: str) -> ProposalRow:  # noqa: A002  the column's name
    """Return a proposal.

    Parameters
    ----------
    store : Store
        Has the proposal.
    id : str
        Its id.

    Raises
    ------
    UnknownProposalError
        If there is no such proposal.

    Examples
    --------
    >>> import tempfile
    >>> from datetime import UTC
    >>> from mirante.store import ProposalRow, Store
    >>> row = ProposalRow("p1", "move_alias", "model/m@live", "open", datetime(2026, 1, 31, tzinfo=UTC))
    >>> with tempfile.TemporaryDirectory() as folder, Store(f"sqlite:///{folder}/mirante.db") as store:
    ...     store.proposals.add(row)
    ...     find(store, "p1") == row
    True
    """
    row = store.proposals.get(id)
    if row is None:
        raise UnknownProposalError(f"there is no proposal {id!r}; `mirante proposals list` has them")
    return row


def approve(store: Store, id: str, *, author: str, reason: str, now: datetime) -> ProposalRow:  # noqa: A002  as above
    """Approve an open proposal; the service carries it out.

    Parameters
    ----------
    store : Store
        Has the proposal.
    id : str
        Its id.
    author, reason : str
        Who decides, and why.
    now : datetime
        The present.

    Returns
    -------
    ProposalRow
        As it is now, in the state ``approved``.

    Raises
    ------
    UnknownProposalError
        If there is no such proposal.
    InputError
        If author or reason is missing, or it is not open any more.
    """
    return _decide(store, id, ("open", "approved"), author, reason, now)


def reject(store: Store, id: str, *, author: str, reason: str, now: datetime) -> ProposalRow:  # noqa: A002  as above
    """Reject an open proposal; while its alerts fire, no other one is made.

    Parameters
    ----------
    store, id, author, reason, now
        As for `approve`.

    Returns
    -------
    ProposalRow
        In the state ``rejected``.

    Raises
    ------
    InputError
        As for `approve`.
    """
    return _decide(store, id, ("open", "rejected"), author, reason, now)


def undo(store: Store, id: str, *, author: str, reason: str, now: datetime) -> ProposalRow:  # noqa: A002  as above
    """Ask for the way back from what was done; the service goes it.

    Parameters
    ----------
    store, id, author, reason, now
        As for `approve`.

    Returns
    -------
    ProposalRow
        In the state ``undoing``.

    Raises
    ------
    InputError
        As for `approve`; what is not done cannot be undone.
    """
    return _decide(store, id, ("done", "undoing"), author, reason, now)


def _decide(
    store: Store,
    proposal: str,
    change: tuple[str, str],
    author: str,
    reason: str,
    now: datetime,
) -> ProposalRow:
    was, state = change
    who, why = signed(author, reason)
    row = find(store, proposal)
    decided = replace(row, state=state, decided_at=now, author=who, reason=why)
    if row.state == was and record(store, decided, was, f"proposal_{state}", f"{who}: {why}"):
        return decided
    present = store.proposals.get(proposal) or row
    raise InputError(
        f"the proposal {proposal!r} cannot become {state}: {_WHY_NOT.get(present.state, present.state)}"
    )


def record(
    store: Store,
    row: ProposalRow,
    was: str,
    kind: str,
    text: str,
    **details: Any,
) -> bool:
    """Write a proposal that changed and the event that says so, in one transaction.

    Parameters
    ----------
    store : Store
        Where both go.
    row : ProposalRow
        As it is now.
    was : str
        The state that it must still be in.
    kind, text, **details
        As for `proposal_event`.

    Returns
    -------
    bool
        False, and nothing is written, when it is in another state by now.
    """
    return store.proposals.move(row, was=was, event=proposal_event(row, kind, text, **details))
