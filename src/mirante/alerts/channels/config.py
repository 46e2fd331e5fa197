"""The part of the config about channels: one shape for each type, and how a channel is made of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from importlib import import_module
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, model_validator

from mirante.alerts.channels.base import Channel
from mirante.alerts.channels.email import check_addresses, server_and_port
from mirante.durations import parse_duration
from mirante.errors import ConfigError, MissingDependencyError
from mirante.secrets import SecretFile, read_secret

__all__ = [
    "CHANNELS",
    "AlertmanagerConfig",
    "AppriseConfig",
    "ChannelConfig",
    "ConsoleConfig",
    "EmailConfig",
    "SlackConfig",
    "WebhookConfig",
    "build_channels",
]

CHANNELS: Mapping[str, str] = MappingProxyType(
    {
        "alertmanager": "mirante.alerts.channels.alertmanager:AlertmanagerChannel",
        "apprise": "mirante.alerts.channels.apprise:AppriseChannel",
        "console": "mirante.alerts.channels.console:ConsoleChannel",
        "email": "mirante.alerts.channels.email:EmailChannel",
        "slack": "mirante.alerts.channels.slack:SlackChannel",
        "webhook": "mirante.alerts.channels.webhook:WebhookChannel",
    }
)

_Secrets = Callable[[str], SecretStr | None]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    def arguments(self, secret: _Secrets, base: Path) -> dict[str, Any]:  # noqa: ARG002  for those with paths
        """Return what the channel is made with.

        Parameters
        ----------
        secret : callable
            Reads a secret by the name of its setting.
        base : Path
            Folder that relative paths start from.
        """
        return {}

    def _need_one(self, key: str) -> None:
        if (getattr(self, key) is None) == (getattr(self, f"{key}_file") is None):
            raise ConfigError(f"needs either {key!r} (such as env:{key.upper()}) or '{key}_file'")


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

    def arguments(self, secret: _Secrets, base: Path) -> dict[str, Any]:
        """Return what the channel is made with."""
        return {
            "server": self.smtp_server,
            "recipients": self.recipients,
            "port": self.smtp_port,
            "user": self.smtp_user,
            "password": secret("smtp_password"),
            "sender": self.sender,
            "tls": self.smtp_tls,
            "ca_file": None if self.smtp_ca_file is None else str(base / self.smtp_ca_file),
        }


class SlackConfig(_Strict):
    """Notices to a Slack channel, by its incoming webhook."""

    type: Literal["slack"]
    webhook_url: SecretStr | None = None
    webhook_url_file: SecretFile | None = None

    @model_validator(mode="after")
    def _one_address(self) -> SlackConfig:
        self._need_one("webhook_url")
        return self

    def arguments(self, secret: _Secrets, base: Path) -> dict[str, Any]:  # noqa: ARG002  has no paths
        """Return what the channel is made with."""
        return {"webhook_url": secret("webhook_url")}


class _Addressed(_Strict):
    url: SecretStr | None = None
    url_file: SecretFile | None = None

    @model_validator(mode="after")
    def _one_address(self) -> _Addressed:
        self._need_one("url")
        return self

    def arguments(self, secret: _Secrets, base: Path) -> dict[str, Any]:  # noqa: ARG002  has no paths
        """Return what the channel is made with."""
        return {"url": secret("url")}


class WebhookConfig(_Addressed):
    """Notices as JSON to any program; signed when there is a secret."""

    type: Literal["webhook"]
    secret: SecretStr | None = None
    secret_file: SecretFile | None = None

    def arguments(self, secret: _Secrets, base: Path) -> dict[str, Any]:
        """Return what the channel is made with."""
        return {**super().arguments(secret, base), "secret": secret("secret")}


class AlertmanagerConfig(_Addressed):
    """Alerts to Prometheus' Alertmanager."""

    type: Literal["alertmanager"]
    authorization: SecretStr | None = None
    authorization_file: SecretFile | None = None
    resolve_after: Annotated[timedelta, BeforeValidator(parse_duration)] = Field(
        default=timedelta(days=2), gt=timedelta(0)
    )

    def arguments(self, secret: _Secrets, base: Path) -> dict[str, Any]:
        """Return what the channel is made with."""
        own = {"authorization": secret("authorization"), "resolve_after": self.resolve_after}
        return {**super().arguments(secret, base), **own}


class AppriseConfig(_Addressed):
    """Notices to what Apprise knows."""

    type: Literal["apprise"]


ChannelConfig = Annotated[
    AlertmanagerConfig | AppriseConfig | ConsoleConfig | EmailConfig | SlackConfig | WebhookConfig,
    Field(discriminator="type"),
]


def build_channels(
    configs: Mapping[str, ChannelConfig],
    *,
    base: Path | None = None,
    environ: Mapping[str, str] | None = None,
    locate: Callable[..., str] = lambda problem, *place: f"{'.'.join(place)}: {problem}",
) -> dict[str, Channel]:
    """Return the channels by name; secrets are read now.

    Parameters
    ----------
    configs : mapping of str to ChannelConfig
        By the names that routes use.
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
    >>> sorted(build_channels({"console": ConsoleConfig(type="console")}))
    ['console']
    """
    channels: dict[str, Channel] = {}
    errors = []
    for name, config in configs.items():
        try:
            channels[name] = _channel(config, base or Path(), environ)
        except (ConfigError, MissingDependencyError) as error:
            errors.append(locate(str(error), "alerts", "channels", name))
    if errors:
        raise ConfigError("\n".join(errors))
    return channels


def _channel(config: ChannelConfig, base: Path, environ: Mapping[str, str] | None) -> Channel:
    def secret(key: str) -> SecretStr | None:
        file = getattr(config, f"{key}_file")
        return read_secret(key, getattr(config, key), None if file is None else base / file, environ)

    module, _colon, name = CHANNELS[config.type].partition(":")
    channel: Channel = getattr(import_module(module), name)(**config.arguments(secret, base))
    return channel
