"""A sign of life: an address that is called while all is well, so that a dead monitor is noticed."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Annotated

import structlog
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, model_validator

from mirante.alerts.channels.http import Endpoint
from mirante.durations import parse_duration
from mirante.errors import ConfigError, DeliveryError
from mirante.secrets import SecretFile, read_secret

__all__ = ["Heartbeat", "HeartbeatConfig", "build_heartbeat"]

_log = structlog.get_logger("mirante.alerts.heartbeat")


class HeartbeatConfig(BaseModel):
    """The entry ``alerts.heartbeat``.

    Parameters
    ----------
    url : SecretStr, optional
        What is called with GET, such as a check of healthchecks.io; ``env:NAME`` takes it from there.
    url_file : Path, optional
        A file that holds it; instead of `url`.
    every : timedelta
        From one call to the next.

    Examples
    --------
    >>> HeartbeatConfig(url="env:HEARTBEAT_URL").every.seconds
    60
    """

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    url: SecretStr | None = None
    url_file: SecretFile | None = None
    every: Annotated[timedelta, BeforeValidator(parse_duration)] = Field(
        default=timedelta(minutes=1), ge=timedelta(seconds=1)
    )

    @model_validator(mode="after")
    def _one_address(self) -> HeartbeatConfig:
        if (self.url is None) == (self.url_file is None):
            raise ConfigError("needs either 'url' (such as env:HEARTBEAT_URL) or 'url_file'")
        return self


class Heartbeat:
    """Calls an address.

    Parameters
    ----------
    url : SecretStr
        Which.
    timeout : float
        Seconds for one call.

    Raises
    ------
    ConfigError
        If it is no http address.
    """

    def __init__(self, url: SecretStr, *, timeout: float = 10.0) -> None:
        self._endpoint = Endpoint("the heartbeat's address", url, timeout=timeout)
        self._trouble = ""

    def __repr__(self) -> str:
        return "Heartbeat(***)"

    @property
    def trouble(self) -> str:
        """Why the last call failed, without the address; empty when it did not."""
        return self._trouble

    def beat(self) -> bool:
        """Call it once; blocks for at most `timeout`.

        Returns
        -------
        bool
            Whether it answered with 2xx. A failure is never raised: it is logged, once until it works again.
        """
        try:
            asyncio.run(self._endpoint.call(method="GET"))
        except DeliveryError as error:
            if not self._trouble:
                _log.warning("heartbeat failed", error=error.reason)
            self._trouble = error.reason
            return False
        if self._trouble:
            _log.info("heartbeat works again")
        self._trouble = ""
        return True


def build_heartbeat(
    config: HeartbeatConfig, *, base: Path | None = None, environ: Mapping[str, str] | None = None
) -> Heartbeat:
    """Return the heartbeat; its address is read now.

    Parameters
    ----------
    config : HeartbeatConfig
        The config.
    base : Path, optional
        Folder that a relative `url_file` starts from.
    environ : mapping of str to str, optional
        ``os.environ`` when not given.

    Raises
    ------
    ConfigError
        If the address cannot be read, or is none.

    Examples
    --------
    >>> build_heartbeat(HeartbeatConfig(url="https://hc.example.org/ping/1"))
    Heartbeat(***)
    """
    file = None if config.url_file is None else (base or Path()) / config.url_file
    address = read_secret("url", config.url, file, environ)
    assert address is not None  # noqa: S101  # the config has one of the two
    return Heartbeat(address)
