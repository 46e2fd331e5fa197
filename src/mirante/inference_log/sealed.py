"""A finished segment: a Parquet file that DuckDB, pandas, Polars and Spark read as it is."""

from __future__ import annotations

import os
import zlib
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import Any, ClassVar, Protocol

import pyarrow as pa
import pyarrow.parquet as pq

from mirante.errors import ArchiveError
from mirante.inference_log.facts import MARK, SUMMED, SUMS_KEY, Facts, footer_length
from mirante.inference_log.frames import Piece

__all__ = ["LocalPlace", "Place", "RowGroup", "SealedFile"]

_SUM_LENGTH = len(SUMMED) + 4


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


class Place(Protocol):
    """Where a sealed segment's bytes are: a file, or an object of an archive. Its text names it."""

    remote: ClassVar[bool]
    near: ClassVar[int]

    def open(self) -> AbstractContextManager[tuple[Any, object]]:
        """Give an open file, and what tells it from another of the same name."""
        ...

    def stamp(self) -> object:
        """Return what tells the file that is there now from another."""
        ...

    def read(self, file: Any, begin: int, length: int) -> bytes:
        """Return a range of the open file."""
        ...


class LocalPlace:
    """A file on this machine."""

    remote: ClassVar[bool] = False
    near: ClassVar[int] = 1 << 20

    def __init__(self, path: Path) -> None:
        self._path = path

    def __str__(self) -> str:
        return str(self._path)

    @contextmanager
    def open(self) -> Iterator[tuple[Any, object]]:
        """Give the open file; another that takes its name meanwhile changes nothing."""
        with self._path.open("rb") as file:
            yield file, _stamp(os.fstat(file.fileno()))

    def stamp(self) -> object:
        """Return what tells the file that is there now from another."""
        return _stamp(self._path.stat())

    def read(self, file: Any, begin: int, length: int) -> bytes:
        """Return a range of the open file."""
        file.seek(begin)
        return bytes(file.read(length))


