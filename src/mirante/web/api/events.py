"""What happened once, over the API: what the charts mark, such as an alias that moved."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from pydantic import AwareDatetime, BaseModel

from mirante.store.types import finite
from mirante.web.api.paging import LINK, link_next

if TYPE_CHECKING:
    from mirante.store import Store

__all__ = ["Event", "add_events"]

_Time = Annotated[AwareDatetime | None, Query(description="RFC 3339 time with a zone.")]
_PAGED: dict[int | str, dict[str, Any]] = {200: {"headers": LINK}}
_MOST = 10_000


class Event(BaseModel):
    """Something that happened once: ``alias_moved``, ``baseline_accepted``, ``alert_fired``, …."""

    subject: str
    time: AwareDatetime
    kind: str
    text: str
    data: dict[str, Any]


def add_events(router: APIRouter, store: Store) -> None:
    """Add the events.

    Parameters
    ----------
    router : APIRouter
        Where to.
    store : Store
        What is read.
    """

    @router.get("/events", summary="What happened once, and is drawn on charts", tags=["events"],
                responses=_PAGED)  # fmt: skip
    def events(
        request: Request,
        response: Response,
        subject: Annotated[str | None, Query(description="All when left out.")] = None,
        kind: Annotated[list[str] | None, Query(description="May be repeated.")] = None,
        since: _Time = None,
        until: _Time = None,
        limit: Annotated[int, Query(ge=1, le=5_000, description="The newest ones.")] = 500,
    ) -> list[Event]:
        """Return the newest events, oldest of them first; those of one moment are never parted."""
        about: dict[str, Any] = {"kinds": kind or None, "since": since}
        rows = store.events.list(subject, **about, until=until, limit=limit + 1)
        if len(rows) > limit:
            cut = rows[0].time
            rows = [row for row in rows if row.time > cut] or store.events.list(
                subject, kinds=kind or None, since=cut, until=cut + timedelta(microseconds=1), limit=_MOST
            )
            link_next(request, response, until=rows[0].time)
        return [
            Event(
                subject=row.subject, time=row.time, kind=row.kind, text=row.text, data=finite(dict(row.data))
            )
            for row in rows
        ]
