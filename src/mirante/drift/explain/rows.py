"""Rows as small codes: the columns that moved, and the columns that cut the rows into slices."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mirante.drift.explain.bins import NEW, OTHER, interval, number
from mirante.profiles.categorical import CategoricalProfile
from mirante.profiles.columns import to_levels, to_numbers
from mirante.profiles.frames import RawColumn
from mirante.profiles.numeric import NumericProfile

__all__ = ["LEFT_OUT", "Slice", "Slicer", "Target", "joint", "missing_target", "slicer_of", "values_target"]

Codes = NDArray[np.uint8]
Floats = NDArray[np.float64]

LEFT_OUT = 255  # the code of a row that is not compared
_LEVELS = 50  # the most frequent ones; the others are one slice
_GRID = 100  # quantiles of each side at which numbers are compared
_FEW = 31  # distinct numbers up to which each is a slice


@dataclass(frozen=True, slots=True)
class Target:
    """A column that moved, as codes.

    Parameters
    ----------
    column : str
        Its name.
    aspect : str
        ``values`` or ``missing``.
    measure : str
        ``KS``, ``total variation`` or ``share``.
    names : tuple of str
        Of categories; empty for numbers.
    grid : ndarray of float64
        Of numbers: code i holds those up to grid[i] and above grid[i - 1]; empty for categories.
    before, after : ndarray of uint8, shape (rows,)
        Codes of baseline and window; 255 for a row that is left out.
    """

    column: str
    aspect: str
    measure: str
    names: tuple[str, ...]
    grid: Floats
    before: Codes
    after: Codes

    @property
    def size(self) -> int:
        """Number of codes."""
        return len(self.names) or self.grid.size + 1


@dataclass(frozen=True, slots=True)
class Slice:
    """One slice: a category or range of a column, as `SliceFinding` has it."""

    text: str
    level: str | None = None
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True)
class Slicer:
    """A column that cuts the rows, as codes.

    Parameters
    ----------
    column : str
        Its name.
    slots : tuple of Slice
        The finest slices, one per code; the last is for missing values.
    slices : tuple of Slice
        All slices: each slot, and for numbers every range of neighbouring slots.
    members : ndarray of bool, shape (slices, slots)
        Which slots a slice holds.
    before, after : ndarray of uint8, shape (rows,)
        Codes of baseline and window.
    """

    column: str
    slots: tuple[Slice, ...]
    slices: tuple[Slice, ...]
    members: NDArray[np.bool_]
    before: Codes
    after: Codes


def values_target(
    profile: NumericProfile | CategoricalProfile, before: RawColumn, after: RawColumn
) -> Target:
    """Return the values of a column as codes, missing ones left out.

    Parameters
    ----------
    profile : NumericProfile or CategoricalProfile
        The baseline's: it says what the column is, and which categories are frequent.
    before, after : numpy or Arrow array
        The column in baseline and window.

    Returns
    -------
    Target

    Examples
    --------
    >>> base = NumericProfile.of("x", np.array([1.0, 2.0]))
    >>> target = values_target(base, np.array([1.0, 2.0]), np.array([3.0, np.nan]))
    >>> target.grid.tolist(), target.after.tolist()
    ([1.0, 2.0, 3.0], [2, 255])
    """
    name = profile.name
    if isinstance(profile, CategoricalProfile):
        names, left, right = _by_level(profile, before, after, missing=LEFT_OUT)
        return Target(name, "values", "total variation", names, np.empty(0), left, right)
    sides = [to_numbers(name, raw)[0] for raw in (before, after)]
    grid = np.unique(np.concatenate([_quantiles(values) for values in sides]))
    left, right = (_by_walls(values, grid, missing=LEFT_OUT) for values in sides)
    return Target(name, "values", "KS", (), grid, left, right)


def missing_target(
    profile: NumericProfile | CategoricalProfile, before: RawColumn, after: RawColumn
) -> Target:
    """Return which rows of a column are missing: code 0 for a value, 1 for none.

    Parameters
    ----------
    profile, before, after
        As for `values_target`.

    Returns
    -------
    Target

    Examples
    --------
    >>> base = NumericProfile.of("x", np.array([1.0]))
    >>> missing_target(base, np.array([1.0]), np.array([2.0, np.nan])).after.tolist()
    [0, 1]
    """
    left, right = (_absent(profile, raw).astype(np.uint8) for raw in (before, after))
    return Target(profile.name, "missing", "share", ("present", "missing"), np.empty(0), left, right)


def _absent(profile: NumericProfile | CategoricalProfile, raw: RawColumn) -> NDArray[np.bool_]:
    if isinstance(profile, NumericProfile):
        return np.isnan(to_numbers(profile.name, raw)[0])
    return np.asarray(to_levels(profile.name, raw)[0] < 0, np.bool_)


def slicer_of(profile: NumericProfile | CategoricalProfile, before: RawColumn, after: RawColumn) -> Slicer:
    """Return a column as the slices that it cuts.

    Categories: the baseline's 50 most frequent levels, the others together, missing values. Numbers: the
    baseline's deciles (each value where there are at most 31, such as hours or days), every range of
    neighbouring ones, missing values.

    Parameters
    ----------
    profile, before, after
        As for `values_target`.

    Returns
    -------
    Slicer

    Examples
    --------
    >>> base = NumericProfile.of("hour", np.array([6.0, 7.0, 8.0]))
    >>> [one.text for one in slicer_of(base, np.array([6.0]), np.array([8.0])).slices]
    ['hour <= 6', '6 < hour <= 7', 'hour > 7', 'hour missing', 'hour <= 7', 'hour > 6', 'hour present']
    """
    name = profile.name
    absent = Slice(f"{name} missing")
    if isinstance(profile, CategoricalProfile):
        names, left, right = _by_level(profile, before, after, missing=None)
        slots = (*(Slice(f"{name} = {level}", level=level) for level in names[:-1]), _others(profile), absent)
        return Slicer(name, slots, slots, np.eye(len(slots), dtype=np.bool_), left, right)
    walls = _walls(profile)
    bins = walls.size + 1
    left, right = (_by_walls(to_numbers(name, raw)[0], walls, missing=bins) for raw in (before, after))
    ends = [(start, start + width) for width in range(1, bins + 1) for start in range(bins + 1 - width)]
    ends.insert(bins, (bins, bins + 1))  # missing values, after the slots of numbers
    places = np.arange(bins + 1)
    members = np.array([(places >= start) & (places < stop) for start, stop in ends])
    slices = tuple(absent if start == bins else _range(name, walls, start, stop) for start, stop in ends)
    return Slicer(name, slices[: bins + 1], slices, members, left, right)


def _others(profile: CategoricalProfile) -> Slice:
    known = len(profile.levels) <= _LEVELS and not profile.other
    return Slice(f"{profile.name} = {NEW if known else OTHER}")


def _range(name: str, walls: Floats, start: int, stop: int) -> Slice:
    low = float(walls[start - 1]) if start else None
    high = float(walls[stop - 1]) if stop <= walls.size else None
    shown = (None if end is None else number(end) for end in (low, high))
    return Slice(interval(name, *shown), low=low, high=high)


def _walls(profile: NumericProfile) -> Floats:
    if profile.edges.size <= _FEW:
        walls = profile.edges
    else:
        walls = np.unique([profile.quantile(tenth / 10) for tenth in range(1, 10)])
    return np.asarray(walls[(walls < profile.maximum) & (walls > -np.inf)], np.float64)


def _quantiles(values: Floats) -> Floats:
    ordered = np.sort(values[~np.isnan(values)])
    if not ordered.size:
        return ordered
    ranks = -(-np.arange(1, _GRID + 1, dtype=np.int64) * ordered.size // _GRID) - 1
    return np.asarray(ordered[ranks])


def _by_walls(values: Floats, walls: Floats, *, missing: int) -> Codes:
    codes = np.searchsorted(walls, values, "left").astype(np.uint8)
    codes[np.isnan(values)] = missing
    return codes


def _by_level(
    profile: CategoricalProfile, before: RawColumn, after: RawColumn, *, missing: int | None
) -> tuple[tuple[str, ...], Codes, Codes]:
    """Return the names of the frequent levels and one for the rest, and both sides as places among them."""
    kept = [level for level, count in zip(profile.levels[:_LEVELS], profile.counts, strict=False) if count]
    places = {level: place for place, level in enumerate(kept)}
    sides = []
    for raw in (before, after):
        codes, names = to_levels(profile.name, raw)
        table = [
            *(places.get(level, len(kept)) for level in names),
            len(kept) + 1 if missing is None else missing,
        ]
        sides.append(np.array(table, np.uint8)[codes])  # code -1, missing, takes the last
    return (*kept, OTHER), sides[0], sides[1]


def joint(slots: Codes, target: Codes, shape: tuple[int, int]) -> Floats:
    """Count rows by slot and code.

    Parameters
    ----------
    slots, target : ndarray of uint8, shape (rows,)
        Codes of the slicer and the target on one side.
    shape : tuple of int
        Numbers of slots and of the target's codes.

    Returns
    -------
    ndarray of float64, shape `shape`
        Rows that the target leaves out are not counted.

    Examples
    --------
    >>> joint(np.array([0, 1], np.uint8), np.array([1, LEFT_OUT], np.uint8), (2, 2)).tolist()
    [[0.0, 1.0], [0.0, 0.0]]
    """
    keys = slots.astype(np.uint16) * np.uint16(256) + target
    counts = np.bincount(keys, minlength=shape[0] * 256)
    return counts.reshape(-1, 256)[: shape[0], : shape[1]].astype(np.float64)
