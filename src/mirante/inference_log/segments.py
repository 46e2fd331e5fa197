"""Segments: named in order, written by one process each, sealed to Parquet, repaired after a crash.

A segment begins as ``<time>-<process>-<number>.arrow`` and, when full, becomes ``….parquet`` of the same
stem: the stem is its identity. Its writer holds a lock on the file; the kernel frees it when the writer dies,
however it dies, and then `repair` (its own file) may cut the unfinished tail and seal what is whole.
"""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa

from mirante.durable import sync_folder
from mirante.errors import InputError
from mirante.inference_log.frames import encode_frame, encode_schema
from mirante.inference_log.kinds import common_schema, fit
from mirante.inference_log.sealing import seal_stream
from mirante.inference_log.stream import StreamFile
from mirante.locks import lock

__all__ = [
    "OPEN",
    "SEALED",
    "SegmentName",
    "SegmentWriter",
    "ask_to_seal",
    "created_at",
    "list_segments",
    "seal_segment",
]

OPEN, SEALED = ".arrow", ".parquet"
_STEM = re.compile(r"(\d{8}T\d{12})-([0-9a-z]+)-(\d{6,9})")
_CREATED = "%Y%m%dT%H%M%S%f"
_BATCH_ROWS = 50_000
_ASKED = ".seal"
_AGAIN = 60.0  # seconds until another try to seal


class SegmentName(NamedTuple):
    """The stem of a segment's file name. Sorts by creation."""

    created: str
    process: str
    number: int

    def __str__(self) -> str:
        return f"{self.created}-{self.process}-{self.number:06d}"

    @classmethod
    def parse(cls, stem: str) -> SegmentName | None:
        """Return the name, or None when it is not a segment's.

        Examples
        --------
        >>> SegmentName.parse("20130208T170000000000-a1b2-000003")
        SegmentName(created='20130208T170000000000', process='a1b2', number=3)
        """
        match = _STEM.fullmatch(stem)
        return None if match is None else cls(match[1], match[2], int(match[3]))


def created_at(name: SegmentName) -> datetime:
    """Return when a segment was begun, by its name; 1970 for a name by hand, which says nothing.

    Examples
    --------
    >>> created_at(SegmentName("20130208T170000000000", "a1b2", 3)).isoformat()
    '2013-02-08T17:00:00+00:00'
    """
    try:
        return datetime.strptime(name.created, _CREATED).replace(tzinfo=UTC)
    except ValueError:
        return datetime.fromtimestamp(0, UTC)


def list_segments(folder: Path) -> dict[SegmentName, Path]:
    """Return the segments in `folder` by creation; the sealed file where both are there."""
    found: dict[SegmentName, Path] = {}
    with suppress(FileNotFoundError, NotADirectoryError), os.scandir(folder) as entries:
        for entry in entries:
            path = Path(entry.path)
            name = SegmentName.parse(path.stem) if path.suffix in {OPEN, SEALED} else None
            if name is not None and (path.suffix == SEALED or name not in found):
                found[name] = path
    return dict(sorted(found.items()))


@dataclass(slots=True)
class _Segment:
    """A segment that this process writes."""

    path: Path
    handle: int
    schema: Any
    head: bytes
    started: float
    size: int
    asked: int
    rows: int = 0
    dirty: bool = True
    named: bool = False
    in_doubt: bool = False  # a sync of it failed
    again: float = 0.0  # not sealed before


