"""The monitor of one model version: reads the inference log, fills windows, judges them, gives readings."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from mirante.errors import ConflictError
from mirante.monitors.counting import Counted, WindowCounter
from mirante.monitors.limits import Silence
from mirante.monitors.model.advance import Advance
from mirante.monitors.model.judging import WindowJudge
from mirante.monitors.model.measuring import Measured, WindowPerformance, with_performance
from mirante.monitors.openwindow import OpenWindow
from mirante.monitors.slices.monitor import SliceMonitor
from mirante.monitors.windowparts import AgentWindows
from mirante.monitors.windows import Window
from mirante.readings import Reading
from mirante.store.forgetting import forgotten_cursor

if TYPE_CHECKING:
    import pyarrow as pa

    from mirante.monitors.baseline import ModelBaseline
    from mirante.monitors.elsewhere import SparkCounting
    from mirante.monitors.rows import RowSource, Watched
    from mirante.monitors.slices.resolving import Resolved
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
    """Watches one version of one model, or a table against one baseline.

    A row enters exactly one window, also when the process is killed: the rows that were read (the cursor),
    the open windows and all readings are written in one transaction.

    Parameters
    ----------
    config : ModelConfig or TableConfig
        What to watch and how windows are cut.
    version : str
        The model version; rows of other versions are not its own and are passed over.
    baseline : ModelBaseline
        What is normal for it.
    store : Store
        Keeps windows, readings and the cursor.
    log : RowSource
        Where the rows come from.
    since : datetime, optional
        When this version's time began: windows that were over by then are none of its own, and those from
        before a gap are not pooled with the new ones. By default what other versions have judged is left
        alone, and everything is its own where there are none.
    locale : str
        Of the verdicts' sentences, which are the notes of readings.
    spark : SparkCounting, optional
        Has rows that are new counted by Spark's workers; without it they are read and counted here.
    """

    def __init__(
        self,
        config: Watched,
        version: str,
        baseline: ModelBaseline,
        store: Store,
        log: RowSource,
        *,
        since: datetime | None = None,
        locale: str = "en",
        spark: SparkCounting | None = None,
    ) -> None:
        self.config = config
        self._spark = spark
        self.version = version
        self.baseline = baseline
        self.clock = config.clock()
        self._store = store
        self._log = log
        self._cursor_name = rows_cursor(config.subject, version)
        self._forgotten_name = forgotten_cursor(config.model)
        self._since = None if since is None else self.clock.of(since).start
        self._retired: datetime | None = None
        self._past_retirement = False
        self._slices = SliceMonitor(config, version, baseline, store, log, locale=locale)
        self._counter = WindowCounter(
            version, self.clock, baseline, self._slices.resolved, self._slices.signature
        )
        self.judge = WindowJudge(
            config, version, baseline, store, log, share=self._slices.share, locale=locale
        )
        self._performance = WindowPerformance(config, version, baseline, store, log, locale=locale)
        silence = self.judge.limits.silence if "freshness" in config.limits else None
        self._silence = Silence(silence, self.labels, locale=locale)
        self._agents = AgentWindows(config, version, store, baseline.profile)
        self._restore()

    def _restore(self) -> None:
        """Take up the cursor and the windows as the store has them, and forget everything else."""
        self._begin: datetime | None
        self._forgotten = self._store.cursors.get(self._forgotten_name)  # before the windows
        self._take_cursor(self._store.cursors.get(self._cursor_name))
        self._open: dict[datetime, OpenWindow] = {}
        self._unsaved = False
        rows = self._store.windows.list(self.config.subject)
        mine = [row for row in rows if row.version == self.version]
        others = [row for row in rows if row.version != self.version]
        away = self._since is not None and (self._begin is None or self._begin < self._since)
        if away:  # its rows since then may have been passed over: they are read again
            self._take_cursor(None)
            self._begin = self._since
        elif self._catching_up:  # what other versions have judged is not judged again for this one
            self._begin = max((row.end for row in others if row.closed), default=None)
        closed = [row.end for row in mine if row.closed]
        self._closed_until = max([*closed, *([self._begin] if self._begin else [])], default=None)
        self._performance.restore(mine, self._labels_seen)
        for row in mine:
            if not row.closed and away:
                self._open[row.start] = OpenWindow.empty(Window(row.start, row.end), self.baseline)
            elif not row.closed:
                kept = self._store.windows.get(row.subject, row.start, version=row.version)
                self._open[row.start] = OpenWindow.from_row(kept or row, self.baseline)
        anew = not all(map(self._fits, self._open.values()))
        if anew:
            # another baseline has other edges, or there are other slices: windows that are not judged yet are
            # counted anew from the log
            begin = self._begin
            self._take_cursor(None)
            self._begin = begin
            self._open = {
                start: OpenWindow.empty(one.window, self.baseline, self._slices.signature)
                for start, one in self._open.items()
            }
        self.remember([row for row in self._unbroken(mine) if row.closed and row.rows], anew=anew)

    @property
    def memory(self) -> int:
        """How many of the last windows count for the next."""
        return self.judge.memory

    def remember(self, rows: Sequence[WindowRow], *, anew: bool = False) -> None:
        """Take judged windows as its memory, and of their slices what the store has.

        Parameters
        ----------
        rows : sequence of WindowRow
            Of this version, with rows, oldest first.
        anew : bool
            Whether the windows that are open are counted anew from the log.
        """
        self.judge.restart(rows)
        self._slices.restore(self.judge.drift, since=self.judge.since, anew=anew)

    def _fits(self, window: OpenWindow) -> bool:
        return window.sliced == self._slices.signature and window.fits(self.baseline)

    def _unbroken(self, mine: Sequence[WindowRow]) -> list[WindowRow]:
        """Leave out what was before this version's time, unless its windows went on without a gap."""
        begin = self._begin
        if begin is None or any(row.end == begin for row in mine):
            return list(mine)
        return [row for row in mine if row.start >= begin]

    def _take_cursor(self, kept: Mapping[str, Any] | None) -> None:
        self._catching_up = kept is None
        self._cursor: dict[str, Any] | None = None if kept is None else kept["log"]
        self._late_total = 0 if kept is None else int(kept["late"])
        self._rows_total = 0 if kept is None else int(kept["rows"])
        newest = None if kept is None else kept.get("newest")
        self._newest = None if newest is None else datetime.fromisoformat(newest)
        self._labels_seen: int | None = None if kept is None else kept.get("labels")
        self._parts_seen = 0 if kept is None else int(kept.get("parts", 0))
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
        # rows whose clocks run ahead may have begun later ones
        self._open = {start: window for start, window in self._open.items() if start < moved}

    @property
    def finished(self) -> bool:
        """Whether a retired monitor has judged and measured all that it had begun."""
        return self.windows_over and not self._performance.waiting

    @property
    def windows_over(self) -> bool:
        """Whether a retired monitor has judged all of its windows; their labels may not be due yet."""
        return self._past_retirement and not self._open

    @property
    def slices(self) -> Resolved:
        """The slices that it judges, for those who count elsewhere."""
        return self._slices.resolved

    @property
    def judged_until(self) -> datetime | None:
        """The end of the last window that was judged, or the beginning of this version's time."""
        return self._closed_until

    @property
    def labels(self) -> dict[str, str]:
        """The labels that every reading of this monitor carries."""
        return self.config.labels(self.version)

    @property
    def slice_labels(self) -> tuple[str, ...]:
        """The slices that it judges, as their readings name them."""
        return self._slices.labels

    def advance(self, now: datetime) -> Advance:
        """Read what is new, judge the windows that are over, measure those that labels came for.

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
        cursor: dict[str, Any] = {}
        rows = late = 0
        for found, following in self._new(self._cursor):
            cursor = following
            mine, too_late = self._fold(found)
            rows, late = rows + mine, late + too_late
        judged = None if self._closed_until == self._begin else self._closed_until
        # before the parts: what a mark tells of is among them
        until = self._agents.until(now, self.config.lateness, judged)
        mine, too_late, parts_seen = self._take_parts()
        rows, late = rows + mine, late + too_late
        self._late_total += late
        self._rows_total += rows
        if rows and self._newest is not None:  # a row from the future would hide that no more come
            self._newest = min(self._newest, now)
        closed, readings = self._close(until)
        readings += self._agents.tell(now, self.labels, closed=bool(closed))
        found = self._performance.measure(now)
        readings += found.readings
        if rows:
            name = "predictions_read_total" if self.config.predicts else "table_rows_read_total"
            readings.append(Reading(name, self._rows_total, now, self.labels))
        if closed or late:
            readings.append(Reading("monitor_late_total", self._late_total, now, self.labels))
        readings += self._slices.measure(found)
        if self._retired is None:
            readings += self._silence.tell(self._newest, now)
        moved = cursor != self._cursor or self._performance.sequence != self._labels_seen
        if readings or rows or moved or parts_seen != self._parts_seen:
            self._save(self._position(cursor, parts_seen), closed, found, readings)
        self._cursor, self._labels_seen, self._catching_up = cursor, self._performance.sequence, False
        self._parts_seen = parts_seen
        if self._retired is not None:
            self._past_retirement = self.clock.of(self._retired).end <= until
        measured = tuple(start for start, _ in found.figures)
        return Advance(rows, late, tuple(closed), measured, tuple(readings))

    def _position(self, cursor: Mapping[str, Any], parts: int) -> dict[str, Any]:
        return {
            "log": cursor,
            "parts": parts,
            "late": self._late_total,
            "rows": self._rows_total,
            "begin": None if self._begin is None else self._begin.isoformat(),
            "newest": None if self._newest is None else self._newest.isoformat(),
            "labels": self._performance.sequence,
        }

    def _new(
        self, cursor: Mapping[str, Any] | None
    ) -> Iterator[tuple[pa.Table | Sequence[Counted] | None, dict[str, Any]]]:
        """Yield what is new, rows or what others counted of them, and the cursor after it."""
        if self._spark is not None:
            for found, following in self._spark.new(self._log, self.config.model, cursor, self._counter):
                cursor = following
                yield found, following
        while True:  # Spark leaves what is still written
            table, following = self._log.read_new(self.config.model, cursor)
            cursor = following
            yield table, following
            if table is None:
                break

    def _fold(self, found: pa.Table | Sequence[Counted] | None) -> tuple[int, int]:
        """Put rows into their windows; return how many were this version's, and how many of them too late."""
        import pyarrow.compute as pc

        rows = late = 0
        if found is None:
            return rows, late
        parts = (
            self._counter.cut(found) if not isinstance(found, Sequence) else ((o.window, o) for o in found)
        )
        for window, part in parts:
            many = part.filled.rows if isinstance(part, Counted) else part.num_rows
            rows += many
            if self._retired is not None and window.start >= self._retired:
                continue
            if self._begin is not None and window.start < self._begin and window.start not in self._open:
                continue  # another version's time
            newest = part.newest if isinstance(part, Counted) else pc.max(part["__time"]).as_py()
            self._newest = max(self._newest or window.start, newest)
            if self._closed_until is not None and window.start < self._closed_until:
                late += 0 if self._catching_up else many
                self._performance.rows_came_late(window.start)
                continue
            if window.start not in self._open:
                self._open[window.start] = OpenWindow.empty(window, self.baseline, self._slices.signature)
            self._add(window, part)
        return rows, late

    def _add(self, window: Window, part: pa.Table | Counted) -> None:
        if isinstance(part, Counted):
            self._open[window.start].merge(part.filled)
            self._slices.merge(window, part.slices)
        else:
            self._open[window.start].add(part, self.baseline)
            self._slices.add(window, part)

    def _take_parts(self) -> tuple[int, int, int]:
        """Add what agents counted; return how many rows, how many of them too late, and how far it came."""
        found, seen = self._agents.parts(self._parts_seen, self.clock, self._slices.resolved)
        rows = late = 0
        for row, window, part in found:
            if self._retired is not None and window.start >= self._retired:
                continue
            if self._begin is not None and window.start < self._begin and window.start not in self._open:
                continue  # another version's time
            rows += row.rows
            closed = self._closed_until is not None and window.start < self._closed_until
            if closed or part is None or not part.filled.fits(self.baseline):
                late += row.rows
                continue
            if window.start not in self._open:
                self._open[window.start] = OpenWindow.empty(window, self.baseline, self._slices.signature)
            self._open[window.start].join(part.filled, row.agent)
            self._slices.merge(window, part.slices)
            if part.filled.rows:
                self._newest = max(self._newest or window.start, part.newest)
        return rows, late, seen

    def _close(self, until: datetime) -> tuple[list[WindowRow], list[Reading]]:
        over = [
            self._open.pop(window.start)
            if window.start in self._open
            else OpenWindow.empty(window, self.baseline)
            for window in self._due(until)
        ]
        for filled in over:
            self._closed_until = filled.window.end
            if filled.logged_rows:  # labels find the rows that are here
                self._performance.add(filled.window.start, filled.window.end, filled.logged_rows)
        rows, readings = self.judge.judge(over)
        for place, filled in enumerate(over):
            if problems := self._slices.problems(filled):
                more = {**rows[place].verdicts, "not_sliced": problems}
                rows[place] = replace(rows[place], verdicts=more)
        return rows, [*readings, *self._slices.close(over)]

    def _due(self, until: datetime) -> list[Window]:
        """The windows that are over, with the empty ones between them, in order."""
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

    def _save(
        self,
        cursor: dict[str, Any],
        closed: Sequence[WindowRow],
        measured: Measured,
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
            if closed and self._closed_until is not None:
                self._agents.let_go(self._closed_until, cursor["parts"], connection)
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
            for start, figures in measured.figures:
                known = fresh.get(start) or self._store.windows.get(
                    self.config.subject, start, version=self.version, connection=connection
                )
                if known is not None:
                    self._store.windows.put(with_performance(known, **figures), connection=connection)
            self._slices.save(connection)
            self._store.readings.write(readings, connection=connection)
