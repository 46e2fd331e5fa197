"""A finished segment: a Parquet file that DuckDB, pandas, Polars and Spark read as it is."""

from __future__ import annotations

import io
import json
import os
import sys
import zlib
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import accumulate
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from mirante.inference_log.frames import Piece
from mirante.inference_log.stream import StreamFile

__all__ = ["GROUP_ROWS", "RowGroup", "SealedFile", "seal_stream", "sync_folder", "write_sealed"]

GROUP_ROWS = 10_000
_MARK, _SUMMED = b"PAR1", b"mirante:"
_TAIL = 8  # Parquet ends with the length of its footer and its mark
_NEAR = 1 << 20
_FIRSTS, _GAPS, _DELETED, _SUMS = _KEYS = tuple(
    f"mirante.{name}" for name in ("first_rows", "gaps", "deleted", "sums")
)


@dataclass(frozen=True, slots=True)
class RowGroup(Piece):
    """A row group of a Parquet file.

    Parameters
    ----------
    number : int
        Its place in the file, from 0.
    gaps : tuple of int
        Numbers of rows that were in it and have been deleted, ascending.
    """

    number: int
    gaps: tuple[int, ...] = ()

    @property
    def past(self) -> int:
        """The number of the row after its last."""
        return self.first + self.rows + len(self.gaps)

    def place(self, number: int) -> int:
        """Return where the row of that number, or the next one that is there, lies among its rows."""
        return max(number - self.first - bisect_left(self.gaps, number), 0)

    def number_at(self, place: int) -> int:
        """Return the number of the row at a place; of the place after the last it is `past`."""
        if place >= self.rows:
            return self.past
        number = self.first + place
        for gap in self.gaps:
            if gap > number:
                break
            number += 1
        return number


