"""Proposals as a page shows them: those that wait for a person, then the newest that are decided."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mirante.alerts.actions.words import proposal_lines, state_word
from mirante.store.proposals import WAITING
from mirante.web.pages.query import Query

if TYPE_CHECKING:
    from mirante.store import ProposalRow, Store

__all__ = ["ShownProposal", "proposals_shown"]

_MOST_DECIDED = 5


@dataclass(frozen=True, slots=True)
class ShownProposal:
    """A proposal ready for a template.

    Parameters
    ----------
    row : ProposalRow
        The proposal itself.
    word : str
        Its state for people.
    lines : tuple of str
        What it says, the most important first.
    decisions : tuple of str
        What a person can say to it: ``approve`` and ``reject``, ``undo``, or nothing.
    """

    row: ProposalRow
    word: str
    lines: tuple[str, ...]
    decisions: tuple[str, ...]


def proposals_shown(store: Store, query: Query) -> list[ShownProposal]:
    """Return the proposals that a page shows.

    Parameters
    ----------
    store : Store
        Has them.
    query : Query
        ``subject`` narrows them; its language is that of the words.
    """
    rows = store.proposals.list(subject=query.get("subject") or None, limit=200)
    waiting = [row for row in rows if row.state in WAITING]
    decided = [row for row in rows if row.state not in WAITING]
    return [_shown(row, query) for row in [*waiting, *decided[:_MOST_DECIDED]]]


def _shown(row: ProposalRow, query: Query) -> ShownProposal:
    may = query.decides and not query.read_only
    decisions = {"open": ("approve", "reject"), "done": ("undo",)}.get(row.state, ()) if may else ()
    return ShownProposal(
        row, state_word(row.state, query.locale), proposal_lines(row, query.locale), decisions
    )
