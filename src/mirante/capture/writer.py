"""The thread behind a recorder: takes what was recorded and brings it to the inference log."""

from __future__ import annotations

import math
import threading
import time
import warnings
from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa

from mirante.capture.privacy import Action, Privacy, marks
from mirante.capture.sampling import Sampler
from mirante.capture.tables import feature_names, numbers_of, prediction_column
from mirante.capture.times import microseconds_of, times_of
from mirante.counted import counted
from mirante.errors import MiranteError, MiranteWarning
from mirante.inference_log.drops import Drops, note_drops
from mirante.inference_log.kinds import META, column_of, text_of
from mirante.inference_log.names import make_named_folder
from mirante.inference_log.probabilities import MOST_CLASSES, bounded, spread
from mirante.inference_log.repair import repair
from mirante.inference_log.segments import SegmentWriter

__all__ = ["LogWriter", "OddRow", "WriterSettings", "reason_of"]

EXTRA = 5  # after the features in the flat list: prediction, latency, time, id, version
_CHUNK = 50_000
_MOST_VERSIONS = 16  # open at once; the one longest unused is sealed for another
_AGAIN = 60.0  # seconds from one warning about the disk to the next, while it lasts
_BUSY_ROWS = 10_000  # so many rows in one round, and the next round comes at once


@dataclass(frozen=True, slots=True)
class WriterSettings:
    """What a recorder was told."""

    model: str
    root: Path
    version: str
    flush_interval: float
    segment_rows: int
    segment_age: float
    clock: Callable[[], Any]
    privacy: Privacy | None = None
    sample: float = 1.0

    def now(self) -> int:
        """Return the clock's time in microseconds, or the machine's when the clock gives nonsense."""
        found = microseconds_of(self.clock())
        return round(time.time() * 1e6) if found is None else found


@dataclass(frozen=True, slots=True)
class OddRow:
    """A row whose features are not those of the first one."""

    features: Mapping[Any, Any]
    rest: tuple[Any, ...]  # prediction, latency, time, id, version


