"""Features and prediction in one float64 matrix, as trees take it: numbers, codes of levels, NaN."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from mirante.profiles.columns import is_numeric, to_levels, to_numbers
from mirante.profiles.frames import RawColumn, raw_columns
from mirante.stats.isotonic import LEAST_GROUP

__all__ = ["Encoder"]

_LARGEST = 1e300  # trees take the middle of two values, which must not become infinite

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Encoder:
    """How rows of a baseline, and rows like them, become numbers.

    A level becomes its rank by mean loss in the baseline, so that trees part levels as they part numbers. A
    missing value is NaN, and so are a level with fewer than 20 rows in the baseline and a column that a table
    lacks; infinities become 1e300.

    Parameters
    ----------
    columns : tuple of str
        Names, in the order of the matrix.
    levels : mapping of str to tuple of str
        For each column that is not one of numbers, its levels, that of the smallest loss first.
    """

    columns: tuple[str, ...]
    levels: Mapping[str, tuple[str, ...]]

    @classmethod
    def of(
        cls,
        table: object,
        places: NDArray[np.intp],
        loss: Floats,
        *,
        categories: frozenset[str] = frozenset(),
    ) -> Encoder:
        """Learn the columns of a baseline.

        Parameters
        ----------
        table : any table
            The baseline.
        places : ndarray of int, shape (m,)
            Its rows with a label.
        loss : ndarray of float64, shape (m,)
            Of those rows.
        categories : frozenset of str
            Columns whose values are names even where they are numbers.

        Returns
        -------
        Encoder

        Examples
        --------
        >>> rows = {"plan": ["a", "b"] * 20, "age": [1, 2] * 20}
        >>> encoder = Encoder.of(rows, np.arange(40), np.array([3.0, 1.0] * 20))
        >>> encoder.encode({"age": [float("inf"), None], "plan": ["a", "new"]}).tolist()
        [[1.0, 1e+300], [nan, nan]]
        """
        _, raw = raw_columns(table)
        named = {
            name: _levels(name, column, places, loss)
            for name, column in raw.items()
            if name in categories or not is_numeric(column)
        }
        return cls(tuple(raw), MappingProxyType(named))

    def encode(self, table: object) -> Floats:
        """Return rows as numbers.

        Parameters
        ----------
        table : any table
            Columns are found by name; others than the baseline's are left out.

        Returns
        -------
        ndarray of float64, shape (n, k)
        """
        rows, raw = raw_columns(table, list(self.columns))
        matrix = np.full((rows, len(self.columns)), np.nan)
        for place, name in enumerate(self.columns):
            if name in raw:
                matrix[:, place] = self._numbers(name, raw[name])
        return matrix

    def _numbers(self, name: str, raw: RawColumn) -> Floats:
        known = self.levels.get(name)
        if known is None:
            return np.clip(to_numbers(name, raw)[0], -_LARGEST, _LARGEST)
        codes, names = to_levels(name, raw)
        place = {level: float(code) for code, level in enumerate(known)}
        values = np.array([*(place.get(level, np.nan) for level in names), np.nan])
        return values[codes]  # code -1, missing, takes the last


def _levels(name: str, raw: RawColumn, places: NDArray[np.intp], loss: Floats) -> tuple[str, ...]:
    codes, names = to_levels(name, raw)
    mine = codes[places]
    there = mine >= 0
    rows = np.bincount(mine[there], minlength=len(names))
    sums = np.bincount(mine[there], loss[there], minlength=len(names))
    often = np.flatnonzero(rows >= LEAST_GROUP).tolist()
    return tuple(
        names[code] for code in sorted(often, key=lambda code: (sums[code] / rows[code], names[code]))
    )
