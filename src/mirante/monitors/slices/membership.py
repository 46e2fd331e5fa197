"""Which rows of a table a condition takes, for whole columns at once.

A value that is missing makes a comparison unknown, not false, so that ``not (age >= 65)`` does not take the
rows that have no age: a row is taken only where the condition is known to be true.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Collection, Mapping
from difflib import get_close_matches
from functools import reduce
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mirante.errors import InputError
from mirante.monitors.slices.entry import Constant, Entry, Tree
from mirante.profiles.columns import to_levels, to_numbers
from mirante.profiles.frames import RawColumn

__all__ = ["Columns", "check_columns", "rows_of"]

_COMPARE: Mapping[str, Callable[[Any, Any], Any]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "==": operator.eq,
    "!=": operator.ne,
}
_TURNED = {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "==": "==", "!=": "!="}
_SHOWN = 5


class _Truth(NamedTuple):
    """Per row whether it is true, and whether that is known."""

    true: NDArray[np.bool_]
    known: NDArray[np.bool_]


class Columns:
    """The columns of one table, each read once in the way in which its baseline counts it.

    Parameters
    ----------
    raws : mapping of str to array
        From `mirante.profiles.frames.raw_columns`; one that is absent is all missing.
    rows : int
        Of the table.
    numeric : collection of str
        Columns that the baseline takes for numbers; all others are texts.
    """

    def __init__(self, raws: Mapping[str, RawColumn], rows: int, numeric: Collection[str]) -> None:
        self._raws, self.rows, self._numeric = raws, rows, numeric
        self._numbers: dict[str, NDArray[np.float64]] = {}
        self._levels: dict[str, tuple[NDArray[np.int64], list[str]]] = {}

    def is_numeric(self, name: str) -> bool:
        """Return whether a column is one of numbers."""
        return name in self._numeric

    def numbers(self, name: str) -> NDArray[np.float64]:
        """Return a column of numbers; NaN is missing."""
        if name not in self._numbers:
            raw = self._raws.get(name)
            self._numbers[name] = np.full(self.rows, np.nan) if raw is None else to_numbers(name, raw)[0]
        return self._numbers[name]

    def levels(self, name: str) -> tuple[NDArray[np.int64], list[str]]:
        """Return a column of texts as codes, -1 where one is missing, and the texts."""
        if name not in self._levels:
            raw = self._raws.get(name)
            none: list[str] = []
            self._levels[name] = (
                (np.full(self.rows, -1, np.int64), none) if raw is None else to_levels(name, raw)
            )
        return self._levels[name]


def check_columns(entry: Entry, names: Collection[str], numeric: Collection[str]) -> None:
    """Refuse an entry that does not fit a table.

    Parameters
    ----------
    entry : Entry
        Declared.
    names : collection of str
        Columns of the baseline.
    numeric : collection of str
        Those of numbers.

    Raises
    ------
    InputError
        If it names a column that is not there (with the nearest one), or compares a text as if it were a
        number.

    Examples
    --------
    >>> check_columns(Entry.parse("regoin"), ["region", "age"], ["age"])
    Traceback (most recent call last):
    mirante.errors.InputError: the slice 'regoin': there is no column 'regoin'; did you mean 'region'?
    """
    for name in entry.columns:
        if name not in names:
            near = get_close_matches(name, [str(one) for one in names], 1)
            there = ", ".join(sorted(map(str, names))[:_SHOWN])
            hint = f"did you mean {near[0]!r}?" if near else f"there are {there}"
            raise InputError(f"the slice {entry.text!r}: there is no column {name!r}; {hint}")
    if entry.tree:
        _check(entry, entry.tree, numeric)


def _check(entry: Entry, tree: Tree, numeric: Collection[str]) -> None:
    if tree[0] in ("and", "or", "not"):
        for part in tree[1:]:
            _check(entry, part, numeric)
        return
    sign, *sides = tree
    columns = [side[1] for side in sides if isinstance(side, tuple)]
    texts = [name for name in columns if name not in numeric]
    constant = next((side for side in sides if not isinstance(side, tuple)), None)
    if texts and (len(columns) > 1 or sign not in ("==", "!=")):
        raise InputError(
            f"the slice {entry.text!r}: {texts[0]!r} holds texts; compare it with a text, by ==, != or in"
        )
    if not texts and isinstance(constant, str | bool):
        what = "a text" if isinstance(constant, str) else "true or false"
        raise InputError(
            f"the slice {entry.text!r}: {columns[0]!r} holds numbers and cannot be {what}; compare it with a "
            "number"
        )


def rows_of(entry: Entry, columns: Columns) -> NDArray[np.intp]:
    """Return the places of the rows that a condition takes, in order.

    Parameters
    ----------
    entry : Entry
        A condition that fits the columns (`check_columns`).
    columns : Columns
        Of the table.

    Returns
    -------
    ndarray of int

    Examples
    --------
    >>> from mirante.profiles.frames import raw_columns
    >>> rows, raws = raw_columns({"age": [70.0, None, 20.0], "plan": ["pro", "pro", None]})
    >>> columns = Columns(raws, rows, {"age"})
    >>> rows_of(Entry.parse("not (age >= 65)"), columns).tolist()
    [2]
    >>> rows_of(Entry.parse("age >= 65 or plan in ('pro', 'max')"), columns).tolist()
    [0, 1]
    """
    return np.flatnonzero(_truth(entry.tree, columns).true)


def _truth(tree: Tree, columns: Columns) -> _Truth:
    word, *parts = tree
    if word == "not":
        inner = _truth(parts[0], columns)
        return _Truth(inner.known & ~inner.true, inner.known)
    if word in ("and", "or"):
        return reduce(_both if word == "and" else _either, (_truth(part, columns) for part in parts))
    left, right = parts
    if not isinstance(left, tuple):
        word, left, right = _TURNED[word], right, left
    name = left[1]
    if columns.is_numeric(name):
        return _compared(word, columns.numbers(name), right, columns)
    return _same(word, columns.levels(name), right)


def _both(a: _Truth, b: _Truth) -> _Truth:
    true = a.true & b.true
    return _Truth(true, (a.known & b.known) | (a.known & ~a.true) | (b.known & ~b.true))


def _either(a: _Truth, b: _Truth) -> _Truth:
    true = a.true | b.true
    return _Truth(true, (a.known & b.known) | true)


def _compared(sign: str, values: NDArray[np.float64], right: Any, columns: Columns) -> _Truth:
    other = columns.numbers(right[1]) if isinstance(right, tuple) else right
    known = ~np.isnan(values) & ~np.isnan(other)
    return _Truth(_COMPARE[sign](values, other) & known, known)


def _same(sign: str, levels: tuple[NDArray[np.int64], list[str]], value: Constant) -> _Truth:
    """Compare texts: once for each text that there is, not for each row."""
    codes, names = levels
    wanted = _as_text(value)
    hits = np.array([*(name == wanted for name in names), False])
    known = codes >= 0
    same = hits[codes]  # code -1, missing, takes the last
    return _Truth(same if sign == "==" else known & ~same, known)


def _as_text(value: Constant) -> str:
    """Return a constant as a profile writes such a value."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() else str(value)
    return value