@dataclass(slots=True, eq=False)
class LogWriter:
    """The state that a recorder shares with its thread. The thread knows this and never the recorder.

    Attributes
    ----------
    flat : list
        Values of the rows, one after the other; only ever extended by whole rows.
    names, actions : list
        The features of a row in `flat`, and what privacy does to each.
    odd, batches : deque
        What is not in `flat`: rows with other features; ``(version, table)``.
    recorded, refused, lost : int
        Rows that reached the log, that were not taken, and that could not be written.
    """

    settings: WriterSettings
    process: str
    names: list[str] = field(default_factory=list)
    actions: list[Action | None] = field(default_factory=list)
    flat: list[Any] = field(default_factory=list)
    odd: deque[OddRow] = field(default_factory=deque)
    batches: deque[tuple[str, pa.Table]] = field(default_factory=deque)
    recorded: int = 0
    refused: int = 0
    lost: int = 0
    reason: str = ""
    waiting: int = 0
    closed: bool = False
    as_text: Counter[str] = field(default_factory=Counter)
    changed: threading.Condition = field(default_factory=threading.Condition)
    thread: threading.Thread | None = None
    sampler: Sampler = field(init=False)
    _asked: int = 0
    _answered: int = 0
    _failed: bool = False
    _trouble: bool = False
    _noted: int = 0
    _warned: dict[str, float] = field(default_factory=dict)
    _writers: dict[str, SegmentWriter] = field(default_factory=dict)
    _numbers: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.sampler = Sampler(self.settings.sample)
        self.actions = [None] * len(self.names)

    @property
    def dropped(self) -> int:
        """Rows that will never reach the log."""
        return self.refused + self.lost

    # called by the recorder

    def fix_columns(self, keys: Sequence[Any]) -> None:
        """Say, before the first row comes, what a row of the flat list is."""
        self.actions[:] = marks(keys, self.settings.privacy)
        self.names[:] = feature_names(keys)

    def start(self) -> None:
        """Start the thread, once."""
        with self.changed:
            if self.thread is None and not self.closed:
                self.thread = threading.Thread(
                    target=self._run, name=f"mirante-recorder-{self.process}", daemon=True
                )
                self.thread.start()

    def refuse(self, rows: int, reason: str) -> None:
        """Count rows that will not be recorded."""
        with self.changed:
            self.refused += rows
            self.reason = reason if rows and reason else self.reason

    def put(self, version: str, table: pa.Table, capacity: int) -> None:
        """Queue a batch, or drop it when too many rows wait already."""
        with self.changed:
            if self.closed:
                self.refuse(table.num_rows, "the recorder is closed")
            elif self.waiting and self.waiting + table.num_rows > capacity:
                self.refuse(table.num_rows, f"more than {capacity} rows waited")
            else:
                self.waiting += table.num_rows
                self.batches.append((version, table))

    def flush(self, timeout: float | None) -> bool:
        """Wait until all that was recorded is durable; False when it is not."""
        with self.changed:
            if self.thread is None or self.closed:
                return not self._failed
            self._asked += 1
            mine = self._asked
            self.changed.notify_all()
            done = self.changed.wait_for(lambda: self._answered >= mine, timeout)
            failed, self._failed = self._failed, self._failed and not done
            return done and not failed

    def close(self) -> None:
        """Write everything, seal, and end the thread. Also called at the interpreter's exit."""
        with self.changed:
            self.closed = True
            self.changed.notify_all()
            thread = self.thread
        # the garbage collector may call this from the thread itself, which then ends by itself
        if thread is not None and thread is not threading.current_thread():
            thread.join()
            left = len(self.flat) // (len(self.names) + EXTRA) + len(self.odd)
            self.flat.clear()
            self.odd.clear()
            self.refuse(left, "the recorder was closed meanwhile")
            self._tell_of_drops()

    def abandon(self) -> None:
        """In a forked child: let go of the parent's files; its rows are the parent's to write."""
        for writer in self._writers.values():
            with suppress(OSError):
                writer.abandon()

    def note_text(self, column: str, rows: int) -> None:
        """Count values that became text because a column cannot hold them otherwise."""
        with self.changed:
            self.as_text[column] += rows
        self._warn(
            f"text {column}",
            f"column {column!r} has lists, objects or values of several types and is kept as text",
        )

    def note_classes(self, rows: int) -> None:
        """Count predictions that are text because others have all the columns of probabilities."""
        with self.changed:
            self.as_text["__prediction"] += rows
        self._warn(
            "classes",
            f"predictions name more than {MOST_CLASSES} classes; probabilities beyond these are kept as text",
        )

    def note_times(self, unread: int) -> None:
        """Warn of times that could not be read."""
        if unread:
            self._warn(
                "time",
                f"{counted(unread, 'time', 'times')} could not be read (such rows get the time of recording)",
            )

    # the thread

    def _run(self) -> None:
        try:
            repair(self._folder(self.settings.version))
        except OSError:  # a folder that is not writable is told when rows come
            pass
        except Exception as error:  # a fault there must not cost the rows that come
            self._warn(
                "repair",
                f"what an earlier recorder left in {self.settings.root} was not repaired: "
                f"{reason_of(error, self.settings.privacy)}",
            )
        wait, synced = self.settings.flush_interval, time.monotonic()
        while True:
            with self.changed:
                self.changed.wait_for(lambda: self._asked > self._answered or self.closed, wait)
                asked, closing = self._asked, self.closed
            rows = self._round()
            urgent = closing or asked > self._answered or rows < _BUSY_ROWS
            if urgent or time.monotonic() - synced >= self.settings.flush_interval:
                self._each(SegmentWriter.sync)
                synced = time.monotonic()
            self._tell_of_drops()
            if rows:
                self._tell_of_columns()
            with self.changed:
                self._answered = asked
                self.changed.notify_all()
            self._each(SegmentWriter.close if closing else SegmentWriter.tick)
            if closing:
                return
            wait = (
                min(0.02, self.settings.flush_interval)
                if rows >= _BUSY_ROWS
                else self.settings.flush_interval
            )

    def _round(self) -> int:
        """Write what was there when it began; return the rows."""
        there, total = len(self.flat), 0  # read before the names: they are set before the first row comes
        width = len(self.names) + EXTRA
        left = there // width
        while left:
            rows = min(left, _CHUNK)
            values = self.flat[: rows * width]
            del self.flat[: rows * width]
            columns = [values[place::width] for place in range(width)]
            self._guard(rows, partial(self._store_rows, rows, self.names, self.actions, columns))
            left -= rows
            total += rows
        odd = [self.odd.popleft() for _ in range(len(self.odd))]
        if odd:
            self._guard(len(odd), lambda: self._store_odd(odd))
        for _ in range(len(self.batches)):
            version, table = self.batches.popleft()
            with self.changed:
                self.waiting -= table.num_rows
            for start in range(0, table.num_rows, _CHUNK):
                part = table.slice(start, _CHUNK)
                self._guard(part.num_rows, partial(self._store_batch, version, part))
            total += table.num_rows
        return total + len(odd)

    def _store_odd(self, rows: Sequence[OddRow]) -> None:
        keys = list(dict.fromkeys(key for row in rows for key in row.features))
        columns = [[row.features.get(key) for row in rows] for key in keys]
        self._store_rows(
            len(rows),
            feature_names(keys),
            marks(keys, self.settings.privacy),
            columns + [list(part) for part in zip(*(row.rest for row in rows), strict=True)],
        )

    def _store_batch(self, version: str, table: pa.Table) -> None:
        privacy = self.settings.privacy
        self._store(version, table if privacy is None else privacy.hashed(table))

    def _store_rows(
        self, rows: int, names: Sequence[str], actions: Sequence[Action | None], columns: list[list[Any]]
    ) -> None:
        names, columns = self._without(names, actions, columns)
        versions = [None if version is None else text_of(version) for version in columns.pop()]
        groups: dict[str | None, list[int]] = {}
        if versions.count(None) == rows:
            groups[None] = []
        else:
            for place, version in enumerate(versions):
                groups.setdefault(version, []).append(place)
        for version, places in groups.items():
            part = [[column[place] for place in places] for column in columns] if len(groups) > 1 else columns
            name = self.settings.version if version is None else version
            self._guard(len(part[-1]), partial(self._store_part, name, names, part))

    def _without(
        self, names: Sequence[str], actions: Sequence[Action | None], columns: list[list[Any]]
    ) -> tuple[Sequence[str], list[list[Any]]]:
        """Return names and columns without those that are dropped, and with hashes for those hashed."""
        privacy = self.settings.privacy
        if privacy is None or not any(actions):
            return names, columns
        kept = [place for place, action in enumerate(actions) if action != "drop"]
        parts: list[list[Any]] = [
            privacy.digests(columns[place]) if actions[place] else columns[place] for place in kept
        ]
        return [names[place] for place in kept], [*parts, *columns[len(actions) :]]

    def _store_part(self, version: str, names: Sequence[str], columns: Sequence[list[Any]]) -> None:
        self._store(version, self._table(version, names, columns))

    def _table(self, version: str, names: Sequence[str], columns: Sequence[list[Any]]) -> pa.Table:
        """Return rows as a table: features, then prediction, latency, time and id."""
        *features, predictions, latencies, times, ids = columns
        schema = self._writer(version).schema
        known = dict(zip(schema.names, schema.types, strict=True))
        arrays = {}
        for name, values in zip(names, features, strict=True):
            array = arrays[name] = column_of(values, known.get(name))
            texts = (
                sum(isinstance(value, str) for value in values) if array.type == pa.string() else len(values)
            )
            if texts < len(values) - array.null_count:
                self.note_text(name, len(values))
        arrays["__id"] = column_of([str(value) for value in ids])
        arrays["__time"], unread = times_of(times, self.settings.now())
        self.note_times(unread)
        arrays["__latency"] = numbers_of(latencies)
        found = spread(predictions)
        if found.beyond:
            self.note_classes(found.beyond)
        arrays["__prediction"] = prediction_column(column_of(found.said))
        return pa.table({**arrays, **found.arrow()})

    def _store(self, version: str, table: pa.Table) -> None:
        given, settings = table.num_rows, self.settings
        table = self.sampler.take(version, table)
        if not table.num_rows:
            return

        def write() -> None:
            writer = self._writer(version)
            rows, beyond = bounded(table, writer.schema.names)
            if beyond:
                self.note_classes(beyond)
            writer.append(rows)
            for column in rows.schema:
                kept = writer.schema.field(column.name).type
                if (
                    kept == pa.string()
                    and column.type not in {pa.string(), pa.null()}
                    and column.name not in META
                ):
                    self.note_text(column.name, table.num_rows)
            with self.changed:
                self.recorded += table.num_rows
            if self._trouble:
                self._trouble = False
                dropped = counted(self.dropped, "row was", "rows were")
                text = f"the recorder of model {settings.model!r} writes again; {dropped} dropped"
                self._warn("again", text, again=_AGAIN)

        self._guard(given, write)

    def _writer(self, version: str) -> SegmentWriter:
        writer = self._writers.pop(version, None)
        if writer is None:
            settings = self.settings
            writer = SegmentWriter(
                self._folder(version),
                process=self.process,
                clock=lambda: settings.now() / 1e6,
                max_rows=settings.segment_rows,
                max_age=settings.segment_age,
                number=self._numbers.pop(version, 0),
            )
            if len(self._writers) >= _MOST_VERSIONS:
                name = next(iter(self._writers))
                oldest = self._writers.pop(name)
                # readers take a number below those they have finished for read: none may come twice
                self._numbers[name] = oldest.number
                self._guard(0, oldest.sync)
                self._guard(0, oldest.close)
        self._writers[version] = writer  # last in: the first is the one longest unused
        return writer

    def _folder(self, version: str) -> Path:
        return make_named_folder(make_named_folder(self.settings.root, self.settings.model), version)

    def _each(self, work: Callable[[SegmentWriter], None]) -> None:
        for writer in list(self._writers.values()):
            self._guard(0, partial(work, writer))

    # trouble

    def _guard(self, rows: int, work: Callable[[], Any]) -> None:
        """Do `work`; when it fails, count its rows as dropped and go on."""
        try:
            work()
        except Exception as error:  # the thread must outlive any disk and any value
            reason = reason_of(error, self.settings.privacy)
            with self.changed:
                self.lost += rows
                self.reason = reason if rows else self.reason
                self._failed = self._trouble = True
            place = f"model {self.settings.model!r} in {self.settings.root}"
            self._warn(
                f"disk {type(error).__name__}",
                f"the recorder of {place} cannot write ({reason}); rows are dropped, {self.dropped} so far",
                again=_AGAIN,
            )

    def _tell_of_drops(self) -> None:
        """Warn once, and note beside the log, for those who watch it, how many rows are not in it."""
        settings, drops = self.settings, Drops(self.dropped, self.reason)
        if self.refused:
            whose = f"of model {settings.model!r}"
            rows = counted(self.refused, f"row {whose} was", f"rows {whose} were")
            self._warn("refused", f"{rows} dropped ({self.reason}); Recorder.dropped counts them")
        if drops.rows > self._noted:
            with suppress(OSError):  # the disk that did not take the rows may not take this: tried again
                folder = make_named_folder(settings.root, settings.model)
                note_drops(folder, self.process, drops, settings.now() / 1e6)
                self._noted = drops.rows

    def _tell_of_columns(self) -> None:
        """Warn of columns that are to be dropped or hashed and that no row has: a name that is misspelt."""
        for name in sorted(self.settings.privacy.unseen if self.settings.privacy else ()):
            self._warn(
                f"unseen {name}",
                f"no row of model {self.settings.model!r} has had the column {name!r} yet, which is to be "
                "dropped or hashed; is it spelt as the model's input has it?",
            )

    def _warn(self, kind: str, text: str, *, again: float = math.inf) -> None:
        """Warn once of each kind, or once in `again` seconds."""
        now = time.monotonic()
        last = self._warned.get(kind, -math.inf)
        if now - last >= again or (last == -math.inf and len(self._warned) < 100):
            self._warned[kind] = now
            with suppress(Warning):  # where warnings are errors, recording goes on all the same
                warnings.warn(text, MiranteWarning, stacklevel=2)


def reason_of(error: Exception, privacy: Privacy | None) -> str:
    """Return why rows were lost, for people; of a foreign error only its name, where values are private."""
    if privacy is None or isinstance(error, MiranteError | OSError):
        return str(error)
    return type(error).__name__  # its text may quote the value that it could not take
