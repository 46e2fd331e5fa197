"""Predictions that are the probabilities of several classes: one column of numbers a class.

A row that was answered with probabilities has the likeliest class as ``__prediction`` and each probability in
a column of its own: ``__probability_of_setosa`` where the model names its classes, ``__probability_at_0``
where it gives them by position. Whatever is no set of probabilities stays what it is, JSON text such as
``[0.7, 0.9]`` in ``__prediction``, as all of them were kept once; `read_probabilities` reads either.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import compress
from numbers import Integral, Real
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

__all__ = [
    "FAULTS",
    "MOST_CLASSES",
    "PLACED",
    "Fault",
    "Spread",
    "bounded",
    "class_names",
    "faults_of",
    "is_probability",
    "named_column",
    "placed_column",
    "read_probabilities",
    "shape_of",
    "spread",
    "spread_matrix",
    "vectors",
]

MOST_CLASSES = 100
"""Classes of which each has a column, in a row and in a log; the probabilities of more are kept as text."""

PLACED = "__probability_at_"
_NAMED = "__probability_of_"
_SAID = "__prediction"
_SUM = 1e-3  # by how much the probabilities of a row may miss 1: float32, and rounding on the way
_EDGE = 1e-6  # below 0 or above 1: rounding

Fault = Literal["count", "missing", "outside", "sum"]
FAULTS: tuple[Fault, ...] = ("count", "missing", "outside", "sum")
"""Why a row is no set of probabilities; as numbers they are 1 to 4, and 0 where it is one."""

Floats = NDArray[np.float64]
Codes = NDArray[np.int8]


@dataclass(frozen=True, slots=True)
class Spread:
    """Predictions, with those that are probabilities in columns.

    Parameters
    ----------
    said : sequence or array
        One a row: the likeliest class, as text, where it was probabilities; else what it was.
    columns : mapping of str to ndarray of float64
        Of each class, NaN in rows that were none.
    beyond : int
        Rows of probabilities that stay what they were, since others have all the columns that there may be.
    """

    said: Any
    columns: Mapping[str, Floats]
    beyond: int = 0

    def arrow(self) -> dict[str, pa.Array]:
        """Return the columns as Arrow has them, null for NaN."""
        return {
            name: pa.array(column, pa.float64(), from_pandas=True) for name, column in self.columns.items()
        }


def named_column(name: str) -> str:
    """Return the column of a class that has a name."""
    return f"{_NAMED}{name}"


def placed_column(place: int) -> str:
    """Return the column of a class that has a position, from 0, and no name."""
    return f"{PLACED}{place}"


def is_probability(column: str) -> bool:
    """Return whether a column of the log holds the probability of a class."""
    return column.startswith((_NAMED, PLACED))


def class_names(columns: Sequence[str]) -> list[str]:
    """Return the classes of some columns: those of the log say which, others are called as they are.

    Examples
    --------
    >>> class_names(["__probability_of_a", "__probability_of_b"]), class_names(["__probability_at_0", "b"])
    (['a', 'b'], ['0', 'b'])
    """
    return [one.removeprefix(_NAMED).removeprefix(PLACED) for one in columns]


def faults_of(matrix: Floats) -> Codes:
    """Return for each row of a matrix whether it is a set of probabilities: 0, or which of `FAULTS`.

    Parameters
    ----------
    matrix : ndarray of float64, shape (n, k)
        NaN where there is none.

    Examples
    --------
    >>> rows = np.array([[0.1, 0.9], [np.nan, 1.0], [-0.5, 1.5], [0.7, 0.7]])
    >>> [FAULTS[code - 1] if code else "" for code in faults_of(rows)]
    ['', 'missing', 'outside', 'sum']
    """
    gaps = np.isnan(matrix).any(axis=1)
    with np.errstate(invalid="ignore", over="ignore"):
        outside = ((matrix < -_EDGE) | (matrix > 1.0 + _EDGE)).any(axis=1)
        wrong = ~(np.abs(matrix.sum(axis=1) - 1.0) <= _SUM)
    found = np.select([gaps, outside, wrong], [2, 3, 4], 0)
    return np.asarray(found, dtype=np.int8)


def spread_matrix(matrix: Floats, names: Sequence[str] | None, raw: Sequence[Any]) -> Spread:
    """Return a batch of predictions with those rows in columns that are probabilities.

    Parameters
    ----------
    matrix : ndarray of float64, shape (n, k)
        What was predicted.
    names : sequence of str, optional
        Of the classes; by position when not given, and where they are the positions themselves.
    raw : sequence, length n
        The same as it was given, for rows that are no probabilities.

    Examples
    --------
    >>> found = spread_matrix(np.array([[0.25, 0.75], [3.0, 4.0]]), ["no", "yes"], ["", "[3.0, 4.0]"])
    >>> found.said, {name: column.tolist() for name, column in found.columns.items()}
    (['yes', '[3.0, 4.0]'], {'__probability_of_no': [0.25, nan], '__probability_of_yes': [0.75, nan]})
    """
    width = matrix.shape[1]
    right = faults_of(matrix) == 0
    if not 2 <= width <= MOST_CLASSES or not right.any():
        return Spread(raw, {})
    places = [str(place) for place in range(width)]
    placed = names is None or list(names) == places
    classes = places if names is None else list(names)
    known = np.where(right[:, None], np.clip(matrix, 0.0, 1.0), np.nan)
    likeliest = np.argmax(np.where(right[:, None], matrix, 0.0), axis=1).tolist()
    said = [
        classes[place] if good else given
        for place, good, given in zip(likeliest, right.tolist(), raw, strict=True)
    ]
    columns = [placed_column(place) if placed else named_column(classes[place]) for place in range(width)]
    return Spread(said, {name: known[:, place] for place, name in enumerate(columns)})


def spread(values: Sequence[Any]) -> Spread:
    """Return single predictions with those in columns that are probabilities. Never fails.

    Parameters
    ----------
    values : sequence
        Lists or tuples of numbers, mappings of class to number, or anything else. Whole numbers alone, such
        as ``[1, 0]``, are the labels of a row that may have several, and no probabilities.

    Returns
    -------
    Spread
        With at most 100 columns, of the classes that come first.

    Examples
    --------
    >>> found = spread([[0.25, 0.75], 0.5, {"no": 0.9, "yes": 0.1}, [3.5, 1.0]])
    >>> found.said
    ['1', 0.5, 'no', [3.5, 1.0]]
    >>> found.columns["__probability_at_1"].tolist()
    [0.75, nan, nan, nan]
    """
    groups: dict[tuple[str, ...] | int, list[int]] = {}
    for place, value in enumerate(values):
        if (shape := shape_of(value)) is not None and not _is_whole(value):
            groups.setdefault(shape, []).append(place)
    if not groups:
        return Spread(values, {})
    said = list(values)
    columns: dict[str, Floats] = {}
    beyond = 0
    for shape, places in groups.items():
        names = shape if isinstance(shape, tuple) else None
        mine = [values[place] for place in places]
        found = spread_matrix(_matrix(mine), names, mine)
        if len(columns.keys() | found.columns.keys()) > MOST_CLASSES:
            beyond += int(np.isfinite(next(iter(found.columns.values()))).sum())
            continue
        for name, column in found.columns.items():
            columns.setdefault(name, np.full(len(values), np.nan))[places] = column
        for place, one in zip(places, found.said, strict=True):
            said[place] = one
    return Spread(said, columns, beyond)


def bounded(rows: pa.Table, known: Collection[str]) -> tuple[pa.Table, int]:
    """Return rows that add to a log's columns of probabilities only until there are 100 of them.

    Parameters
    ----------
    rows : pyarrow.Table
        Of a log, with at most 100 such columns.
    known : collection of str
        The columns that the log has.

    Returns
    -------
    rows : pyarrow.Table
        Those whose classes have no column any more have the probabilities as JSON text in ``__prediction``.
    beyond : int
        How many these are.

    Examples
    --------
    >>> known = [named_column(f"item{place}") for place in range(99)]
    >>> found = spread([{"item1": 0.5, "item2": 0.5}, {"item1": 0.25, "new": 0.75}, {"more": 1.0, "x": 0.0}])
    >>> rows, beyond = bounded(pa.table({"__prediction": found.said, **found.arrow()}), known)
    >>> rows["__prediction"].to_pylist(), beyond
    (['item1', 'new', '{"more": 1.0, "x": 0.0}'], 1)
    """
    taken = set(filter(is_probability, known))
    mine = list(filter(is_probability, rows.column_names))
    if len(taken.union(mine)) <= MOST_CLASSES:
        return rows, 0
    there = _there(rows, mine)
    packed = np.packbits(there, axis=1)
    keys = packed.view(np.dtype((np.void, packed.shape[1]))).ravel()
    _, first, kind = np.unique(keys, return_index=True, return_inverse=True)
    fits = np.zeros(len(first), dtype=np.bool_)
    for place in np.argsort(first):  # who comes first has a column
        wanted = taken.union(compress(mine, there[first[place]]))
        if wanted == taken or len(wanted) <= MOST_CLASSES:
            taken, fits[place] = wanted, True
    fit = fits[kind]
    said = rows[_SAID].to_pylist()
    for place, value in zip(np.flatnonzero(~fit).tolist(), vectors(rows.filter(pa.array(~fit))), strict=True):
        said[place] = json.dumps(value)
    kept = {name: rows[name] for name in rows.column_names if name not in mine}
    kept[_SAID] = pa.array(said, rows.schema.field(_SAID).type)
    for name in filter(taken.__contains__, mine):
        kept[name] = pc.if_else(pa.array(fit), rows[name], None)
    return pa.table(kept), int((~fit).sum())


def shape_of(value: Any) -> tuple[str, ...] | int | None:
    """Return the names of 2 to 100 numbers, or how many there are; None where it is something else.

    Examples
    --------
    >>> shape_of([0.1, None]), shape_of({"no": 0.1, "yes": 0.9}), shape_of([0.1, "a"]), shape_of(0.5)
    (2, ('no', 'yes'), None, None)
    """
    if isinstance(value, list | tuple):
        right = 2 <= len(value) <= MOST_CLASSES and all(map(_is_number, value))
        return len(value) if right else None
    if isinstance(value, Mapping):
        right = 2 <= len(value) <= MOST_CLASSES and all(map(_is_number, value.values()))
        names = tuple(map(str, value)) if right else ()
        return names if right and len(set(names)) == len(names) else None
    return None


def _is_number(value: Any) -> bool:
    return value is None or (isinstance(value, Real) and not isinstance(value, bool))


def _is_whole(value: Any) -> bool:
    """Return whether numbers are whole ones alone, by their type: 1, and not 1.0."""
    numbers = value.values() if isinstance(value, Mapping) else value
    return all(one is None or isinstance(one, Integral) for one in numbers)


def _matrix(rows: Sequence[Any]) -> Floats:
    values = [list(row.values()) if isinstance(row, Mapping) else list(row) for row in rows]
    try:
        return np.array(values, dtype=np.float64)  # None becomes NaN
    except (TypeError, ValueError, OverflowError):
        return np.full((len(values), len(values[0])), np.nan)


def read_probabilities(rows: pa.Table, classes: Sequence[str]) -> tuple[Floats, Codes]:
    """Return the probabilities of each class, and why those of a row are none.

    Parameters
    ----------
    rows : pyarrow.Table
        With ``__prediction``, and the columns of probabilities that there are.
    classes : sequence of str
        Names, in the order that positions count in.

    Returns
    -------
    matrix : ndarray of float64, shape (n, k)
        NaN in rows that have no probabilities, or wrong ones.
    faults : ndarray of int8, shape (n,)
        0 where they are right and where nothing was predicted; else the number in `FAULTS`.

    Examples
    --------
    >>> rows = pa.table({"__prediction": ["[0.25, 0.75]", "[0.5]", None, "no"],
    ...     "__probability_of_no": [None, None, None, 1.0], "__probability_of_yes": [None, None, None, 0.0]})
    >>> matrix, faults = read_probabilities(rows, ["no", "yes"])
    >>> matrix.tolist(), faults.tolist()
    ([[0.25, 0.75], [nan, nan], [nan, nan], [1.0, 0.0]], [0, 1, 0, 0])
    """
    count = len(classes)
    named, others = _block(rows, [named_column(name) for name in classes], _NAMED)
    placed, beyond = _block(rows, [placed_column(place) for place in range(count)], PLACED)
    by_name = np.asarray(~np.isnan(named).any(axis=1))
    by_place = np.asarray(~np.isnan(placed).any(axis=1))
    matrix = np.where(by_name[:, None], named, placed)
    there = ~np.isnan(named).all(axis=1) | ~np.isnan(placed).all(axis=1) | others | beyond
    wrong = there & ~((by_name & ~others) | (by_place & ~beyond))
    faults = np.where(there & ~wrong, faults_of(matrix), np.where(wrong, 1, 0)).astype(np.int8)
    rest = np.flatnonzero(~there)
    if rest.size and _SAID in rows.column_names:
        said = rows[_SAID].take(pa.array(rest))
        told = np.flatnonzero(said.is_valid().to_numpy())
        for place, value in zip(rest[told].tolist(), said.take(pa.array(told)).to_pylist(), strict=True):
            matrix[place], faults[place] = _parsed(value, classes)
    matrix[faults != 0] = np.nan
    return np.clip(matrix, 0.0, 1.0), faults


def _block(rows: pa.Table, names: Sequence[str], prefix: str) -> tuple[Floats, NDArray[np.bool_]]:
    """Return some columns, NaN where one is not there, and which rows have others of the same beginning."""
    block = np.full((rows.num_rows, len(names)), np.nan)
    there = set(rows.column_names)
    for place, name in enumerate(names):
        if name in there:
            block[:, place] = rows[name].cast(pa.float64(), safe=False).to_numpy()
    others = np.zeros(rows.num_rows, dtype=np.bool_)
    for name in there.difference(names):
        if name.startswith(prefix):
            others |= rows[name].is_valid().to_numpy()
    return block, others


def _parsed(said: Any, classes: Sequence[str]) -> tuple[Floats, int]:
    """Return what a text says; a prediction that is something else has the wrong count."""
    nothing = np.full(len(classes), np.nan)
    if not isinstance(said, str) or not said.startswith(("[", "{")):
        return nothing, 1
    try:
        value = json.loads(said)
    except (ValueError, RecursionError):
        return nothing, 1
    shape = shape_of(value)
    if isinstance(shape, tuple):
        places = [str(place) for place in range(len(classes))]
        if set(shape) != set(classes) and list(shape) != places:
            return nothing, 1
        value = [value[name] for name in (classes if set(shape) == set(classes) else places)]
    elif shape != len(classes):
        return nothing, 1
    row = _matrix([value])
    return row[0], int(faults_of(row)[0])


def vectors(rows: pa.Table) -> list[Any]:
    """Return what was predicted, row by row: what `spread` was given.

    Parameters
    ----------
    rows : pyarrow.Table
        With ``__prediction``, and the columns of probabilities that there are, those by position in order.

    Returns
    -------
    list
        Of rows with probabilities a list, or a mapping where the classes have names; of others the value.

    Examples
    --------
    >>> vectors(pa.table({"__prediction": ["1", "7"], "__probability_at_0": [0.25, None],
    ...     "__probability_at_1": [0.75, None]}))
    [[0.25, 0.75], '7']
    """
    found: list[Any] = rows[_SAID].to_pylist()
    for prefix in (PLACED, _NAMED):
        names = [name for name in rows.column_names if name.startswith(prefix)]
        if not names:
            continue
        keys = [name.removeprefix(prefix) for name in names]
        there = _there(rows, names)
        values = np.stack([rows[name].cast(pa.float64()).to_numpy() for name in names], axis=1)[there]
        told: dict[int, dict[str, float]] = {}
        for place, key, value in zip(
            *(axis.tolist() for axis in np.nonzero(there)), values.tolist(), strict=True
        ):
            told.setdefault(place, {})[keys[key]] = value
        for place, row in told.items():
            found[place] = list(row.values()) if prefix == PLACED else row
    return found


def _there(rows: pa.Table, names: Sequence[str]) -> NDArray[np.bool_]:
    """Return which rows have which of some columns."""
    return np.stack([rows[name].is_valid().to_numpy() for name in names], axis=1)
