"""A baseline's edges and levels, chosen from all rows of a table that is looked at in parts.

What `TableProfile.of` chooses from a whole table follows here from numbers that add up: the same edges,
levels, centres and units, bit for bit, however the rows are cut into parts and in whatever order they come.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mirante.parted import join, split
from mirante.profiles.categorical import CategoricalProfile
from mirante.profiles.counting import count_categories, count_numbers
from mirante.profiles.layout import Layout
from mirante.profiles.numeric import NumericProfile
from mirante.profiles.table import TableProfile
from mirante.stats.exact import exact_sum, mean_of, squares_about, unit_of
from mirante.stats.histograms import tally
from mirante.stats.ranks import KeyCounts, RankSearch, keys_of

__all__ = ["NumberFacts", "NumberLook", "chosen_profile"]

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class NumberFacts:
    """What the first look at a column of numbers finds; that of parts adds up.

    Parameters
    ----------
    missing, finite : int
        How many are missing, and how many are neither that nor infinite.
    total : int
        The exact sum of the finite ones.
    low, high : float
        The ends; infinite the wrong way round where there is no value.
    keys : KeyCounts
        How many there are of each, as finely as is known.
    """

    missing: int
    finite: int
    total: int
    low: float
    high: float
    keys: KeyCounts

    @classmethod
    def of(cls, values: Floats) -> NumberFacts:
        """Look at some values.

        Parameters
        ----------
        values : ndarray of float64
            NaN is missing.

        Examples
        --------
        >>> found = NumberFacts.of(np.array([1.0, np.nan])) + NumberFacts.of(np.array([3.0]))
        >>> found.missing, found.mean, found.low, found.high
        (1, 2.0, 1.0, 3.0)
        """
        there = values[~np.isnan(values)]
        finite = there[np.isfinite(there)]
        ends = (float(there.min()), float(there.max())) if there.size else (np.inf, -np.inf)
        missing = values.size - there.size
        return cls(missing, finite.size, exact_sum(finite), *ends, KeyCounts.of(keys_of(there)))

    def __add__(self, other: NumberFacts) -> NumberFacts:
        return NumberFacts(
            self.missing + other.missing,
            self.finite + other.finite,
            self.total + other.total,
            min(self.low, other.low),
            max(self.high, other.high),
            self.keys + other.keys,
        )

    @property
    def mean(self) -> float:
        """Of the finite values, correctly rounded; 0 without any."""
        return mean_of(self.total, self.finite)

    def to_bytes(self) -> bytes:
        """Return it as bytes."""
        numbers = [self.missing, self.finite, str(self.total), self.low, self.high]
        return join(json.dumps(numbers).encode(), self.keys.to_bytes())

    @classmethod
    def from_bytes(cls, data: bytes) -> NumberFacts:
        """Read what `to_bytes` wrote."""
        head, keys = split(data) or (b"", b"")
        missing, finite, total, low, high = json.loads(head)
        return cls(missing, finite, int(total), low, high, KeyCounts.from_bytes(keys))


@dataclass(frozen=True, slots=True)
class NumberLook:
    """What a later look at a column of numbers finds; that of parts adds up.

    Parameters
    ----------
    squares : int, optional
        The exact sum of the squares of the distances from the mean; None where one is beyond float64.
    keys : KeyCounts
        How many values there are of each in the open cells.
    """

    squares: int | None
    keys: KeyCounts

    @classmethod
    def of(cls, values: Floats, search: RankSearch, shift: float) -> NumberLook:
        """Look at some values.

        Parameters
        ----------
        values : ndarray of float64
            NaN is missing.
        search : RankSearch
            What is looked for.
        shift : float
            The mean.

        Examples
        --------
        >>> values = np.array([1.0, 3.0, np.nan])
        >>> look = NumberLook.of(values, RankSearch.of(NumberFacts.of(values).keys), 2.0)
        >>> unit_of(look.squares, 2), look.keys.total
        (1.0, 0)
        """
        there = values[~np.isnan(values)]
        squares = squares_about(there[np.isfinite(there)], shift)
        return cls(squares, search.look(keys_of(there)) if search.open else KeyCounts.of(keys_of(there[:0])))

    def __add__(self, other: NumberLook) -> NumberLook:
        known = self.squares is not None and other.squares is not None
        squares = (self.squares or 0) + (other.squares or 0) if known else None
        return NumberLook(squares, self.keys + other.keys)

    def to_bytes(self) -> bytes:
        """Return it as bytes."""
        return join(b"" if self.squares is None else str(self.squares).encode(), self.keys.to_bytes())

    @classmethod
    def from_bytes(cls, data: bytes) -> NumberLook:
        """Read what `to_bytes` wrote."""
        squares, keys = split(data) or (b"", b"")
        return cls(int(squares) if squares else None, KeyCounts.from_bytes(keys))


def chosen_profile(
    names: Sequence[str],
    numbers: Mapping[str, tuple[NumberFacts, RankSearch, int | None]],
    levels: Mapping[str, Mapping[str, int]],
) -> TableProfile:
    """Return the profile of no rows with the edges and levels of all.

    Parameters
    ----------
    names : sequence of str
        The columns in order.
    numbers : mapping of str to (NumberFacts, RankSearch, int or None)
        For each column of numbers what was found, the search that is over, and the sum of squares.
    levels : mapping of str to mapping of str to int
        For each other column, rows by level.

    Returns
    -------
    TableProfile
        Its layout is that of `TableProfile.of` on all rows.

    Examples
    --------
    >>> values = np.array([1.0, 2.0, 2.0])
    >>> facts = NumberFacts.of(values)
    >>> found = (facts, RankSearch.of(facts.keys), squares_about(values, facts.mean))
    >>> chosen = chosen_profile(["x", "c"], {"x": found}, {"c": {"a": 2, "b": 1}})
    >>> chosen.layout.same(TableProfile.of({"x": values, "c": ["a", "b", "a"]}).layout)
    True
    """
    columns = [
        _numeric(name, *numbers[name]) if name in numbers else CategoricalProfile.of(name, levels[name])
        for name in names
    ]
    layout = Layout.of(columns)
    return TableProfile(0, layout, count_numbers({}, 0, layout), count_categories({}, 0, layout))


def _numeric(name: str, facts: NumberFacts, search: RankSearch, squares: int | None) -> NumericProfile:
    shift, scale = facts.mean, unit_of(squares, facts.finite)
    return NumericProfile(name, search.edges, shift, scale, tally(np.empty(0), search.edges))
