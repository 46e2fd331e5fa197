"""Reads the bytes of profiles that earlier versions of Mirante wrote; nothing is written so any more.

Layout of version 2: after the length, zstd of: the length of the header (4 bytes), the header (JSON, UTF-8),
the arrays one after another, little endian. Edges and levels come first, or are left out where the reader has
the baseline. Counts take as few bytes each as the largest needs. Without edges and levels, the sum of an open
bin between two edges is kept as the place of its mean between them, in 65,535ths; or, where the header says
so, as it is.
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

__all__ = ["unpack_second"]

_STEPS = 65_535.0
_EXACT = "exact"

Counts = NDArray[np.int64]
Floats = NDArray[np.float64]


def unpack_second(
    data: bytes, size: int, known: Layout | None = None
) -> tuple[int, Layout, NumberCounts, CategoryCounts]:
    """Read a profile of version 2.

    Parameters
    ----------
    data : bytes
        What follows the length.
    size : int
        Its length once it is unpacked.
    known : Layout, optional
        The baseline's.

    Returns
    -------
    rows : int
    layout : Layout
    numbers, categories : NumberCounts, CategoryCounts
    """
    import pyarrow as pa

    return _unpack_body(_Reader(pa.Codec("zstd").decompress(data, size, asbytes=True)), known)


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
    exact = "names" in head or head.get("sums") == _EXACT
    sums = reader.take(bins, "<f8") if exact else _near_sums(layout, cells, reader)
    levels = reader.take(int(layout.level_start[-1]), _count_type(head["levels"]))
    missing = reader.take(len(layout.categorical), "<i8")
    numbers = NumberCounts(cells, sums, powers, whole, ends)
    return int(head["rows"]), layout, numbers, CategoryCounts(levels, missing)


def _bins(layout: Layout, cells: Counts) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return the open bins without two finite edges, and the others that hold anything."""
    left = np.r_[np.nan, layout.walls[:-1]] if layout.walls.size else layout.walls
    closed = np.isfinite(left) & np.isfinite(layout.walls)
    inner = np.flatnonzero(closed)
    return np.flatnonzero(~closed), inner[cells[_cell_of(layout, inner)] > 0]


def _cell_of(layout: Layout, bins: NDArray[np.intp]) -> NDArray[np.intp]:
    column = np.searchsorted(layout.bin_start, bins, "right") - 1
    return 2 * bins - column


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
