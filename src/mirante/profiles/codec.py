"""Profiles as bytes: a version, a JSON header and the arrays, compressed. No pickle.

Layout of version 3: ``MRTP``, one byte of version, the length of what follows once unpacked (8 bytes, little
endian), then parts (see `mirante.profiles.planes`): the header (16 bytes of the layout's digest, then JSON,
UTF-8); edges, centres and units, or none of them where the reader has the baseline; counts of open bins, of
edges, and of all else; power sums and ends; sums. All numbers of one kind lie side by side, and of bins that
hold nothing there are no sums. Without edges and levels, the sum of an open bin between two edges is kept as
the place of its mean between them (see `mirante.profiles.sums`); or, where the header says so, as it is.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from mirante.errors import InputError
from mirante.profiles.counting import CategoryCounts, NumberCounts
from mirante.profiles.layout import Layout
from mirante.profiles.older import unpack_second
from mirante.profiles.planes import PlanesReader, PlanesWriter
from mirante.profiles.sums import OpenBins

__all__ = ["VERSION", "needed", "pack", "promised", "unpack"]

VERSION = 3
_MAGIC = b"MRTP"
_HEAD = struct.Struct("<4sBQ")
_LARGEST = 1 << 30  # a profile of 1,000 columns with 1,000 edges each takes 32 MB
_DIGEST = 16
_QUICK, _KEPT = 1, 15  # levels of zstd; the second takes up to five times as long, for 6 % fewer bytes

Counts = NDArray[np.int64]
_Profile: TypeAlias = tuple[int, Layout, NumberCounts, CategoryCounts]


def pack(
    rows: int,
    layout: Layout,
    numbers: NumberCounts,
    categories: CategoryCounts,
    *,
    whole: bool = True,
    exact: bool = False,
    kept: bool = False,
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
    exact : bool, default False
        Whether sums are kept to the last bit without edges and levels too.
    kept : bool, default False
        Whether fewer bytes are worth more time.

    Returns
    -------
    bytes
    """
    bins, near = layout.bins, not (whole or exact)
    own = numbers.cells[bins.cells]
    every = bool(numbers.sums[own <= 0].view(np.int64).any())
    head: dict[str, Any] = {"rows": rows, "near": near, "every": every}
    writer = PlanesWriter(_KEPT if kept else _QUICK)
    if whole:
        _write_head(writer, {**head, **_layout_head(layout)}, bytes(_DIGEST))
        # edges are read with each page that shows a baseline: they stay as they are, which is quicker
        writer.raw(np.concatenate((*layout.edges, layout.shift, layout.scale)).astype("<f8").tobytes())
    else:
        _write_head(writer, head, layout.digest)
    writer.counts(own)
    writer.counts(numbers.cells[bins.edges])
    writer.counts(np.r_[categories.levels, categories.missing, numbers.whole.T.ravel()])
    writer.floats(np.r_[numbers.powers.T.ravel(), numbers.ends.T.ravel()])
    writer.floats(numbers.sums[_exact_ones(bins, own, near=near, every=every)])
    if near:
        for places in bins.places(own, numbers.sums):
            writer.counts(places)
    return _HEAD.pack(_MAGIC, VERSION, writer.size) + writer.done()


def _write_head(writer: PlanesWriter, head: dict[str, Any], digest: bytes) -> None:
    said = {key: value for key, value in head.items() if value is not False}
    writer.raw(digest + json.dumps(said, separators=(",", ":")).encode())


def _layout_head(layout: Layout) -> dict[str, Any]:
    return {
        "names": layout.names,
        "numeric": layout.numeric,
        "edges": [edges.size for edges in layout.edges],
        "categorical": [list(levels) for levels in layout.levels],
    }


def _exact_ones(bins: OpenBins, own: Counts, *, near: bool, every: bool) -> NDArray[Any]:
    """Return the bins whose sums are written as they are: those that hold anything, or all that might."""
    if near:
        return bins.outer if every else bins.outer[own[bins.outer] > 0]
    return np.arange(own.size) if every else np.flatnonzero(own)


def promised(data: bytes) -> int:
    """Return how many bytes a profile says that it has once it is unpacked; no more are unpacked.

    Parameters
    ----------
    data : bytes
        From anywhere; the first of them are enough.

    Returns
    -------
    int
        0 for what is no profile.

    Examples
    --------
    >>> promised(b"something")
    0
    """
    return int(_HEAD.unpack_from(data)[2]) if len(data) >= _HEAD.size and data[:4] == _MAGIC else 0


