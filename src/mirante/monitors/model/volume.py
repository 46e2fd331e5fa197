"""The monitor of a model version without a baseline: it counts and times predictions, and judges nothing."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from mirante.monitors.counting import cut
from mirante.monitors.limits import Silence
from mirante.monitors.model.advance import Advance
from mirante.monitors.openwindow import latencies_of, latency_template, passed_over
from mirante.monitors.quality import volume_readings
from mirante.monitors.windows import Window
from mirante.profiles import TableProfile
from mirante.readings import Reading

if TYPE_CHECKING:
    import pyarrow as pa

    from mirante.monitors.rows import RowSource, Watched
    from mirante.store import Store

__all__ = ["VolumeMonitor", "counted_until"]

_MOST_EMPTY = 1_000


def _cursor_name(subject: str, version: str) -> str:
    return f"counted/{subject}/{version}"


def counted_until(store: Store, config: Watched, version: str) -> datetime | None:
    """Return until when windows of a version were counted on another clock than the config's.

    Parameters
    ----------
    store : Store
        Where it is kept.
    config : ModelConfig
        How windows are cut now.
    version : str
        The model version.

    Returns
    -------
    datetime or None
        None where none were, or on the same clock: those are judged as any that waited.
    """
    kept = store.cursors.get(_cursor_name(config.subject, version))
    if kept is None or kept["until"] is None or kept["clock"] == _clock(config):
        return None
    return datetime.fromisoformat(kept["until"])


def _clock(config: Watched) -> list[str]:
    return [config.window, config.timezone]


@dataclass(slots=True)
class _Counted:
    """What is known of a window so far."""

    window: Window
    rows: int
    passed: int
    latency: TableProfile

    @classmethod
    def empty(cls, window: Window) -> _Counted:
        return cls(window, 0, 0, TableProfile.of({}, like=latency_template()))

    def add(self, rows: pa.Table) -> None:
        self.rows += rows.num_rows
        self.passed += passed_over(rows)
        seconds = {"latency": rows["__latency"].to_numpy()}
        self.latency = self.latency + TableProfile.of(seconds, like=latency_template())

    def to_json(self) -> dict[str, Any]:
        return {
            "start": self.window.start.isoformat(),
            "end": self.window.end.isoformat(),
            "rows": self.rows,
            "passed": self.passed,
            "latency": base64.b64encode(self.latency.to_bytes()).decode(),
        }

    @classmethod
    def from_json(cls, kept: dict[str, Any]) -> _Counted:
        window = Window(datetime.fromisoformat(kept["start"]), datetime.fromisoformat(kept["end"]))
        latency = TableProfile.from_bytes(base64.b64decode(kept["latency"]))
        return cls(window, int(kept["rows"]), int(kept["passed"]), latency)


class VolumeMonitor:
    """Counts the predictions of one version by windows, until it has a baseline to be judged against.

    A row enters exactly one window, also when the process is killed: what was read, the open windows and the
    readings are written in one transaction. Its position in the log is its own, so that the monitor that
    takes over finds all rows.

    Parameters
    ----------
    config : ModelConfig
        What to watch and how windows are cut.
    version : str
        The model version; rows of other versions are passed over.
    store : Store
        Keeps readings and the cursor.
    log : RowSource
        Where the rows come from.
    since : datetime, optional
        When this version's time began. By default what has been judged is left alone.
    locale : str
        Of the notes.
    """

    def __init__(
        self,
        config: Watched,
        version: str,
        store: Store,
        log: RowSource,
        *,
        since: datetime | None = None,
        locale: str = "en",
    ) -> None:
        self.config, self.version, self.clock = config, version, config.clock()
        self._store, self._log, self._locale = store, log, locale
        self._name = _cursor_name(config.subject, version)
        self._since = None if since is None else self.clock.of(since).start
        self._silence = Silence(None, config.labels(version), locale=locale)
        self._unsaved = True

    def _restore(self) -> None:
        """Take up what the store has; windows on another clock were told, and are not counted again."""
        kept = self._store.cursors.get(self._name)
        self._cursor: dict[str, Any] | None = None
        self._open: dict[datetime, _Counted] = {}
        self._rows = self._late = 0
        self._newest: datetime | None = None
        if kept is None:
            rows = self._store.windows.list(self.config.subject, with_verdicts=False)
            judged = [row.end for row in rows if row.closed]
            if self._since is not None:
                judged.append(self._since)
            self._until = max(judged, default=None)
            return
        self._until = None if kept["until"] is None else datetime.fromisoformat(kept["until"])
        if self._since is not None and (self._until is None or self._until < self._since):
            # the alias was elsewhere, and rows since then may have been passed over
            self._until = self._since
        elif kept["clock"] == _clock(self.config):
            self._cursor = kept["log"]
            self._rows, self._late = int(kept["rows"]), int(kept["late"])
            self._newest = None if kept["newest"] is None else datetime.fromisoformat(kept["newest"])
            known = map(_Counted.from_json, kept["open"])
            self._open = {one.window.start: one for one in known}

    def advance(self, now: datetime, *, last: bool = False) -> Advance:
        """Read what is new, and tell of the windows that are over.

        Parameters
        ----------
        now : datetime
            The present.
        last : bool
            Whether the alias moved away: then windows that have begun are told as they are by now.

        Returns
        -------
        Advance
            What was done; its readings are in the store already. It has judged no window.
        """
        if self._unsaved:
            self._restore()  # nothing of a step that failed is kept, so no row is counted twice
        self._unsaved = True
        cursor, rows, late = self._read()
        self._rows, self._late = self._rows + rows, self._late + late
        labels = self.config.labels(self.version)
        readings = self._close(now - self.config.lateness)
        if last:  # should the alias come back to it, more is added
            readings += [one for start in sorted(self._open) for one in self._told(self._open[start])]
        if late or readings:
            readings.append(Reading("monitor_late_total", self._late, now, labels))
        if rows:
            readings.append(Reading("predictions_read_total", self._rows, now, labels))
            if self._newest is not None:
                self._newest = min(self._newest, now)  # a row from the future would hide that no more come
        readings += self._silence.tell(self._newest, now)
        if readings or cursor != self._cursor:
            with self._store.transaction() as connection:
                self._store.cursors.set(self._name, self._position(cursor), connection=connection)
                self._store.readings.write(readings, connection=connection)
        self._cursor, self._unsaved = cursor, False
        return Advance(rows, late, (), (), tuple(readings))

    def _read(self) -> tuple[dict[str, Any], int, int]:
        import pyarrow.compute as pc

        cursor, rows, late, first = self._cursor, 0, 0, self._cursor is None
        while True:
            table, cursor = self._log.read_new(self.config.model, cursor)
            if table is None:
                return cursor, rows, late
            for window, part in cut(table, self.version, self.clock):
                if self._until is not None and window.start < self._until:
                    if not first:  # at first these are rows of before its time
                        rows, late = rows + part.num_rows, late + part.num_rows
                    continue
                rows += part.num_rows
                newest = pc.max(part["__time"]).as_py()
                self._newest = max(self._newest or newest, newest)
                self._open.setdefault(window.start, _Counted.empty(window)).add(part)

    def _close(self, until: datetime) -> list[Reading]:
        """Tell of the windows that are over, with the empty ones between them."""
        first = self._until if self._until is not None else min(self._open, default=None)
        if first is None:
            return []
        begin = max(first, until - _MOST_EMPTY * self.clock.length)
        over = {w.start: _Counted.empty(w) for w in self.clock.between(begin, until) if w.end <= until}
        over |= {start: one for start, one in self._open.items() if one.window.end <= until}
        for start in over:
            self._open.pop(start, None)
        self._until = max((one.window.end for one in over.values()), default=self._until)
        return [reading for start in sorted(over) for reading in self._told(over[start])]

    def _told(self, one: _Counted) -> list[Reading]:
        labels, latencies = self.config.labels(self.version), latencies_of(one.latency)
        return volume_readings(one.window.start, one.rows, one.passed, latencies, labels, locale=self._locale)

    def _position(self, cursor: dict[str, Any]) -> dict[str, Any]:
        return {
            "log": cursor,
            "clock": _clock(self.config),
            "until": None if self._until is None else self._until.isoformat(),
            "rows": self._rows,
            "late": self._late,
            "newest": None if self._newest is None else self._newest.isoformat(),
            "open": [self._open[start].to_json() for start in sorted(self._open)],
        }
