"""Carries out what a person approved: moves the alias, or moves it back."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

from mirante.alerts.actions.deciding import record
from mirante.i18n import translator
from mirante.store.proposals import not_carried_out
from mirante.tracking.registry import alias_version, move_alias, version_exists

if TYPE_CHECKING:
    from mlflow import MlflowClient

    from mirante.store import ProposalRow, Store

__all__ = ["carry_out_move"]


def carry_out_move(
    store: Store, client: MlflowClient, row: ProposalRow, now: datetime, *, locale: str = "en"
) -> ProposalRow:
    """Move the alias as a proposal says, if it still is where the proposal found it.

    May be called again after it was cut short: an alias that is at its goal is not moved again.

    Parameters
    ----------
    store : Store
        Has the proposal.
    client : mlflow.MlflowClient
        Moves the alias.
    row : ProposalRow
        In the state ``approved`` or ``undoing``.
    now : datetime
        The present.
    locale : str
        Language of the events.

    Returns
    -------
    ProposalRow
        In the state ``done``, ``failed`` or ``undone``; or ``done`` with a problem, when it cannot be undone.

    Raises
    ------
    TrackingError
        If MLflow does not answer; nothing is decided then.
    """
    _ = translator(locale)
    back = row.state == "undoing"
    model, alias = row.data["model"], row.data["alias"]
    start, goal = (row.data["to"], row.data["from"]) if back else (row.data["from"], row.data["to"])
    present = alias_version(client, model, alias)
    problem = ""
    if present == start:
        if version_exists(client, model, goal):
            move_alias(client, model, alias, goal)
        else:
            problem = _("Not moved: there is no version %(version)s any more.", version=goal)
    elif present is None:
        problem = _("Not moved: there is no alias %(alias)s any more.", alias=alias)
    elif present != goal:
        problem = _(
            "Not moved: the alias is at version %(present)s by now, and not at %(start)s.",
            present=present,
            start=start,
        )
    if problem:
        after = not_carried_out(row, problem, now)
        record(store, after, row.state, "proposal_failed", problem)
        return after
    data = {**row.data, "problem": ""}
    after = replace(row, state="undone" if back else "done", decided_at=now, data=data)
    text = _(
        "%(author)s moved %(alias)s from version %(start)s to version %(goal)s: %(reason)s",
        author=row.author,
        alias=alias,
        start=start,
        goal=goal,
        reason=row.reason,
    )
    way_back = {} if back else {"undo": f"mirante proposals undo {row.id}"}
    record(
        store,
        after,
        row.state,
        "proposal_undone" if back else "proposal_done",
        text,
        **{"from": start, "to": goal},
        **way_back,
    )
    return after
