"""Counts the windows of one model version where its inference log is, at the baseline's edges."""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import structlog

from mirante.app.agent.files import DamagedError, read_checked, write_checked
from mirante.errors import InputError
from mirante.monitors.counting import cut
from mirante.monitors.estimates import gathered
from mirante.monitors.openwindow import OpenWindow
from mirante.monitors.slices.counting import SliceCounts
from mirante.monitors.slices.resolving import Resolved
from mirante.monitors.slices.sending import pack_slices, unpack_slices
from mirante.monitors.windowparts import (
    MOST_EXACT,
    MOST_UNPACKED,
    pack_window,
    unpack_window,
    unpacked_size,
)
from mirante.monitors.windows import Window, WindowClock
from mirante.profiles import TableProfile

if TYPE_CHECKING:
    import pyarrow as pa

    from mirante.monitors.baseline import ModelBaseline
    from mirante.monitors.rows import RowSource
    from mirante.web.api.agent_models import AgentJob

__all__ = ["VersionCounter", "job_key", "kept_mark"]

_log = structlog.get_logger("mirante.agent")
_FORM = 1
_ALL = sys.maxsize  # rows are still added to what is open, so it is rounded once, when it is over
_MOST_BYTES = 7 * 2**20  # of a window with its slices, of the 8 MiB that a batch may have


def job_key(job: AgentJob) -> tuple[str, str]:
    """Return what tells a job from others: its subject and version."""
    return job.subject, job.version


def kept_mark(folder: Path, key: tuple[str, str]) -> datetime | None:
    """Return how far a version was counted by what is on disk; None where that is not known.

    Parameters
    ----------
    folder : Path
        Where its counter keeps what it has.
    key : tuple of str
        Subject and version.

    Raises
    ------
    OSError
        If it is there and cannot be read.
    """
    try:
        known = json.loads(read_checked(_state_file(folder, key))[2])
    except (FileNotFoundError, DamagedError):
        return None
    return _mark(_time(known.get("until")), known.get("outgoing", ()))


