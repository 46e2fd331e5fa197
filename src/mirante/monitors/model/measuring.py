"""The realised performance of judged windows: measured when labels come, and again when more come."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

import structlog

from mirante.durations import parse_duration
from mirante.errors import ArchiveError
from mirante.i18n import translator
from mirante.monitors.model.predicted import PredictedIds
from mirante.monitors.performance import Measurement, measure_performance
from mirante.monitors.predictions import Predictions
from mirante.readings import Reading
from mirante.store.types import finite

if TYPE_CHECKING:
    from mirante.monitors.baseline import ModelBaseline
    from mirante.monitors.rows import RowSource, Watched
    from mirante.store import Store, WindowRow

__all__ = ["Measured", "WindowPerformance", "awaits_labels", "with_performance"]

_ENOUGH = 0.95  # of a window's rows must still be in the log, else its figures stay as they are
_LONG = 5.0  # seconds; to measure windows again that took longer is followed by a pause
_PAUSE = 9.0  # times as long: so that a stream of labels over many windows takes a tenth of the time

_log = structlog.get_logger("mirante.performance")


@dataclass(frozen=True, slots=True)
class Measured:
    """What one look at the labels gave.

    Parameters
    ----------
    figures : tuple of (datetime, dict)
        What windows keep, by their starts: ``performance`` and ``realised``, for `with_performance`.
    readings : tuple of Reading
        At the starts of the windows, and the labels that fit no prediction, at the present.
    anew : frozenset of datetime
        Those of the windows that were measured; the others became final as they were.
    notes : mapping of datetime to str
        What the readings of each window say beside the value: that it is provisional, or nothing.
    """

    figures: tuple[tuple[datetime, dict[str, Any]], ...] = ()
    readings: tuple[Reading, ...] = ()
    anew: frozenset[datetime] = frozenset()
    notes: Mapping[datetime, str] = field(default_factory=dict)


@dataclass(slots=True)
class _Window:
    """A judged window whose labels may still come or change."""

    start: datetime
    end: datetime
    rows: int
    final: bool
    looked: bool
    kept: dict[str, Any] | None  # what it keeps, as `Measured.figures` has it; None before labels came


class WindowPerformance:
    """Measures judged windows: as soon as labels for them come, and again when more come or one changes.

    Until ``label_delay`` after a window's end its figures are provisional, which the notes of their readings
    say; then they are final, with whatever labels there are. Labels that come later still change them until
    ``label_lateness`` has passed as well.

    Parameters
    ----------
    config : ModelConfig or TableConfig
        Which model, and how long labels take.
    version : str
        Whose rows.
    baseline : ModelBaseline
        Knows what a prediction is where the config does not say.
    store : Store
        Has the labels.
    log : RowSource
        Has the predictions.
    locale : str
        Of the notes.

    Attributes
    ----------
    sequence : int or None
        How far the labels were looked at; kept with the windows, in the same transaction. None before the
        first look.
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
        self._config, self._version, self._locale = config, version, locale
        self._predictions = Predictions.of(config, baseline)
        self._normal = baseline.about.get("reliability") or []
        self._store, self._log = store, log
        self._labels = config.labels(version)
        self._length = parse_duration(config.window)
        self._windows: dict[datetime, _Window] = {}
        self._ids = PredictedIds(log, config.model, version)
        self.sequence: int | None = None
        self._unmatched: int | None = None
        self._rest_until = 0.0
        self._away = False

    def restore(self, rows: Sequence[WindowRow], sequence: int | None) -> None:
        """Take up judged windows as the store has them.

        Parameters
        ----------
        rows : sequence of WindowRow
            Of this version; those that are open or without rows are passed over.
        sequence : int or None
            How far the labels were looked at.
        """
        self.sequence = sequence
        self._ids.clear()
        self._windows.clear()
        for row in rows:
            if row.closed and _here(row):
                kept = {name: row.verdicts.get(name) for name in ("performance", "realised")}
                known = kept if kept["performance"] is not None else None
                final = not awaits_labels(row)
                # a window is looked at in the step that judges it
                looked = known is not None or sequence is not None
                self._windows[row.start] = _Window(row.start, row.end, _here(row), final, looked, known)

    def add(self, start: datetime, end: datetime, rows: int) -> None:
        """Wait for the labels of a window that has just been judged."""
        self._windows[start] = _Window(start, end, rows, final=False, looked=False, kept=None)

    def rows_came_late(self, start: datetime) -> None:
        """Look at a window anew: the log has rows of it that came after it was judged."""
        self._ids.forget(start)
        if start in self._windows:
            self._windows[start].looked = False

    @property
    def waiting(self) -> bool:
        """Whether a window's figures are not final yet."""
        return any(not window.final for window in self._windows.values())

    def measure(self, now: datetime) -> Measured:
        """Measure the windows for which labels came since the last look, and those that become final.

        Parameters
        ----------
        now : datetime
            The present.

        Returns
        -------
        Measured
            Empty where there is nothing new, and where the rows are in an archive that is away: they are
            looked at again when it answers.
        """
        if not self._config.predicts:
            return Measured()
        self._let_go(now)
        sequence, windows = self.sequence, {start: replace(one) for start, one in self._windows.items()}
        try:
            found = self._measure(now)
        except ArchiveError as error:
            self.sequence, self._windows = sequence, windows
            if not self._away:
                _log.warning(
                    "labels wait for the archive",
                    subject=self._config.subject,
                    version=self._version,
                    error=str(error),
                )
            self._away = True
            return Measured()
        self._away = False
        return found

    def _measure(self, now: datetime) -> Measured:
        """Measure what is new; an archive that is away ends it in the middle."""
        due = {
            window.start
            for window in self._windows.values()
            if not window.final and window.end + self._config.label_delay <= now
        }
        began = time.perf_counter()
        new = any(not window.looked for window in self._windows.values())
        if began < self._rest_until and not due and not new:
            return Measured()
        touched, news = self._touched()
        figures: list[tuple[datetime, dict[str, Any]]] = []
        readings: list[Reading] = []
        notes: dict[datetime, str] = {}
        measured: set[datetime] = set()
        for start in sorted(due | touched):
            window = self._windows[start]
            kept, anew = self._look(window, final=window.final or start in due, anew=start in touched)
            if kept is not None:
                figures.append((start, kept))
                notes[start] = "" if window.final else _so_far(kept["performance"], self._locale)
                readings += self._readings(window, notes[start])
                measured |= {start} if anew else set()
        took = time.perf_counter() - began
        if took > _LONG and not due and not new:  # those are looked at once
            self._rest_until = began + took + _PAUSE * took
        if news or figures:
            readings += self._unmatched_reading(now)
        return Measured(tuple(figures), tuple(readings), frozenset(measured), notes)

    def _let_go(self, now: datetime) -> None:
        """Forget windows whose labels are too late by now."""
        patience = self._config.label_delay + self._config.label_lateness
        over = [
            window.start for window in self._windows.values() if window.final and window.end + patience <= now
        ]
        for start in over:
            del self._windows[start]
            self._ids.forget(start)

    def _touched(self) -> tuple[set[datetime], bool]:
        """Return the windows that labels came for or that nobody looked at yet, and whether any came."""
        model = self._config.model
        last = self._store.labels.last(model)
        if last is None:  # whatever comes later has a number over 0, so no window needs a first look for it
            self.sequence = 0 if self.sequence is None and self._windows else self.sequence
            for window in self._windows.values():
                window.looked = True
            return set(), False
        found = {window.start for window in self._windows.values() if not window.looked}
        before = self.sequence
        if before is None:
            self.sequence = last
            return found, True
        seen = [(window.start, window.end) for window in self._windows.values() if window.looked]
        while self.sequence is not None and self.sequence < last:
            ids, self.sequence = self._store.labels.after(model, self.sequence)
            if not ids:  # deleted meanwhile
                self.sequence = last
            found |= self._ids.windows_of(ids, seen)
        return found, self.sequence != before

    def _look(self, window: _Window, *, final: bool, anew: bool) -> tuple[dict[str, Any] | None, bool]:
        """Return what a window keeps now, None where it is as before, and whether that was measured now."""
        kept, measured = window.kept, False
        # of a model with a source, labels are found only where its rows are read: once more when it is final
        if anew or kept is None or (final and not window.final):
            found = measure_performance(
                self._log,
                self._store,
                self._config,
                self._version,
                self._predictions,
                window.start,
                window.end,
            )
            self._store.labels.match(self._config.model, found.unmatched)
            if kept is None or found.rows >= _ENOUGH * window.rows:
                kept, measured = self._to_keep(found) if found.labels or final else None, True
        window.looked = True
        if kept is None:
            return None, False
        kept = {**kept, "realised": {**(kept.get("realised") or {}), "final": final}}
        if kept == window.kept and window.final == final:
            return None, False
        window.kept, window.final = kept, final
        return kept, measured

    def _to_keep(self, found: Measurement) -> dict[str, Any]:
        details = found.details()
        if details["reliability"] and self._normal:
            details["baseline_reliability"] = self._normal
        return {"performance": finite(found.figures), "realised": details}

    def _readings(self, window: _Window, note: str) -> list[Reading]:
        assert window.kept is not None  # noqa: S101  # told only after it was set
        figures = window.kept["performance"]
        values: dict[str, float | None] = {**figures}
        for name, (lower, upper) in (window.kept["realised"].get("intervals") or {}).items():
            values |= {f"{name}_lower": lower, f"{name}_upper": upper}
        return [
            Reading(
                f"performance_{name}",
                float("nan") if value is None else value,
                window.start,
                self._labels,
                note,
            )
            for name, value in values.items()
        ]

    def _unmatched_reading(self, now: datetime) -> list[Reading]:
        """Say how many labels fit no prediction, once that changes; both have a window's time to meet."""
        before = now - self._length - self._config.lateness
        count = self._store.labels.unmatched(self._config.model, before)
        if count == self._unmatched or (not count and self._unmatched is None):
            return []
        self._unmatched = count
        return [Reading("performance_labels_unmatched", count, now, self._labels)]


