"""Slices: parts of a model's rows, each with a key and a value; and which rows of a table each takes."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mirante.errors import InputError
from mirante.monitors.slices.entry import Entry
from mirante.monitors.slices.membership import Columns, check_columns, rows_of
from mirante.profiles import TableProfile
from mirante.profiles.categorical import CategoricalProfile
from mirante.profiles.frames import RawColumn

__all__ = ["MOST_VALUES", "Divider", "Slice", "slices_of"]

MOST_VALUES = 100
"""Of a column, so many of its most frequent values are slices."""

_LONGEST_VALUE = 100
_TRUE = "true"

Places = NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Slice:
    """A part of a model's rows.

    Parameters
    ----------
    entry : Entry
        How it was declared.
    value : str
        The column's value; ``true`` for a condition.

    Examples
    --------
    >>> Slice(Entry.parse("region"), "EU").label, Slice(Entry.parse("age >= 65"), "true").label
    ('region=EU', 'age >= 65')
    """

    entry: Entry
    value: str = _TRUE

    @property
    def key(self) -> str:
        """The column, or the condition."""
        return self.entry.text

    @property
    def label(self) -> str:
        """What readings carry as their label ``slice``."""
        return f"{self.key}={self.value}" if self.entry.column else self.key


def slices_of(entry: Entry, profile: TableProfile) -> list[Slice]:
    """Return the slices that an entry makes in the data of a baseline.

    Parameters
    ----------
    entry : Entry
        Declared.
    profile : TableProfile
        Of the baseline.

    Returns
    -------
    list of Slice
        One for a condition; of a column one for each of its 100 most frequent values, of at most 100
        characters, the most frequent first.

    Raises
    ------
    InputError
        If it does not fit the baseline's columns, or names a column of more than 100 different numbers.

    Examples
    --------
    >>> baseline = TableProfile.of({"region": ["EU", "US", "EU"], "hour": [7.0, 8.5, 8.5]})
    >>> [one.label for one in slices_of(Entry.parse("region"), baseline)]
    ['region=EU', 'region=US']
    >>> [one.label for one in slices_of(Entry.parse("hour"), baseline)]
    ['hour=8.5', 'hour=7']
    """
    check_columns(entry, profile.layout.names, profile.layout.numeric)
    if entry.tree:
        return [Slice(entry)]
    column = profile.columns[entry.column]
    if isinstance(column, CategoricalProfile):
        found = dict(zip(column.levels, column.counts.tolist(), strict=True))
    elif column.edges.size > MOST_VALUES:  # all distinct values are edges, as long as these are few
        raise InputError(
            f"the slice {entry.text!r}: the column holds more than {MOST_VALUES} different numbers; write "
            f"conditions, such as {entry.text} >= {column.quantile(0.5):.3g}"
        )
    else:
        counts = (column.upto - column.below).tolist()
        pairs = zip(column.edges.tolist(), counts, strict=True)
        found = {_number_text(value): count for value, count in pairs}
    kept = [value for value, count in found.items() if count and len(value) <= _LONGEST_VALUE]
    kept.sort(key=lambda value: -found[value])
    return [Slice(entry, value) for value in kept[:MOST_VALUES]]


def _number_text(value: float) -> str:
    return str(int(value)) if value.is_integer() else str(value)


class Divider:
    """Finds the rows of each of some slices; those of a column's values in one go.

    Parameters
    ----------
    slices : sequence of Slice
        Those that fit the baseline.
    numeric : collection of str
        The baseline's columns of numbers.

    Examples
    --------
    >>> from mirante.profiles.frames import raw_columns
    >>> region, old = Entry.parse("region"), Entry.parse("age >= 65")
    >>> divider = Divider([Slice(region, "EU"), Slice(old), Slice(region, "US")], {"age"})
    >>> rows, raws = raw_columns({"region": ["US", "EU", None, "US"], "age": [70, 20, 80, None]})
    >>> [places.tolist() for places in divider.parts(raws, rows)]
    [[1], [0, 2], [0, 3]]
    """

    def __init__(self, slices: Sequence[Slice], numeric: Collection[str]) -> None:
        self._count, self._numeric = len(slices), frozenset(numeric)
        self._conditions = [(place, one.entry) for place, one in enumerate(slices) if one.entry.tree]
        self._values: dict[str, dict[str, int]] = {}
        for place, one in enumerate(slices):
            if one.entry.column:
                self._values.setdefault(one.entry.column, {})[one.value] = place

    @property
    def columns(self) -> list[str]:
        """The columns that are needed."""
        names = [name for _, entry in self._conditions for name in entry.columns]
        return list(dict.fromkeys([*names, *self._values]))

    def parts(self, raws: Mapping[str, RawColumn], rows: int) -> list[Places]:
        """Return the places of each slice's rows, in order.

        Parameters
        ----------
        raws : mapping of str to array
            From `mirante.profiles.frames.raw_columns`.
        rows : int
            Of the table.

        Returns
        -------
        list of ndarray of int
            One for each slice.
        """
        columns = Columns(raws, rows, self._numeric)
        found: list[Places] = [np.empty(0, np.intp)] * self._count
        for place, entry in self._conditions:
            found[place] = rows_of(entry, columns)
        for name, values in self._values.items():
            numeric = columns.is_numeric(name)
            of = _numbered(columns.numbers(name), values) if numeric else _named(columns.levels(name), values)
            for place, part in _split(of).items():
                found[place] = part
        return found


def _numbered(numbers: NDArray[np.float64], values: Mapping[str, int]) -> NDArray[np.int16]:
    """Return the slice of each row, -1 for none."""
    pairs = sorted((float(text), place) for text, place in values.items())
    known = np.array([value for value, _ in pairs])
    slices = np.array([place for _, place in pairs], np.int16)
    at = np.minimum(np.searchsorted(known, numbers), known.size - 1)
    return np.where(known[at] == numbers, slices[at], np.int16(-1)).astype(np.int16)


def _named(levels: tuple[NDArray[np.int64], list[str]], values: Mapping[str, int]) -> NDArray[np.int16]:
    codes, names = levels
    slices = np.array([*(values.get(level, -1) for level in names), -1], np.int16)
    return slices[codes]  # code -1, missing, takes the last


def _split(of: NDArray[np.int16]) -> dict[int, Places]:
    """Return the rows of each slice: one sort by a small number, which takes no comparisons."""
    order = np.argsort(of, kind="stable")
    slices, starts = np.unique(of[order], return_index=True)
    parts = np.split(order, starts[1:])
    return {int(place): part for place, part in zip(slices, parts, strict=False) if place >= 0}
