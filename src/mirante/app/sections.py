"""The parts of the config that no room owns: this host, and the MLflow server."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, field_validator

from mirante.errors import ConfigError
from mirante.monitors.config import Interval
from mirante.tracking.client import server_name
from mirante.web.config import web_address

__all__ = ["HostConfig", "MlflowConfig"]


class HostConfig(BaseModel):
    """The entry ``host:``, the machine that Mirante runs on.

    Parameters
    ----------
    enabled : bool
        Whether it is watched.
    interval : timedelta
        From one sample to the next.
    name : str, optional
        Its label; the machine's own name by default.

    Examples
    --------
    >>> HostConfig(interval="30s").interval.seconds
    30
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    enabled: bool = True
    interval: Interval = timedelta(seconds=60)
    name: str | None = None


class MlflowConfig(BaseModel):
    """The entry ``mlflow:``, the server that models and readings live on.

    Parameters
    ----------
    tracking_uri : str, optional
        Its address; the environment's ``MLFLOW_TRACKING_URI`` by default.
    enabled : bool, optional
        Whether readings are written to it, and it is watched; by default when an address is known.
    interval : timedelta
        From one shipment of readings to the next.
    experiment : str
        Where the monitoring runs are.
    ui_url : str, optional
        Where people open MLflow, for links in notices and on pages, when it is not `tracking_uri`.
    link_back : bool, default True
        Whether a model version that is watched gets a tag with the address of its page; that needs
        `web.public_url`.

    Examples
    --------
    >>> MlflowConfig(tracking_uri="http://127.0.0.1:5000").enabled
    True
    """

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)

    tracking_uri: str | None = None
    experiment: str = "mirante"
    interval: Interval = timedelta(seconds=30)
    enabled: bool | None = None
    ui_url: Annotated[str, AfterValidator(web_address)] | None = None
    link_back: bool = True

    def page_address(self) -> str:
        """Return where people open MLflow; empty when that is no web address."""
        known = self.ui_url or self.tracking_uri or ""
        return server_name(known) if known.startswith(("http://", "https://")) else ""

    @field_validator("enabled")
    @classmethod
    def _known_address(cls, value: bool | None, info: object) -> bool:
        known = getattr(info, "data", {}).get("tracking_uri") is not None
        if value and not known:
            raise ConfigError("needs mlflow.tracking_uri; set it, or MLFLOW_TRACKING_URI")
        return known if value is None else value
