"""What is kept of an experiment between two looks at it: ended runs in numbers, running ones one by one."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from typing import Any

from mirante.tracking.runs.changes import RunSeen
from mirante.tracking.runs.directions import Direction

__all__ = ["DAY", "Best", "Ended", "ExperimentBook", "LiveRun", "Mark", "Scan"]

DAY = timedelta(days=1)
"""Over the runs that ended in so long a time, failures and durations are figures."""

_AFTER = timedelta(hours=1)
_OVERLAP = timedelta(minutes=10)  # clocks of the machines that train differ
_MOST_ENDED = 10_000
_MOST_BEST = 200


@dataclass(slots=True)
class Mark:
    """A running run's metric: its last value and step, its best, and when that was first seen."""

    value: float
    step: int
    at: str
    best: float | None
    best_seen: str


@dataclass(slots=True)
class LiveRun:
    """A run that has not ended: when it last logged something new, as far as was seen, and its metrics.

    `newest` tells the last point of all its metrics but MLflow's own (``system/...``), which go on by
    themselves while the training hangs.
    """

    name: str
    status: str
    started: str | None
    moved: str
    newest: str
    marks: dict[str, Mark] = field(default_factory=dict)


@dataclass(slots=True)
class Ended:
    """A run that ended: when, how, and after how many seconds; NaN where it has no beginning."""

    at: str
    status: str
    seconds: float


@dataclass(slots=True)
class Best:
    """The best value of a metric in an experiment, and the run that has it."""

    value: float
    run: str
    name: str


@dataclass(slots=True)
class Scan:
    """The count of all runs that ended before it began: how far it has come."""

    begun: str
    token: str | None = None
    counts: dict[str, int] = field(default_factory=dict)
    meanwhile: dict[str, int] = field(default_factory=dict)
    best: dict[str, Best] = field(default_factory=dict)


