"""The part of the config about routes: groups and times, inhibition, mute times, flapping."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Annotated
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from mirante.alerts.dispatch.flapping import Flapping
from mirante.alerts.dispatch.holds import HoldSettings
from mirante.alerts.dispatch.inhibition import BUILT_IN, Inhibition
from mirante.alerts.dispatch.muting import (
    MuteTime,
    day_numbers,
    month_numbers,
    parse_times,
    weekday_numbers,
)
from mirante.alerts.fields import Duration, Match, Strict
from mirante.alerts.matchers import Matchers
from mirante.alerts.routing import EACH_ALONE, Pace, Route
from mirante.errors import ConfigError

__all__ = [
    "FlappingConfig",
    "FlappingSwitch",
    "InhibitConfig",
    "MuteTimeConfig",
    "RouteConfig",
    "build_holds",
    "inhibitions_of",
]


def _positive(length: timedelta) -> timedelta:
    if length <= timedelta():
        raise ConfigError("must be longer than nothing, such as 4h")
    return length


_Positive = Annotated[Duration, AfterValidator(_positive)]


def _group_by(labels: list[str]) -> list[str]:
    if EACH_ALONE[0] in labels and len(labels) > 1:
        raise ConfigError("'...' makes a group of each alert; write it alone, or leave it out")
    return labels


class RouteConfig(Strict):
    """A node of the routing tree; the first inner route whose `match` fits takes the alert.

    What is not given is as in the route around it.

    Examples
    --------
    >>> RouteConfig.model_validate({"group_wait": "1m", "reminders": 0}).route().pace.group_wait
    datetime.timedelta(seconds=60)
    """

    match: Match = Field(default_factory=dict)
    channels: list[str] = Field(default_factory=list)
    routes: list[RouteConfig] = Field(default_factory=list)
    continue_: bool = Field(default=False, alias="continue")
    group_by: Annotated[list[str], AfterValidator(_group_by)] | None = None
    group_wait: Duration | None = None
    group_interval: Duration | None = None
    repeat_interval: _Positive | None = None
    reminders: Annotated[int, Field(ge=0)] | None = None
    send_resolved: bool | None = None
    mute_times: list[str] | None = None

    def route(self) -> Route:
        """Return the route."""
        pace = Pace(
            group_by=None if self.group_by is None else tuple(self.group_by),
            group_wait=self.group_wait,
            group_interval=self.group_interval,
            repeat_interval=self.repeat_interval,
            reminders=self.reminders,
            send_resolved=self.send_resolved,
            mute_times=None if self.mute_times is None else tuple(self.mute_times),
        )
        inner = tuple(route.route() for route in self.routes)
        return Route(tuple(self.channels), Matchers.of(self.match), inner, self.continue_, pace)


class InhibitConfig(Strict):
    """While an alert that `source` fits fires, those that `target` fits are not told.

    Examples
    --------
    >>> InhibitConfig(name="silent_host", enabled=False).inhibition() is None
    True
    """

    name: str = ""
    source: Match = Field(default_factory=dict)
    target: Match = Field(default_factory=dict)
    equal: list[str] = Field(default_factory=list)
    enabled: bool = True

    @model_validator(mode="after")
    def _whole(self) -> InhibitConfig:
        given = [name for name in ("source", "target") if getattr(self, name)]
        if self.enabled and len(given) < 2:
            raise ConfigError("needs both 'source' and 'target', or 'enabled: false' and a name")
        if not self.enabled and self.name not in {inhibition.name for inhibition in BUILT_IN}:
            there = ", ".join(inhibition.name for inhibition in BUILT_IN)
            raise ConfigError(f"'enabled: false' needs a name that comes with Mirante: {there}")
        return self

    def inhibition(self) -> Inhibition | None:
        """Return the inhibition; None when it is switched off."""
        if not self.enabled:
            return None
        source = Matchers.of(self.source)
        return Inhibition(self.name or source.text, source, Matchers.of(self.target), tuple(self.equal))


def inhibitions_of(specs: Iterable[InhibitConfig]) -> tuple[Inhibition, ...]:
    """Return the inhibitions that come with Mirante, replaced, switched off and followed by the config's.

    Examples
    --------
    >>> off = InhibitConfig(name="silent_host", enabled=False)
    >>> "silent_host" in {inhibition.name for inhibition in inhibitions_of([off])}
    False
    """
    given = list(specs)
    replaced = {spec.name for spec in given}
    own = (spec.inhibition() for spec in given)
    kept = (inhibition for inhibition in BUILT_IN if inhibition.name not in replaced)
    return (*kept, *(inhibition for inhibition in own if inhibition is not None))


def _zone(name: object) -> object:
    try:
        return ZoneInfo(str(name)) and name
    except (KeyError, ValueError, OSError) as error:
        raise ConfigError(
            f"{name!r} is no time zone; write an IANA name, such as America/Sao_Paulo"
        ) from error


def _readable(read: Callable[[list[str]], object]) -> BeforeValidator:
    def check(value: object) -> object:
        if isinstance(value, list) and all(isinstance(each, str) for each in value):
            read(value)
        return value

    return BeforeValidator(check)


class MuteTimeConfig(Strict):
    """One recurring time in which the routes that name it tell nothing.

    Examples
    --------
    >>> nights = {"times": ["22:00-06:00"], "zone": "America/Sao_Paulo"}
    >>> MuteTimeConfig.model_validate(nights).mute_time().zone
    zoneinfo.ZoneInfo(key='America/Sao_Paulo')
    """

    times: Annotated[list[str], _readable(parse_times)] = Field(default_factory=list)
    weekdays: Annotated[list[str], _readable(weekday_numbers)] = Field(default_factory=list)
    months: Annotated[list[str], _readable(month_numbers)] = Field(default_factory=list)
    days: Annotated[list[str], _readable(day_numbers)] = Field(default_factory=list)
    zone: Annotated[str, BeforeValidator(_zone)] = "UTC"

    @model_validator(mode="after")
    def _limited(self) -> MuteTimeConfig:
        if not (self.times or self.weekdays or self.months or self.days):
            raise ConfigError("would mute for ever; give 'times', 'weekdays', 'months' or 'days'")
        return self

    def mute_time(self) -> MuteTime:
        """Return the mute time."""
        return MuteTime(
            parse_times(self.times),
            weekday_numbers(self.weekdays),
            month_numbers(self.months),
            day_numbers(self.days),
            ZoneInfo(self.zone),
        )


class FlappingConfig(Strict):
    """When an alert counts as flapping.

    Examples
    --------
    >>> FlappingConfig.model_validate({"within": "30m"}).flapping()
    Flapping(changes=4, within=datetime.timedelta(seconds=1800))
    """

    changes: int = Field(default=4, ge=2)
    within: _Positive = timedelta(hours=1)

    def flapping(self) -> Flapping:
        """Return the same without pydantic."""
        return Flapping(self.changes, self.within)


def _switch(value: object) -> object:
    if value is True:
        return {}
    return None if value is False else value


FlappingSwitch = Annotated[FlappingConfig | None, BeforeValidator(_switch)]


def build_holds(
    inhibit: Sequence[InhibitConfig], mute_times: Mapping[str, Sequence[MuteTimeConfig]]
) -> HoldSettings:
    """Return what holds alerts back.

    Examples
    --------
    >>> build_holds([], {"weekends": [MuteTimeConfig(weekdays=["sat:sun"])]}).mute_times["weekends"][0].spans
    ()
    """
    times = {name: tuple(spec.mute_time() for spec in specs) for name, specs in mute_times.items()}
    return HoldSettings(inhibitions_of(inhibit), times)
