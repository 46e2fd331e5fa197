"""The part of the API about rules and routes: what holds now, and where an alert would go."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import islice
from operator import attrgetter
from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from mirante.alerts.matchers import LabelIndex
from mirante.alerts.tracing import destination_in_words, trace
from mirante.durations import format_duration
from mirante.web.api.models import WRITES, json_number
from mirante.web.api.paging import LINK, link_next
from mirante.web.ruling import Ruling

if TYPE_CHECKING:
    from mirante.alerts.rules import Rule
    from mirante.readings import Reading
    from mirante.store import AlertRow, Store

__all__ = ["add_rules"]

_RANK = {"inactive": 0, "pending": 1, "firing": 2}
_MOST_VALUES = 1_000


class Value(BaseModel):
    """The newest reading of one series; an unknown value is null."""

    name: str
    labels: dict[str, str]
    value: float | None
    time: datetime


class RuleState(BaseModel):
    """One rule, how it stands, and what it sees."""

    name: str
    expression: str
    where: dict[str, str]
    for_: str = Field(serialization_alias="for")
    keep_firing_for: str
    severity: str
    on_missing: str
    labels: dict[str, str]
    state: str = Field(description="The worst of its alerts: inactive, pending or firing.")
    alerts: dict[str, int] = Field(description="How many alerts it has in each state.")
    values: list[Value]
    truncated: bool = Field(description="Whether there are more values than these.")


_Label = Annotated[str, StringConstraints(min_length=1, max_length=200)]


class Labels(BaseModel):
    """The labels of an alert, with ``rule`` and ``severity``."""

    model_config = ConfigDict(extra="forbid")

    labels: dict[_Label, Annotated[str, StringConstraints(max_length=1_000)]] = Field(max_length=100)


class Place(BaseModel):
    """One channel that the alert goes to."""

    channel: str
    route: str = Field(description="Matchers from the root inwards; empty for the root.")
    group: dict[str, str]
    group_wait: str
    group_interval: str
    repeat_interval: str
    text: str


def add_rules(router: APIRouter, store: Store, ruling: Ruling) -> None:
    """Add the routes about rules to the API.

    Parameters
    ----------
    router : APIRouter
        Of ``/api/v1``.
    store : Store
        Where readings and alerts are.
    ruling : Ruling
        The rules and routes of the service.
    """

    @router.get(
        "/rules",
        summary="Rules with their state and present values, by name",
        tags=["rules"],
        responses={200: {"headers": LINK}},
    )
    def rules(
        request: Request,
        response: Response,
        after: Annotated[str | None, Query(description="Those that follow the rule of this name.")] = None,
        limit: Annotated[int, Query(ge=1, le=1_000)] = 500,
        values: Annotated[int, Query(ge=0, le=_MOST_VALUES, description="At most so many of each.")] = 10,
    ) -> list[RuleState]:
        found = sorted(ruling.rules(), key=attrgetter("name"))
        found = [rule for rule in found if after is None or rule.name > after][: limit + 1]
        if len(found) > limit:
            found = found[:limit]
            link_next(request, response, after=found[-1].name)
        names = sorted({metric for rule in found for metric in rule.expression.metrics})
        latest: dict[str, list[Reading]] = {}
        for reading in store.readings.latest(names=names):
            latest.setdefault(reading.name, []).append(reading)
        alerts: dict[str, list[AlertRow]] = {}
        for alert in store.alerts.open():
            alerts.setdefault(alert.rule, []).append(alert)
        seen = {name: LabelIndex(those, attrgetter("labels")) for name, those in latest.items()}
        return [_state(rule, seen, alerts.get(rule.name, ()), values) for rule in found]

    @router.post(
        "/routes/test",
        summary="Where an alert with these labels would go",
        tags=["rules"],
        responses=WRITES,
    )
    def routes_test(body: Labels) -> list[Place]:
        places = trace(ruling.routes, body.labels)
        return [
            Place(
                channel=place.channel,
                route=place.route,
                group=place.policy.group_labels(body.labels),
                group_wait=format_duration(place.policy.group_wait),
                group_interval=format_duration(place.policy.group_interval),
                repeat_interval=format_duration(place.policy.repeat_interval),
                text=destination_in_words(place, body.labels),
            )
            for place in places
        ]


def _state(
    rule: Rule, latest: Mapping[str, LabelIndex[Reading]], alerts: Sequence[AlertRow], most: int
) -> RuleState:
    accepted = (
        reading
        for metric in dict.fromkeys(rule.expression.metrics)
        if metric in latest
        for reading in latest[metric].accepted(rule.expression.where)
    )
    seen = list(islice(accepted, most + 1))
    counts: dict[str, int] = {}
    for alert in alerts:
        counts[alert.state] = counts.get(alert.state, 0) + 1
    return RuleState(
        name=rule.name,
        expression=rule.when,
        where=dict(rule.where),
        for_=format_duration(rule.for_),
        keep_firing_for=format_duration(rule.keep_firing_for),
        severity=rule.severity,
        on_missing=rule.on_missing,
        labels=dict(rule.labels),
        state=max(counts, key=lambda state: _RANK.get(state, 0), default="inactive"),
        alerts=counts,
        values=[_value(reading) for reading in seen[:most]],
        truncated=len(seen) > most,
    )


def _value(reading: Reading) -> Value:
    value = json_number(reading.value)
    return Value(name=reading.name, labels=dict(reading.labels), value=value, time=reading.time)