def _so_far(figures: Mapping[str, float | None], locale: str) -> str:
    """Return the note of a figure that is not final.

    Examples
    --------
    >>> _so_far({"labels": 412.0, "labels_share": 0.4}, "en")
    'provisional: 40 % of the labels are in'
    """
    _ = translator(locale)
    share = f"{100.0 * (figures.get('labels_share') or 0.0):.3g}"
    return _("provisional: %(share)s %% of the labels are in", share=share)


def _here(row: WindowRow) -> int:
    """Return how many of a window's rows are in a log here: labels find no others."""
    return row.rows - sum(map(int, (row.verdicts.get("agents") or {}).values()))


def awaits_labels(row: WindowRow) -> bool:
    """Return whether a judged window's performance is not final.

    Examples
    --------
    >>> from datetime import UTC, datetime
    >>> from mirante.store import WindowRow
    >>> day = datetime(2026, 1, 1, tzinfo=UTC)
    >>> nothing = {"performance": None}
    >>> awaits_labels(WindowRow("model/m@a", "1", day, day, rows=5, closed=True, verdicts=nothing))
    True
    """
    if not (row.closed and _here(row)):
        return False
    realised = row.verdicts.get("realised")
    known = row.verdicts.get("performance") is not None
    return not known or (isinstance(realised, Mapping) and not realised.get("final", True))


def with_performance(
    row: WindowRow, performance: Mapping[str, Any], realised: Mapping[str, Any] | None = None
) -> WindowRow:
    """Return the window with its performance filled in.

    Parameters
    ----------
    row : WindowRow
        A closed window.
    performance : mapping
        The measures by name.
    realised : mapping, optional
        What is known beside it: intervals, reasons, reliability, and whether it is final.

    Returns
    -------
    WindowRow
        The same but for ``performance`` and ``realised`` in its verdicts.
    """
    more = {} if realised is None else {"realised": dict(realised)}
    return replace(row, verdicts={**row.verdicts, "performance": finite(dict(performance)), **more})
