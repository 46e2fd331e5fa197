"""A finished segment: a Parquet file that DuckDB, pandas, Polars and Spark read as it is."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from mirante.inference_log.frames import Piece
from mirante.inference_log.stream import StreamFile

__all__ = ["GROUP_ROWS", "RowGroup", "SealedFile", "seal_stream", "sync_folder"]

GROUP_ROWS = 10_000
_FIRSTS = "mirante.first_rows"


@dataclass(frozen=True, slots=True)
class RowGroup(Piece):
    """A row group of a Parquet file.

    Parameters
    ----------
    number : int
        Its place in the file, from 0.
    """

    number: int


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
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.schema: Any = None
        self.pieces: list[RowGroup] = []
        self.damage: dict[int, str] = {}
        try:
            footer = pq.read_metadata(path)
        except FileNotFoundError:
            raise
        except (OSError, pa.ArrowException) as error:
            self.damage[-1] = f"{path}: left out: {error}"
            return
        self.schema = footer.schema.to_arrow_schema().remove_metadata()
        self.pieces = list(_row_groups(footer))

    def refresh(self) -> None:
        """Do nothing: a sealed segment does not change."""

    def load(
        self, pieces: Iterable[RowGroup], columns: Sequence[str] | None = None
    ) -> Iterator[tuple[RowGroup, pa.Table]]:
        """Yield the rows of some pieces; a piece whose page checksums are wrong is left out."""
        pieces = list(pieces)
        if not pieces:
            return
        wanted = [name for name in columns or self.schema.names if name in self.schema.names]
        with pq.ParquetFile(self.path, page_checksum_verification=True) as file:
            for piece in pieces:
                try:
                    # a prefix of a dotted name would bring more columns, so select again
                    read = file.read_row_group(piece.number, columns=wanted, use_threads=False)
                except (OSError, pa.ArrowException) as error:
                    place = f"{piece.rows} rows of group {piece.number}"
                    self.damage[piece.number] = f"{self.path}: {place} left out: {error}"
                    continue
                yield piece, read.select(wanted).replace_schema_metadata()


def _row_groups(footer: Any) -> Iterator[RowGroup]:
    rows = [footer.row_group(number).num_rows for number in range(footer.num_row_groups)]
    kept = (footer.metadata or {}).get(_FIRSTS.encode())
    firsts = [0, *accumulate(rows)] if kept is None else json.loads(kept)
    for number, count in enumerate(rows):
        group = footer.row_group(number)
        parts = (group.column(place) for place in range(group.num_columns))
        bounds = next(part.statistics for part in parts if part.path_in_schema == "__time")
        yield RowGroup(firsts[number], count, bounds.min_raw, bounds.max_raw, number=number)


def seal_stream(stream: StreamFile, target: Path) -> None:
    """Write the whole batches of a stream segment as Parquet: first beside, then in place, each step durable.

    Parameters
    ----------
    stream : StreamFile
        Refreshed, with at least one piece.
    target : Path
        The ``.parquet`` file. It is there whole or not at all, also after a power loss.
    """
    runs = list(_runs(stream))
    firsts = [first for first, _ in runs]
    schema = stream.schema.remove_metadata().with_metadata({_FIRSTS: json.dumps(firsts)})
    beside = target.with_name(f".{target.name}.tmp")
    try:
        with pq.ParquetWriter(beside, schema, compression="zstd", write_page_checksum=True) as writer:
            for _, table in runs:
                writer.write_table(table.replace_schema_metadata(schema.metadata), row_group_size=GROUP_ROWS)
        with beside.open("rb") as file:
            os.fsync(file.fileno())
        beside.replace(target)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise
    sync_folder(target.parent)


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
