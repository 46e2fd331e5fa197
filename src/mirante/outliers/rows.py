"""Rows in any dress, side by side: found by the baseline's names, cut into blocks, looked at one by one."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mirante.errors import InputError
from mirante.profiles.frames import raw_columns

__all__ = ["Rows", "Value", "check_baseline"]

_ARRAY = "value"  # the column of a one-dimensional array

Value = float | int | str | bool | None


@dataclass(frozen=True, slots=True)
class Rows:
    """The columns of a table.

    Parameters
    ----------
    count : int
        Rows.
    columns : mapping of str to numpy or Arrow array
        As `raw_columns` gives them; numbers are not copied.
    named : bool
        Whether the names mean something (a table), or only the places do (an array).
    """

    count: int
    columns: Mapping[str, Any]
    named: bool

    @classmethod
    def of(cls, data: object) -> Rows:
        """Take a table or an array apart.

        Parameters
        ----------
        data : table or array, shape (n, k) or (n,)
            pandas, Polars, Arrow, mapping of names to arrays, NumPy, or lists.

        Returns
        -------
        Rows

        Raises
        ------
        InputError
            If it is neither, or rows or columns differ in length.

        Examples
        --------
        >>> rows = Rows.of({"delay": [2.0, None], "carrier": ["UA", "AA"]})
        >>> rows.count, rows.value("delay", 1), rows.value("carrier", 1)
        (2, None, 'AA')
        """
        if isinstance(data, list | tuple) or (isinstance(data, np.ndarray) and data.ndim != 2):
            data = _array(data)
        if isinstance(data, np.ndarray):
            return cls(*raw_columns(data), named=False)
        if not isinstance(data, Mapping) and not any(
            hasattr(data, name) for name in ("columns", "column_names", "schema")
        ):
            return cls(*raw_columns({_ARRAY: data}), named=False)  # a Series or an Arrow array
        return cls(*raw_columns(data), named=True)

    def like(self, names: Sequence[str], *, named: bool) -> Rows:
        """Return the baseline's columns, in the baseline's order and with its names.

        Parameters
        ----------
        names : sequence of str
            The baseline's columns.
        named : bool
            Whether the baseline was a table.

        Returns
        -------
        Rows
            More columns are left out where both have names.

        Raises
        ------
        InputError
            If columns are missing, or their number differs from the baseline's.
        """
        if named and self.named:
            missing = [name for name in names if name not in self.columns]
            if missing:
                raise InputError(f"the data lacks the columns {missing}; the baseline has {list(names)}")
            return Rows(self.count, {name: self.columns[name] for name in names}, named=True)
        if len(self.columns) != len(names):
            raise InputError(
                f"got {len(self.columns)} columns and the baseline has {len(names)}; give the same columns"
            )
        return Rows(self.count, dict(zip(names, self.columns.values(), strict=True)), named=named)

    def part(self, begin: int, end: int) -> Rows:
        """Return the rows ``[begin, end)``, without copying numbers."""
        cut = {name: _cut(raw, begin, end) for name, raw in self.columns.items()}
        return Rows(end - begin, cut, self.named)

    def at(self, positions: NDArray[np.intp]) -> Rows:
        """Return the rows at these positions."""
        places = np.asarray(positions, np.intp)
        taken = {name: _taken(raw, places) for name, raw in self.columns.items()}
        return Rows(len(places), taken, self.named)

    def value(self, column: str, position: int) -> Value:
        """Return one value as a person would write it: a number, text, True or False; None where missing."""
        raw = self.columns[column]
        value = raw[position].item() if isinstance(raw, np.ndarray) else raw[position].as_py()
        if value is None or (isinstance(value, float) and math.isnan(value)):
            return None
        if isinstance(value, bool | int | float | str):
            return value
        if isinstance(value, datetime | date | time):
            return value.isoformat()
        return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def check_baseline(rows: int, columns: int, values: int | None = None) -> None:
    """Refuse a baseline that says nothing.

    Parameters
    ----------
    rows, columns : int
        Its size.
    values : int, optional
        How many of its values are not missing, once they have been looked at.

    Raises
    ------
    InputError
        If there is no row, no column or no value.
    """
    if not columns or not rows:
        raise InputError(f"got {rows} rows of {columns} columns; the baseline needs at least one of each")
    if values == 0:
        raise InputError(f"all {rows} rows are missing values only; the baseline needs numbers or text")


def _cut(raw: Any, begin: int, end: int) -> Any:
    if isinstance(raw, np.ndarray):
        return raw[begin:end]
    import pyarrow.types as kinds

    piece = raw.slice(begin, end - begin)
    if kinds.is_dictionary(raw.type) and len(raw.dictionary) > end - begin:
        return piece.dictionary_decode()  # else each block would look at every level of the whole column
    return piece


def _taken(raw: Any, places: NDArray[np.intp]) -> Any:
    if isinstance(raw, np.ndarray):
        return raw[places]
    import pyarrow as pa

    if pa.types.is_string_view(raw.type):
        raw = raw.cast(pa.large_string())  # Arrow cannot take from the views that Polars gives
    elif pa.types.is_binary_view(raw.type):
        raw = raw.cast(pa.large_binary())
    return raw.take(pa.array(places, pa.int64()))


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
