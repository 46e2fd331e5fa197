"""Record batches as bytes with a checksum: what a segment is made of.

A segment is a plain Arrow IPC stream. Each record batch carries, in its own custom metadata under the key
``mirante``, a small JSON text: CRC32, length in bytes, number of the first row, count of rows, first and
last time. The checksum is over the whole message with the schema's bytes in front and its own eight digits
as zeros, so a flipped bit anywhere in the batch or in the schema is found, and
``pyarrow.ipc.open_stream`` still reads the file.
"""

from __future__ import annotations

import json
import re
import zlib
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

__all__ = [
    "Frame",
    "FrameError",
    "IncompleteError",
    "Piece",
    "decode_frame",
    "decode_schema",
    "encode_frame",
    "encode_schema",
    "find_frame",
    "next_frame",
    "was_whole",
]

_OPEN = b'{"crc":"'
_BYTES = b'","bytes":"'
_FACTS = re.compile(rb'\{"crc":"[0-9a-f]{8}","bytes":"(\d{12})"')
_MARK = b"\xff\xff\xff\xff"  # every IPC message begins with it
_KEY = "mirante"


class FrameError(ValueError):
    """The bytes are not what was written."""


class IncompleteError(FrameError):
    """The bytes end before the message does: it is being written, or its writer died."""


@dataclass(frozen=True, slots=True)
class Piece:
    """Rows of a segment that are read together: a record batch, or a row group of a sealed segment.

    Parameters
    ----------
    first, rows : int
        Number of its first row in the segment, and count of rows.
    earliest, latest : int
        Smallest and largest ``__time``, microseconds since 1970 UTC.
    """

    first: int
    rows: int
    earliest: int
    latest: int

    @property
    def past(self) -> int:
        """The number of the row after its last."""
        return self.first + self.rows

    def place(self, number: int) -> int:
        """Return where the row of that number, or the next one that is there, lies among its rows."""
        return max(number - self.first, 0)

    def number_at(self, place: int) -> int:
        """Return the number of the row at a place; of the place after the last it is `past`."""
        return self.first + place


@dataclass(frozen=True, slots=True)
class Frame(Piece):
    """A record batch and where it lies.

    Parameters
    ----------
    offset, length : int
        Bytes in the file.
    """

    offset: int
    length: int

    @property
    def end(self) -> int:
        """The byte after it."""
        return self.offset + self.length


def encode_schema(schema: pa.Schema) -> bytes:
    """Return the schema message that a segment begins with."""
    return bytes(schema.serialize().to_pybytes())


def encode_frame(table: pa.Table, head: bytes, first: int) -> bytes:
    """Return the rows of `table` as one compressed message with its checksum.

    Parameters
    ----------
    table : pyarrow.Table
        At least one row; column ``__time`` without nulls.
    head : bytes
        `encode_schema` of the table's schema.
    first : int
        Number of the table's first row in the segment.
    """
    times = table["__time"].cast(pa.int64())
    bounds = pc.min_max(times)
    facts = {"crc": "0" * 8, "bytes": "0" * 12, "first": first, "rows": table.num_rows}
    facts |= {"earliest": bounds["min"].as_py(), "latest": bounds["max"].as_py()}
    batch = table.combine_chunks().to_batches()[0]
    sink = pa.BufferOutputStream()
    stream = pa.ipc.new_stream(sink, table.schema, options=pa.ipc.IpcWriteOptions(compression="zstd"))
    stream.write_batch(batch, custom_metadata={_KEY: json.dumps(facts, separators=(",", ":"))})
    # the stream is not closed: its end mark has no place between two batches
    message = bytearray(memoryview(sink.getvalue())[len(head) :])
    digits = message.index(_OPEN) + len(_OPEN)
    size = message.index(_BYTES, digits) + len(_BYTES)
    message[size : size + 12] = b"%012d" % len(message)
    message[digits : digits + 8] = b"%08x" % zlib.crc32(message, zlib.crc32(head))
    return bytes(message)


