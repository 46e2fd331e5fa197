"""The part of the config about alerts: channels, routes, rules."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    SecretStr,
    Tag,
    model_validator,
)

from mirante.alerts.actions.config import ActionConfig
from mirante.alerts.channels.base import Channel
from mirante.alerts.channels.email import check_addresses, server_and_port
from mirante.alerts.matchers import Matchers
from mirante.alerts.routing import Route
from mirante.alerts.rules import Rule, RuleSpec, default_rules, load_rules, rules_of
from mirante.errors import ConfigError
from mirante.secrets import SecretFile, read_secret

__all__ = [
    "CHANNELS",
    "AlertsConfig",
    "ConsoleConfig",
    "EmailConfig",
    "RouteConfig",
    "SlackConfig",
    "build_channels",
    "build_routes",
    "build_rules",
]

CHANNELS: Mapping[str, str] = MappingProxyType(
    {
        "console": "mirante.alerts.channels.console:ConsoleChannel",
        "email": "mirante.alerts.channels.email:EmailChannel",
        "slack": "mirante.alerts.channels.slack:SlackChannel",
    }
)
_NAME = re.compile(r"[\w .-]{1,60}")


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True, hide_input_in_errors=True)


class ConsoleConfig(_Strict):
    """Notices as plain lines on standard output."""

    type: Literal["console"]


def _server(value: object) -> object:
    if isinstance(value, str):
        server_and_port(value)
    return value


def _addresses(value: object) -> object:
    if isinstance(value, str) or (isinstance(value, list) and all(isinstance(v, str) for v in value)):
        return list(check_addresses(value))
    return value


class EmailConfig(_Strict):
    """Notices by mail."""

    type: Literal["email"]
    smtp_server: Annotated[str, BeforeValidator(_server)]
    smtp_port: Annotated[int, Field(gt=0, lt=65536)] | None = None
    smtp_user: str | None = None
    smtp_password: SecretStr | None = None
    smtp_password_file: SecretFile | None = None
    smtp_tls: Literal["starttls", "tls", "none"] | None = None
    smtp_ca_file: Path | None = None
    sender: str | None = None
    recipients: Annotated[list[str], BeforeValidator(_addresses)] = Field(min_length=1)


class SlackConfig(_Strict):
    """Notices to a Slack channel, by its incoming webhook."""

    type: Literal["slack"]
    webhook_url: SecretStr | None = None
    webhook_url_file: SecretFile | None = None

    @model_validator(mode="after")
    def _one_address(self) -> SlackConfig:
        if (self.webhook_url is None) == (self.webhook_url_file is None):
            raise ConfigError(
                "needs either 'webhook_url' (such as env:SLACK_WEBHOOK_URL) or 'webhook_url_file'"
            )
        return self


ChannelConfig = Annotated[ConsoleConfig | EmailConfig | SlackConfig, Field(discriminator="type")]


def _matchers(value: object) -> object:
    if isinstance(value, Mapping) and all(isinstance(v, str) for v in value.values()):
        Matchers.of(value)
    return value


class RouteConfig(_Strict):
    """A node of the routing tree; the first inner route whose `match` fits takes the alert."""

    match: Annotated[dict[str, str], BeforeValidator(_matchers)] = Field(default_factory=dict)
    channels: list[str] = Field(default_factory=list)
    routes: list[RouteConfig] = Field(default_factory=list)
    continue_: bool = Field(default=False, alias="continue")

    def route(self) -> Route:
        """Return the route."""
        inner = tuple(route.route() for route in self.routes)
        return Route(tuple(self.channels), Matchers.of(self.match), inner, self.continue_)


def _shape_of_rules(value: object) -> str:
    """Say which of its two shapes `rules` has, so that an error in one rule is not told for both."""
    return "file" if isinstance(value, str | Path) else "list"


class AlertsConfig(_Strict):
    """Channels, routes and rules.

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
    rules: Annotated[
        Annotated[list[RuleSpec], Tag("list")] | Annotated[Path, Tag("file")], Discriminator(_shape_of_rules)
    ] = Field(default_factory=list)
    default_rules: bool = True
    links: dict[str, str] = Field(default_factory=dict)
    actions: tuple[ActionConfig, ...] = ()

    @model_validator(mode="after")
    def _known_channels(self) -> AlertsConfig:
        if self.routes is not None:
            named = self.routes.route().all_channels()
            unknown = sorted(named - self.channels.keys())
            if unknown:
                there = ", ".join(sorted(self.channels)) or "none"
                # A web address in the place of a name is a secret.
                shown = ", ".join(repr(name) if _NAME.fullmatch(name) else "a channel" for name in unknown)
                message = f"routes name {shown}; there are these channels: {there}"
                raise ConfigError(message)
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
    return Route(root.channels or every, routes=root.routes)


def build_rules(config: AlertsConfig, *, base: Path | None = None) -> list[Rule]:
    """Return the rules: those that come with Mirante, replaced and followed by the config's.

    Parameters
    ----------
    config : AlertsConfig
        The config.
    base : Path, optional
        Folder that a relative path of a rule file starts from.

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
        own = rules_of(config.rules)
    given = default_rules() if config.default_rules else []
    return list({rule.name: rule for rule in [*given, *own]}.values())


def build_channels(
    config: AlertsConfig,
    *,
    base: Path | None = None,
    environ: Mapping[str, str] | None = None,
    locate: Callable[..., str] = lambda problem, *place: f"{'.'.join(place)}: {problem}",
) -> dict[str, Channel]:
    """Return the channels by name; secrets are read now.

    Parameters
    ----------
    config : AlertsConfig
        The config.
    base : Path, optional
        Folder that relative paths of secret files start from.
    environ : mapping of str to str, optional
        ``os.environ`` when not given.
    locate : callable
        Takes a problem and the keys around it, and says where in the config that is.

    Raises
    ------
    ConfigError
        Naming each channel that is wrong, and what is wrong with it.

    Examples
    --------
    >>> config = AlertsConfig.model_validate({"channels": {"console": {"type": "console"}}})
    >>> sorted(build_channels(config))
    ['console']
    """
    channels: dict[str, Channel] = {}
    errors = []
    for name, settings in config.channels.items():
        try:
            channels[name] = _channel(settings, base or Path(), environ)
        except ConfigError as error:
            errors.append(locate(str(error), "alerts", "channels", name))
    if errors:
        raise ConfigError("\n".join(errors))
    return channels


def _channel(
    settings: ConsoleConfig | EmailConfig | SlackConfig, base: Path, environ: Mapping[str, str] | None
) -> Channel:
    module, _colon, name = CHANNELS[settings.type].partition(":")
    made = getattr(import_module(module), name)
    channel: Channel
    if isinstance(settings, EmailConfig):
        file = None if settings.smtp_password_file is None else base / settings.smtp_password_file
        channel = made(
            settings.smtp_server,
            settings.recipients,
            port=settings.smtp_port,
            user=settings.smtp_user,
            password=read_secret("smtp_password", settings.smtp_password, file, environ),
            sender=settings.sender,
            tls=settings.smtp_tls,
            ca_file=None if settings.smtp_ca_file is None else str(base / settings.smtp_ca_file),
        )
    elif isinstance(settings, SlackConfig):
        file = None if settings.webhook_url_file is None else base / settings.webhook_url_file
        channel = made(read_secret("webhook_url", settings.webhook_url, file, environ))
    else:
        channel = made()
    return channel
