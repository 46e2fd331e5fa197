"""Profiles as bytes: a version, a JSON header and the arrays, compressed. No pickle.

Layout of version 2: ``MRTP``, one byte of version, the length of what follows once unpacked (8 bytes, little
endian), then zstd of: the length of the header (4 bytes), the header (JSON, UTF-8), the arrays one after
another, little endian. Edges and levels come first, or are left out where the reader has the baseline.
Counts take as few bytes each as the largest needs. Without edges and levels, the sum of an open bin between
two edges is kept as the place of its mean between them, in 65,535ths.
"""

from __future__ import annotations

import json
import struct
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mirante.errors import InputError
from mirante.profiles.counting import CategoryCounts, NumberCounts
from mirante.profiles.layout import Layout

__all__ = ["VERSION", "pack", "unpack"]

VERSION = 2
_MAGIC = b"MRTP"
_HEAD = struct.Struct("<4sBQ")
_LARGEST = 1 << 30  # a profile of 1,000 columns with 1,000 edges each takes 32 MB
_STEPS = 65_535.0

Counts = NDArray[np.int64]
Floats = NDArray[np.float64]


def pack(
    rows: int, layout: Layout, numbers: NumberCounts, categories: CategoryCounts, *, whole: bool = True
) -> bytes:
    """Return a profile as bytes.

    Parameters
    ----------
    rows : int
        Of the table.
    layout : Layout
        Columns, edges and levels.
    numbers, categories : NumberCounts, CategoryCounts
        What was counted.
    whole : bool, default True
        Whether edges and levels are written too; else 16 bytes stand for them.

    Returns
    -------
    bytes
    """
    import pyarrow as pa

    cells, levels = _narrow(numbers.cells), _narrow(categories.levels)
    head: dict[str, Any] = {"rows": rows, "counts": cells.dtype.str, "levels": levels.dtype.str}
    head |= _layout_head(layout) if whole else {"digest": layout.digest.hex()}
    arrays: list[NDArray[Any]] = [*layout.edges, layout.shift, layout.scale] if whole else []
    arrays += [numbers.powers, numbers.whole, numbers.ends, cells]
    if whole:
        arrays.append(numbers.sums)
    else:
        outer, inner = _bins(layout, numbers.cells)
        arrays += [numbers.sums[outer], _fractions(layout, numbers, inner)]
    arrays += [levels, categories.missing]
    header = json.dumps(head, separators=(",", ":")).encode()
    body = b"".join((struct.pack("<I", len(header)), header, *(_little(array) for array in arrays)))
    return _HEAD.pack(_MAGIC, VERSION, len(body)) + bytes(pa.Codec("zstd").compress(body, asbytes=True))


def _little(array: NDArray[Any]) -> bytes:
    return array.astype(array.dtype.newbyteorder("<"), copy=False).tobytes()


def _narrow(counts: Counts) -> NDArray[Any]:
    """Return counts in the smallest type that holds them."""
    most, least = int(counts.max(initial=0)), int(counts.min(initial=0))
    for kind in ("<u1", "<u2", "<u4"):
        if least >= 0 and most <= np.iinfo(kind).max:
            return counts.astype(kind)
    return counts.astype("<i8")


def _layout_head(layout: Layout) -> dict[str, Any]:
    return {
        "names": layout.names,
        "numeric": layout.numeric,
        "edges": [edges.size for edges in layout.edges],
        "categorical": [list(levels) for levels in layout.levels],
    }


