"""The part of the config about alerts: routes and rules; that of the channels is beside them."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Annotated

from pydantic import (
    Discriminator,
    Field,
    Tag,
    field_validator,
    model_validator,
)

from mirante.alerts.actions.config import ActionConfig
from mirante.alerts.channels.config import ChannelConfig
from mirante.alerts.dispatch.config import (
    FlappingConfig,
    FlappingSwitch,
    InhibitConfig,
    MuteTimeConfig,
    RouteConfig,
    build_holds,
)
from mirante.alerts.dispatch.flapping import Flapping
from mirante.alerts.dispatch.holds import HoldSettings
from mirante.alerts.fields import Strict
from mirante.alerts.heartbeat import HeartbeatConfig
from mirante.alerts.routing import Route
from mirante.alerts.rules import Rule, RuleSpec, default_rules, load_rules, rules_of
from mirante.alerts.rules.rule import Origin, twins
from mirante.errors import ConfigError

__all__ = [
    "AlertsConfig",
    "RouteConfig",
    "build_dispatch",
    "build_routes",
    "build_rules",
]

_NAME = re.compile(r"[\w .-]{1,60}")


def _shape_of_rules(value: object) -> str:
    """Say which of its two shapes `rules` has, so that an error in one rule is not told for both."""
    return "file" if isinstance(value, str | Path) else "list"


class AlertsConfig(Strict):
    """Channels, routes, rules and the heartbeat.

    Without routes, every alert goes to every channel. `rules` is a list of rules, or the path of a rule file;
    the rules that come with Mirante are added unless `default_rules` is false, and one of the same name
    replaces them.

    Examples
    --------
    >>> config = AlertsConfig.model_validate({"channels": {"console": {"type": "console"}}})
    >>> build_routes(config).channels_for({})
    ('console',)
    """

    channels: dict[str, ChannelConfig] = Field(default_factory=dict)
    routes: RouteConfig | None = None
    inhibit: list[InhibitConfig] = Field(default_factory=list)
    mute_times: dict[str, list[MuteTimeConfig]] = Field(default_factory=dict)
    flapping: FlappingSwitch = Field(default_factory=FlappingConfig)
    rules: Annotated[
        Annotated[list[RuleSpec], Tag("list")] | Annotated[Path, Tag("file")], Discriminator(_shape_of_rules)
    ] = Field(default_factory=list)
    default_rules: bool = True
    links: dict[str, str] = Field(default_factory=dict)
    heartbeat: HeartbeatConfig | None = None
    actions: tuple[ActionConfig, ...] = ()

    @field_validator("rules")
    @classmethod
    def _no_twins(cls, rules: list[RuleSpec] | Path) -> list[RuleSpec] | Path:
        if not isinstance(rules, Path) and (twice := twins(rule.name for rule in rules)):
            raise ConfigError(f"{twice[0]!r} is the name of two rules; give each a name of its own")
        return rules

    @model_validator(mode="after")
    def _known_channels(self) -> AlertsConfig:
        if self.routes is not None:
            root = self.routes.route()
            unknown = sorted(root.all_channels() - self.channels.keys())
            if unknown:
                there = ", ".join(sorted(self.channels)) or "none"
                # A web address in the place of a name is a secret.
                shown = ", ".join(repr(name) if _NAME.fullmatch(name) else "a channel" for name in unknown)
                message = f"routes name {shown}; there are these channels: {there}"
                raise ConfigError(message)
            muted = sorted(root.all_mute_times() - self.mute_times.keys())
            if muted:
                there = ", ".join(sorted(self.mute_times)) or "none"
                raise ConfigError(
                    f"routes name the mute time {muted[0]!r}; there are these in mute_times: {there}"
                )
        return self


def build_routes(config: AlertsConfig) -> Route:
    """Return the routing tree.

    Parameters
    ----------
    config : AlertsConfig
        Without routes, or with a root that names no channel, the root has all channels: nothing is lost.
    """
    every = tuple(config.channels)
    if config.routes is None:
        return Route(every)
    root = config.routes.route()
    return Route(root.channels or every, routes=root.routes, pace=root.pace)


def build_dispatch(config: AlertsConfig) -> tuple[HoldSettings, Flapping | None]:
    """Return what holds alerts back, and when one flaps; None when that is switched off.

    Examples
    --------
    >>> build_dispatch(AlertsConfig(flapping=False))[1] is None
    True
    """
    flapping = None if config.flapping is None else config.flapping.flapping()
    return build_holds(config.inhibit, config.mute_times), flapping


def build_rules(
    config: AlertsConfig,
    *,
    base: Path | None = None,
    locale: str = "en",
    origin: Callable[..., Origin | None] = lambda *_: None,
) -> list[Rule]:
    """Return the rules: those that come with Mirante, replaced and followed by the config's.

    Parameters
    ----------
    config : AlertsConfig
        The config.
    base : Path, optional
        Folder that a relative path of a rule file starts from.
    locale : str
        Language of the rules that come with Mirante.
    origin : callable
        Says of a place in the config, such as ``"alerts", "rules", 0``, where it is written.

    Raises
    ------
    ConfigError
        If the rule file is wrong.

    Examples
    --------
    >>> own = AlertsConfig.model_validate({"default_rules": False, "rules": [{"name": "a", "when": "x > 1"}]})
    >>> [rule.name for rule in build_rules(own)]
    ['a']
    """
    if isinstance(config.rules, Path):
        own = load_rules((base or Path()) / config.rules)
    else:
        own = rules_of(config.rules, partial(origin, "alerts", "rules"))
    given = default_rules(locale) if config.default_rules else []
    return list({rule.name: rule for rule in [*given, *own]}.values())