def needed(data: bytes) -> bytes | None:
    """Return the digest of the layout that a profile was written without; None where it holds its own.

    Parameters
    ----------
    data : bytes
        From anywhere.

    Returns
    -------
    bytes or None
        None also for what is no profile, and for one of an earlier version, which says it when it is read.

    Examples
    --------
    >>> from mirante.profiles import TableProfile
    >>> baseline = TableProfile.of({"x": [1, 2]})
    >>> needed(baseline.to_bytes()), needed(baseline.to_bytes(like=baseline)) == baseline.layout.digest
    (None, True)
    """
    import pyarrow as pa

    if len(data) < _HEAD.size or data[: len(_MAGIC) + 1] != _MAGIC + bytes([VERSION]):
        return None
    try:
        first = bytes(PlanesReader(data[_HEAD.size :], min(promised(data), _LARGEST)).raw())
    except (pa.ArrowException, OSError, ValueError):
        return None
    digest = first[:_DIGEST]
    return digest if len(digest) == _DIGEST and any(digest) else None


def unpack(data: bytes, known: Layout | None = None) -> tuple[int, Layout, NumberCounts, CategoryCounts]:
    """Read what `pack` wrote, or that of an earlier version.

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
    if version not in _READ:
        todo = "update Mirante" if version > VERSION else "profile the data again"
        raise InputError(f"the profile is of version {version} and this Mirante reads {_SAID}; {todo}")
    if size > _LARGEST:
        raise InputError(f"the profile says that it is {size} bytes long; at most {_LARGEST} are read")
    import pyarrow as pa

    try:
        return _READ[version](data[_HEAD.size :], size, known)
    except (
        pa.ArrowException,
        OSError,
        ValueError,
        KeyError,
        TypeError,
        IndexError,
        OverflowError,
        RecursionError,
        struct.error,
    ) as error:
        raise InputError(f"the profile is cut or damaged ({error}); write it again") from error


def _unpack_third(
    data: bytes, size: int, known: Layout | None
) -> tuple[int, Layout, NumberCounts, CategoryCounts]:
    reader = PlanesReader(data, size)
    first = bytes(reader.raw())
    head: dict[str, Any] = json.loads(first[_DIGEST:])
    layout = _layout(reader, head) if "names" in head else known
    if layout is None:
        raise InputError(
            "the profile was written without its baseline; give it: from_bytes(data, like=baseline)"
        )
    if "names" not in head and first[:_DIGEST] != layout.digest:
        raise InputError(
            "the profile was counted with another baseline; give the one that it was counted with"
        )
    bins, columns = layout.bins, len(layout.numeric)
    own, edges = reader.counts(bins.cells.size), bins.edges
    cells = np.empty(own.size + edges.size, np.int64)
    cells[bins.cells], cells[edges] = own, reader.counts(edges.size)
    known_levels, known_missing = int(layout.level_start[-1]), len(layout.categorical)
    others, moments = reader.counts(known_levels + known_missing + 5 * columns), reader.floats(6 * columns)
    levels, missing = others[:known_levels], others[known_levels : known_levels + known_missing]
    near = head.get("near", False)
    exact = _exact_ones(bins, own, near=near, every=head.get("every", False))
    found = reader.floats(exact.size)
    sums = bins.sums(own, reader.counts) if near else np.zeros(own.size)
    sums[exact] = found
    reader.end()
    whole = _by_column(others[known_levels + known_missing :], 5)
    powers, ends = _by_column(moments[: 4 * columns], 4), _by_column(moments[4 * columns :], 2)
    numbers = NumberCounts(cells, sums, powers, whole, ends)
    return int(head["rows"]), layout, numbers, CategoryCounts(levels, missing)


def _by_column(array: NDArray[Any], kinds: int) -> NDArray[Any]:
    return np.ascontiguousarray(array.reshape(kinds, -1).T)


_READ: Mapping[int, Callable[[bytes, int, Layout | None], _Profile]] = {2: unpack_second, 3: _unpack_third}
_SAID = " and ".join(map(str, _READ))


def _layout(reader: PlanesReader, head: dict[str, Any]) -> Layout:
    sizes = [int(size) for size in head["edges"]]
    numeric = tuple(str(name) for name in head["numeric"])
    names = tuple(str(name) for name in head["names"])
    rest = tuple(name for name in names if name not in set(numeric))
    levels = tuple(tuple(str(level) for level in levels) for levels in head["categorical"])
    if len(numeric) != len(sizes) or len(rest) != len(levels) or len(names) != len(numeric) + len(rest):
        raise ValueError("columns and their edges or levels do not match")
    if min(sizes, default=0) < 0:
        raise ValueError("a column has fewer than no edges")
    ends = np.cumsum([*sizes, len(sizes)])
    numbers = np.frombuffer(reader.raw(), "<f8").astype(np.float64)
    if numbers.size != ends[-1] + len(sizes):
        raise ValueError(f"{numbers.size} edges, centres and units for {len(sizes)} columns")
    *edges, shift, scale = np.split(numbers, ends)
    return Layout(names, numeric, rest, tuple(edges), shift, scale, levels)
