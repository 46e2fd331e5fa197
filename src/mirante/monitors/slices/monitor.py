"""The slices of one model version: counted, judged and measured beside all of its rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import structlog

from mirante.monitors.predictions import Predictions
from mirante.monitors.slices.counting import SliceCounts, signature
from mirante.monitors.slices.judging import ALL_ROWS_SHARE, SliceJudge
from mirante.monitors.slices.measuring import measure_slices
from mirante.monitors.slices.resolving import Problem, Resolved, resolve
from mirante.readings import SLICE, Reading
from mirante.store import SliceWindowRow
from mirante.store.types import finite

if TYPE_CHECKING:
    import pyarrow as pa
    from sqlalchemy import Connection

    from mirante.drift.monitor import DriftMonitor
    from mirante.monitors.baseline import ModelBaseline
    from mirante.monitors.model.measuring import Measured
    from mirante.monitors.openwindow import OpenWindow
    from mirante.monitors.rows import RowSource, Watched
    from mirante.monitors.windows import Window
    from mirante.profiles import TableProfile
    from mirante.store import Store

__all__ = ["SliceMonitor"]

_MOST_REMEMBERED = 3_200  # windows of all slices together, where each is held against its own last ones

_log = structlog.get_logger("mirante.slices")


class SliceMonitor:
    """What a model's monitor does with the slices that are declared; without any it does nothing.

    `restore` comes first, and again whenever the monitor forgets what it has in hand.

    Parameters
    ----------
    config : Watched
        Which model, and its slices.
    version : str
        Whose rows.
    baseline : ModelBaseline
        What is normal for it.
    store : Store
        Keeps the slices of windows.
    log : RowSource
        Has the rows, when labels are in.
    locale : str
        Of the sentences.
    """

    def __init__(
        self,
        config: Watched,
        version: str,
        baseline: ModelBaseline,
        store: Store,
        log: RowSource,
        *,
        locale: str = "en",
    ) -> None:
        self._config, self._version, self._store, self._inference_log = config, version, store, log
        self._predictions = Predictions.of(config, baseline)
        self._locale = locale
        self._resolved = _bounded(resolve(config.slices, baseline, config.model), config, baseline)
        self._slices = [one.slice for one in self._resolved.slices]
        self._counts = SliceCounts(self._resolved, baseline.predictions)
        self._judge: SliceJudge | None = None
        self._closed: list[SliceWindowRow] = []
        self._left_out: list[SliceWindowRow] = []
        self._figures: list[tuple[datetime, Mapping[tuple[str, str], Mapping[str, Any]]]] = []
        self._discard = False
        self.signature = signature(self._resolved)
        for problem in self._resolved.problems:
            _log.warning(
                "a declared slice is not judged",
                subject=config.subject,
                version=version,
                slice=problem.entry,
                reason=problem.reason,
            )

    @property
    def share(self) -> float:
        """Part of the alarm budget that is left for all rows."""
        return ALL_ROWS_SHARE if self._slices else 1.0

    @property
    def labels(self) -> tuple[str, ...]:
        """What the readings of its slices have as `SLICE`."""
        return tuple(one.label for one in self._slices)

    def problems(self, filled: OpenWindow) -> list[dict[str, str]]:
        """Return which declared slices are not judged, and why, as a closed window keeps it.

        Parameters
        ----------
        filled : OpenWindow
            That window.
        """
        found = [{"entry": one.entry, "reason": one.reason} for one in self._resolved.problems]
        if filled.unsliced and self._slices:
            reason = (
                f"agents counted {filled.unsliced:,} of its {filled.rows:,} rows and not their slices: they "
                "are too old, had not heard of these slices yet, or found them too large to send"
            )
            found.append(
                {"entry": ", ".join(dict.fromkeys(one.key for one in self._slices)), "reason": reason}
            )
        return found

    def restore(self, whole: DriftMonitor, *, since: datetime, anew: bool) -> None:
        """Take up what the store has, and forget everything else.

        Parameters
        ----------
        whole : DriftMonitor
            Of all rows, fresh.
        since : datetime
            Windows from before are of another normal, and are not remembered.
        anew : bool
            Whether the windows that are open are counted anew from the log.
        """
        config = self._config
        self._counts.clear()
        self._closed, self._figures, self._left_out, self._discard = [], [], [], anew
        if not self._slices:
            self._judge = None
            return
        self._judge = SliceJudge(
            self._resolved,
            whole,
            config.clock(),
            config.subject,
            self._version,
            config.labels(self._version),
            locale=self._locale,
        )
        rows = self._store.slice_windows.kept(config.subject, self._version)
        newest = self._store.slice_windows.newest(config.subject, self._version)
        if not anew:
            self._counts.take_up(row for row in rows if not row.closed)
        self._judge.remember([row for row in rows if row.closed and row.start >= since], newest)

    def add(self, window: Window, table: pa.Table) -> None:
        """Add rows of an open window.

        Parameters
        ----------
        window : Window
            From when to when.
        table : pyarrow.Table
            As the inference log gives them.
        """
        self._counts.add(window, table)

    @property
    def resolved(self) -> Resolved:
        """The slices, for those who count elsewhere."""
        return self._resolved

    def merge(self, window: Window, found: Mapping[int, TableProfile]) -> None:
        """Add what was counted elsewhere of rows of an open window.

        Parameters
        ----------
        window : Window
            From when to when.
        found : mapping of int to TableProfile
            By the slices' numbers.
        """
        self._counts.merge(window, found)

    def close(self, windows: Sequence[OpenWindow]) -> list[Reading]:
        """Judge the slices of windows that are over.

        Parameters
        ----------
        windows : sequence of OpenWindow
            In order.

        Returns
        -------
        list of Reading
            What their slices have to say.
        """
        readings: list[Reading] = []
        if self._judge is None:
            return readings
        for filled in windows:
            profiles = self._counts.close(filled.window.start)
            if filled.unsliced:  # of a part of the rows: not what these slices are
                self._left_out += [self._row(filled.window, place) for place in profiles]
                continue
            rows, said = self._judge.judge(filled.window, profiles, rows=filled.rows)
            self._closed += rows
            readings += said
        return readings

    def _row(self, window: Window, place: int) -> SliceWindowRow:
        one = self._slices[place]
        return SliceWindowRow(
            self._config.subject, self._version, one.key, one.value, window.start, window.end
        )

    def measure(self, measured: Measured) -> list[Reading]:
        """Compute the performance of the slices of windows that were measured as a whole.

        Parameters
        ----------
        measured : Measured
            What the windows keep of all their rows. Where one became final as it was, its rows may be gone:
            its slices stay as they were too, and say so.

        Returns
        -------
        list of Reading
            ``performance_<measure>`` of slices with at least 30 labels, as provisional as their window.
        """
        readings: list[Reading] = []
        clock, labels = self._config.clock(), self._config.labels(self._version)
        for start, figures in measured.figures if self._slices else ():
            if not (figures.get("performance") or {}).get("labels"):
                continue
            if start not in measured.anew:
                readings += self._told_again(start, measured.notes[start])
                continue
            found = measure_slices(
                self._inference_log,
                self._store,
                self._config.model,
                self._version,
                self._predictions,
                self._counts.divider,
                start,
                clock.of(start).end,
            )
            mine = {self._slices[place]: one for place, one in found.items()}
            self._figures.append((start, {(one.key, one.value): finite(v) for one, v in mine.items()}))
            readings += [
                Reading(
                    f"performance_{name}", value, start, {**labels, SLICE: one.label}, measured.notes[start]
                )
                for one, values in mine.items()
                for name, value in values.items()
            ]
        return readings

    def _told_again(self, start: datetime, note: str) -> list[Reading]:
        subject, labels = self._config.subject, self._config.labels(self._version)
        kept = self._store.slice_windows.list(subject, since=start, until=start + timedelta(microseconds=1))
        return [
            Reading(f"performance_{name}", value, start, {**labels, SLICE: row.label}, note)
            for row in kept
            if row.version == self._version
            for name, value in row.performance.items()
        ]

    def save(self, connection: Connection) -> None:
        """Write what is new, in the transaction that writes the windows.

        Parameters
        ----------
        connection : Connection
            The transaction.
        """
        subject, version, part = self._config.subject, self._version, self._store.slice_windows
        if self._discard:
            part.discard_open(subject, version, connection=connection)
        part.put([*self._counts.changed(subject, version), *self._closed], connection=connection)
        part.remove(self._left_out, connection=connection)
        for start, figures in self._figures:
            part.measured(subject, version, start, figures, connection=connection)
        if self._judge is not None:
            part.drop_profiles(subject, version, self._judge.dropped(), connection=connection)
        self._closed, self._figures, self._left_out, self._discard = [], [], [], False


def _bounded(resolved: Resolved, config: Watched, baseline: ModelBaseline) -> Resolved:
    """Leave out the slices for which too many windows would be in memory."""
    drift = baseline.drift_monitor(config.clock(), config.alarm_budget, config.baseline_kind)
    most = _MOST_REMEMBERED // max(drift.memory, 1)
    if drift.kind == "fixed" or len(resolved.slices) <= most:
        return resolved
    reason = (
        f"held against {drift.kind!r}, each slice needs its last {drift.memory} windows in memory, and only "
        f"the first {most} slices have them; declare fewer, or choose another baseline_kind"
    )
    left = dict.fromkeys(one.slice.key for one in resolved.slices[most:])
    more = tuple(Problem(key, reason) for key in left)
    return replace(resolved, slices=resolved.slices[:most], problems=(*resolved.problems, *more))
