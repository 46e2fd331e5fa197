"""The profile of a column of categories: counts at the baseline's levels, the rest, missing values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

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

    @classmethod
    def of(
        cls,
        name: str,
        totals: Mapping[str, int],
        missing: int = 0,
        *,
        like: CategoricalProfile | None = None,
        most: int = MOST_LEVELS,
    ) -> CategoricalProfile:
        """Rank the levels of a column, or count it at a baseline's.

        Parameters
        ----------
        name : str
            The column's.
        totals : mapping of str to int
            Rows per level.
        missing : int, default 0
            Rows without a value.
        like : CategoricalProfile, optional
            The baseline whose levels to use; without it the column is the baseline.
        most : int, default 10,000
            Levels that a baseline keeps.

        Returns
        -------
        CategoricalProfile

        Examples
        --------
        >>> base = CategoricalProfile.of("c", {"UA": 1, "AA": 2}, missing=1)
        >>> base.levels, base.counts.tolist(), base.missing
        (('AA', 'UA'), [2, 1], 1)
        """
        if like is not None:
            counts = np.array([totals.get(level, 0) for level in like.levels], np.int64)
            return cls(name, like.levels, counts, sum(totals.values()) - int(counts.sum()), missing)
        ranked = sorted(((count, level) for level, count in totals.items() if count), key=_by_count)
        kept, rest = ranked[:most], ranked[most:]
        counts = np.array([count for count, _ in kept], np.int64)
        return cls(name, tuple(level for _, level in kept), counts, sum(count for count, _ in rest), missing)

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
        )

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, CategoricalProfile):
            return NotImplemented
        mine = (self.name, self.levels, self.other, self.missing)
        return mine == (other.name, other.levels, other.other, other.missing) and np.array_equal(
            self.counts, other.counts
        )

    __hash__ = None  # type: ignore[assignment]  # holds arrays


def _by_count(pair: tuple[int, str]) -> tuple[int, str]:
    return -pair[0], pair[1]
