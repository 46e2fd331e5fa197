"""The part of the config that says what is monitored about one model."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    model_validator,
)

from mirante.capture.config import PrivacyConfig
from mirante.durations import format_duration, parse_duration
from mirante.errors import ConfigError
from mirante.monitors.fields import Budget, Kind, TimeZone, WindowLength
from mirante.monitors.windows import WindowClock
from mirante.sources.rows.config import ColumnChoice, SourceConfig, SqlConfig

__all__ = ["Duration", "Interval", "ModelConfig"]

_UNITS = {f"{prefix}b": 1000.0**power for power, prefix in enumerate(("", "k", "m", "g", "t"))} | {
    f"{prefix}ib": 1024.0**power for power, prefix in enumerate(("k", "m", "g", "t"), start=1)
}
_SIZE = re.compile(r"(\d+(?:\.\d+)?) ?((?:[kmgt]i?)?b)", re.IGNORECASE)


def _not_zero(value: timedelta) -> timedelta:
    if value <= timedelta():
        raise ConfigError("needs to be more than zero, such as 10s: it is the time from one run to the next")
    return value


def _bytes(text: Any) -> int:
    """Return a number of bytes as people write it: 50GB, 1.5 TB, 200MiB."""
    match = _SIZE.fullmatch(str(text).strip())
    size = 0.0 if match is None else float(match[1]) * _UNITS[match[2].lower()]
    if not 1 <= size < float("inf"):
        raise ConfigError(f"{text!r} is no size; write a number and a unit, such as 500MB, 50GB or 1.5TB")
    return int(size)


_MEANT = {"time": "time of each prediction", "prediction": "predictions"}

Duration = Annotated[timedelta, BeforeValidator(parse_duration)]
Size = Annotated[int, BeforeValidator(_bytes)]
Share = Annotated[float, Field(ge=0.0, le=1.0)]
Interval = Annotated[Duration, AfterValidator(_not_zero)]


class ModelConfig(BaseModel):
    """One entry under ``models:``.

    Parameters
    ----------
    model : str
        Name in MLflow's registry.
    alias : str
        Alias of the version that is monitored; its baseline is found through it.
    log : Path
        Folder of the inference log.
    source : SourceConfig, optional
        Instead of a log, for a model that is scored in batches: files or a table with its predictions.
    columns : ColumnChoice, optional
        Which of the baseline's columns are watched; all when not given.
    window : str
        Length of a window: a divisor of a day, or whole days.
    timezone : str
        IANA name of the clock that windows are cut on.
    lateness : timedelta
        How long after its end a window waits for late rows before it is judged.
    label_delay : timedelta
        How long after its end a window waits for its labels before its performance is computed.
    alarm_budget : str, optional
        False alarms that are accepted, such as ``1 per 30d``; the baseline's own when not given.
    baseline_kind : str, optional
        What a window is held against: ``fixed`` (the baseline, by weekday where it spans four weeks),
        ``sliding 14`` (the last 14 windows), ``seasonal 4`` (the last 4 of the same weekday and hours) or
        ``previous``.
    effect_floor : float or mapping of str to float, optional
        Least KS distance or total variation that matters, for all columns or by name.
    interval : timedelta
        How often the inference log is looked at.
    task : {"probability", "class", "regression"}, optional
        What a prediction is; the baseline knows when not given.
    paused : bool
        Whether to leave the inference log alone; pages and history stay.
    retention : timedelta, optional
        How long rows stay in the inference log; for ever when not given.
    max_size : int, optional
        Bytes of the model's inference log over which its oldest rows go, such as ``50GB``.
    privacy : PrivacyConfig
        What of the rows is recorded: for those that record, and to find rows that are to be deleted.

    Examples
    --------
    >>> ModelConfig(model="churn", log="inference-log", window="1d").subject
    'model/churn@champion'
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    model: str = Field(min_length=1)
    alias: str = Field(default="champion", min_length=1)
    log: Path = Path("inference-log")
    source: SourceConfig | None = None
    columns: ColumnChoice | None = None
    window: WindowLength = "1h"
    timezone: TimeZone = "UTC"
    lateness: Duration = timedelta(minutes=5)
    label_delay: Duration = timedelta(days=1)
    alarm_budget: Budget | None = None
    baseline_kind: Kind | None = None
    effect_floor: Share | dict[str, Share] | None = None
    interval: Interval = timedelta(seconds=10)
    task: Literal["probability", "class", "regression"] | None = None
    paused: bool = False
    retention: Duration | None = None
    max_size: Size | None = None
    privacy: PrivacyConfig = PrivacyConfig()

    @model_validator(mode="after")
    def _one_place(self) -> ModelConfig:
        if self.source is None:
            return self
        if given := {"log", "retention", "max_size", "privacy"} & self.model_fields_set:
            raise ConfigError(
                f"source and {sorted(given)[0]} are both given; a model that is scored in batches has a "
                "source, and one that serves has a log"
            )
        for key in ("time", "prediction"):
            if getattr(self.source, key) is None:
                raise ConfigError(f"source.{key} is missing; name the column with the {_MEANT[key]}")
        if isinstance(self.source, SqlConfig):
            self.source.check_key()
        return self

    @model_validator(mode="after")
    def _rows_stay_until_they_are_judged(self) -> ModelConfig:
        needed = parse_duration(self.window) + self.lateness + self.label_delay
        if self.retention is not None and self.retention < needed:
            raise ConfigError(
                f"retention is {format_duration(self.retention)}, and rows are read until window, lateness "
                f"and label_delay are over; give at least {format_duration(needed)}"
            )
        return self

    @property
    def subject(self) -> str:
        """The subject's name: ``model/<name>@<alias>``."""
        return f"model/{self.model}@{self.alias}"

    @property
    def predicts(self) -> bool:
        """Whether it has predictions, and so a performance: a model has."""
        return True

    @property
    def stale_after(self) -> timedelta:
        """How long the model's readings speak of the present after they were heard of."""
        return 3 * parse_duration(self.window) + self.lateness + self.label_delay

    def within(self, folder: Path) -> ModelConfig:
        """Return the same with paths taken from a folder.

        Parameters
        ----------
        folder : Path
            Where the config is.
        """
        source = None if self.source is None else self.source.within(folder)
        return self.model_copy(update={"log": folder / self.log, "source": source})

    def labels(self, version: str) -> dict[str, str]:
        """Return the labels of all readings about a version of this model."""
        return {"model": self.model, "alias": self.alias, "version": version}

    def clock(self) -> WindowClock:
        """Return the clock that cuts this model's windows."""
        return WindowClock(self.window, self.timezone)
