"""The past once more: a monitor and an engine over a scratch store, window by window."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from mirante.alerts.engine import AlertEngine
from mirante.alerts.routing import Route
from mirante.monitors.model import Advance, ModelMonitor
from mirante.monitors.span import SpanRows
from mirante.profiles import TableProfile
from mirante.store import Store
from mirante.store.pruning import drop_before

if TYPE_CHECKING:
    import pyarrow as pa

    from mirante.alerts.grouping import Transition
    from mirante.alerts.rules import Rule
    from mirante.app.backfill.planning import Plan
    from mirante.readings import Reading
    from mirante.store import WindowRow

__all__ = ["PastRun", "Step"]

_MEMORY = Path("/dev/shm")  # noqa: S108 - a folder of ours is made in it; each step is a commit, which a disk makes slow
_MOMENT = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Step:
    """What one moment of the past brought.

    Parameters
    ----------
    now : datetime
        The moment.
    starts : tuple of datetime
        Of the windows that were judged or measured.
    readings : tuple of Reading
        What they have to say.
    fired : tuple of (str, datetime)
        Alerts that began to fire, by their ids in the scratch store, each with the window that it is about.
    labelled : mapping of datetime to list of str
        The predictions of measured windows that there is a label for, once for each window.
    """

    now: datetime
    starts: tuple[datetime, ...]
    readings: tuple[Reading, ...]
    fired: tuple[tuple[str, datetime], ...]
    labelled: Mapping[datetime, list[str]]


class PastRun:
    """Leads a monitor and the rules through windows of the past; the store that is watched is only read.

    Each window is judged when it ends, with the last windows before it that the store has as its memory
    (counted anew where retention has made them coarse), and measured with the labels that the store has now.
    Rules are held against it at that moment, and once more where a rule's `for` runs out before the next.
    What still fires at the end resolves there.

    Parameters
    ----------
    plan : Plan
        What is judged.
    rules : sequence of Rule
        With names of their own.
    store : Store
        Has the labels, and the windows before.
    stale_after : callable
        As for `AlertEngine.advance`.
    present : datetime
        Labels that are due later are not waited for.
    locale : str
        Of the sentences.
    """

    def __init__(
        self,
        plan: Plan,
        rules: Sequence[Rule],
        store: Store,
        stale_after: Callable[[Reading], timedelta | None],
        *,
        present: datetime,
        locale: str = "en",
    ) -> None:
        self._plan, self._rules, self._real = plan, tuple(rules), store
        self._stale_after, self._present, self._locale = stale_after, present, locale
        self._clock = plan.config.clock()
        self._now = datetime.min.replace(tzinfo=UTC)
        self._labelled: dict[datetime, list[str]] = {}
        reach = [column.window for rule in rules for column in rule.expression.windows]
        # what is older than this is asked for by no rule, and by no window that waits for its labels
        self._reach = max([*reach, plan.config.label_delay]) + 2 * self._clock.length

    def __enter__(self) -> PastRun:
        self._folder = tempfile.TemporaryDirectory(
            prefix="mirante-", dir=_MEMORY if _MEMORY.is_dir() else None
        )
        try:
            self.store = Store(f"sqlite:///{self._folder.name}/backfill.db")
        except BaseException:
            self._folder.cleanup()
            raise
        try:
            self._engine = AlertEngine(
                self.store, self._rules, Route(), value_age=timedelta(), clock=lambda: self._now
            )
            self._build_monitor()
        except BaseException:
            self._close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close()

    def _close(self) -> None:
        self.store.close()
        self._folder.cleanup()

    def _build_monitor(self) -> None:
        plan = self._plan
        self._rows = SpanRows(plan.rows_at, plan.start, plan.end, seen=self._bring_labels)
        self._monitor = self._monitor_of(self.store, self._rows)
        self._remember()

    def _monitor_of(self, store: Store, rows: SpanRows) -> ModelMonitor:
        plan = self._plan
        config = plan.config.model_copy(update={"lateness": timedelta()})  # no row of the past is late
        return ModelMonitor(config, plan.version, plan.baseline, store, rows, locale=self._locale)

    def _remember(self) -> None:
        """Give the monitor the windows before the first as its memory, as after a restart."""
        subject, version = self._plan.config.subject, self._plan.version
        every = self._real.windows.list(subject, until=self._plan.start, with_verdicts=False)
        mine = [row for row in every if row.version == version and row.closed and row.rows]
        last = mine[-memory:] if (memory := self._monitor.memory) else []
        found = [self._real.windows.get(subject, row.start, version=version) for row in last]
        kept = [row for row in found if row is not None]
        fine = [row for row in kept if self._is_fine(row)]
        if len(fine) < len(kept):
            anew = self._count_anew(max(kept[0].start, self._plan.start - memory * self._clock.length))
            fine = sorted({row.start: row for row in [*anew, *fine]}.values(), key=lambda row: row.start)
            last = fine = fine[-memory:]
        for row in fine:
            self.store.windows.put(row)
        slices = [
            row
            for row in self._real.slice_windows.list(subject, until=self._plan.start)
            if row.version == version
        ]
        profiled = self._real.slice_windows.kept(subject, version)
        self.store.slice_windows.put({row.slice: row for row in slices}.values())  # the last of each
        self.store.slice_windows.put(row for row in profiled if row.closed and row.start < self._plan.start)
        self._monitor.remember(last)

    def _is_fine(self, row: WindowRow) -> bool:
        """Say whether windows can be pooled with it: one of the clock's, on the baseline's edges."""
        if row.end != self._clock.of(row.start).end:
            return False
        layout = self._plan.baseline.profile.layout
        return not row.profile or TableProfile.from_bytes(row.profile).layout.same(layout)

    def _count_anew(self, begin: datetime) -> list[WindowRow]:
        """Count windows before the first from the rows: retention has made those of the store coarse."""
        plan = self._plan
        windows = self._clock.between(self._clock.of(begin).start, plan.start)
        with Store(f"sqlite:///{self._folder.name}/memory.db") as store:
            rows = SpanRows(plan.rows_at, windows[0].start, plan.start)
            monitor = self._monitor_of(store, rows)
            for window in windows:
                rows.reach(window.end)
                monitor.advance(window.end)
            found = store.windows.list(plan.config.subject, with_profile=True)
        return [row for row in found if row.version == plan.version and row.closed and row.rows]

    def _bring_labels(self, rows: pa.Table) -> None:
        """Copy the labels of rows to the scratch store."""
        import pyarrow as pa
        import pyarrow.compute as pc

        model = self._plan.config.model
        mine = rows.filter(
            pc.and_(pc.equal(rows["__version"], self._plan.version), pc.is_valid(rows["__id"]))
        )
        found = self._real.labels.get(model, mine["__id"].to_pylist())
        mine = mine.filter(pa.array(found.found, pa.bool_()))
        known = mine["__id"].to_pylist()
        if known:
            for window, places in self._clock.assign(mine["__time"].to_numpy()):
                self._labelled.setdefault(window.start, []).extend(known[place] for place in places)
            self.store.labels.write(
                model, known, found.values[found.found].tolist(), pc.max(rows["__time"]).as_py()
            )

    def steps(self) -> Iterator[Step]:
        """Yield what each window brought, then what its labels brought after the last one."""
        ends = [window.end for window in self._plan.windows]
        for end, following in zip(ends, [*ends[1:], ends[-1]], strict=True):
            self._rows.reach(end)
            done = self._monitor.advance(end)
            changes = self._evaluate(end)
            while (due := self._due(following)) is not None:
                changes += self._evaluate(due)
            yield self._step(end, done, changes)
        yield from self._labels_afterwards(ends)

    def _labels_afterwards(self, ends: Sequence[datetime]) -> Iterator[Step]:
        """Go on until the last labels are due; nothing but performance is known of that time."""
        now, delay = ends[-1], self._plan.config.label_delay
        self._monitor.retire(now)
        self._engine.replace_rules([rule for rule in self._rules if _of_performance(rule)])
        yield self._step(now, None, self._evaluate(now))
        for time in [end + delay for end in ends if ends[-1] < end + delay <= self._present]:
            now = time
            yield self._step(now, self._monitor.advance(now), self._evaluate(now))
        self._engine.replace_rules([])
        yield self._step(now, None, self._evaluate(now))

    def _evaluate(self, now: datetime) -> list[tuple[datetime, Transition]]:
        self._now = now
        return [(now, change) for change in self._engine.advance(now, self._stale_after)]

    def _due(self, until: datetime) -> datetime | None:
        """Return when time alone changes an alert, if that is before another time."""
        rules = {rule.name: rule for rule in self._rules}
        times = []
        for row, state in self._engine.standing():
            rule = rules[row.rule]
            if state.phase == "pending" and state.active_at is not None:
                times.append(state.active_at + rule.for_)
            elif state.keep_firing_since is not None:
                times.append(state.keep_firing_since + rule.keep_firing_for)
        return min((time for time in times if self._now < time < until), default=None)

    def _step(
        self, now: datetime, done: Advance | None, changes: Sequence[tuple[datetime, Transition]]
    ) -> Step:
        closed = () if done is None else (*(row.start for row in done.closed), *done.measured)
        fired = [
            (change.alert.id, self._window_of(change.alert.reading_time, moment))
            for moment, change in changes
            if change.change == "firing"
        ]
        labelled = {
            start: self._labelled.pop(start)
            for start in (() if done is None else done.measured)
            if start in self._labelled
        }
        readings = () if done is None else done.readings
        return Step(now, tuple(dict.fromkeys(closed)), readings, tuple(fired), labelled)

    def _window_of(self, reading: datetime | None, now: datetime) -> datetime:
        """Return the start of the window that an alert is about."""
        time = now - _MOMENT if reading is None or reading >= now else reading
        return min(self._clock.of(time).start, self._plan.windows[-1].start)

    def forget(self, now: datetime) -> None:
        """Drop from the scratch store, which is in memory, what is not asked for after a moment."""
        drop_before(self.store, now - self._reach)


def _of_performance(rule: Rule) -> bool:
    return any(metric.startswith("performance_") for metric in rule.expression.metrics)
