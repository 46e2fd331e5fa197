"""A segment that is still open: an Arrow IPC stream, read by whole batches while its process writes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from mirante.inference_log.frames import (
    Frame,
    FrameError,
    IncompleteError,
    decode_frame,
    decode_schema,
    find_frame,
    next_frame,
    was_whole,
)

__all__ = ["StreamFile"]


class StreamFile:
    """What a stream segment holds, kept up to date by reading only what was added.

    Parameters
    ----------
    path : Path
        The ``.arrow`` file. Only whole batches with a right checksum count; the rest is in `damage`,
        but for an unfinished last batch, which is none of either.

    Attributes
    ----------
    schema : pyarrow.Schema or None
        None until there is a whole batch, whose checksum is of the schema too: that has none itself.
    pieces : list of Frame
        The whole batches.
    end : int
        The byte after the last whole batch.
    damage : dict of int to str
        What could not be read: byte offset and a sentence.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.schema: Any = None
        self.pieces: list[Frame] = []
        self.end = 0
        self.damage: dict[int, str] = {}
        self._head = b""
        self._said: Any = None  # the schema as it stands there
        self._seen = -1

    def refresh(self) -> None:
        """Take in what was added since the last time."""
        if self.path.stat().st_size == self._seen:
            return
        with self.path.open("rb") as file:
            file.seek(self.end)
            data = file.read()
        base = self.end
        self._seen = base + len(data)
        if self._said is None and not self._open(data):
            return
        while (frame := self._next(data, self.end - base, base)) is not None:
            self.schema = self._said
            self.pieces.append(frame)
            self.end = frame.end

    def _open(self, data: bytes) -> bool:
        try:
            self._said, self._head = decode_schema(data)
        except FrameError as error:
            if was_whole(data, framed=False):  # batches follow: the schema was whole, and was changed since
                self.damage[0] = f"{self.path}: bytes 0 to {len(data)} left out: {error}"
            return False
        self.end = len(self._head)
        return True

    def _next(self, data: bytes, position: int, base: int) -> Frame | None:
        if position >= len(data):
            return None
        try:
            return next_frame(data, position, base, self._head)
        except FrameError as error:
            reason, framed = str(error), not isinstance(error, IncompleteError)
        frame = find_frame(data, position + 1, base, self._head)
        if frame is not None or was_whole(data[position:], framed=framed):
            past = len(data) if frame is None else frame.offset - base
            self.damage[base + position] = (
                f"{self.path}: bytes {base + position} to {base + past} left out: {reason}"
            )
        return frame

    def load(
        self, pieces: Iterable[Frame], columns: Sequence[str] | None = None
    ) -> Iterator[tuple[Frame, pa.Table]]:
        """Yield the rows of some pieces, each checked again; a piece that is damaged by now is left out."""
        with self.path.open("rb") as file:
            for piece in pieces:
                file.seek(piece.offset)
                try:
                    batch = decode_frame(file.read(piece.length), self._head, self.schema)
                except FrameError as error:
                    place = f"{piece.rows} rows at byte {piece.offset}"
                    self.damage[piece.offset] = f"{self.path}: {place} left out: {error}"
                    continue
                table = pa.Table.from_batches([batch]).replace_schema_metadata()
                if columns is not None:
                    table = table.select([name for name in columns if name in table.column_names])
                yield piece, table
