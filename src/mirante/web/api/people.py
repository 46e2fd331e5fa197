"""What people say to alerts, over the API: silences, acknowledgements, and the timeline of an alert."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, Literal

from fastapi import APIRouter, HTTPException, Query
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from mirante.alerts.people.acknowledging import acknowledge, no_alert, take_back
from mirante.alerts.people.silencing import (
    SilenceOrder,
    add_silence,
    change_silence,
    end_silence,
    silence_state,
)
from mirante.alerts.people.timeline import timeline
from mirante.errors import ConflictError, InputError, NotFoundError
from mirante.web.api.models import WRITES, Notice, fault, json_number

if TYPE_CHECKING:
    from mirante.alerts.people.timeline import Moment
    from mirante.store import SilenceRow, Store

__all__ = ["add_people_routes"]

_Author = Annotated[str, Query(min_length=1, max_length=2_000, description="Who does it.")]
_FAULTS: dict[int | str, dict[str, Any]] = {
    **WRITES,
    404: fault("There is none of this id."),
    409: fault("It is over, or somebody else was first; `detail` says who and when."),
}


class Silence(BaseModel):
    """One silence."""

    id: str
    state: Literal["coming", "holding", "over"]
    matchers: dict[str, str]
    starts_at: datetime
    ends_at: datetime
    author: str
    comment: str
    created_at: datetime
    replaces: str | None


class SilenceAsked(BaseModel):
    """A silence to be made; give `ends_at` or `duration`."""

    model_config = ConfigDict(extra="forbid")

    matchers: dict[str, str] = Field(
        description="Label and what it must be: `x`, `!=x`, `~regex`, `!~regex`. `rule`, `severity` and "
        "`subject` count as labels. At least one must name something.",
        examples=[{"rule": "high_cpu", "host": "~web-.*"}],
    )
    author: str = Field(examples=["ana"])
    comment: str = Field(description="Why; needed.", examples=["disk is being replaced"])
    starts_at: AwareDatetime | None = Field(default=None, description="Now, if left out or past.")
    ends_at: AwareDatetime | None = None
    duration: str = Field(default="", description="Such as `2h` or `1d12h`.", examples=["2h"])

    def order(self) -> SilenceOrder:
        """Return what is asked for, as the rules for silences take it."""
        return SilenceOrder(
            self.matchers, self.author, self.comment, self.starts_at, self.ends_at, self.duration
        )


class AcknowledgementAsked(BaseModel):
    """Who takes an alert in hand."""

    model_config = ConfigDict(extra="forbid")

    author: str = Field(examples=["ana"])
    note: str = ""
    take_over: bool = Field(default=False, description="Whether it may be taken from somebody else.")


class Acknowledgement(BaseModel):
    """Who has an alert in hand."""

    alert_id: str
    author: str
    time: datetime
    note: str


class TimelineMoment(BaseModel):
    """One thing that happened to an alert."""

    time: datetime
    kind: Literal[
        "pending", "firing", "flapping", "notice", "held", "acknowledged", "unacknowledged", "silenced",
        "silence_over", "dropped", "resolved",
    ]  # fmt: skip
    author: str
    text: str
    channel: str
    route: str
    value: float | None
    notice: Notice | None
    silence: Silence | None


def add_people_routes(router: APIRouter, store: Store, clock: Callable[[], datetime]) -> None:
    """Add the routes to a router.

    Parameters
    ----------
    router : APIRouter
        Of the API.
    store : Store
        What is read and written.
    clock : callable
        The present, aware.
    """
    _add_silences(router, store, clock)
    _add_acknowledgements(router, store, clock)


@contextmanager
def _as_http() -> Iterator[None]:
    try:
        yield
    except NotFoundError as error:
        raise HTTPException(404, str(error)) from error
    except ConflictError as error:
        raise HTTPException(409, str(error)) from error
    except InputError as error:
        raise HTTPException(422, str(error)) from error


def _add_silences(router: APIRouter, store: Store, clock: Callable[[], datetime]) -> None:
    @router.get("/silences", summary="Silences, the one that ends last first", tags=["silences"])
    def silences(
        state: Annotated[
            list[Literal["coming", "holding", "over"]] | None, Query(description="All when left out.")
        ] = None,
        limit: Annotated[int, Query(ge=1, le=5_000)] = 500,
    ) -> list[Silence]:
        now = clock()
        since = now if state and "over" not in state else None
        found = [_silence(row, now) for row in store.silences.list(since=since, limit=limit)]
        return [one for one in found if not state or one.state in state]

    @router.post("/silences", status_code=201, summary="Make a silence", tags=["silences"], responses=WRITES)
    def make(body: SilenceAsked) -> Silence:
        now = clock()
        with _as_http():
            return _silence(add_silence(store, body.order(), now), now)

    @router.get("/silences/{id}", summary="One silence", tags=["silences"], responses={404: _FAULTS[404]})
    def silence(id: str) -> Silence:  # noqa: A002  the API's name for it
        row = store.silences.get(id)
        if row is None:
            raise HTTPException(404, f"there is no silence {id[:80]!r}")
        return _silence(row, clock())

    @router.put("/silences/{id}", summary="Change a silence", tags=["silences"], responses=_FAULTS)
    def change(id: str, body: SilenceAsked) -> Silence:  # noqa: A002  the API's name for it
        """End it and make another in its place, whose `replaces` names it: the history stays."""
        now = clock()
        with _as_http():
            return _silence(change_silence(store, id, body.order(), now), now)

    @router.delete("/silences/{id}", summary="End a silence now", tags=["silences"], responses=_FAULTS)
    def end(id: str, author: _Author) -> Silence:  # noqa: A002  the API's name for it
        """It stays in the history."""
        now = clock()
        with _as_http():
            end_silence(store, id, author, now)
        return silence(id)


def _add_acknowledgements(router: APIRouter, store: Store, clock: Callable[[], datetime]) -> None:
    @router.post(
        "/alerts/{id}/acknowledgement", summary="Take an alert in hand", tags=["alerts"], responses=_FAULTS
    )
    def take(id: str, body: AcknowledgementAsked) -> Acknowledgement:  # noqa: A002  the API's name for it
        with _as_http():
            row = acknowledge(
                store, id, author=body.author, note=body.note, take_over=body.take_over, now=clock()
            )
            return Acknowledgement(**asdict(row))

    @router.delete(
        "/alerts/{id}/acknowledgement", summary="Give an alert back", tags=["alerts"], responses=_FAULTS
    )
    def give_back(id: str, author: _Author) -> Acknowledgement:  # noqa: A002  the API's name for it
        """Return the acknowledgement as it was."""
        with _as_http():
            return Acknowledgement(**asdict(take_back(store, id, author=author, now=clock())))

    @router.get(
        "/alerts/{id}/timeline",
        summary="What happened to an alert, oldest first",
        tags=["alerts"],
        responses={404: _FAULTS[404]},
    )
    def moments(id: str) -> list[TimelineMoment]:  # noqa: A002  the API's name for it
        row = store.alerts.get(id)
        if row is None:
            raise HTTPException(404, no_alert(id))
        now = clock()
        return [_moment(one, now) for one in timeline(store, row, now)]


def _silence(row: SilenceRow, now: datetime) -> Silence:
    return Silence(**{**asdict(row), "matchers": dict(row.matchers)}, state=silence_state(row, now))


def _moment(one: Moment, now: datetime) -> TimelineMoment:
    return TimelineMoment(
        time=one.time,
        kind=one.kind,
        author=one.author,
        text=one.text,
        channel=one.channel,
        route=one.route,
        value=json_number(one.value),
        notice=None if one.notice is None else Notice(**asdict(one.notice)),
        silence=None if one.silence is None else _silence(one.silence, now),
    )
