"""What a monitor needs of the place that its rows come from, and of what is said about its subject."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, Protocol

if TYPE_CHECKING:
    from datetime import datetime, timedelta
    from pathlib import Path

    import pyarrow as pa

    from mirante.monitors.metrics.config import MetricConfig
    from mirante.monitors.windows import WindowClock

__all__ = ["RowSource", "TableSource", "Watched"]


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


class TableSource(RowSource, Protocol):
    """Rows of a table: it is asked for more than a log, for its columns, its beginning and all of it."""

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

    def portions(self, columns: Sequence[str] | None = None) -> Any:
        """Yield all rows."""
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
    def task(self) -> Literal["probability", "class", "regression"] | None:
        """What a prediction is."""
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
