"""Version 1 of the API: a router over one store."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any, Literal

from fastapi import APIRouter, HTTPException, Query
from pydantic import AwareDatetime

from mirante.web.api.models import (
    Alert,
    AlertDetail,
    Labels,
    LabelsWritten,
    Notice,
    ReadingSeries,
    Subject,
    Window,
    json_number,
)
from mirante.web.api.people import add_people_routes
from mirante.web.api.proposals import make_proposals_router
from mirante.web.api.rules import add_rules
from mirante.web.ruling import Ruling

if TYPE_CHECKING:
    from mirante.store import Series, Store

__all__ = ["make_router"]

_Time = Annotated[AwareDatetime | None, Query(description="RFC 3339 time with a zone.")]
_States = Annotated[
    list[Literal["pending", "firing", "resolved"]] | None, Query(description="All when left out.")
]
_NOT_HERE: dict[int | str, dict[str, Any]] = {404: {"description": "There is no such alert."}}
_NONE = Ruling()


def make_router(store: Store, clock: Callable[[], datetime], ruling: Ruling = _NONE) -> APIRouter:
    """Return the routes below ``/api/v1``.

    Parameters
    ----------
    store : Store
        What is read, and where labels go.
    clock : callable
        The present, aware.
    ruling : Ruling
        The rules and routes of the service.
    """
    router = APIRouter(prefix="/api/v1")
    _add_subjects_and_readings(router, store)
    _add_windows(router, store)
    _add_alerts(router, store)
    add_rules(router, store, ruling)
    add_people_routes(router, store, clock)
    router.include_router(make_proposals_router(store, clock))

    @router.post("/labels", summary="Write labels", tags=["labels"])
    def labels(body: Labels) -> LabelsWritten:
        written = store.labels.write(body.model, body.ids, body.values, body.arrived or clock())
        return LabelsWritten(written=written)

    return router


def _add_subjects_and_readings(router: APIRouter, store: Store) -> None:
    @router.get("/subjects", summary="What is monitored", tags=["readings"])
    def subjects() -> list[Subject]:
        alerts = Counter(alert.subject for alert in store.alerts.open())
        return [Subject(**asdict(row), open_alerts=alerts[row.subject]) for row in store.readings.subjects()]

    @router.get("/readings", summary="Readings as series", tags=["readings"])
    def readings(
        subject: Annotated[str | None, Query(description="All when left out.")] = None,
        name: Annotated[list[str] | None, Query(description="May be repeated.")] = None,
        since: _Time = None,
        until: _Time = None,
        limit: Annotated[int, Query(ge=1, le=100_000, description="Newest readings of each series.")] = 1_000,
    ) -> list[ReadingSeries]:
        found = store.readings.series(name or None, subject=subject, since=since, until=until)
        return [_series(one, limit) for one in found]


def _add_windows(router: APIRouter, store: Store) -> None:
    @router.get("/windows", summary="Windows of a model with their verdicts", tags=["windows"])
    def windows(
        subject: str,
        since: _Time = None,
        until: _Time = None,
        limit: Annotated[int, Query(ge=1, le=5_000, description="The newest ones.")] = 200,
    ) -> list[Window]:
        rows = store.windows.list(subject, since=since, until=until)[-limit:]
        plain = [{key: value for key, value in asdict(row).items() if key != "profile"} for row in rows]
        return [Window(**{**row, "verdicts": _public(row["verdicts"])}) for row in plain]


def _add_alerts(router: APIRouter, store: Store) -> None:
    @router.get("/alerts", summary="Alerts, newest first", tags=["alerts"])
    def alerts(
        subject: str | None = None,
        state: _States = None,
        since: _Time = None,
        until: _Time = None,
        limit: Annotated[int, Query(ge=1, le=5_000)] = 500,
    ) -> list[Alert]:
        found = store.alerts.list(
            subject=subject, states=state or None, since=since, until=until, limit=limit
        )
        return [Alert(**_finite(asdict(row))) for row in found]

    @router.get("/alerts/{id}", summary="One alert with its notices", tags=["alerts"], responses=_NOT_HERE)
    def alert(id: str) -> AlertDetail:  # noqa: A002  the API's name for it
        row = store.alerts.get(id)
        if row is None:
            raise HTTPException(404, f"there is no alert {id!r}")
        notices = [Notice(**asdict(notice)) for notice in store.outbox.list(alert_id=id)]
        return AlertDetail(**_finite(asdict(row)), notices=notices)


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


def _finite(row: dict[str, Any]) -> dict[str, Any]:
    return {**row, "value": json_number(row["value"]), "fired_value": json_number(row["fired_value"])}


def _public(value: Any) -> Any:
    """Leave out what only the monitor needs, and what JSON cannot say."""
    if isinstance(value, Mapping):
        return {str(key): _public(item) for key, item in value.items() if key != "latency_profile"}
    if isinstance(value, list | tuple):
        return [_public(item) for item in value]
    return json_number(value) if isinstance(value, float) else value
