"""Skeletons as functions of columns: many rows at once, with three-valued logic.

A number that is unknown (a missing or NaN reading, a division by zero) is NaN. A truth is two columns, "known
to be true" and "known to be false"; where neither holds, it is unknown.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache, reduce
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from mirante.alerts.expression.tree import Skeleton

__all__ = ["Bools", "Floats", "Table", "Truths", "truths"]

Floats: TypeAlias = NDArray[np.float64]
Bools: TypeAlias = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Table:
    """What a condition is held against, one row for each set of labels.

    Parameters
    ----------
    values : sequence of array of float
        For each column of the condition; NaN where nothing is there.
    present : sequence of array of bool
        For each column: whether a reading is there, be it NaN.
    constants : sequence of array of float
        For each number of the condition.
    """

    values: Sequence[Floats]
    present: Sequence[Bools]
    constants: Sequence[Floats]


Truths: TypeAlias = tuple[Bools, Bools]
_Numbers: TypeAlias = Callable[[Table], Floats]
_Truth: TypeAlias = Callable[[Table], Truths]


def truths(skeleton: Skeleton, table: Table) -> Truths:
    """Return which rows are known to be true, and which are known to be false.

    Examples
    --------
    >>> table = Table([np.array([1.0, 9.0, np.nan])], [np.array([True] * 3)], [np.array([5.0] * 3)])
    >>> [part.tolist() for part in truths((">", ("column", 0), ("constant", 0)), table)]
    [[False, True, False], [True, False, False]]
    """
    with np.errstate(all="ignore"):
        return _compiled(skeleton)(table)


@lru_cache(maxsize=4096)
def _compiled(skeleton: Skeleton) -> _Truth:
    word, *parts = skeleton
    if word == "not":
        inner = _compiled(parts[0])
        return lambda table: inner(table)[::-1]
    if word in ("and", "or"):
        return _joined([_compiled(part) for part in parts], either=word == "or")
    if word in ("absent", "is_nan"):
        return _question(word, parts[0])
    return _compared(word, _numbers(parts[0]), _numbers(parts[1]))


def _joined(parts: Sequence[_Truth], *, either: bool) -> _Truth:
    """Kleene's and, or (`either`) his or."""

    def join(table: Table) -> Truths:
        found = [part(table) for part in parts]
        true, false = ([one[side] for one in found] for side in (0, 1))
        if either:
            return reduce(np.logical_or, true), reduce(np.logical_and, false)
        return reduce(np.logical_and, true), reduce(np.logical_or, false)

    return join


def _question(word: str, column: int) -> _Truth:
    if word == "absent":
        return lambda table: (~table.present[column], table.present[column])

    def is_nan(table: Table) -> Truths:
        nan, there = np.isnan(table.values[column]), table.present[column]
        return there & nan, there & ~nan

    return is_nan


# What is true, and what is false; every one of these is False where a side is NaN.
_ORDER: Mapping[str, tuple[Callable[[Floats, Floats], Bools], Callable[[Floats, Floats], Bools]]] = {
    "<": (np.less, np.greater_equal),
    "<=": (np.less_equal, np.greater),
    ">": (np.greater, np.less_equal),
    ">=": (np.greater_equal, np.less),
    "==": (np.equal, lambda a, b: (a < b) | (a > b)),
    "!=": (lambda a, b: (a < b) | (a > b), np.equal),
}


def _compared(word: str, left: _Numbers, right: _Numbers) -> _Truth:
    true, false = _ORDER[word]

    def compare(table: Table) -> Truths:
        a, b = left(table), right(table)
        return true(a, b), false(a, b)

    return compare


def _divided(a: Floats, b: Floats) -> Floats:
    return np.where(b == 0, np.nan, a / b)


_ARITHMETIC: Mapping[str, Callable[[Floats, Floats], Floats]] = {
    "+": np.add,
    "-": np.subtract,
    "*": np.multiply,
    "/": _divided,
}


def _numbers(skeleton: Skeleton) -> _Numbers:
    word, *parts = skeleton
    if word == "column":
        return lambda table: table.values[parts[0]]
    if word == "constant":
        return lambda table: table.constants[parts[0]]
    if word == "negative":
        inner = _numbers(parts[0])
        return lambda table: -inner(table)
    operation, left, right = _ARITHMETIC[word], _numbers(parts[0]), _numbers(parts[1])
    return lambda table: operation(left(table), right(table))
