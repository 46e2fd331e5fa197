"""Actions on the registry, put together: what alerts ask for, and what people approve, by its kind."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING

from mirante.alerts.actions.moving import carry_out_move
from mirante.alerts.actions.runner import ActionRunner, CarryOut, carry_out_all
from mirante.app.build import client_of, log_of_subject
from mirante.errors import TrackingError
from mirante.monitors.acceptance import carry_out_acceptance
from mirante.store.proposals import ACCEPT_BASELINE, MOVE_ALIAS
from mirante.tracking.client import brief_requests
from mirante.tracking.registry import answering

if TYPE_CHECKING:
    from mirante.app.build import Parts
    from mirante.app.settings import Settings
    from mirante.store import ProposalRow, Store

__all__ = ["carry_out_now", "make_actions"]


def _carry_out(settings: Settings) -> Mapping[str, CarryOut]:
    accept = partial(carry_out_acceptance, locale=settings.locale, log_of=partial(log_of_subject, settings))
    return {
        MOVE_ALIAS: partial(carry_out_move, locale=settings.locale),
        ACCEPT_BASELINE: accept,
    }


def make_actions(parts: Parts) -> ActionRunner:
    """Return what the service runs beside the rules.

    Parameters
    ----------
    parts : Parts
        Store, client and settings.

    Returns
    -------
    ActionRunner
        Also without a configured action: what people approve is carried out all the same.
    """
    settings = parts.settings
    return ActionRunner(
        parts.store,
        settings.alerts.actions,
        parts.client,
        _carry_out(settings),
        locale=settings.locale,
    )


def carry_out_now(
    store: Store, settings: Settings, proposal: ProposalRow, now: datetime
) -> tuple[ProposalRow, str]:
    """Carry out what was approved at once, instead of when the service comes to it.

    Parameters
    ----------
    store : Store
        Has the proposal.
    settings : Settings
        Name the MLflow server.
    proposal : ProposalRow
        In the state ``approved`` or ``undoing``.
    now : datetime
        The present.

    Returns
    -------
    proposal : ProposalRow
        As it is afterwards.
    problem : str
        Why it still waits; empty when it does not. The service goes on trying.
    """
    try:
        with brief_requests():
            carry_out_all(
                store,
                lambda: answering(lambda: client_of(settings)),
                _carry_out(settings),
                now,
                only=proposal.id,
            )
    except TrackingError as error:
        return store.proposals.get(proposal.id) or proposal, str(error)
    return store.proposals.get(proposal.id) or proposal, ""
