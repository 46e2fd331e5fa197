"""Rows in, one float32 matrix out: numbers as they are, text as the share of its level in the baseline."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mirante.outliers.rows import Rows
from mirante.profiles.columns import is_numeric, to_levels, to_numbers

__all__ = ["Encoder"]

# Trees compare in float32, and scikit-learn refuses infinity. A quarter of the largest float32 leaves room
# for the difference of two such values.
_LARGEST = float(np.finfo(np.float32).max) / 4

Matrix = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Encoder:
    """How rows of a baseline, and rows like them, become numbers.

    A missing value stays NaN; a text that the baseline never had has the share 0; infinities and numbers
    beyond float32 become the largest number that trees can compare.

    Parameters
    ----------
    columns : tuple of str
        Names, in the order of the matrix.
    levels : mapping of str to mapping of str to float
        For each text column, the share of each level in the baseline.
    named : bool
        Whether columns are found by name (a table) or by place (an array).
    """

    columns: tuple[str, ...]
    levels: Mapping[str, Mapping[str, float]]
    named: bool

    @classmethod
    def of(cls, rows: Rows) -> Encoder:
        """Learn the columns of a baseline, and the shares of its levels.

        Parameters
        ----------
        rows : Rows
            The baseline.

        Returns
        -------
        Encoder
            For rows like these.

        Examples
        --------
        >>> encoder = Encoder.of(Rows.of({"carrier": ["UA", "UA", "AA", None]}))
        >>> encoder.encode(Rows.of({"carrier": ["UA", "new", None]})).ravel().tolist()
        [0.6666666865348816, 0.0, nan]
        """
        levels = {name: _shares(name, raw) for name, raw in rows.columns.items() if not _is_number(raw)}
        return cls(tuple(rows.columns), MappingProxyType(levels), rows.named)

    def encode(self, rows: Rows) -> Matrix:
        """Return rows as numbers.

        Parameters
        ----------
        rows : Rows
            With the baseline's columns; more columns are left out.

        Returns
        -------
        ndarray of float32, shape (n, k)
            NaN where a value is missing.

        Raises
        ------
        InputError
            If columns are missing, or their number differs from the baseline's.
        """
        matrix = np.empty((rows.count, len(self.columns)), dtype=np.float32)
        for place, (name, raw) in enumerate(rows.like(self.columns, named=self.named).columns.items()):
            matrix[:, place] = np.clip(self._numbers(name, raw), -_LARGEST, _LARGEST)
        return matrix

    def _numbers(self, name: str, raw: Any) -> NDArray[np.float64]:
        shares = self.levels.get(name)
        if shares is None:
            return to_numbers(name, raw)[0]
        codes, names = to_levels(name, raw)
        values = np.array([*(shares.get(level, 0.0) for level in names), np.nan])
        return values[codes]  # code -1, missing, takes the last


def _is_number(raw: Any) -> bool:
    if is_numeric(raw):
        return True
    import pyarrow.types as kinds

    return bool(kinds.is_boolean(raw.type))  # 0 and 1 say more than two shares, which may be equal


def _shares(name: str, raw: Any) -> dict[str, float]:
    codes, names = to_levels(name, raw)
    counts = np.bincount(codes[codes >= 0], minlength=len(names))
    total = max(int(counts.sum()), 1)
    shares: dict[str, float] = {}
    for level, count in zip(names, counts.tolist(), strict=True):
        shares[level] = shares.get(level, 0.0) + count / total
    return shares
