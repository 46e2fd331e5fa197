"""Writing a finished segment: beside, durable, then in place."""

from __future__ import annotations

import io
import os
import sys
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from mirante.durable import sync_folder
from mirante.inference_log.facts import SUMMED, Facts, footer_length
from mirante.inference_log.stream import StreamFile

__all__ = ["GROUP_ROWS", "seal_stream", "write_sealed"]

GROUP_ROWS = 10_000


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
    facts = Facts(deleted=dict(deleted or {}))
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
        place = len(held) - footer_length(bytes(held))
        sum_ = SUMMED + zlib.crc32(held[place:]).to_bytes(4, "little")
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