class SegmentWriter:
    """Appends tables to the segments of one model version. One thread at a time.

    Parameters
    ----------
    folder : Path
        The version's folder; it must be there.
    process : str
        Lower-case letters and digits, unlike any other writer's of the same folder, ever.
    max_rows, max_bytes, max_age : int, int, float
        A segment is full at so many rows, bytes, or seconds since its first row.
    clock : callable
        Gives seconds since 1970.
    number : int
        Number of the first segment. A writer that takes another's place in a folder, for the same process,
        goes on with its `number`: a reader takes numbers below those that it has finished for read.

    Examples
    --------
    >>> import tempfile, pyarrow as pa
    >>> from mirante.inference_log.kinds import TIME_TYPE
    >>> rows = pa.table({"x": [1.0, 2.0], "__time": pa.array([0, 1], TIME_TYPE)})
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     writer = SegmentWriter(Path(folder), process="p", clock=lambda: 0.0)
    ...     writer.append(rows); writer.sync(); writer.close()
    ...     [path.name for path in list_segments(Path(folder)).values()]
    ['19700101T000000000000-p-000000.parquet']
    """

    def __init__(
        self,
        folder: Path,
        *,
        process: str,
        clock: Callable[[], float],
        max_rows: int = 100_000,
        max_bytes: int = 64 << 20,
        max_age: float = 3600.0,
        number: int = 0,
    ) -> None:
        self.folder = folder
        self.schema = pa.schema([])
        self._process = process
        self._clock = clock
        self._limits = (max_rows, max_bytes, max_age)
        self.number = number
        self._current: _Segment | None = None
        self._full: list[_Segment] = []

    def append(self, table: pa.Table) -> None:
        """Write the rows of `table`; they are durable after `sync`.

        The schema only ever grows: a new column, or a wider type of a known one, begins a new segment;
        a column that is not there is null.

        Raises
        ------
        InputError
            Without a column ``__time``, or with a null in it.
        OSError
            When the disk is full or the folder is gone. The segment then ends before these rows, and the
            next append begins another.
        """
        if "__time" not in table.column_names or table["__time"].null_count:
            raise InputError("the rows need a time each: give a column __time without nulls")
        schema = common_schema([self.schema, table.schema])
        if schema != self.schema:
            self.schema = schema
            self._retire()
        table = fit(table, schema)
        for start in range(0, table.num_rows, _BATCH_ROWS):
            self._write(table.slice(start, _BATCH_ROWS))

    def _write(self, table: pa.Table) -> None:
        segment = self._current = self._current or self._begin()
        message = encode_frame(table, segment.head, segment.rows)
        try:
            _write_all(segment.handle, message)
        except OSError:
            with suppress(OSError):  # readers find their way past half a message, so this is only tidiness
                os.ftruncate(segment.handle, segment.size)
            self._retire()
            raise
        segment.size += len(message)
        segment.rows += table.num_rows
        segment.dirty = True
        self._retire_when_full()

    def _begin(self) -> _Segment:
        now = self._clock()
        created = datetime.fromtimestamp(now, UTC).strftime(_CREATED)
        path = self.folder / f"{SegmentName(created, self._process, self.number)}{OPEN}"
        head = encode_schema(self.schema)
        # under a hidden name until it is locked and begun: `repair` elsewhere must not take it for a dead one
        hidden = path.with_name(f".{path.name}.new")
        handle = os.open(hidden, os.O_CREAT | os.O_EXCL | os.O_RDWR | getattr(os, "O_BINARY", 0), 0o644)
        try:
            lock(handle)
            _write_all(handle, head)
            hidden.rename(path)
        except BaseException:
            os.close(handle)
            hidden.unlink(missing_ok=True)
            raise
        self.number += 1
        return _Segment(path, handle, self.schema, head, now, len(head), _asked(self.folder))

    def _retire_when_full(self) -> None:
        rows, size, age = self._limits
        segment = self._current
        if segment and (
            segment.rows >= rows or segment.size >= size or self._clock() - segment.started >= age
        ):
            self._retire()

    def _retire(self) -> None:
        if self._current is not None:
            self._full.append(self._current)
            self._current = None

    def sync(self) -> None:
        """Make all that was appended durable.

        Raises
        ------
        OSError
            When the disk fails. The segment then ends, and until a `tick` has written its rows into another
            file they are not durable, and this is raised again.
        """
        for segment in [*self._full, self._current]:
            if segment is not None and segment.dirty:
                self._sync(segment)

    def _sync(self, segment: _Segment) -> None:
        # the system forgets what it could not write: a second try would only seem to succeed
        if segment.in_doubt:
            raise OSError(errno.EIO, "rows that the disk did not take are not in another file yet")
        try:
            os.fsync(segment.handle)
            if not segment.named:  # its name, once
                sync_folder(self.folder)
                segment.named = True
        except OSError:
            segment.in_doubt = True
            if segment is self._current:
                self._retire()
            raise
        segment.dirty = False

    def tick(self) -> None:
        """Seal what is full or old enough. What the disk does not take now is tried again."""
        self._retire_when_full()
        if self._current is not None and _asked(self.folder) != self._current.asked:
            self._retire()
        now, errors = self._clock(), []
        for segment in [one for one in self._full if one.again <= now]:
            try:
                seal_segment(segment.path)
            except OSError as error:
                segment.again = now if segment.in_doubt else now + _AGAIN
                errors.append(error)
            except BaseException:
                self._let_go(segment)
                raise
            else:
                self._let_go(segment)
        if errors:
            raise errors[0]

    def _let_go(self, segment: _Segment) -> None:
        self._full.remove(segment)
        os.close(segment.handle)

    def close(self) -> None:
        """Seal everything. What cannot be sealed now is left to `repair`."""
        self._retire()
        errors = []
        for segment in list(self._full):
            try:
                seal_segment(segment.path)
            except OSError as error:
                errors.append(error)
            finally:
                self._let_go(segment)
        if errors:
            raise errors[0]

    def abandon(self) -> None:
        """Let go of the files without touching them: what a forked child does with its parent's."""
        self._retire()
        for segment in self._full:
            os.close(segment.handle)
        self._full.clear()


def ask_to_seal(folder: Path) -> None:
    """Ask the recorders that write into a version's folder to seal what they have, at their next flush."""
    (folder / _ASKED).write_text("", encoding="utf-8")
    os.utime(folder / _ASKED)


def _asked(folder: Path) -> int:
    """Return when that was last asked for; only whether it changed means something."""
    try:
        return (folder / _ASKED).stat().st_mtime_ns
    except OSError:
        return 0


def seal_segment(path: Path) -> int:
    """Turn a stream segment into Parquet and return 1, or 0 when it held no row."""
    stream = StreamFile(path)
    stream.refresh()
    if stream.pieces:
        seal_stream(stream, path.with_suffix(SEALED))
    if stream.damage:
        path.rename(path.with_name(f"{path.name}.damaged"))
    else:
        path.unlink()
    sync_folder(path.parent)
    return int(bool(stream.pieces))


def _write_all(handle: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(handle, view) :]
