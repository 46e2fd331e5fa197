"""What a monitor needs of the place that its rows come from, and of what is said about its subject."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, Protocol, runtime_checkable

if TYPE_CHECKING:
    from datetime import datetime, timedelta
    from pathlib import Path

    import pyarrow as pa

    from mirante.inference_log.steps import Step
    from mirante.monitors.metrics.config import MetricConfig
    from mirante.monitors.windows import WindowClock

__all__ = ["FrameRows", "PlannedRows", "RowSource", "TableSource", "Watched"]


class RowSource(Protocol):
    """Rows that are there to be read: an inference log, a folder of files, a table of a database.

    They have the columns of `mirante.inference_log.InferenceLog`.
    """

    @property
    def root(self) -> Path | str:
        """Where they are, for people."""
        ...

    def read_new(
        self, model: str, cursor: Mapping[str, Any] | None
    ) -> tuple[pa.Table | None, dict[str, Any]]:
        """Return rows that `cursor` has not had, None when there are none, and the next cursor."""
        ...

    def scan(
        self,
        model: str,
        *,
        start: datetime | None = None,
        end: datetime | None = None,
        columns: Sequence[str] | None = None,
    ) -> pa.Table:
        """Return the rows of a time."""
        ...

    def sample(
        self,
        model: str,
        version: str,
        most: int,
        *,
        start: datetime | None = None,
        end: datetime | None = None,
        columns: Sequence[str],
        seed: int = 0,
    ) -> pa.Table:
        """Return some rows of a time, drawn uniformly."""
        ...


@runtime_checkable
class PlannedRows(RowSource, Protocol):
    """Rows of which the places are known before they are read, so that others can read them."""

    def plan(self, model: str, cursor: Mapping[str, Any] | None) -> Step | None:
        """Return what `read_new` would read next; None when there is nothing that others can read."""
        ...

    def read_step(self, model: str, step: Step) -> pa.Table:
        """Return the rows that `plan` named, on any machine."""
        ...


@runtime_checkable
class FrameRows(Protocol):
    """Rows of a table of Spark, which only its session finds."""

    def new_frame(self, cursor: Mapping[str, Any] | None) -> tuple[Any, dict[str, Any]] | None:
        """Return a DataFrame of the rows that `cursor` has not had, and the next cursor; None without any."""
        ...


class TableSource(Protocol):
    """Rows of a table, in portions: what is asked for besides is its columns and its beginning.

    `mirante.sources.rows.drawing` makes one table of the portions of a time, and draws some of their rows.
    """

    @property
    def root(self) -> Path | str:
        """Where they are, for people."""
        ...

    def read_new(
        self, model: str, cursor: Mapping[str, Any] | None
    ) -> tuple[pa.Table | None, dict[str, Any]]:
        """Return rows that `cursor` has not had, None when there are none, and the next cursor."""
        ...

    @property
    def versioned(self) -> bool:
        """Whether rows say which version they are of."""
        ...

    def features(self) -> list[str]:
        """Return the columns that are watched; none where there is nothing to look at yet."""
        ...

    def earliest(self, since: datetime | None = None) -> datetime | None:
        """Return the first time of a row not before `since`."""
        ...

    def portions(
        self,
        columns: Sequence[str] | None = None,
        *,
        start: datetime | None = None,
        end: datetime | None = None,
    ) -> Iterator[pa.Table]:
        """Yield all rows, or those of a time."""
        ...

    def fingerprint(self) -> str:
        """Return a text that changes when the table does; empty where that is not known."""
        ...


class Watched(Protocol):
    """What is said about a subject in the config: a model's entry, or a table's."""

    @property
    def model(self) -> str:
        """By what its rows are asked for."""
        ...

    @property
    def subject(self) -> str:
        """Its name."""
        ...

    @property
    def window(self) -> str:
        """Length of its windows."""
        ...

    @property
    def timezone(self) -> str:
        """Clock that they are cut on."""
        ...

    @property
    def lateness(self) -> timedelta:
        """How long windows wait for late rows."""
        ...

    @property
    def agent_wait(self) -> timedelta:
        """How long windows wait for an agent of which nothing is heard."""
        ...

    @property
    def label_delay(self) -> timedelta:
        """How long they wait for labels."""
        ...

    @property
    def label_lateness(self) -> timedelta:
        """How long late labels still count."""
        ...

    @property
    def limits(self) -> Sequence[str]:
        """Which limits of data quality are judged."""
        ...

    @property
    def metrics(self) -> Sequence[MetricConfig]:
        """Metrics of one's own."""
        ...

    @property
    def slices(self) -> Sequence[str] | None:
        """Parts that are judged for themselves; the baseline's own when None."""
        ...

    @property
    def alarm_budget(self) -> str | None:
        """False alarms that are accepted."""
        ...

    @property
    def baseline_kind(self) -> str | None:
        """What windows are held against."""
        ...

    @property
    def effect_floor(self) -> float | dict[str, float] | None:
        """Least effect that matters."""
        ...

    @property
    def task(self) -> Literal["probability", "probabilities", "class", "regression"] | None:
        """What a prediction is."""
        ...

    @property
    def classes(self) -> Sequence[str] | None:
        """Names of the classes that a prediction has probabilities of; the baseline's when None."""
        ...

    @property
    def stale_after(self) -> timedelta:
        """How long its readings speak of the present."""
        ...

    @property
    def predicts(self) -> bool:
        """Whether it is a model, whose predictions have a performance."""
        ...

    def labels(self, version: str) -> dict[str, str]:
        """Return the labels of its readings."""
        ...

    def clock(self) -> WindowClock:
        """Return the clock that cuts its windows."""
        ...