class SealedFile:
    """What a sealed segment holds, from its footer.

    Parameters
    ----------
    path : Path
        The ``.parquet`` file.

    Attributes
    ----------
    schema : pyarrow.Schema or None
        None when the footer is damaged.
    pieces : list of RowGroup
        With the row numbers that the rows had before sealing.
    damage : dict of int to str
        What could not be read: row group (-1 for the whole file) and a sentence.
    deleted : dict of str to int
        Rows that were deleted from it, by request.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.damage: dict[int, str] = {}
        self._open()

    def _open(self) -> None:
        self.schema: Any = None
        self.pieces: list[RowGroup] = []
        self.deleted: dict[str, int] = {}
        self._sums: list[tuple[int, int]] = []
        with self.path.open("rb") as file:
            self._stamp = _stamp(os.fstat(file.fileno()))
            try:
                _check_footer(file)
                footer = pq.read_metadata(file)
                facts = _Facts.of(footer)
                schema = footer.schema.to_arrow_schema().remove_metadata()
            except Exception as error:  # bytes that are not what was written can make anything of it
                self.damage[-1] = f"{self.path}: left out: {error}"
                return
        self.schema, self.deleted, self._sums = schema, facts.deleted, facts.sums
        self.pieces = list(_row_groups(facts))

    def refresh(self) -> None:
        """Look at the file anew when another has taken its place: one from which rows were deleted."""
        if _stamp(self.path.stat()) != self._stamp:
            self._open()

    def load(
        self, pieces: Iterable[RowGroup], columns: Sequence[str] | None = None
    ) -> Iterator[tuple[RowGroup, pa.Table]]:
        """Yield the rows of some pieces; a piece whose page checksums are wrong is left out.

        Raises
        ------
        FileNotFoundError
            If the file is gone, or is another one by now.
        """
        pieces = list(pieces)
        if not pieces:
            return
        wanted = [name for name in columns or self.schema.names if name in self.schema.names]
        with self.path.open("rb") as handle:
            if _stamp(os.fstat(handle.fileno())) != self._stamp:
                raise FileNotFoundError(f"{self.path} was rewritten meanwhile")
            file = pq.ParquetFile(handle, page_checksum_verification=True)
            for piece in pieces:
                try:
                    # a prefix of a dotted name would bring more columns, so select again
                    read = file.read_row_group(piece.number, columns=wanted, use_threads=False)
                except Exception as error:  # as above
                    self._note(piece, str(error))
                    continue
                if read.num_rows != piece.rows:
                    self._note(piece, f"it has {read.num_rows}")
                    continue
                yield piece, read.select(wanted).replace_schema_metadata()

    def _note(self, piece: RowGroup, why: str) -> None:
        place = f"{piece.rows} rows of group {piece.number}"
        self.damage[piece.number] = f"{self.path}: {place} left out: {why}"

    def verify(self) -> None:
        """Read every byte, and note in `damage` what is not as it was written."""
        with self.path.open("rb") as file:
            begin = len(_MARK)
            if file.read(begin) != _MARK:
                self.damage[-1] = f"{self.path}: it does not begin as Parquet does"
            for piece, (end, crc) in zip(self.pieces, self._sums, strict=False):
                file.seek(begin)
                if zlib.crc32(file.read(end - begin)) != crc:
                    self._note(piece, "its checksum is wrong")
                begin = end
        for piece, _ in self.load(self.pieces):
            del piece


def _check_footer(file: Any) -> None:
    """Hold the footer's bytes against their checksum; a segment from before there were any has none.

    Raises
    ------
    ValueError
        If they are not what was written.
    """
    size = file.seek(0, os.SEEK_END)
    file.seek(max(size - _TAIL, 0))
    length = _TAIL + int.from_bytes(file.read(4), "little")
    sum_ = len(_SUMMED) + 4
    file.seek(max(size - max(length + sum_, _NEAR), 0))
    tail = file.read()
    footer, before = tail[-length:], tail[-length - sum_ : -length]
    if before.startswith(_SUMMED):
        right = int.from_bytes(before[-4:], "little") == zlib.crc32(footer)
    else:
        right = _SUMS.encode() not in tail
    if not right:
        raise ValueError("the checksum of its footer is wrong")
    file.seek(0)


def _stamp(stat: os.stat_result) -> tuple[int, int, int]:
    return stat.st_ino, stat.st_mtime_ns, stat.st_size


def _row_groups(facts: _Facts) -> Iterator[RowGroup]:
    for number, (rows, earliest, latest) in enumerate(facts.bounds):
        gaps = tuple(facts.gaps.get(str(number), ()))
        yield RowGroup(facts.firsts[number], rows, earliest, latest, number=number, gaps=gaps)


def seal_stream(stream: StreamFile, target: Path) -> None:
    """Write the whole batches of a stream segment as Parquet.

    Parameters
    ----------
    stream : StreamFile
        Refreshed, with at least one piece.
    target : Path
        The ``.parquet`` file.
    """
    groups = ((first, table, ()) for first, table in _runs(stream))
    write_sealed(target, stream.schema, groups, beside=target.with_name(f".{target.name}.tmp"))


def write_sealed(
    target: Path,
    schema: pa.Schema,
    groups: Iterable[tuple[int, pa.Table, Sequence[int]]],
    *,
    beside: Path,
    deleted: Mapping[str, int] | None = None,
) -> None:
    """Write a sealed segment: first beside, then in place, each step durable.

    It is there whole or not at all, also after a power loss.

    Parameters
    ----------
    target : Path
        The ``.parquet`` file; one that is there is replaced.
    schema : pyarrow.Schema
        Of the rows.
    groups : iterable of (int, pyarrow.Table, sequence of int)
        Row groups: number of the first row, the rows, and the numbers of rows that are missing among them.
    beside : Path
        Where to write first; in the same folder.
    deleted : mapping of str to int, optional
        Rows deleted so far, by request.
    """
    schema = schema.remove_metadata()
    facts = _Facts(deleted=dict(deleted or {}))
    try:
        with _Sums(beside) as sums:
            with pq.ParquetWriter(
                pa.PythonFile(sums, mode="w"), schema, compression="zstd", write_page_checksum=True
            ) as writer:
                sums.take()
                for first, table, gaps in groups:
                    writer.write_table(table.replace_schema_metadata(), row_group_size=GROUP_ROWS)
                    bounds = pc.min_max(table["__time"].cast(pa.int64()))
                    facts.add(first, gaps, table.num_rows, bounds["min"].as_py(), bounds["max"].as_py())
                    facts.sums.append(sums.take())
                sums.hold()
                writer.add_key_value_metadata(facts.to_metadata(schema))
            sums.release()
        with suppress(OSError):  # one that is replaced keeps its rights and, where that is allowed, its owner
            before = target.stat()
            beside.chmod(before.st_mode & 0o777)
            if sys.platform != "win32":
                os.chown(beside, before.st_uid, before.st_gid)
        beside.replace(target)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise
    sync_folder(target.parent)


@dataclass(slots=True)
class _Facts:
    """What a sealed segment says of itself beside what Parquet says: row numbers, and sums over both."""

    firsts: list[int] = field(default_factory=list)
    gaps: dict[str, list[int]] = field(default_factory=dict)
    deleted: dict[str, int] = field(default_factory=dict)
    bounds: list[tuple[int, int, int]] = field(default_factory=list)
    sums: list[tuple[int, int]] = field(default_factory=list)

    def add(self, first: int, gaps: Sequence[int], rows: int, earliest: int, latest: int) -> None:
        """Take in a row group."""
        if gaps:
            self.gaps[str(len(self.firsts))] = list(gaps)
        self.firsts.append(first)
        self.bounds.append((rows, earliest, latest))

    def crc(self, schema: pa.Schema) -> int:
        """Return the checksum over all that decides which rows are read and under which names."""
        columns = [(column.name, str(column.type)) for column in schema]
        said = [columns, self.firsts, self.gaps, self.deleted, self.bounds, self.sums]
        return zlib.crc32(json.dumps(said, sort_keys=True).encode("utf-8", "surrogatepass"))

    def to_metadata(self, schema: pa.Schema) -> dict[str, str]:
        """Return it as Parquet keeps it."""
        found = {_FIRSTS: self.firsts, _SUMS: [*self.sums, self.crc(schema)]}
        if self.deleted:
            found |= {_GAPS: self.gaps, _DELETED: self.deleted}
        return {key: json.dumps(value) for key, value in found.items()}

    @classmethod
    def of(cls, footer: Any) -> _Facts:
        """Read it, and hold it against its checksum; a segment from before there were any has none.

        Raises
        ------
        ValueError
            If the footer was changed.
        """
        kept = footer.metadata or {}
        said = {key: json.loads(kept[key.encode()]) for key in _KEYS if key.encode() in kept}
        facts = cls(gaps=said.get(_GAPS, {}), deleted=said.get(_DELETED, {}))
        for number in range(footer.num_row_groups):
            group = footer.row_group(number)
            parts = (group.column(place) for place in range(group.num_columns))
            times = next(part.statistics for part in parts if part.path_in_schema == "__time")
            facts.bounds.append((group.num_rows, times.min_raw, times.max_raw))
        firsts = [0, *accumulate(rows for rows, _, _ in facts.bounds)]
        facts.firsts = said.get(_FIRSTS, firsts[:-1])
        *sums, crc = said.get(_SUMS, [None])
        facts.sums = [(end, found) for end, found in sums]
        if crc is not None and crc != facts.crc(footer.schema.to_arrow_schema()):
            raise ValueError("the checksum of its footer is wrong")
        return facts


class _Sums(io.RawIOBase):
    """A file that sums up what is written into it, and puts the footer's checksum before the footer.

    Arrow's reader ends the process on some footers in which a bit has flipped, so the checksum is looked at
    before it. It lies where Parquet lets anything lie: between the last row group and the footer.
    """

    def __init__(self, path: Path) -> None:
        self._file = path.open("wb")
        self._crc = self._end = 0
        self._held: bytearray | None = None

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self._crc = zlib.crc32(data, self._crc)
        size = memoryview(data).nbytes
        self._end += size
        if self._held is not None:
            self._held += data
            return size
        return self._file.write(data)

    def tell(self) -> int:
        return self._end

    def flush(self) -> None:
        if not self._file.closed:
            self._file.flush()

    def take(self) -> tuple[int, int]:
        """Return where it ends, and the checksum since the last time."""
        found, self._crc = (self._end, self._crc), 0
        return found

    def hold(self) -> None:
        """Keep what comes from now on: the footer."""
        self._held = bytearray()

    def release(self) -> None:
        """Write the footer with its checksum before it, and make all durable."""
        held = self._held or bytearray()
        place = len(held) - _TAIL - int.from_bytes(held[-_TAIL:-4], "little")
        sum_ = _SUMMED + zlib.crc32(held[place:]).to_bytes(4, "little")
        self._file.write(bytes(held[:place]) + sum_ + bytes(held[place:]))
        self._file.flush()
        os.fsync(self._file.fileno())

    def close(self) -> None:
        self._file.close()
        super().close()


def _runs(stream: StreamFile) -> Iterator[tuple[int, pa.Table]]:
    """Yield the row groups to write: at most `GROUP_ROWS` rows, none across a gap in the row numbers."""
    run: list[pa.Table] = []
    begin = past = 0
    for piece, table in stream.load(stream.pieces):
        if run and piece.first != past:
            yield from _groups(begin, run)
            run = []
        if not run:
            begin = piece.first
        run.append(table)
        past = piece.past
    yield from _groups(begin, run)


def _groups(begin: int, run: Sequence[pa.Table]) -> Iterator[tuple[int, pa.Table]]:
    if run:
        table = pa.concat_tables(run)
        for start in range(0, table.num_rows, GROUP_ROWS):
            yield begin + start, table.slice(start, GROUP_ROWS)


def sync_folder(folder: Path) -> None:
    """Make the names in `folder` durable."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
