"""The part of the config that says what is monitored about one model."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    field_validator,
    model_validator,
)

from mirante.capture.config import PrivacyConfig
from mirante.durations import format_duration, parse_duration
from mirante.errors import ConfigError, InputError
from mirante.inference_log.archive.address import checked_address
from mirante.inference_log.probabilities import MOST_CLASSES
from mirante.monitors.fields import Budget, Kind, TimeZone, WindowLength
from mirante.monitors.metrics.config import MetricConfig
from mirante.monitors.slices.entry import Entry
from mirante.monitors.windows import WindowClock
from mirante.secrets import read_secret
from mirante.sources.rows.config import ColumnChoice, SourceConfig, SqlConfig
from mirante.sources.spark.config import Engine, check_engine

__all__ = ["EVERY_LIMIT", "Duration", "Interval", "Limit", "ModelConfig"]

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


def _class_name(value: Any) -> Any:
    """Return a class as text: names that are numbers need no quotes."""
    return str(int(value)) if isinstance(value, int) else value


def _not_blank(name: str) -> str:
    if not name.strip():
        raise ConfigError(f"the name {name!r} is blank; give the one in MLflow's registry")
    return name


def _address(url: str) -> str:
    try:
        return checked_address(url)
    except InputError as error:
        raise ConfigError(str(error)) from None


_MEANT = {"time": "time of each prediction", "prediction": "predictions"}

Duration = Annotated[timedelta, BeforeValidator(parse_duration)]
Size = Annotated[int, BeforeValidator(_bytes)]
Share = Annotated[float, Field(ge=0.0, le=1.0)]
Limit = Literal["out_of_range", "new_category", "duplicates", "row_count", "freshness"]
EVERY_LIMIT: tuple[Limit, ...] = get_args(Limit)
Interval = Annotated[Duration, AfterValidator(_not_zero)]
_Name = Annotated[str, Field(min_length=1), AfterValidator(_not_blank)]
_Class = Annotated[str, BeforeValidator(_class_name), Field(min_length=1)]


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
    agent_wait : timedelta
        How long a window waits for an agent that counts this model on another host and has gone silent.
    label_delay : timedelta
        How long after its end a window waits for its labels: until then its performance is provisional.
    label_lateness : timedelta
        How long after that labels still change its performance; those that come later are kept and counted.
    alarm_budget : str, optional
        False alarms that are accepted, such as ``1 per 30d``; the baseline's own when not given.
    baseline_kind : str, optional
        What a window is held against: ``fixed`` (the baseline, by weekday where it spans four weeks),
        ``sliding 14`` (the last 14 windows), ``seasonal 4`` (the last 4 of the same weekday and hours) or
        ``previous``.
    effect_floor : float or mapping of str to float, optional
        Least KS distance or total variation that matters, for all columns or by name.
    limits : list of str
        Which limits of data quality, as the baseline has them, are judged: ``out_of_range, new_category,
        duplicates, row_count, freshness``; all by default. Leave ``row_count`` out where the baseline is a
        part of the traffic only.
    metrics : list of MetricConfig
        Metrics of one's own, each an expression over the window's profile or a function of its rows.
    slices : tuple of str, optional
        Parts of the rows that are judged and measured for themselves: the name of a column, each of whose
        values is a slice, or a condition such as ``age >= 65``. The baseline's own when not given.
    interval : timedelta
        How often the inference log is looked at.
    task : {"probability", "probabilities", "class", "regression"}, optional
        What a prediction is: the probability of label 1, one of each class, a class, or a number. The
        baseline knows when not given.
    classes : tuple of str, optional
        What labels call the classes of `probabilities`, in the order of the baseline's, where those are
        positions.
    paused : bool
        Whether to leave the inference log alone; pages and history stay.
    retention : timedelta, optional
        How long rows stay in the inference log; for ever when not given.
    max_size : int, optional
        Bytes of the model's inference log over which its oldest rows go, such as ``50GB``.
    archive : SecretStr, optional
        URL of the folder in object storage to which sealed segments are moved, such as ``s3://bucket/log``;
        ``env:NAME`` takes it from the environment. They stay beside the recorder when not given.
    archive_after : timedelta, optional
        How long rows stay beside the recorder before that; until window, lateness, `label_delay` and
        `label_lateness` are over when not given, so that the monitor need not ask the archive for them.
    privacy : PrivacyConfig
        What of the rows is recorded: for those that record, and to find rows that are to be deleted.
    engine : {"local", "spark"}
        Who reads and counts new rows: this process, or Spark's workers, as ``spark:`` says.

    Examples
    --------
    >>> ModelConfig(model="churn", log="inference-log", window="1d").subject
    'model/churn@champion'
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    model: _Name
    alias: _Name = "champion"
    log: Path = Path("inference-log")
    source: SourceConfig | None = None
    columns: ColumnChoice | None = None
    window: WindowLength = "1h"
    timezone: TimeZone = "UTC"
    lateness: Duration = timedelta(minutes=5)
    agent_wait: Duration = timedelta(hours=2)
    label_delay: Duration = timedelta(days=1)
    label_lateness: Duration = timedelta(days=7)
    alarm_budget: Budget | None = None
    baseline_kind: Kind | None = None
    effect_floor: Share | dict[str, Share] | None = None
    limits: tuple[Limit, ...] = EVERY_LIMIT
    metrics: tuple[MetricConfig, ...] = ()
    slices: tuple[str, ...] | None = Field(default=None, max_length=20)
    interval: Interval = timedelta(seconds=10)
    task: Literal["probability", "probabilities", "class", "regression"] | None = None
    classes: tuple[_Class, ...] | None = Field(default=None, min_length=2, max_length=MOST_CLASSES)
    paused: bool = False
    retention: Duration | None = None
    max_size: Size | None = None
    archive: SecretStr | None = None
    archive_after: Duration | None = None
    privacy: PrivacyConfig = PrivacyConfig()
    engine: Engine = "local"

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
    def _spark_can_read_it(self) -> ModelConfig:
        check_engine(self.engine, self.source)
        return self

    @field_validator("classes")
    @classmethod
    def _classes_differ(cls, classes: tuple[str, ...] | None) -> tuple[str, ...] | None:
        twice = [name for place, name in enumerate(classes or ()) if name in (classes or ())[:place]]
        if twice:
            raise ConfigError(f"the class {twice[0]!r} is there twice; name each once, in the model's order")
        return classes

    @model_validator(mode="after")
    def _classes_are_of_probabilities(self) -> ModelConfig:
        if self.classes is not None and self.task not in (None, "probabilities"):
            raise ConfigError(
                f"classes are given and the task is {self.task!r}; they are of task: probabilities"
            )
        return self

    @field_validator("metrics")
    @classmethod
    def _named_once(cls, metrics: tuple[MetricConfig, ...]) -> tuple[MetricConfig, ...]:
        names = [one.name for one in metrics]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ConfigError(f"the metric {twice[0]!r} is there twice; give each a name of its own")
        return metrics

    @field_validator("archive")
    @classmethod
    def _archive_is_an_address(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and not value.get_secret_value().startswith("env:"):
            _address(value.get_secret_value())
        return value

    @field_validator("slices")
    @classmethod
    def _slices_can_be_read(cls, value: tuple[str, ...] | None) -> tuple[str, ...] | None:
        if value is None:
            return None
        for place, text in enumerate(value):
            if Entry.parse(text) in map(Entry.parse, value[:place]):
                raise ConfigError(f"the slice {text!r} is declared twice; leave one out")
        return value

    @model_validator(mode="after")
    def _rows_stay_until_they_are_judged(self) -> ModelConfig:
        needed = self.judged_after
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
    def judged_after(self) -> timedelta:
        """How long after it a row may still be read: until window, lateness and label delay are over."""
        return parse_duration(self.window) + self.lateness + self.label_delay

    @property
    def moved_after(self) -> timedelta:
        """How old rows are when they are moved to the archive: too old for labels, unless said otherwise."""
        return self.judged_after + self.label_lateness if self.archive_after is None else self.archive_after

    def archive_address(self, environ: Mapping[str, str] | None = None) -> str | None:
        """Return the URL of the archive; None without one. It is not for showing.

        Parameters
        ----------
        environ : mapping, optional
            Where ``env:NAME`` is looked up; the process' environment by default.

        Raises
        ------
        ConfigError
            If it cannot be read, or is no URL.

        Examples
        --------
        >>> ModelConfig(model="churn", archive="env:ARCHIVE").archive_address({"ARCHIVE": "s3://bucket/log"})
        's3://bucket/log'
        """
        found = read_secret("archive", self.archive, None, environ)
        return None if found is None else _address(found.get_secret_value())

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