class VersionCounter:
    """Reads an inference log, and gives each window once, when it is over.

    What was read, the windows that are open, and those that are over and may not be in the spool yet are one
    file, which is whole or as it was: so a row enters one window, and a window is given with the same rows
    until `sent` is called, also when the process is killed.

    Parameters
    ----------
    job : AgentJob
        What is counted.
    baseline : ModelBaseline
        At whose edges.
    log : RowSource
        Where the rows are.
    folder : Path
        For the file.
    slices : Resolved, optional
        In which slices rows are counted too.
    """

    def __init__(
        self,
        job: AgentJob,
        baseline: ModelBaseline,
        log: RowSource,
        folder: Path,
        slices: Resolved | None = None,
    ) -> None:
        self.job, self._baseline, self._source = job, baseline, log
        none = Resolved(TableProfile.empty(baseline.profile), (), (), ())
        self._resolved = none if slices is None else slices
        self._clock = WindowClock(job.window, job.timezone)
        self._lateness = timedelta(seconds=job.lateness)
        # whatever changes how is counted
        how = json.dumps([job.digest, job.window, job.timezone])
        self._how = hashlib.blake2b(how.encode(), digest_size=8).hexdigest()
        self._path = _state_file(folder, job_key(job))
        self._unsaved = False
        self._told = ""
        self._restore()

    def _restore(self) -> None:
        try:
            known = json.loads(read_checked(self._path)[2])
        except FileNotFoundError:
            known = {}
        except DamagedError as error:
            # windows that were sent are known to the service by agent and start, so none is counted twice
            _log.warning("counting begins anew", subject=self.job.subject, error=str(error))
            known = {}
        self._begin = _time(known.get("begin")) if known else self.job.since
        self._until = _time(known.get("until")) if known else self.job.since
        self._cursor: dict[str, Any] | None = known.get("cursor")
        self.late = int(known.get("late", 0))
        self._outgoing: list[dict[str, Any]] = list(known.get("outgoing", ()))
        try:
            if known and known["how"] != self._how:
                raise InputError("how it is counted is not what it was")  # other edges, say
            self._take_up(known.get("open", ()))
        except InputError as error:
            _log.info("open windows are counted anew", subject=self.job.subject, error=str(error))
            self._cursor, self._begin = None, self._until
            self._take_up(())

    def _take_up(self, kept: Sequence[Mapping[str, Any]]) -> None:
        """Go on with windows that were open."""
        self._open: dict[datetime, OpenWindow] = {}
        self._slices = SliceCounts(self._resolved, self._baseline.predictions)
        self._packed: dict[datetime, dict[int, tuple[TableProfile, str]]] = {}
        for said in kept:
            start, end = datetime.fromisoformat(said["start"]), datetime.fromisoformat(said["end"])
            # with all of its slices, which may be more than a batch may have
            window = unpack_window(said, start, end, self._baseline.profile, own=True)
            self._open[start] = window
            found = unpack_slices(said.get("slices"), self._resolved, window.rows)
            self._slices.merge(window.window, found or {})

    @property
    def mark(self) -> datetime | None:
        """How far it has come: all windows that ended by then are in the spool. None at first."""
        until = self._until  # looked at first, and set last: another thread may be in the middle of a step
        return _mark(until, self._outgoing)

    def advance(self, now: datetime) -> list[dict[str, Any]]:
        """Read what is new, and return the windows that are over and not sent.

        Parameters
        ----------
        now : datetime
            The present.

        Returns
        -------
        list of dict
            As `AgentWindow` has them. They are given again until `sent` is called.
        """
        if self._outgoing:
            return self._outgoing
        if self._unsaved:
            self._restore()  # nothing of a step that failed is kept
        self._unsaved = True
        cursor, late = self._cursor, 0
        while True:
            table, cursor = self._source.read_new(self.job.model, cursor)
            if table is None:
                break
            late += self._fold(table)
        over = self._clock.of(now - self._lateness).start
        closed = [window for window in self._open.values() if window.window.end <= over]
        for window in closed:
            del self._open[window.window.start]
        if cursor != self._cursor or closed or self._until is None or over > self._until:
            self._cursor, self.late = cursor, self.late + late
            self._outgoing = [self._over(window) for window in sorted(closed, key=lambda one: one.window)]
            for window in closed:
                self._slices.close(window.window.start)
                self._packed.pop(window.window.start, None)
            self._until = over if self._until is None else max(self._until, over)
            self._save()
        self._unsaved = False
        return self._outgoing

    def sent(self) -> None:
        """Let go of the windows that `advance` gave: they are in the spool."""
        if self._outgoing:
            self._outgoing = []
            self._save()

    def remove(self) -> None:
        """Forget all of it: the version is not watched any more."""
        self._path.unlink(missing_ok=True)

    def _fold(self, table: pa.Table) -> int:
        """Put rows into their windows, and return how many came too late."""
        late = 0
        for window, part in cut(table, self.job.version, self._clock):
            if self._begin is not None and window.start < self._begin:
                continue  # judged before this agent counted
            if self._until is not None and window.end <= self._until:
                late += part.num_rows
                continue
            if window.start not in self._open:
                self._open[window.start] = OpenWindow.empty(window, self._baseline)
            self._open[window.start].add(part, self._baseline)
            self._gather(self._open[window.start], part)
            self._slices.add(window, part)
        return late

    def _gather(self, window: OpenWindow, part: pa.Table) -> None:
        """Add what rows say of the performance; where they say nothing, the service finds them missing."""
        try:
            portion = gathered(self._baseline, part)
        except Exception as error:  # predictions of another kind, say: they are counted all the same
            if str(error) != self._told:
                about = {"subject": self.job.subject, "version": self.job.version}
                _log.warning("performance not estimated", **about, error=str(error))
                self._told = str(error)
            return
        if portion is not None:
            window.gather(portion)

    def _said(self, window: OpenWindow, most: int = _ALL) -> dict[str, Any]:
        span: Window = window.window
        said = {
            "subject": self.job.subject,
            "version": self.job.version,
            "start": span.start.isoformat(),
            "end": span.end.isoformat(),
            **pack_window(window, self._baseline.profile, most=most),
        }
        if self._resolved.slices:
            kept = self._packed.setdefault(span.start, {})
            said["slices"] = pack_slices(self._slices.counted(span.start), self._resolved, kept)
        return said

    def _over(self, window: OpenWindow) -> dict[str, Any]:
        """Return what is sent of a window; slices that do not fit into a batch stay here."""
        said = self._said(window, MOST_EXACT)
        if "slices" not in said:  # weighed by the spool alone: nothing could be left out
            return said
        size = len(json.dumps(said))
        if size > _MOST_BYTES or unpacked_size(said) > MOST_UNPACKED:
            about = {"subject": self.job.subject, "version": self.job.version, "start": said["start"]}
            _log.warning("slices are too large to be sent", **about, bytes=size, most=_MOST_BYTES)
            del said["slices"]
        return said

    def _save(self) -> None:
        known: Mapping[str, Any] = {
            "how": self._how,
            "begin": None if self._begin is None else self._begin.isoformat(),
            "until": None if self._until is None else self._until.isoformat(),
            "cursor": self._cursor,
            "late": self.late,
            "open": [self._said(window) for window in self._open.values()],
            "outgoing": self._outgoing,
        }
        write_checked(self._path, json.dumps(known).encode(), _FORM)


def _state_file(folder: Path, key: tuple[str, str]) -> Path:
    name = hashlib.blake2b("\n".join(key).encode(), digest_size=12).hexdigest()
    return folder / f"{name}.state"


def _mark(until: datetime | None, outgoing: Sequence[Mapping[str, Any]]) -> datetime | None:
    waiting = [datetime.fromisoformat(said["start"]) for said in outgoing]
    return None if until is None else min([until, *waiting])


def _time(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
