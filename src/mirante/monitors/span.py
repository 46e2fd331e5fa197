"""A stretch of the rows that a monitor reads, in the order of their own time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from mirante.inference_log.gathering import join, microseconds

if TYPE_CHECKING:
    from pathlib import Path

    from mirante.monitors.rows import RowSource

__all__ = ["Extent", "SpanRows", "find_extent"]

_FEW, _MANY = 50_000, 500_000  # rows in memory at once: about as many as `InferenceLog.read_new` gives
_FIRST, _SHORTEST = timedelta(hours=1), timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Extent:
    """The first and the last time of a row, and how many rows there are."""

    first: datetime
    last: datetime
    rows: int


def find_extent(rows: RowSource, model: str, version: str, start: datetime, end: datetime) -> Extent | None:
    """Return from when to when there are rows of a version; None without any.

    Parameters
    ----------
    rows : RowSource
        Where they are. Times and versions of all rows between are read, a portion at a time.
    model, version : str
        Whose rows.
    start, end : datetime
        Half-open interval of event time; aware.

    Examples
    --------
    >>> from mirante.inference_log import InferenceLog
    >>> t = datetime(2026, 1, 1, tzinfo=UTC)
    >>> find_extent(InferenceLog("not/there"), "churn", "1", t, t + timedelta(days=1)) is None
    True
    """
    first = last = None
    count = 0
    for _, table in _portions(rows, model, start, end, ["__time", "__version"]):
        times = table.filter(pc.equal(table["__version"], version))["__time"]
        if len(times):
            ends = pc.min_max(times).as_py()
            first = ends["min"] if first is None else first
            last = ends["max"]
            count += len(times)
    return (
        None if first is None or last is None else Extent(first.astimezone(UTC), last.astimezone(UTC), count)
    )


class SpanRows:
    """Rows whose time is in ``[start, end)``, for a monitor that is led through the past.

    `read_new` gives them in the order of their time up to where `reach` allows, and those of a window
    together unless they are very many: however long the stretch is, and in whatever order it was recorded,
    no more than some hundred thousand are in memory, and no row is late.

    Parameters
    ----------
    rows : RowSource
        Where they are.
    start, end : datetime
        Half-open interval of event time; aware.
    seen : callable, optional
        Called with each portion before it is given.

    Examples
    --------
    >>> from mirante.inference_log import InferenceLog
    >>> t = datetime(2026, 1, 1, tzinfo=UTC)
    >>> span = SpanRows(InferenceLog("not/there"), t, t + timedelta(days=1))
    >>> span.reach(t + timedelta(hours=1))
    >>> span.read_new("churn", None)
    (None, {'until': '2026-01-01T01:00:00+00:00'})
    """

    def __init__(
        self,
        rows: RowSource,
        start: datetime,
        end: datetime,
        *,
        seen: Callable[[pa.Table], None] = lambda _: None,
    ) -> None:
        self._rows, self._seen = rows, seen
        self._start, self._end = start.astimezone(UTC), end.astimezone(UTC)
        self._reached = self._start
        self._ahead: Iterator[tuple[tuple[datetime, datetime], pa.Table]] | None = None
        self._portion: tuple[tuple[datetime, datetime], pa.Table] | None = None

    @property
    def root(self) -> Path | str:
        """Where the rows are."""
        return self._rows.root

    def reach(self, until: datetime) -> None:
        """Let `read_new` give rows up to a time.

        Parameters
        ----------
        until : datetime
            The moment that is the present now; aware.
        """
        self._reached = min(until.astimezone(UTC), self._end)

    def read_new(
        self, model: str, cursor: Mapping[str, Any] | None
    ) -> tuple[pa.Table | None, dict[str, Any]]:
        """Return the rows that follow on `cursor`, None when there are none yet, and the next cursor."""
        begin = datetime.fromisoformat(cursor["until"]) if cursor else self._start
        parts: list[pa.Table] = []
        while begin < self._reached and sum(part.num_rows for part in parts) < _MANY:
            (_, loaded), table = self._loaded(model, begin)
            end = min(loaded, self._reached)
            parts.append(_within(table, begin, end))
            begin = end
        following = {"until": begin.isoformat()}
        if not any(part.num_rows for part in parts):
            return None, following
        # sums of floats depend on the order in their last digits, and this one is the same wherever it began
        table = join([part for part in parts if part.num_rows]).sort_by("__time")
        self._seen(table)
        return table, following

    def _loaded(self, model: str, begin: datetime) -> tuple[tuple[datetime, datetime], pa.Table]:
        """Return a portion that holds the rows from `begin` on."""
        if self._portion is None or not self._portion[0][0] <= begin < self._portion[0][1]:
            self._portion = None  # its memory, before the next one is read
            following = None if self._ahead is None else next(self._ahead, None)
            if following is None or not following[0][0] <= begin < following[0][1]:
                self._ahead = _portions(self._rows, model, begin, self._end, None)
                following = next(self._ahead)
            self._portion = following
        return self._portion

    def scan(
        self,
        model: str,
        *,
        start: datetime | None = None,
        end: datetime | None = None,
        columns: Sequence[str] | None = None,
    ) -> pa.Table:
        """Return the rows of a time, as far as it is in the stretch."""
        first, last = self._clipped(start, end)
        return self._rows.scan(model, start=first, end=last, columns=columns)

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
        """Return some rows of a time, drawn uniformly, as far as it is in the stretch."""
        first, last = self._clipped(start, end)
        return self._rows.sample(model, version, most, start=first, end=last, columns=columns, seed=seed)

    def _clipped(self, start: datetime | None, end: datetime | None) -> tuple[datetime, datetime]:
        return max(start or self._start, self._start), min(end or self._end, self._end)


def _portions(
    rows: RowSource, model: str, start: datetime, end: datetime, columns: Sequence[str] | None
) -> Iterator[tuple[tuple[datetime, datetime], pa.Table]]:
    """Yield the rows of stretches that follow on each other, as long as keeps their number in bounds."""
    step = _FIRST
    while start < end:
        until = start + min(step, end - start)
        table = rows.scan(model, start=start, end=until, columns=columns)
        yield (start, until), table
        if table.num_rows < _FEW:
            step = min(2 * step, end - start)
        elif table.num_rows > _MANY:
            step = max(step / 2, _SHORTEST)
        del table  # while the next one is read
        start = until


def _within(table: pa.Table, start: datetime, end: datetime) -> pa.Table:
    if not table.num_rows:
        return table  # of a folder in which no file has rows of the time, it has no columns either
    times = table["__time"].cast(pa.int64())
    low, high = microseconds(start, 0), microseconds(end, 0)
    return table.filter(pc.and_(pc.greater_equal(times, low), pc.less(times, high)))