def _bins(layout: Layout, cells: Counts) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return the open bins without two finite edges, and the others that hold anything."""
    left = np.r_[np.nan, layout.walls[:-1]] if layout.walls.size else layout.walls
    closed = np.isfinite(left) & np.isfinite(layout.walls)
    inner = np.flatnonzero(closed)
    return np.flatnonzero(~closed), inner[cells[_cell_of(layout, inner)] > 0]


def _cell_of(layout: Layout, bins: NDArray[np.intp]) -> NDArray[np.intp]:
    column = np.searchsorted(layout.bin_start, bins, "right") - 1
    return 2 * bins - column


def _fractions(layout: Layout, numbers: NumberCounts, inner: NDArray[np.intp]) -> NDArray[Any]:
    left, right = layout.walls[inner - 1], layout.walls[inner]
    with np.errstate(all="ignore"):
        mean = numbers.sums[inner] / numbers.cells[_cell_of(layout, inner)]
        place = (mean / 2 - left / 2) / (right / 2 - left / 2)  # halves: 1e308 less -1e308 is no number
    return np.rint(np.clip(np.nan_to_num(place, nan=0.5), 0.0, 1.0) * _STEPS).astype("<u2")


def unpack(data: bytes, known: Layout | None = None) -> tuple[int, Layout, NumberCounts, CategoryCounts]:
    """Read what `pack` wrote.

    Parameters
    ----------
    data : bytes
        From anywhere.
    known : Layout, optional
        The baseline's, for bytes that do not hold their own.

    Returns
    -------
    rows : int
    layout : Layout
    numbers, categories : NumberCounts, CategoryCounts

    Raises
    ------
    InputError
        If the bytes are no profile, are damaged, of another version, or of another baseline.

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
    if version != VERSION:
        todo = "update Mirante" if version > VERSION else "profile the data again"
        raise InputError(f"the profile is of version {version} and this Mirante reads {VERSION}; {todo}")
    if size > _LARGEST:
        raise InputError(f"the profile says that it is {size} bytes long; at most {_LARGEST} are read")
    import pyarrow as pa

    try:
        body = pa.Codec("zstd").decompress(data[_HEAD.size :], size, asbytes=True)
        return _unpack_body(_Reader(body), known)
    except (pa.ArrowException, OSError, ValueError, KeyError, TypeError, IndexError, struct.error) as error:
        raise InputError(f"the profile is cut or damaged ({error}); write it again") from error


class _Reader:
    """Takes arrays off a body, one after another."""

    def __init__(self, body: bytes) -> None:
        (length,) = struct.unpack_from("<I", body)
        self.head: dict[str, Any] = json.loads(body[4 : 4 + length])
        self._body, self._place = body, 4 + length

    def take(self, count: int, kind: str) -> NDArray[Any]:
        """Return the next `count` numbers."""
        array = np.frombuffer(self._body, kind, count, self._place)
        self._place += array.nbytes
        return array.astype(np.int64 if array.dtype.kind in "iu" else np.float64)


def _unpack_body(reader: _Reader, known: Layout | None) -> tuple[int, Layout, NumberCounts, CategoryCounts]:
    head = reader.head
    layout = _layout(reader) if "names" in head else known
    if layout is None:
        raise InputError(
            "the profile was written without its baseline; give it: from_bytes(data, like=baseline)"
        )
    if "digest" in head and head["digest"] != layout.digest.hex():
        raise InputError(
            "the profile was counted with another baseline; give the one that it was counted with"
        )
    columns = len(layout.numeric)
    powers = reader.take(4 * columns, "<f8").reshape(columns, 4)
    whole = reader.take(5 * columns, "<i8").reshape(columns, 5)
    ends = reader.take(2 * columns, "<f8").reshape(columns, 2)
    cells = reader.take(int(layout.cell_start[-1]), _count_type(head["counts"]))
    bins = int(layout.bin_start[-1])
    sums = reader.take(bins, "<f8") if "names" in head else _near_sums(layout, cells, reader)
    levels = reader.take(int(layout.level_start[-1]), _count_type(head["levels"]))
    missing = reader.take(len(layout.categorical), "<i8")
    numbers = NumberCounts(cells, sums, powers, whole, ends)
    return int(head["rows"]), layout, numbers, CategoryCounts(levels, missing)


def _near_sums(layout: Layout, cells: Counts, reader: _Reader) -> Floats:
    outer, inner = _bins(layout, cells)
    sums = np.zeros(int(layout.bin_start[-1]))
    sums[outer] = reader.take(outer.size, "<f8")
    left, right = layout.walls[inner - 1], layout.walls[inner]
    share = reader.take(inner.size, "<u2") / _STEPS
    with np.errstate(all="ignore"):
        sums[inner] = cells[_cell_of(layout, inner)] * (left * (1.0 - share) + right * share)
    return sums


def _count_type(said: str) -> str:
    if said not in ("|u1", "<u2", "<u4", "<i8"):
        raise ValueError(f"counts of type {said!r}")
    return said


def _layout(reader: _Reader) -> Layout:
    head = reader.head
    edges = tuple(reader.take(int(size), "<f8") for size in head["edges"])
    numeric = tuple(str(name) for name in head["numeric"])
    names = tuple(str(name) for name in head["names"])
    rest = tuple(name for name in names if name not in set(numeric))
    levels = tuple(tuple(str(level) for level in levels) for levels in head["categorical"])
    if len(numeric) != len(edges) or len(rest) != len(levels) or len(names) != len(numeric) + len(rest):
        raise ValueError("columns and their edges or levels do not match")
    shift, scale = reader.take(len(numeric), "<f8"), reader.take(len(numeric), "<f8")
    return Layout(names, numeric, rest, edges, shift, scale, levels)