class SealedFile:
    """What a sealed segment holds, from its footer.

    Parameters
    ----------
    place : Path or Place
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

    def __init__(self, place: Path | Place) -> None:
        self.place: Place = LocalPlace(place) if isinstance(place, Path) else place
        self.damage: dict[int, str] = {}
        self._open()

    def _open(self) -> None:
        self.schema: Any = None
        self.pieces: list[RowGroup] = []
        self.deleted: dict[str, int] = {}
        self._sums: list[tuple[int, int]] = []
        self._footer: Any = None
        with self.place.open() as (file, self._stamp):
            tail = self._tail(file)
        try:
            _check_footer(tail)
            footer = pq.read_metadata(pa.BufferReader(tail))
            facts = Facts.of(footer)
            schema = footer.schema.to_arrow_schema().remove_metadata()
        except Exception as error:  # bytes that are not what was written can make anything of it
            self.damage[-1] = f"{self.place}: left out: {error}"
            return
        self.schema, self.deleted, self._sums = schema, facts.deleted, facts.sums
        self._footer = footer if self.place.remote else None  # a file's own is read as fast as it is kept
        self.pieces = list(_row_groups(facts))

    def _tail(self, file: Any) -> bytes:
        """Return the end of the file: the footer, with what lies before it, and no less than `near` bytes."""
        size = file.seek(0, os.SEEK_END)
        begin = max(size - self.place.near, 0)
        tail = self.place.read(file, begin, size - begin)
        needed = min(footer_length(tail) + _SUM_LENGTH, size)
        return tail if needed <= len(tail) else self.place.read(file, size - needed, needed)

    def refresh(self) -> None:
        """Look at a local file anew when another has taken its place: one from which rows were deleted.

        For one of an archive `load` finds that out.
        """
        if not self.place.remote and self.place.stamp() != self._stamp:
            self._open()

    def load(
        self, pieces: Iterable[RowGroup], columns: Sequence[str] | None = None
    ) -> Iterator[tuple[RowGroup, pa.Table]]:
        """Yield the rows of some pieces; a piece whose page checksums are wrong is left out.

        Raises
        ------
        FileNotFoundError
            If the file is gone, or is another one by now.
        ArchiveError
            If it is in an archive that cannot be reached.
        """
        pieces = list(pieces)
        if not pieces:
            return
        with self.place.open() as (handle, stamp):
            self._same(stamp)
            if not self.place.remote:
                yield from self._read(handle, pieces, columns)
                return
            found = self._read_at_once(handle, pieces, columns) or list(self._read(handle, pieces, columns))
            # unlike a file, an object that is replaced changes under who reads it
            self._same(self.place.stamp())
        yield from found

    def _same(self, stamp: object) -> None:
        if stamp != self._stamp:
            raise FileNotFoundError(f"{self.place} was rewritten meanwhile")

    def _wanted(self, columns: Sequence[str] | None) -> list[str]:
        return [name for name in columns or self.schema.names if name in self.schema.names]

    def _read_at_once(
        self, handle: Any, pieces: Sequence[RowGroup], columns: Sequence[str] | None
    ) -> list[tuple[RowGroup, pa.Table]]:
        """Return the rows of all pieces, which one request after the other would take long to bring.

        Nothing where anything is wrong: then `_read` says what.
        """
        wanted, numbers = self._wanted(columns), [piece.number for piece in pieces]
        try:
            file = pq.ParquetFile(
                handle, metadata=self._footer, page_checksum_verification=True, pre_buffer=True
            )
            table = file.read_row_groups(numbers, columns=wanted, use_threads=False)
        except Exception:  # as in `_open`
            return []
        if table.num_rows != sum(piece.rows for piece in pieces):
            return []
        table = table.select(wanted).replace_schema_metadata()
        ends = accumulate(piece.rows for piece in pieces)
        return [
            (piece, table.slice(end - piece.rows, piece.rows))
            for piece, end in zip(pieces, ends, strict=True)
        ]

    def _read(
        self, handle: Any, pieces: Sequence[RowGroup], columns: Sequence[str] | None
    ) -> Iterator[tuple[RowGroup, pa.Table]]:
        wanted = self._wanted(columns)
        file: Any = None
        for piece in pieces:
            try:
                if file is None:
                    file = pq.ParquetFile(handle, metadata=self._footer, page_checksum_verification=True)
                # a prefix of a dotted name would bring more columns, so select again
                read = file.read_row_group(piece.number, columns=wanted, use_threads=False)
            except Exception as error:  # as above
                if self.place.remote:
                    self._blame(handle, piece, error)
                self._note(piece, str(error))
                continue
            if read.num_rows != piece.rows:
                self._note(piece, f"it has {read.num_rows}")
                continue
            yield piece, read.select(wanted).replace_schema_metadata()

    def _blame(self, handle: Any, piece: RowGroup, error: Exception) -> None:
        """Tell a damaged object from a line that broke, which Arrow calls by the same name.

        Raises
        ------
        FileNotFoundError, ArchiveError
            If it is not the object that is damaged.
        """
        self._same(self.place.stamp())
        begin, end, crc = self._range(piece.number)
        if zlib.crc32(self.place.read(handle, begin, end - begin)) == crc:
            raise ArchiveError(f"{self.place} could not be read: {error}") from None

    def _range(self, number: int) -> tuple[int, int, int | None]:
        """Return where a row group begins and ends, and its checksum; None where there is none."""
        if number >= len(self._sums):
            return 0, 0, None
        begin = self._sums[number - 1][0] if number else len(MARK)
        return begin, *self._sums[number]

    def _note(self, piece: RowGroup, why: str) -> None:
        place = f"{piece.rows} rows of group {piece.number}"
        self.damage[piece.number] = f"{self.place}: {place} left out: {why}"

    def verify(self) -> None:
        """Read every byte, and note in `damage` what is not as it was written."""
        with self.place.open() as (file, stamp):
            self._same(stamp)
            if self.place.read(file, 0, len(MARK)) != MARK:
                self.damage[-1] = f"{self.place}: it does not begin as Parquet does"
            for piece in self.pieces[: len(self._sums)]:
                begin, end, crc = self._range(piece.number)
                if zlib.crc32(self.place.read(file, begin, end - begin)) != crc:
                    self._note(piece, "its checksum is wrong")
        for piece, _ in self.load(self.pieces):
            del piece


def _check_footer(tail: bytes) -> None:
    """Hold the footer's bytes against their checksum; a segment from before there were any has none.

    Raises
    ------
    ValueError
        If they are not what was written.
    """
    length = footer_length(tail)
    footer, before = tail[-length:], tail[-length - _SUM_LENGTH : -length]
    if before.startswith(SUMMED):
        right = int.from_bytes(before[-4:], "little") == zlib.crc32(footer)
    else:
        right = SUMS_KEY.encode() not in tail
    if not right:
        raise ValueError("the checksum of its footer is wrong")


def _stamp(stat: os.stat_result) -> tuple[int, int, int]:
    return stat.st_ino, stat.st_mtime_ns, stat.st_size


def _row_groups(facts: Facts) -> Iterator[RowGroup]:
    for number, (rows, earliest, latest) in enumerate(facts.bounds):
        gaps = tuple(facts.gaps.get(str(number), ()))
        yield RowGroup(facts.firsts[number], rows, earliest, latest, number=number, gaps=gaps)
