"""How many rows of a window are copies of another: exact for 16,384 different rows, from a sample beyond."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mirante.profiles.columns import is_numeric, to_numbers
from mirante.profiles.frames import RawColumn, raw_columns

__all__ = ["DistinctRows", "row_hashes"]

MOST = 16_384  # different rows that are remembered: 262 kB, and a share is then known to 0.8 points
_NOTHING = np.uint64(0x9E3779B97F4A7C15)  # what stands for a missing value
_SPREAD = np.uint64(0xBF58476D1CE4E5B9)

Hashes = NDArray[np.uint64]


def row_hashes(table: object, columns: Sequence[str]) -> Hashes:
    """Return a number for each row, the same for rows with the same values.

    Parameters
    ----------
    table : any table that `TableProfile.of` takes, shape (n, any)
        A column that it lacks counts as missing.
    columns : sequence of str
        Those that are compared.

    Returns
    -------
    ndarray of uint64, shape (n,)
        The same for 1 and 1.0, for 0.0 and -0.0, and for None and NaN.

    Examples
    --------
    >>> found = row_hashes({"a": [1, 1, 2], "b": ["x", "x", "x"]}, ["a", "b"])
    >>> bool(found[0] == found[1]), bool(found[0] == found[2])
    (True, False)
    """
    rows, raws = raw_columns(table, columns)
    total = np.zeros(rows, np.uint64)
    for name in columns:
        own = _hashes(name, raws[name]) if name in raws else np.full(rows, _NOTHING)
        with np.errstate(over="ignore"):
            total = _mix(total * np.uint64(3) + own)
    return total


def _hashes(name: str, raw: RawColumn) -> Hashes:
    if is_numeric(raw):
        values = to_numbers(name, raw)[0] + 0.0
        found = _mix(np.ascontiguousarray(values).view(np.uint64))
        return np.where(np.isnan(values), _NOTHING, found)
    import pandas as pd
    import pyarrow as pa

    coded = pa.array(raw, from_pandas=True) if isinstance(raw, np.ndarray) else raw
    if not pa.types.is_string(coded.type) and not pa.types.is_dictionary(coded.type):
        coded = pa.array([None if one is None else str(one) for one in coded.to_pylist()], pa.string())
    coded = coded if pa.types.is_dictionary(coded.type) else coded.dictionary_encode()
    coded = coded.combine_chunks() if isinstance(coded, pa.ChunkedArray) else coded
    levels = np.array([str(level) for level in coded.dictionary.to_pylist()], dtype=object)
    known = pd.util.hash_array(levels, categorize=False) if levels.size else np.zeros(0, np.uint64)
    places = coded.indices.fill_null(levels.size).to_numpy(zero_copy_only=False)
    return np.asarray(np.r_[known, _NOTHING][places], np.uint64)


def _mix(values: Hashes) -> Hashes:
    """Return numbers whose bits all depend on all bits (the finalizer of SplitMix64)."""
    with np.errstate(over="ignore"):
        values = (values ^ (values >> np.uint64(30))) * _SPREAD
        values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return np.asarray(values ^ (values >> np.uint64(31)))


class DistinctRows:
    """Counts copies among rows that come in portions, in bounded memory, the same in any order.

    Rows are kept by hash. When more than 16,384 different ones were seen, only those whose hash begins with
    a zero bit stay, and so on: all copies of a row stay or go together, so that the share of copies among
    those that stay is the share of all.

    Parameters
    ----------
    bits : int
        Zero bits that a hash has to begin with.
    hashes : ndarray of uint64
        Different rows, ascending.
    counts : ndarray of int64
        How often each was seen.

    Examples
    --------
    >>> import numpy as np
    >>> rows = DistinctRows()
    >>> rows.add(np.array([5, 7, 5], np.uint64))
    >>> rows.copies, rows.rows
    (1, 3)
    """

    def __init__(
        self, bits: int = 0, hashes: Hashes | None = None, counts: NDArray[np.int64] | None = None
    ) -> None:
        self.bits = bits
        self.hashes = np.zeros(0, np.uint64) if hashes is None else hashes
        self.counts = np.zeros(0, np.int64) if counts is None else counts

    def add(self, hashes: Hashes) -> None:
        """Take rows in.

        Parameters
        ----------
        hashes : ndarray of uint64
            From `row_hashes`.
        """
        both = np.r_[self.hashes, hashes]
        times = np.r_[self.counts, np.ones(hashes.size, np.int64)]
        self._keep(both, times)

    def merge(self, other: DistinctRows) -> None:
        """Take in what another one counted.

        Parameters
        ----------
        other : DistinctRows
            Of other rows; it is not changed.
        """
        self.bits = max(self.bits, other.bits)
        self._keep(np.r_[self.hashes, other.hashes], np.r_[self.counts, other.counts])

    def _keep(self, hashes: Hashes, times: NDArray[np.int64]) -> None:
        while True:
            if self.bits:
                few = hashes >> np.uint64(64 - self.bits) == 0
                hashes, times = hashes[few], times[few]
            found, places = np.unique(hashes, return_inverse=True)
            if found.size <= MOST:
                break
            self.bits += 1
        self.hashes = found
        self.counts = np.bincount(places, weights=times, minlength=found.size).astype(np.int64)

    @property
    def rows(self) -> int:
        """Rows that the share is of: all, or those of the sample."""
        return int(self.counts.sum())

    @property
    def copies(self) -> int:
        """Of those, rows that are copies of one that was seen."""
        return self.rows - self.hashes.size

    def to_json(self) -> dict[str, Any]:
        """Return what JSON takes."""
        packed = base64.b64encode(np.r_[self.hashes, self.counts.view(np.uint64)].tobytes()).decode()
        return {"bits": self.bits, "rows": packed}

    @classmethod
    def from_json(cls, kept: dict[str, Any]) -> DistinctRows:
        """Read what `to_json` wrote."""
        both = np.frombuffer(base64.b64decode(kept["rows"]), np.uint64)
        half = both.size // 2
        return cls(kept["bits"], both[:half].copy(), both[half:].view(np.int64).copy())
