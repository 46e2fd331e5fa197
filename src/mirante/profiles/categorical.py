"""The profile of a column of categories: counts at the baseline's levels, the rest, missing values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from mirante.errors import InputError

__all__ = ["MOST_LEVELS", "CategoricalProfile"]

MOST_LEVELS = 10_000  # above, a baseline keeps the most frequent levels and counts the rest together

Counts = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class CategoricalProfile:
    """A column of categories, counted at the baseline's levels.

    Parameters
    ----------
    name : str
        The column's.
    levels : tuple of str
        The baseline's, most frequent first.
    counts : ndarray of int64, shape (levels,)
        Rows per level.
    other : int
        Rows of any other level: in a baseline those beyond the 10,000 most frequent, in a window also new
        ones.
    missing : int
        Rows without a value.
    """

    name: str
    levels: tuple[str, ...]
    counts: Counts
    other: int
    missing: int
    _index: dict[str, int] = field(
        default_factory=dict, repr=False
    )  # filled when first used, by a baseline only

    @classmethod
    def of(
        cls,
        name: str,
        codes: Counts,
        names: list[str],
        *,
        like: CategoricalProfile | None = None,
        most: int = MOST_LEVELS,
    ) -> CategoricalProfile:
        """Count a column.

        Parameters
        ----------
        name : str
            The column's.
        codes : ndarray of int64
            Per row its place in `names`, -1 where missing.
        names : list of str
            May repeat a name, or hold some that no row has.
        like : CategoricalProfile, optional
            The baseline whose levels to use; without it the column is the baseline.
        most : int, default 10,000
            Levels that a baseline keeps.

        Returns
        -------
        CategoricalProfile

        Examples
        --------
        >>> base = CategoricalProfile.of("c", np.array([0, 1, 1, -1]), ["UA", "AA"])
        >>> base.levels, base.counts.tolist(), base.missing
        (('AA', 'UA'), [2, 1], 1)
        """
        found = np.bincount(codes + 1, minlength=len(names) + 1)
        missing = int(found[0])
        totals: dict[str, int] = {}
        for level, count in zip(names, found[1:].tolist(), strict=False):
            if count:
                totals[level] = totals.get(level, 0) + count
        if like is None:
            ranked = sorted(totals.items(), key=lambda pair: (-pair[1], pair[0]))
            kept = ranked[:most]
            counts = np.array([count for _, count in kept], np.int64)
            return cls(
                name, tuple(level for level, _ in kept), counts, sum(c for _, c in ranked[most:]), missing
            )
        return cls(name, like.levels, *_against(like._places(), totals), missing, like._index)

    def _places(self) -> Mapping[str, int]:
        if not self._index and self.levels:
            self._index.update((level, place) for place, level in enumerate(self.levels))
        return self._index

    @property
    def n(self) -> int:
        """Values that are not missing."""
        return int(self.counts.sum()) + self.other

    def same_bins(self, other: object) -> bool:
        """Return whether another profile was counted with the same baseline, so that counts add and compare.

        Parameters
        ----------
        other : object
            A profile.

        Returns
        -------
        bool
        """
        return isinstance(other, CategoricalProfile) and (
            self.levels is other.levels or self.levels == other.levels
        )

    def __add__(self, other: CategoricalProfile) -> CategoricalProfile:
        if not isinstance(other, CategoricalProfile):
            raise InputError(
                f"column {self.name!r} is categorical on one side and numeric on the other; use one `like`"
            )
        if not self.same_bins(other):
            raise InputError(
                f"column {self.name!r} has {len(self.levels)} levels on one side and {len(other.levels)} "
                "others on the other; count both with one baseline: TableProfile.of(table, like=baseline)"
            )
        return CategoricalProfile(
            self.name,
            self.levels,
            self.counts + other.counts,
            self.other + other.other,
            self.missing + other.missing,
            self._index,
        )

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, CategoricalProfile):
            return NotImplemented
        mine = (self.name, self.levels, self.other, self.missing)
        return mine == (other.name, other.levels, other.other, other.missing) and np.array_equal(
            self.counts, other.counts
        )

    __hash__ = None  # type: ignore[assignment]  # holds arrays


def _against(places: Mapping[str, int], totals: Mapping[str, int]) -> tuple[Counts, int]:
    counts, other = np.zeros(len(places), np.int64), 0
    for level, count in totals.items():
        place = places.get(level)
        if place is None:
            other += count
        else:
            counts[place] += count
    return counts, other
