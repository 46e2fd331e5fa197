"""The monitor of one model version: reads the inference log, fills windows, judges them, gives readings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from mirante.errors import ConflictError
from mirante.monitors.limits import Silence
from mirante.monitors.model.advance import Advance
from mirante.monitors.model.judging import WindowJudge
from mirante.monitors.model.measuring import WindowPerformance, with_performance
from mirante.monitors.openwindow import OpenWindow
from mirante.readings import Reading
from mirante.store.forgetting import forgotten_cursor

if TYPE_CHECKING:
    import pyarrow as pa

    from mirante.inference_log import InferenceLog
    from mirante.monitors.baseline import ModelBaseline
    from mirante.monitors.config import ModelConfig
    from mirante.monitors.windows import Window
    from mirante.store import Store, WindowRow

__all__ = ["ModelMonitor", "rows_cursor"]

_MOST_EMPTY = 1_000
_TRIES = 5


def rows_cursor(subject: str, version: str) -> str:
    """Return the name of the cursor that says how far a version's monitor has read.

    Examples
    --------
    >>> rows_cursor("model/churn@champion", "3")
    'log/model/churn@champion/3'
    """
    return f"log/{subject}/{version}"


class _ForgottenError(ConflictError):
    """Rows were deleted while a step was at work."""


class ModelMonitor:
    """Watches one version of one model.

    A row enters exactly one window, also when the process is killed: the rows that were read (the cursor),
    the open windows and all readings are written in one transaction.

    Parameters
    ----------
    config : ModelConfig
        What to watch and how windows are cut.
    version : str
        The model version; rows of other versions are not its own and are passed over.
    baseline : ModelBaseline
        What is normal for it.
    store : Store
        Keeps windows, readings and the cursor.
    log : InferenceLog
        Where the rows come from.
    locale : str
        Of the verdicts' sentences, which are the notes of readings.
    """

    def __init__(
        self,
        config: ModelConfig,
        version: str,
        baseline: ModelBaseline,
        store: Store,
        log: InferenceLog,
        *,
        locale: str = "en",
    ) -> None:
        self.config = config
        self.version = version
        self.baseline = baseline
        self.clock = config.clock()
        self._store = store
        self._log = log
        self._cursor_name = rows_cursor(config.subject, version)
        self._forgotten_name = forgotten_cursor(config.model)
        self._retired: datetime | None = None
        self.judge = WindowJudge(config, version, baseline, store, log, locale=locale)
        self._performance = WindowPerformance(config, version, baseline, store, log)
        silence = self.judge.limits.silence if "freshness" in config.limits else None
        self._silence = Silence(silence, self.labels, locale=locale)
        self._restore()

    def _restore(self) -> None:
        """Take up the cursor and the windows as the store has them, and forget everything else."""
        self._begin: datetime | None
        self._forgotten = self._store.cursors.get(self._forgotten_name)  # before the windows
        self._take_cursor(self._store.cursors.get(self._cursor_name))
        self._open: dict[datetime, OpenWindow] = {}
        self._unmeasured: list[tuple[datetime, datetime]] = []
        self._unsaved = False
        rows = self._store.windows.list(self.config.subject)
        mine = [row for row in rows if row.version == self.version]
        others = [row for row in rows if row.version != self.version]
        if self._catching_up:  # what other versions have judged is not judged again for this one
            self._begin = max((row.end for row in others if row.closed), default=None)
        closed = [row.end for row in mine if row.closed]
        self._closed_until = max([*closed, *([self._begin] if self._begin else [])], default=None)
        self._unmeasured = [
            (row.start, row.end)
            for row in mine
            if row.closed and row.rows and row.verdicts.get("performance") is None
        ]
        for row in mine:
            if not row.closed:
                kept = self._store.windows.get(row.subject, row.start, version=row.version)
                self._open[row.start] = OpenWindow.from_row(kept or row, self.baseline)
        if not all(window.fits(self.baseline) for window in self._open.values()):
            # another baseline has other edges: windows that are not judged yet are counted anew from the log
            begin = self._begin
            self._take_cursor(None)
            self._begin = begin
            self._open.clear()
        self.judge.restart([row for row in mine if row.closed and row.rows])

    def _take_cursor(self, kept: Mapping[str, Any] | None) -> None:
        self._catching_up = kept is None
        self._cursor: dict[str, Any] | None = None if kept is None else kept["log"]
        self._late_total = 0 if kept is None else int(kept["late"])
        self._rows_total = 0 if kept is None else int(kept["rows"])
        newest = None if kept is None else kept.get("newest")
        self._newest = None if newest is None else datetime.fromisoformat(newest)
        begin = None if kept is None else kept["begin"]
        self._begin = None if begin is None else datetime.fromisoformat(begin)

    def retire(self, moved: datetime) -> None:
        """Finish the windows that began before the alias moved away, and begin no others.

        Parameters
        ----------
        moved : datetime
            When it moved.
        """
        self._retired = moved

    @property
    def finished(self) -> bool:
        """Whether a retired monitor has judged and measured all that it had begun."""
        return self._retired is not None and not self._open and not self._unmeasured

    @property
    def labels(self) -> dict[str, str]:
        """The labels that every reading of this monitor carries."""
        return self.config.labels(self.version)

    def advance(self, now: datetime) -> Advance:
        """Read what is new, judge the windows that are over, measure those whose labels are due.

        Parameters
        ----------
        now : datetime
            Aware; the present, or the moment that a replay has come to.

        Returns
        -------
        Advance
            What was done; its readings are in the store already.
        """
        if self._unsaved or self._forgotten != self._store.cursors.get(self._forgotten_name):
            self._restore()  # nothing of a step that failed is kept, so no row is counted twice
        self._unsaved = True
        for tries_left in reversed(range(_TRIES)):
            try:
                step = self._advance(now)
                break
            except _ForgottenError:
                if not tries_left:
                    raise
                self._restore()
        self._unsaved = False
        return step

    def _advance(self, now: datetime) -> Advance:
        cursor = self._cursor
        rows = late = 0
        while True:
            table, following = self._log.read_new(self.config.model, cursor)
            cursor = following
            if table is None:
                break
            mine, too_late = self._fold(table)
            rows, late = rows + mine, late + too_late
        self._late_total += late
        self._rows_total += rows
        if rows and self._newest is not None:  # a row from the future would hide that no more come
            self._newest = min(self._newest, now)
        closed, readings = self._close(now)
        measured, performance = self._measure(now)
        readings += performance
        if rows:
            readings.append(Reading("predictions_read_total", self._rows_total, now, self.labels))
        if closed or late:
            readings.append(Reading("monitor_late_total", self._late_total, now, self.labels))
        if self._retired is None:
            readings += self._silence.tell(self._newest, now)
        if readings or rows or cursor != self._cursor:
            self._save(
                self._position(cursor),
                closed,
                measured,
                readings,
            )
        self._cursor, self._catching_up = cursor, False
        return Advance(rows, late, tuple(closed), tuple(start for start, _ in measured), tuple(readings))

    def _position(self, cursor: Mapping[str, Any]) -> dict[str, Any]:
        begin = None if self._begin is None else self._begin.isoformat()
        newest = None if self._newest is None else self._newest.isoformat()
        totals = {"late": self._late_total, "rows": self._rows_total}
        return {"log": cursor, **totals, "begin": begin, "newest": newest}

    def _fold(self, table: pa.Table) -> tuple[int, int]:
        """Put rows into their windows; return how many were this version's, and how many of them too late."""
        import pyarrow.compute as pc

        table = table.filter(pc.equal(table["__version"], self.version)).drop_columns(["__version"])
        late = 0
        for window, positions in self.clock.assign(table["__time"].to_numpy()):
            if self._retired is not None and window.start >= self._retired:
                continue
            part = table.take(positions)
            self._newest = max(self._newest or window.start, pc.max(part["__time"]).as_py())
            if self._closed_until is not None and window.start < self._closed_until:
                late += 0 if self._catching_up else part.num_rows
                continue
            if window.start not in self._open:
                self._open[window.start] = OpenWindow.empty(window, self.baseline)
            self._open[window.start].add(part, self.baseline)
        return table.num_rows, late

    def _close(self, now: datetime) -> tuple[list[WindowRow], list[Reading]]:
        over = [
            self._open.pop(window.start)
            if window.start in self._open
            else OpenWindow.empty(window, self.baseline)
            for window in self._due(now)
        ]
        for filled in over:
            self._closed_until = filled.window.end
            if filled.rows:
                self._unmeasured.append((filled.window.start, filled.window.end))
        return self.judge.judge(over)

    def _due(self, now: datetime) -> list[Window]:
        """The windows that are over, with the empty ones between them, in order."""
        until = now - self.config.lateness
        if self._retired is not None:
            return sorted(filled.window for filled in self._open.values() if filled.window.end <= until)
        first = self._closed_until if self._closed_until is not None else min(self._open, default=None)
        if first is None:
            return []
        due = [
            w
            for w in self.clock.between(max(first, until - _MOST_EMPTY * self.clock.length), until)
            if w.end <= until
        ]
        earlier = [
            w.window
            for start, w in self._open.items()
            if start < (due[0].start if due else until) and w.window.end <= until
        ]
        return sorted({*earlier, *due})

    def _measure(self, now: datetime) -> tuple[list[tuple[datetime, dict[str, Any]]], list[Reading]]:
        """Compute the performance of the windows whose labels are due."""
        measured, self._unmeasured, readings = self._performance.measure(self._unmeasured, now)
        return measured, readings

    def _save(
        self,
        cursor: dict[str, Any],
        closed: Sequence[WindowRow],
        measured: Sequence[tuple[datetime, dict[str, Any]]],
        readings: Sequence[Reading],
    ) -> None:
        fresh = {row.start: row for row in closed}
        with self._store.transaction() as connection:
            asked = self._store.cursors.get(self._forgotten_name, connection=connection, hold=True)
            if asked != self._forgotten:  # the windows in hand may hold rows that were deleted meanwhile
                raise _ForgottenError("rows are being deleted; the step is taken again with what is left")
            self._store.cursors.set(self._cursor_name, cursor, connection=connection)
            for row in closed:
                self._store.windows.put(row, connection=connection)
            for window in self._open.values():
                if window.touched:
                    row = window.to_row(
                        self.config.subject,
                        self.version,
                        closed=False,
                        verdict=None,
                        timezone=self.config.timezone,
                    )
                    self._store.windows.put(row, connection=connection)
                    window.touched = False
            for start, figures in measured:
                known = fresh.get(start) or self._store.windows.get(
                    self.config.subject, start, version=self.version, connection=connection
                )
                if known is not None:
                    self._store.windows.put(with_performance(known, figures), connection=connection)
            self._store.readings.write(readings, connection=connection)
