"""Rows in, one float32 matrix out: numbers as they are, text as the share of its level in the baseline."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mirante.errors import InputError
from mirante.profiles.frames import is_numeric, raw_columns, to_levels, to_numbers

__all__ = ["Encoder"]

# Trees compare in float32, and scikit-learn refuses infinity. A quarter of the largest float32 leaves room
# for the difference of two such values.
_LARGEST = float(np.finfo(np.float32).max) / 4

_ARRAY = "value"  # the column of a one-dimensional array

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
    def of(cls, data: object) -> Encoder:
        """Learn the columns of a baseline, and the shares of its levels.

        Parameters
        ----------
        data : table or array, shape (n, k) or (n,)
            pandas, Polars, Arrow, mapping of names to arrays, NumPy, or lists.

        Returns
        -------
        Encoder
            For rows like these.

        Raises
        ------
        InputError
            If there is no row, no column or no value.

        Examples
        --------
        >>> encoder = Encoder.of({"carrier": ["UA", "UA", "AA", None]})
        >>> encoder.encode({"carrier": ["UA", "new", None]}).ravel().tolist()
        [0.6666666865348816, 0.0, nan]
        """
        rows, columns, named = _columns(data)
        if not columns or not rows:
            raise InputError(
                f"got {rows} rows of {len(columns)} columns; the baseline needs at least one of each"
            )
        levels = {name: _shares(name, raw) for name, raw in columns.items() if not _is_number(raw)}
        encoder = cls(tuple(columns), MappingProxyType(levels), named)
        if not np.isfinite(encoder.encode(data)).any():
            raise InputError(f"all {rows} rows are missing values only; the baseline needs numbers or text")
        return encoder

    def encode(self, data: object) -> Matrix:
        """Return rows as numbers.

        Parameters
        ----------
        data : table or array
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
        rows, columns, named = _columns(data)
        if self.named and named:
            missing = [name for name in self.columns if name not in columns]
            if missing:
                raise InputError(
                    f"the data lacks the columns {missing}; the baseline has {list(self.columns)}"
                )
            found = [columns[name] for name in self.columns]
        elif len(columns) == len(self.columns):
            found = list(columns.values())
        else:
            raise InputError(
                f"got {len(columns)} columns and the baseline has {len(self.columns)}; give the same columns"
            )
        matrix = np.empty((rows, len(self.columns)), dtype=np.float32)
        for place, (name, raw) in enumerate(zip(self.columns, found, strict=True)):
            matrix[:, place] = _clipped(self._numbers(name, raw))
        return matrix

    def _numbers(self, name: str, raw: Any) -> NDArray[np.float64]:
        shares = self.levels.get(name)
        if shares is None:
            return to_numbers(name, raw)[0]
        codes, names = to_levels(name, raw)
        values = np.array([*(shares.get(level, 0.0) for level in names), np.nan])
        return values[codes]  # code -1, missing, takes the last


def _clipped(numbers: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.clip(numbers, -_LARGEST, _LARGEST)


def _columns(data: object) -> tuple[int, dict[str, Any], bool]:
    """Return the number of rows, the columns, and whether their names mean something."""
    if isinstance(data, list | tuple) or (isinstance(data, np.ndarray) and data.ndim != 2):
        data = _array(data)
    if isinstance(data, np.ndarray):
        return *raw_columns(data), False
    if not isinstance(data, Mapping) and not any(
        hasattr(data, name) for name in ("columns", "column_names", "schema")
    ):
        return *raw_columns({_ARRAY: data}), False  # a Series or an Arrow array
    return *raw_columns(data), True


def _array(data: object) -> NDArray[Any]:
    try:
        array = np.asarray(data)
    except ValueError as error:
        raise InputError(f"the rows differ in length; give as many values in each row ({error})") from error
    if array.dtype.kind in "US":  # numpy has turned the numbers of mixed rows into text
        array = np.asarray(data, dtype=object)
    if array.ndim == 1:
        array = array[:, None]
    if array.ndim != 2:
        raise InputError(f"got {array.ndim} dimensions; give one (values) or two (rows and columns)")
    return array


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