@dataclass(slots=True)
class ExperimentBook:
    """What is known of an experiment; two looks at MLflow lead from one state to the next.

    Parameters
    ----------
    id, name : str
        Of the experiment.
    until : str, optional
        Up to when ends of runs were looked at (ISO, UTC); None before the first look.
    counts : dict of str to int, optional
        Runs that ended, by status; None until all have been counted once.
    scan : Scan, optional
        A count that is under way.
    scanned : str, optional
        When the last count of all runs began.
    live : dict of str to LiveRun
        Runs that have not ended, by id.
    ended : dict of str to Ended
        Runs that ended within the last day, by id, at most 10,000.
    failed : dict of str to (name, time)
        Runs that were seen to have failed within the last hour.
    best : dict of str to Best
        By metric, at most 200.
    """

    id: str
    name: str
    until: str | None = None
    counts: dict[str, int] | None = None
    scan: Scan | None = None
    scanned: str | None = None
    live: dict[str, LiveRun] = field(default_factory=dict)
    ended: dict[str, Ended] = field(default_factory=dict)
    failed: dict[str, tuple[str, str]] = field(default_factory=dict)
    best: dict[str, Best] = field(default_factory=dict)

    def look_from(self, now: datetime) -> datetime:
        """Return from when on ends of runs are to be asked for; beyond a day all are counted instead."""
        until = now if self.until is None else datetime.fromisoformat(self.until)
        return min(max(until, now - DAY), now) - _OVERLAP

    def gone(self, live: Sequence[RunSeen], ended: Sequence[RunSeen]) -> list[str]:
        """Return the ids of runs that were live, and are in neither of what MLflow now says."""
        seen = {run.id for run in (*live, *ended)}
        return [one for one in self.live if one not in seen]

    def advance(
        self,
        now: datetime,
        live: Sequence[RunSeen],
        ended: Sequence[RunSeen],
        directions: Mapping[str, Direction],
        chosen: Mapping[str, list[str]],
        waiting: Collection[str] = (),
    ) -> None:
        """Take in what MLflow says now.

        Parameters
        ----------
        now : datetime
            The present.
        live, ended : sequence of RunSeen
            All runs that have not ended; those that ended since `look_from`, and those of `gone` that ended.
        directions : mapping of str to {"lower", "higher"}
            Of all metrics of these runs.
        chosen : mapping of str to list of str
            By run, the metrics that are followed.
        waiting : collection of str
            Runs of `gone` that were not looked up yet.
        """
        told = now.isoformat()
        before, self.live = self.live, {one: self.live[one] for one in waiting}
        for run in live:
            self._take_back(run.id)  # it was resumed
            self.live[run.id] = self._followed(
                run, before.get(run.id), told, directions, chosen.get(run.id, [])
            )
        first = self.until is None
        if not first and datetime.fromisoformat(str(self.until)) < now - DAY:
            self.scanned = None  # more has ended than is asked for
        for run in ended:
            known = self.ended.get(run.id)
            if known is not None and run.ended is not None and known.at != run.ended.isoformat():
                self._take_back(run.id)  # it was resumed, and has ended again
            if run.id not in self.ended:
                self._take_end(run, now, fresh=not first or run.id in before)
        for run in (*live, *ended):
            self._take_best(run, directions, chosen.get(run.id, []))
        self.until = told
        self._forget(now)

    def _followed(
        self,
        run: RunSeen,
        known: LiveRun | None,
        told: str,
        directions: Mapping[str, Direction],
        chosen: list[str],
    ) -> LiveRun:
        marks: dict[str, Mark] = {}
        points = [(one.time.isoformat(), one.step) for key, one in run.metrics.items() if not _is_own(key)]
        last = max(points, default=("", 0))
        newest = f"{last[0]} {last[1]}"
        started = None if run.started is None else run.started.isoformat()
        # a run that is seen for the first time has last moved when it logged last, not when it was seen
        moved = known.moved if known is not None else min(last[0] or started or told, told)
        if known is not None and known.newest != newest:
            moved = told
        for key in chosen:
            point, mark = run.metrics[key], None if known is None else known.marks.get(key)
            at = point.time.isoformat()
            best, seen = (None, told) if mark is None else (mark.best, mark.best_seen)
            if math.isfinite(point.value) and (best is None or _better(point.value, best, directions[key])):
                best, seen = point.value, told
            marks[key] = Mark(point.value, point.step, at, best, seen)
        return LiveRun(run.name, run.status, started, moved, newest, marks)

    def _take_back(self, run: str) -> None:
        """Forget the end of a run that goes on."""
        known = self.ended.pop(run, None)
        self.failed.pop(run, None)
        if known is None:
            return
        scan = self.scan
        for counts in (self.counts, None if scan is None or known.at < scan.begun else scan.meanwhile):
            if counts is not None and counts.get(known.status):
                counts[known.status] -= 1

    def _take_end(self, run: RunSeen, now: datetime, *, fresh: bool) -> None:
        at = run.ended or now
        seconds = math.nan if run.started is None else (at - run.started).total_seconds()
        self.ended[run.id] = Ended(at.isoformat(), run.status, seconds)
        if self.scan is not None and at >= datetime.fromisoformat(self.scan.begun):
            self.scan.meanwhile[run.status] = self.scan.meanwhile.get(run.status, 0) + 1
        if self.counts is not None:
            self.counts[run.status] = self.counts.get(run.status, 0) + 1
        if run.status == "FAILED" and fresh and at >= now - DAY:
            self.failed[run.id] = (run.name, now.isoformat())

    def _take_best(self, run: RunSeen, directions: Mapping[str, Direction], chosen: list[str]) -> None:
        _gather(self.best, run, directions, chosen)
        if self.scan is not None:
            _gather(self.scan.best, run, directions, chosen)

    def _forget(self, now: datetime) -> None:
        day, hour = (now - DAY).isoformat(), (now - _AFTER).isoformat()
        overlap = self.look_from(now).isoformat()
        kept = sorted(self.ended.items(), key=lambda item: item[1].at)
        many = len(kept) - _MOST_ENDED
        self.ended = {
            one: end
            for place, (one, end) in enumerate(kept)
            if end.at >= overlap or (end.at >= day and place >= many)
        }
        self.failed = {one: what for one, what in self.failed.items() if what[1] >= hour}

    def begin_scan(self, now: datetime, directions: Mapping[str, Direction]) -> None:
        """Begin to count all runs, and to find their best values anew.

        Parameters
        ----------
        now : datetime
            The present.
        directions : mapping of str to {"lower", "higher"}
            Of the metrics of running runs.
        """
        self.scan = Scan(now.isoformat())
        best = self.scan.best
        for one, run in self.live.items():
            for key, mark in run.marks.items():
                known = best.get(key)
                if mark.best is not None and (
                    known is None or _better(mark.best, known.value, directions[key])
                ):
                    best[key] = Best(mark.best, one, run.name)

    def take_page(
        self,
        runs: Iterable[RunSeen],
        token: str | None,
        directions: Mapping[str, Direction],
        chosen: Mapping[str, list[str]],
    ) -> None:
        """Count some of all runs; after the last page the count is the one that holds.

        Parameters
        ----------
        runs : iterable of RunSeen
            The page.
        token : str, optional
            Where the next begins; None after the last.
        directions, chosen : mapping
            As for `advance`.
        """
        scan = self.scan
        if scan is None:
            return
        begun = datetime.fromisoformat(scan.begun)
        counts = Counter(scan.counts)
        for run in runs:
            if run.live or (run.ended is not None and run.ended >= begun):
                continue  # seen by the other way, or to be
            counts[run.status] += 1
            if run.ended is not None and run.ended >= begun - DAY and run.id not in self.ended:
                seconds = math.nan if run.started is None else (run.ended - run.started).total_seconds()
                self.ended[run.id] = Ended(run.ended.isoformat(), run.status, seconds)
            self._take_best(run, directions, chosen.get(run.id, []))
        scan.counts, scan.token = dict(counts), token
        if token is None:
            self.counts = dict(counts + Counter(scan.meanwhile))
            self.best = scan.best  # without what runs had that are deleted
            self.scanned, self.scan = scan.begun, None

    def to_json(self) -> dict[str, Any]:
        """Return it for a cursor of the store."""
        kept: dict[str, Any] = _plain(asdict(self))
        return kept

    @classmethod
    def from_json(cls, kept: Mapping[str, Any]) -> ExperimentBook:
        """Return what `to_json` gave."""
        fields = dict(kept)
        fields["scan"] = None if kept["scan"] is None else _scan(kept["scan"])
        fields["live"] = {
            one: LiveRun(**{**run, "marks": {key: _mark(mark) for key, mark in run["marks"].items()}})
            for one, run in kept["live"].items()
        }
        fields["ended"] = {
            one: Ended(end["at"], end["status"], float(end["seconds"])) for one, end in kept["ended"].items()
        }
        fields["failed"] = {one: (what[0], what[1]) for one, what in kept["failed"].items()}
        fields["best"] = {key: Best(**best) for key, best in kept["best"].items()}
        return cls(**fields)


def _gather(
    best: dict[str, Best], run: RunSeen, directions: Mapping[str, Direction], chosen: list[str]
) -> None:
    """Take a run's values where they are better than those that are known."""
    for key in chosen:
        value, known = run.metrics[key].value, best.get(key)
        if not math.isfinite(value) or (known is None and len(best) >= _MOST_BEST):
            continue
        if known is None or _better(value, known.value, directions[key]):
            best[key] = Best(value, run.id, run.name)


def _is_own(metric: str) -> bool:
    return metric.startswith("system/")


def _better(value: float, than: float, direction: Direction) -> bool:
    return value < than if direction == "lower" else value > than


def _scan(kept: Mapping[str, Any]) -> Scan:
    return Scan(**{**kept, "best": {key: Best(**best) for key, best in kept["best"].items()}})


def _mark(kept: Mapping[str, Any]) -> Mark:
    return Mark(**{**kept, "value": float(kept["value"])})


def _plain(value: Any) -> Any:
    """Write numbers that JSON does not know as text."""
    if isinstance(value, dict):
        return {key: _plain(one) for key, one in value.items()}
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value
