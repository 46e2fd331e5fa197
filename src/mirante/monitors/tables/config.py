"""The part of the config that says what is monitored about one table."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from mirante.durations import parse_duration
from mirante.errors import ConfigError
from mirante.monitors.config import EVERY_LIMIT, Duration, Interval, Limit
from mirante.monitors.fields import Budget, Kind, TimeZone, WindowLength
from mirante.monitors.metrics.config import MetricConfig
from mirante.monitors.windows import WindowClock
from mirante.sources.rows.config import ColumnChoice, SourceConfig, SqlConfig
from mirante.sources.spark.config import Engine, check_engine

__all__ = ["TableConfig"]

_FIRST = re.compile(r"first (\d+) windows?")
_FEW, _MANY = 1, 14
_MOST = 400
Share = Annotated[float, Field(ge=0.0, le=1.0)]


class TableConfig(BaseModel):
    """One entry under ``tables:``.

    Parameters
    ----------
    table : str
        Its name, by which it is shown.
    source : SourceConfig
        Where its rows are.
    kind : {"time_series", "snapshot"}
        Rows with times, which are cut into windows; or a table that is looked at as a whole, at most once in
        each window, when it has changed.
    window, timezone, lateness, alarm_budget, baseline_kind, effect_floor, limits, metrics
        As for a model.
    baseline : str, optional
        A file (Parquet, CSV, Arrow) or folder with rows of a normal time, or ``first 14 windows``. When not
        given: the first 14 windows that have rows; the first one where `baseline_kind` is ``previous``; as
        many as are slid over where it is ``sliding``; the first snapshot.
    columns : ColumnChoice, optional
        Which columns are watched; all that have no meaning of their own when not given.
    interval : timedelta
        How often the source is looked at.
    paused : bool
        Whether to leave the source alone; pages and history stay.
    engine : {"local", "spark"}
        Who reads and counts new rows: this process, or Spark's workers, as ``spark:`` says.

    Examples
    --------
    >>> config = TableConfig(table="orders", source={"parquet": "orders", "time": "created_at"})
    >>> config.subject, config.first_windows
    ('table/orders', 14)
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    table: str = Field(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]+$")
    source: SourceConfig
    kind: Literal["time_series", "snapshot"] = "time_series"
    window: WindowLength = "1d"
    timezone: TimeZone = "UTC"
    lateness: Duration = timedelta(minutes=5)
    alarm_budget: Budget | None = None
    baseline_kind: Kind | None = None
    effect_floor: Share | dict[str, Share] | None = None
    baseline: str | None = Field(default=None, min_length=1)
    columns: ColumnChoice | None = None
    limits: tuple[Limit, ...] = EVERY_LIMIT
    metrics: tuple[MetricConfig, ...] = ()
    interval: Interval = timedelta(minutes=1)
    paused: bool = False
    engine: Engine = "local"

    @model_validator(mode="after")
    def _can_be_read(self) -> TableConfig:
        for key in ("version", "label"):
            if getattr(self.source, key) is not None:
                raise ConfigError(f"source.{key} is for models; leave it out, and the column is watched")
        check_engine(self.engine, self.source)
        if self.kind == "snapshot":
            if self.engine == "spark":
                raise ConfigError("a snapshot is looked at as a whole, by this process; take engine out")
            if self.baseline is not None and _FIRST.fullmatch(self.baseline):
                raise ConfigError(
                    "a snapshot's baseline is a file, or the first snapshot; leave baseline out"
                )
            return self
        if self.source.time is None:
            raise ConfigError(
                "source.time is missing; name the column with each row's time, or set kind: snapshot"
            )
        if isinstance(self.source, SqlConfig):
            self.source.check_key()
        if not 1 <= self.first_windows <= _MOST:
            raise ConfigError(f"baseline: {self.baseline!r} needs a number of windows from 1 to {_MOST}")
        return self

    @property
    def first_windows(self) -> int:
        """How many of its first windows are the baseline, where no file is given."""
        said = _FIRST.fullmatch(self.baseline or "")
        if said is not None:
            return int(said[1])
        kind, _, last = (self.baseline_kind or "fixed").partition(" ")
        if kind == "previous":
            return _FEW
        return int(last or _MANY) if kind == "sliding" else _MANY

    @property
    def baseline_file(self) -> Path | None:
        """The file of a normal time; None where the table's own first windows are."""
        if self.baseline is None or _FIRST.fullmatch(self.baseline):
            return None
        return Path(self.baseline)

    @property
    def subject(self) -> str:
        """The subject's name: ``table/<name>``."""
        return f"table/{self.table}"

    @property
    def model(self) -> str:
        """By what its rows are asked for; no model has a slash in its name."""
        return self.subject

    @property
    def predicts(self) -> bool:
        """Whether it has a performance: a table has none."""
        return False

    @property
    def slices(self) -> None:
        """Parts that are judged for themselves: a table has none."""
        return

    @property
    def label_lateness(self) -> timedelta:
        """How long late labels still count."""
        return timedelta()

    @property
    def agent_wait(self) -> timedelta:
        """How long windows wait for an agent: none counts a table."""
        return timedelta()

    @property
    def label_delay(self) -> timedelta:
        """How long windows wait for labels."""
        return timedelta()

    @property
    def task(self) -> None:
        """What a prediction is."""
        return

    @property
    def classes(self) -> None:
        """Names of the classes of a prediction: a table has none."""
        return

    @property
    def stale_after(self) -> timedelta:
        """How long the table's readings speak of the present after they were heard of."""
        return 3 * parse_duration(self.window) + self.lateness + self.interval

    def labels(self, version: str) -> dict[str, str]:  # noqa: ARG002  a table's readings are of no version
        """Return the labels of all readings about this table."""
        return {"table": self.table}

    def clock(self) -> WindowClock:
        """Return the clock that cuts this table's windows."""
        return WindowClock(self.window, self.timezone)

    def within(self, folder: Path) -> TableConfig:
        """Return the same with paths taken from a folder.

        Parameters
        ----------
        folder : Path
            Where the config is.
        """
        file = self.baseline_file
        baseline = self.baseline if file is None else str(folder / file)
        return self.model_copy(update={"source": self.source.within(folder), "baseline": baseline})
