"""Version 1 of the API: a router over one store."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any, Literal

from fastapi import APIRouter, Depends, HTTPException, Query, Request, Response
from pydantic import AwareDatetime

from mirante.alerts.evidence import windows_of
from mirante.alerts.people.acknowledging import no_alert
from mirante.garbage import without_collection
from mirante.store.types import as_values
from mirante.web.api.agents import make_agents_router
from mirante.web.api.events import add_events
from mirante.web.api.models import (
    EVERYWHERE,
    WRITES,
    Alert,
    AlertDetail,
    AlertWindow,
    Labels,
    LabelsWritten,
    Notice,
    ReadingSeries,
    Subject,
    Window,
    fault,
    json_number,
)
from mirante.web.api.paging import LINK, link_next
from mirante.web.api.people import add_people_routes
from mirante.web.api.predictions import make_predictions_router
from mirante.web.api.proposals import make_proposals_router
from mirante.web.api.rules import add_rules
from mirante.web.api.tables import add_tables
from mirante.web.ruling import Ruling

if TYPE_CHECKING:
    from mirante.capture.recorders import Recorders
    from mirante.store import AlertRow, Series, Store

__all__ = ["make_router"]

_Time = Annotated[AwareDatetime | None, Query(description="RFC 3339 time with a zone.")]
_States = Annotated[
    list[Literal["pending", "firing", "resolved"]] | None, Query(description="All when left out.")
]
_NOT_HERE: dict[int | str, dict[str, Any]] = {404: fault("There is no such alert.")}
_PAGED: dict[int | str, dict[str, Any]] = {200: {"headers": LINK}}
_ORDER = (
    "`newest`: `limit` is the number of newest readings of each series. `oldest`: a page of about `limit` "
    "readings of all series together, from the oldest on; the header `Link` names the next page."
)
_MOST_READINGS = 1_000_000
_TOO_MANY = (
    f"there are more than {_MOST_READINGS:,} readings in this; name a subject, names or a shorter time, "
    "or read page by page with order=oldest"
)
_NONE = Ruling()


def make_router(
    store: Store,
    clock: Callable[[], datetime],
    ruling: Ruling = _NONE,
    recorders: Recorders | None = None,
    own_host: str = "",
) -> APIRouter:
    """Return the routes below ``/api/v1``.

    Parameters
    ----------
    store : Store
        What is read, and where labels go.
    clock : callable
        The present, aware.
    ruling : Ruling
        The rules and routes of the service.
    recorders : Recorders, optional
        Where predictions go; without, none are taken.
    own_host : str
        What the service calls the host that it reads itself; empty without one.
    """
    router = APIRouter(prefix="/api/v1", responses=EVERYWHERE, dependencies=[Depends(_undisturbed)])
    _add_subjects_and_readings(router, store)
    _add_windows(router, store)
    add_tables(router, store)
    _add_alerts(router, store)
    add_events(router, store)
    add_rules(router, store, ruling)
    add_people_routes(router, store, clock)
    router.include_router(make_proposals_router(store, clock))
    router.include_router(make_agents_router(store, clock, own_host))
    if recorders is not None:
        router.include_router(make_predictions_router(recorders))

    @router.post(
        "/labels",
        summary="Write labels",
        tags=["labels"],
        responses=WRITES,
        response_model_exclude_none=True,
    )
    def labels(body: Labels) -> LabelsWritten:
        written = store.labels.write(body.model, body.ids, body.values, body.arrived or clock())
        named = recorders.named if recorders is not None else frozenset()
        doubt = store.labels.doubt(body.model, named=named)
        if doubt is None:
            return LabelsWritten(written=written)
        return LabelsWritten(written=written, warning=doubt.sentence, nearest=list(doubt.nearest))

    return router


async def _undisturbed() -> AsyncIterator[None]:
    """Keep the garbage collector away from rows by the thousand, as it is from pages."""
    with without_collection():
        yield


def _add_subjects_and_readings(router: APIRouter, store: Store) -> None:
    @router.get("/subjects", summary="What is monitored", tags=["readings"])
    def subjects() -> list[Subject]:
        alerts = Counter(alert.subject for alert in store.alerts.open())
        return [
            Subject(**as_values(row), open_alerts=alerts[row.subject]) for row in store.readings.subjects()
        ]

    @router.get("/readings", summary="Readings as series", tags=["readings"], responses=_PAGED)
    def readings(
        request: Request,
        response: Response,
        subject: Annotated[str | None, Query(description="All when left out.")] = None,
        name: Annotated[list[str] | None, Query(description="May be repeated.")] = None,
        since: _Time = None,
        until: _Time = None,
        order: Annotated[Literal["newest", "oldest"], Query(description=_ORDER)] = "newest",
        limit: Annotated[int, Query(ge=1, le=100_000, description="How many; see `order`.")] = 1_000,
    ) -> list[ReadingSeries]:
        """Return readings with their series; `truncated` says that older ones were left out."""
        about: dict[str, Any] = {"name": name or None, "subject": subject, "since": since}
        if order == "newest":
            if store.readings.has_more(_MOST_READINGS, **about, until=until):
                raise HTTPException(422, _TOO_MANY)
            only = None if subject is None else [subject]
            newest = store.readings.recent(
                name or None, subjects=only, points=limit + 1, since=since, until=until
            )
            return [_series(one, limit) for one in newest]
        end = store.readings.page_end(limit, **about, until=until)
        if end is not None:
            link_next(request, response, since=end)
        found = store.readings.series(**about, until=end or until)
        return [_series(one, len(one.times)) for one in found]


def _add_windows(router: APIRouter, store: Store) -> None:
    @router.get(
        "/windows", summary="Windows of a model with their verdicts", tags=["windows"], responses=_PAGED
    )
    def windows(
        request: Request,
        response: Response,
        subject: str,
        since: _Time = None,
        until: _Time = None,
        limit: Annotated[int, Query(ge=1, le=5_000, description="The newest ones.")] = 200,
    ) -> list[Window]:
        """Return the newest windows, oldest of them first; those of one start are never parted."""
        rows = store.windows.list(subject, since=since, until=until, limit=limit + 1)
        if len(rows) > limit:
            cut = rows[0].start
            rows = [row for row in rows if row.start > cut] or store.windows.list(
                subject, since=cut, until=cut + timedelta(microseconds=1)
            )
            link_next(request, response, until=rows[0].start)
        return [Window(**{**as_values(row), "verdicts": _public(row.verdicts)}) for row in rows]


def _add_alerts(router: APIRouter, store: Store) -> None:
    @router.get("/alerts", summary="Alerts, newest first", tags=["alerts"], responses={**_PAGED, **_NOT_HERE})
    def alerts(
        request: Request,
        response: Response,
        subject: str | None = None,
        state: _States = None,
        since: _Time = None,
        until: _Time = None,
        after: Annotated[str | None, Query(description="Those that follow the alert of this id.")] = None,
        limit: Annotated[int, Query(ge=1, le=5_000)] = 500,
    ) -> list[Alert]:
        last = None if after is None else _alert(store, after)
        found = store.alerts.list(
            subject=subject, states=state or None, since=since, until=until, after=last, limit=limit + 1
        )
        if len(found) > limit:
            found = found[:limit]
            link_next(request, response, after=found[-1].id)
        windows = windows_of(store, found)
        return [
            Alert(**as_values(row), window=_window(ends)) for row, ends in zip(found, windows, strict=True)
        ]

    @router.get("/alerts/{id}", summary="One alert with its notices", tags=["alerts"], responses=_NOT_HERE)
    def alert(id: str) -> AlertDetail:  # noqa: A002  the API's name for it
        row = _alert(store, id)
        notices = [Notice(**as_values(notice)) for notice in store.outbox.list(alert_id=id)]
        (ends,) = windows_of(store, [row])
        return AlertDetail(**as_values(row), window=_window(ends), notices=notices)


def _window(ends: tuple[datetime, datetime] | None) -> AlertWindow | None:
    return None if ends is None else AlertWindow(start=ends[0], end=ends[1])


def _alert(store: Store, id: str) -> AlertRow:  # noqa: A002  the API's name for it
    row = store.alerts.get(id)
    if row is None:
        raise HTTPException(404, no_alert(id))
    return row


def _series(one: Series, limit: int) -> ReadingSeries:
    times = [time.replace(tzinfo=UTC) for time in one.times[-limit:].tolist()]
    return ReadingSeries(
        name=one.name,
        labels=dict(one.labels),
        subject=one.subject,
        times=times,
        values=[json_number(value) for value in one.values[-limit:].tolist()],
        notes=list(one.notes[-limit:]),
        truncated=len(one.times) > limit,
    )


def _public(value: Any) -> Any:
    """Leave out what only the monitor needs, and what JSON cannot say."""
    if isinstance(value, Mapping):
        return {str(key): _public(item) for key, item in value.items() if key != "latency_profile"}
    if isinstance(value, list | tuple):
        return [_public(item) for item in value]
    return json_number(value) if isinstance(value, float) else value
