"""The parts of the config that no room owns: host, MLflow server, retention, digest of experiments."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import time, timedelta
from pathlib import Path
from typing import Annotated, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    ValidationInfo,
    field_validator,
    model_validator,
)

from mirante.durations import Least, format_duration, kept_too_short, long_enough
from mirante.errors import ConfigError
from mirante.monitors.config import Duration, Interval, ModelConfig
from mirante.monitors.fields import TimeZone
from mirante.secrets import SecretFile, read_secret
from mirante.store.capping import MOST_SERIES
from mirante.tracking.client import NEEDS_SCHEME, lacks_scheme, server_name
from mirante.tracking.login import Login
from mirante.web.config import web_address

__all__ = ["DigestConfig", "HostConfig", "MlflowConfig", "RetentionConfig", "check_archives"]

_LEAST = {
    "full": Least(timedelta(days=1), "pages show the last 24 hours as they came, and need"),
    "labels": Least(timedelta(days=1), "labels come late, and need"),
    # less would be no smaller view but wrong: what flaps is judged by the week before
    "history": Least(timedelta(days=7), "what flaps, is grouped and sent again needs", timedelta(days=7)),
}


def _tracking_uri(value: str) -> str:
    if lacks_scheme(value):
        raise ConfigError(NEEDS_SCHEME)
    return value


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
    username, password, token : str, optional
        What it is shown where it wants a login: user and password, or a token; ``env:NAME`` takes one from
        the environment. Without them, what MLflow itself takes there: ``MLFLOW_TRACKING_USERNAME``, ….
    password_file, token_file : Path, optional
        A file that holds it, read again each time.
    ca_file : Path, optional
        Certificates, in PEM, that the server's is signed with.

    Examples
    --------
    >>> MlflowConfig(tracking_uri="http://127.0.0.1:5000").enabled
    True
    """

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)

    tracking_uri: Annotated[str, AfterValidator(_tracking_uri)] | None = None
    experiment: str = "mirante"
    interval: Interval = timedelta(seconds=30)
    enabled: bool | None = None
    ui_url: Annotated[str, AfterValidator(web_address)] | None = None
    link_back: bool = True
    username: str | None = None
    password: SecretStr | None = None
    password_file: SecretFile | None = None
    token: SecretStr | None = None
    token_file: SecretFile | None = None
    ca_file: Path | None = None

    @model_validator(mode="after")
    def _one_login(self) -> MlflowConfig:
        password = self.password is not None or self.password_file is not None
        if (self.username is not None) != password:
            raise ConfigError(
                "a login needs both username and password (or password_file); add the other one"
            )
        if password and (self.token is not None or self.token_file is not None):
            raise ConfigError("both a user with password and a token are given; keep one")
        return self

    def within(self, folder: Path, environ: Mapping[str, str]) -> MlflowConfig:
        """Return the same with paths taken from a folder, and the address from the environment.

        Parameters
        ----------
        folder : Path
            Where the config file is.
        environ : mapping
            The environment.

        Examples
        --------
        >>> MlflowConfig().within(Path("/etc"), {"MLFLOW_TRACKING_URI": "http://127.0.0.1:5000"}).enabled
        True
        """
        update: dict[str, object] = {}
        if self.tracking_uri is None and environ.get("MLFLOW_TRACKING_URI") and self.enabled is not None:
            said = "enabled" in self.model_fields_set
            update = {
                "tracking_uri": environ["MLFLOW_TRACKING_URI"],
                "enabled": self.enabled if said else True,
            }
        for name in ("password_file", "token_file", "ca_file"):
            if (path := getattr(self, name)) is not None:
                update[name] = folder / path
        return self.model_copy(update=update) if update else self

    def login(self, environ: Mapping[str, str] | None = None) -> Login:
        """Return what the server is shown, its secrets read; empty where the config names none.

        Parameters
        ----------
        environ : mapping, optional
            Where ``env:NAME`` is looked up; the process' environment by default.

        Raises
        ------
        ConfigError
            If one is given twice or cannot be read, or `ca_file` is not there.

        Examples
        --------
        >>> MlflowConfig(username="ana", password="env:ANA").login({"ANA": "hunter2"})
        Login(username='ana')
        """
        password = read_secret("mlflow.password", self.password, self.password_file, environ)
        token = read_secret("mlflow.token", self.token, self.token_file, environ)
        if self.ca_file is not None and not self.ca_file.is_file():
            raise ConfigError(
                f"mlflow.ca_file is {str(self.ca_file)!r}, which is no file; give certificates in PEM"
            )
        return Login(
            self.username,
            None if password is None else password.get_secret_value(),
            None if token is None else token.get_secret_value().strip(),
            None if self.ca_file is None else str(self.ca_file),
        )

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


