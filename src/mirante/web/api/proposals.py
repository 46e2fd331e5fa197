"""Proposals on the API: what Mirante would do, who decided, and new normals."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, Literal

from fastapi import APIRouter, HTTPException, Query
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from mirante.alerts.actions.deciding import UnknownProposalError, approve, reject, undo
from mirante.alerts.actions.words import proposal_lines
from mirante.errors import InputError
from mirante.web.api.models import WRITES, fault

if TYPE_CHECKING:
    from mirante.store import ProposalRow, Store

__all__ = ["Acceptance", "Decision", "Proposal", "make_proposals_router"]

_State = Literal["open", "approved", "rejected", "withdrawn", "done", "failed", "undoing", "undone"]
_States = Annotated[list[_State] | None, Query(description="All when left out.")]
_NOT_HERE: dict[int | str, dict[str, Any]] = {404: fault("There is no such proposal.")}
_TOO_LATE: dict[int | str, dict[str, Any]] = {
    **WRITES,
    **_NOT_HERE,
    409: fault("It is in another state by now, or author or reason are blank."),
}


class Proposal(BaseModel):
    """One proposal; what is approved is carried out by the service within its evaluation interval."""

    id: str
    kind: str
    subject: str
    state: str
    created_at: datetime
    alert_id: str | None
    text: str
    data: dict[str, Any]
    decided_at: datetime | None
    author: str | None
    reason: str | None


class Decision(BaseModel):
    """Who decides, and why."""

    model_config = ConfigDict(extra="forbid")

    author: Annotated[str, Field(min_length=1, max_length=200)]
    reason: Annotated[str, Field(min_length=1, max_length=2_000)]


class Acceptance(Decision):
    """A range of windows that is the new normal of a model."""

    subject: str
    since: AwareDatetime
    until: AwareDatetime


def make_proposals_router(store: Store, clock: Callable[[], datetime]) -> APIRouter:
    """Return the routes of proposals and of accepted baselines.

    Parameters
    ----------
    store : Store
        What is read and decided.
    clock : callable
        The present, aware.
    """
    router = APIRouter(tags=["proposals"])

    @router.get("/proposals", summary="Proposals, newest first")
    def proposals(
        subject: str | None = None,
        state: _States = None,
        limit: Annotated[int, Query(ge=1, le=5_000)] = 500,
    ) -> list[Proposal]:
        return [_shown(row) for row in store.proposals.list(subject=subject, states=state, limit=limit)]

    @router.get("/proposals/{id}", summary="One proposal", responses=_NOT_HERE)
    def proposal(id: str) -> Proposal:  # noqa: A002  the API's name for it
        row = store.proposals.get(id)
        if row is None:
            raise HTTPException(404, f"there is no proposal {id!r}")
        return _shown(row)

    @router.post("/proposals/{id}/approve", summary="Approve a proposal", responses=_TOO_LATE)
    def approved(id: str, body: Decision) -> Proposal:  # noqa: A002  as above
        return _decided(approve, store, id, body, clock())

    @router.post("/proposals/{id}/reject", summary="Reject a proposal", responses=_TOO_LATE)
    def rejected(id: str, body: Decision) -> Proposal:  # noqa: A002  as above
        return _decided(reject, store, id, body, clock())

    @router.post("/proposals/{id}/undo", summary="Undo what was done", responses=_TOO_LATE)
    def undone(id: str, body: Decision) -> Proposal:  # noqa: A002  as above
        return _decided(undo, store, id, body, clock())

    @router.post(
        "/baselines/accept",
        summary="Accept a range of windows as the new normal",
        responses={**WRITES, 409: fault("The range will not do; the detail says why.")},
    )
    def accepted(body: Acceptance) -> Proposal:
        from mirante.monitors.acceptance import ask_to_accept

        try:
            row = ask_to_accept(
                store,
                body.subject,
                body.since,
                body.until,
                author=body.author,
                reason=body.reason,
                now=clock(),
            )
        except InputError as error:
            raise HTTPException(409, str(error)) from error
        return _shown(row)

    return router


def _decided(
    decide: Callable[..., ProposalRow], store: Store, proposal: str, body: Decision, now: datetime
) -> Proposal:
    try:
        return _shown(decide(store, proposal, author=body.author, reason=body.reason, now=now))
    except UnknownProposalError as error:
        raise HTTPException(404, str(error)) from error
    except InputError as error:
        raise HTTPException(409, str(error)) from error


def _shown(row: ProposalRow) -> Proposal:
    return Proposal(**{**asdict(row), "text": "\n".join(proposal_lines(row))})