def decode_schema(data: bytes) -> tuple[pa.Schema, bytes]:
    """Return the schema at the beginning of a segment, and the bytes of its message.

    Raises
    ------
    FrameError
        If there is none (`IncompleteError` if it is cut short).
    """
    reader = pa.BufferReader(data)
    try:
        message = pa.ipc.read_message(reader)
        schema = pa.ipc.read_schema(message)
    except (EOFError, OSError, pa.ArrowException) as error:
        raise IncompleteError(f"no schema in the first {len(data)} bytes: {error}") from error
    return schema, data[: reader.tell()]


def next_frame(data: bytes, position: int, base: int, head: bytes) -> Frame:
    """Return the batch that begins at ``data[position]``, checked.

    Parameters
    ----------
    data : bytes
        A piece of a segment.
    position : int
        Index in `data`.
    base : int
        Offset of ``data[0]`` in the file.
    head : bytes
        The segment's schema message.

    Raises
    ------
    IncompleteError
        If `data` ends before the message does.
    FrameError
        If the message was changed.
    """
    end, message = _message(data, position)
    facts = _facts(data[position:end], len(message.metadata), head)
    return Frame(**facts, offset=base + position, length=end - position)


def find_frame(data: bytes, position: int, base: int, head: bytes) -> Frame | None:
    """Return the first whole, right batch at or after ``data[position]``, or None.

    The way past damage: messages begin with four bytes 0xFF at a multiple of eight.
    """
    while (position := data.find(_MARK, position)) >= 0:
        if (base + position) % 8 == 0:
            with suppress(FrameError):
                return next_frame(data, position, base, head)
        position += 1
    return None


def was_whole(data: bytes, *, framed: bool) -> bool:
    """Return whether the bytes at the end of a segment, in which no right batch was found, are a damaged one.

    A batch that was never finished is no damage: it was not acknowledged. One that says of itself that it is
    no longer than the bytes that are there was finished, and was changed since. Nothing but zeros is what
    a power loss leaves of a batch.

    Parameters
    ----------
    data : bytes
        From where a batch should begin, to the end.
    framed : bool
        Whether `next_frame` said of it that it is wrong, rather than incomplete.
    """
    if framed:
        return bool(data.strip(b"\xff\0"))
    facts = _FACTS.search(data)
    return facts is not None and int(facts[1]) <= len(data)


def decode_frame(data: bytes, head: bytes, schema: pa.Schema) -> pa.RecordBatch:
    """Return the rows of one message, checked.

    Raises
    ------
    FrameError
        If the message was changed or is cut short.
    """
    _, message = _message(data, 0)
    _facts(data, len(message.metadata), head)
    return pa.ipc.read_record_batch(message, schema)


def _message(data: bytes, position: int) -> tuple[int, Any]:
    """Return the end of the message at `position`, and the message."""
    if len(data) - position < 8:
        raise IncompleteError("less than a message's first eight bytes")
    if data[position : position + 4] != _MARK:
        raise FrameError("no message begins here")
    size = int.from_bytes(data[position + 4 : position + 8], "little", signed=True)
    if size <= 0:
        raise FrameError("a message without metadata")
    reader = pa.BufferReader(pa.py_buffer(data).slice(position))
    try:
        message = pa.ipc.read_message(reader)
    except (EOFError, OSError, pa.ArrowException) as error:
        # cut short, or a length with a flipped bit: the caller tells them apart by what follows
        raise IncompleteError(str(error)) from error
    if message.type != "record batch":
        raise FrameError(f"a {message.type} message where a batch belongs")
    return position + reader.tell(), message


def _facts(message: bytes, metadata: int, head: bytes) -> dict[str, Any]:
    """Return the batch's own facts once its checksum has been found right."""
    start = message.find(_OPEN, 8, 8 + metadata)
    digits = start + len(_OPEN)
    if start < 0:
        raise FrameError("the batch has no checksum")
    blank = message[:digits] + b"0" * 8
    found = zlib.crc32(memoryview(message)[digits + 8 :], zlib.crc32(blank, zlib.crc32(head)))
    if message[digits : digits + 8] != b"%08x" % found:
        raise FrameError(f"checksum {message[digits : digits + 8]!r} where {found:08x} was computed")
    facts: dict[str, Any] = json.loads(message[start : message.index(b"}", start) + 1])
    return {name: facts[name] for name in ("first", "rows", "earliest", "latest")}