class RetentionConfig(BaseModel):
    """The entry ``retention:``, for how long the store keeps what, and how finely.

    Parameters
    ----------
    full : timedelta
        Readings as they came, and windows on all edges of their baseline; a day or more.
    hourly : timedelta
        After that, readings once an hour, and windows as they were cut.
    daily : timedelta
        After that, readings once a day, and windows of a day; what is older goes.
    history : timedelta
        Alerts that are over, with what tells of them; events, silences that are over, decided proposals;
        seven days or more.
    labels : timedelta
        Labels, from when they were written; a day or more, and for as long as they can change a window's
        figures.
    most_series : int
        Series of one subject; those that come later are left out and counted.

    Examples
    --------
    >>> RetentionConfig(full="7d").hourly.days
    30
    """

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)

    full: Duration = timedelta(days=2)
    hourly: Duration = timedelta(days=30)
    daily: Duration = timedelta(days=365)
    history: Duration = timedelta(days=365)
    labels: Duration = timedelta(days=365)
    most_series: int = Field(default=MOST_SERIES, ge=1)

    @field_validator(*_LEAST)
    @classmethod
    def _long_enough(cls, value: timedelta, info: ValidationInfo) -> timedelta:
        return long_enough(value, *_LEAST[str(info.field_name)])

    @property
    def doubts(self) -> list[str]:
        """What to warn of: lengths that are shorter than is of use, and no mistake."""
        return [f"retention.{one}" for one in kept_too_short(dict(self), _LEAST)]

    @field_validator("hourly", "daily")
    @classmethod
    def _longer(cls, value: timedelta, info: ValidationInfo) -> timedelta:
        before = "full" if info.field_name == "hourly" else "hourly"
        known = info.data.get(before)
        if known is not None and value < known:
            raise ConfigError(
                f"is {format_duration(value)} and {before} is {format_duration(known)}; what becomes coarser "
                "with time needs full <= hourly <= daily"
            )
        return value


class DigestConfig(BaseModel):
    """The entry ``digest:``, what happened in experiments, told once a week.

    Parameters
    ----------
    experiments : sequence of str
        Ids or names.
    channels : sequence of str
        Names of channels in ``alerts.channels``.
    weekday : {"monday", …, "sunday"}
        When it is sent.
    at : str
        At what time of the day: ``08:00``.
    timezone : str
        IANA name of the clock that says so.

    Examples
    --------
    >>> DigestConfig(experiments=["churn"], channels=["mail"]).at
    '08:00'
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    experiments: tuple[str, ...] = Field(min_length=1)
    channels: tuple[str, ...] = Field(min_length=1)
    weekday: Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"] = "monday"
    at: str = "08:00"
    timezone: TimeZone = "UTC"

    @field_validator("at", mode="before")
    @classmethod
    def _time_of_day(cls, value: object) -> str:
        if isinstance(value, int) and 0 <= value < 24 * 60:  # YAML reads 20:30 as 20 * 60 + 30
            return f"{value // 60:02d}:{value % 60:02d}"
        try:
            return time.fromisoformat(str(value)).strftime("%H:%M")
        except ValueError as error:
            raise ConfigError(f"is {value!r}; give hours and minutes, such as 08:00") from error


def check_archives(models: Sequence[ModelConfig]) -> None:
    """See to it that a log has one archive, and an archive one log: two would count each other's rows.

    Parameters
    ----------
    models : sequence of ModelConfig
        All entries.

    Raises
    ------
    ConfigError
        Otherwise.
    """
    of_log: dict[Path, SecretStr] = {}
    for model in models:
        if model.archive is not None and of_log.setdefault(model.log, model.archive) != model.archive:
            raise ConfigError(
                f"the entries in models that record to {str(model.log)!r} differ in archive; a log has one: "
                "give it in one of them, or the same in each"
            )
    archives = [found.get_secret_value().rstrip("/") for found in of_log.values()]
    if len(set(archives)) < len(archives):
        raise ConfigError(
            "two logs in models have the same archive, and each would take the other's rows for its own; "
            "give each log a folder of its own there"
        )
