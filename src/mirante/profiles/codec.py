"""Profiles as bytes: a version, a JSON header and the arrays, compressed. No pickle.

Layout of version 1: ``MRTP``, one byte of version, the length of what follows once unpacked (8 bytes,
little endian), then zstd of: the length of the header (4 bytes), the header (JSON, UTF-8), the arrays one
after another, each 8 bytes a number, little endian. Running counts are kept as differences, which are
mostly zero.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mirante.errors import InputError
from mirante.profiles.categorical import CategoricalProfile
from mirante.profiles.numeric import NumericProfile
from mirante.stats.histograms import Tally, cells

__all__ = ["VERSION", "pack", "unpack"]

VERSION = 1
_MAGIC = b"MRTP"
_HEAD = struct.Struct("<4sBQ")
_LARGEST = 1 << 30  # a profile of 1,000 columns with 5,000 edges each takes 160 MB

Columns = Mapping[str, NumericProfile | CategoricalProfile]


def pack(rows: int, columns: Columns) -> bytes:
    """Return a profile as bytes.

    Parameters
    ----------
    rows : int
        Of the table.
    columns : mapping of str to profile
        Of the table.

    Returns
    -------
    bytes

    Examples
    --------
    >>> unpack(pack(3, {}))
    (3, {})
    """
    import pyarrow as pa

    heads: list[dict[str, Any]] = []
    arrays: list[bytes] = []
    for column in columns.values():
        head, parts = (
            _pack_numeric(column) if isinstance(column, NumericProfile) else _pack_categorical(column)
        )
        heads.append(head)
        arrays.extend(parts)
    header = json.dumps({"rows": rows, "columns": heads}, separators=(",", ":")).encode()
    body = b"".join((struct.pack("<I", len(header)), header, *arrays))
    return _HEAD.pack(_MAGIC, VERSION, len(body)) + bytes(pa.Codec("zstd").compress(body, asbytes=True))


def _pack_numeric(column: NumericProfile) -> tuple[dict[str, Any], list[bytes]]:
    t = column.tally
    head = {
        "kind": "numeric",
        "name": column.name,
        "edges": column.edges.size,
        "shift": column.shift,
        "scale": column.scale,
        "n": t.n,
        "missing": t.missing,
        "unreadable": column.unreadable,
        "low": t.low_infinite,
        "high": t.high_infinite,
        "minimum": t.minimum,
        "maximum": t.maximum,
        "powers": t.powers.tolist(),
    }
    counts = np.diff(cells(t.below, t.upto, t.n), prepend=0)
    return head, [
        column.edges.astype("<f8").tobytes(),
        counts.astype("<i8").tobytes(),
        t.sums.astype("<f8").tobytes(),
    ]


def _pack_categorical(column: CategoricalProfile) -> tuple[dict[str, Any], list[bytes]]:
    head = {
        "kind": "categorical",
        "name": column.name,
        "levels": list(column.levels),
        "other": column.other,
        "missing": column.missing,
    }
    return head, [column.counts.astype("<i8").tobytes()]


def unpack(data: bytes) -> tuple[int, dict[str, NumericProfile | CategoricalProfile]]:
    """Read what `pack` wrote.

    Parameters
    ----------
    data : bytes
        From anywhere.

    Returns
    -------
    rows : int
    columns : dict of str to profile

    Raises
    ------
    InputError
        If the bytes are no profile, are damaged, or are of a newer version.

    Examples
    --------
    >>> unpack(b"something")
    Traceback (most recent call last):
    ...
    mirante.errors.InputError: these 9 bytes are no profile; give what TableProfile.to_bytes wrote
    """
    if len(data) < _HEAD.size or data[:4] != _MAGIC:
        raise InputError(f"these {len(data)} bytes are no profile; give what TableProfile.to_bytes wrote")
    _, version, size = _HEAD.unpack_from(data)
    if version > VERSION:
        raise InputError(
            f"the profile is of version {version} and this Mirante reads up to {VERSION}; update Mirante"
        )
    if size > _LARGEST:
        raise InputError(f"the profile says that it is {size} bytes long; at most {_LARGEST} are read")
    import pyarrow as pa

    try:
        body = pa.Codec("zstd").decompress(data[_HEAD.size :], size, asbytes=True)
        return _unpack_body(memoryview(body))
    except (pa.ArrowException, OSError, ValueError, KeyError, TypeError, struct.error) as error:
        raise InputError(f"the profile is cut or damaged ({error}); write it again") from error


def _unpack_body(body: memoryview) -> tuple[int, dict[str, NumericProfile | CategoricalProfile]]:
    (length,) = struct.unpack_from("<I", body)
    header = json.loads(bytes(body[4 : 4 + length]))
    place = 4 + length
    columns: dict[str, NumericProfile | CategoricalProfile] = {}

    def take(count: int, kind: str) -> NDArray[Any]:
        nonlocal place
        array = np.frombuffer(body, kind, count, place).astype(kind[1:])
        place += 8 * count
        return array

    for head in header["columns"]:
        if head["kind"] == "numeric":
            columns[head["name"]] = _numeric(
                head, take(k := int(head["edges"]), "<f8"), take(2 * k + 1, "<i8"), take(k + 1, "<f8")
            )
        else:
            levels = tuple(head["levels"])
            counts = take(len(levels), "<i8")
            columns[head["name"]] = CategoricalProfile(
                head["name"], levels, counts, head["other"], head["missing"]
            )
    return int(header["rows"]), columns


def _numeric(
    head: Mapping[str, Any], edges: NDArray[np.float64], counts: NDArray[np.int64], sums: NDArray[np.float64]
) -> NumericProfile:
    running = np.cumsum(counts)
    counted = Tally(
        running[0:-1:2],
        running[1:-1:2],
        sums,
        np.array(head["powers"], np.float64),
        head["n"],
        head["missing"],
        head["low"],
        head["high"],
        head["minimum"],
        head["maximum"],
    )
    return NumericProfile(head["name"], edges, head["shift"], head["scale"], counted, head["unreadable"])
