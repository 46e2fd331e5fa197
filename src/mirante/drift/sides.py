"""One reference made ready: what a window's counts are held against, and what they are found to be."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mirante.drift.categorical import CategoricalFindings, CategoricalSpread, CategoricalTests
from mirante.drift.cells import Cells, Counts
from mirante.drift.missing import MissingReference
from mirante.drift.numeric import NumericFindings, NumericReference, NumericSpread, NumericTests
from mirante.drift.scores import Scores
from mirante.profiles import TableProfile

__all__ = ["Found", "Own", "Side", "Sums"]

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Own:
    """How own windows differ from their references, at one scale."""

    numeric: NumericSpread | None
    categorical: CategoricalSpread | None


class Sums(NamedTuple):
    """What the tests need of a window or of pooled ones; each array has one row per scale.

    Parameters
    ----------
    n, ranks : ndarray, shape (scales, numeric)
        Values, and sums of their mid-ranks in the reference.
    distance : ndarray, shape (scales, numeric)
        KS distances.
    mass, upto : ndarray, shape (scales, atoms)
        Values at each atom, and up to it.
    levels : ndarray, shape (scales, levels)
        Rows per level.
    """

    n: Floats
    ranks: Floats
    distance: Floats
    mass: Floats
    upto: Floats
    levels: Floats

    @classmethod
    def joined(cls, first: Sums, rest: Sums) -> Sums:
        """Return the rows of both."""
        return cls(*(np.concatenate(pair) for pair in zip(first, rest, strict=True)))

    def row(self, place: int) -> Sums:
        """Return one row."""
        return Sums(*(part[place : place + 1] for part in self))


class Found(NamedTuple):
    """What the tests found; each array has one row per scale.

    Parameters
    ----------
    numbers, categories : NumericFindings, CategoricalFindings
        By kind of column.
    variance : ndarray, shape (scales, numeric)
        Of mid-ranks.
    """

    numbers: NumericFindings
    categories: CategoricalFindings
    variance: Floats


class Side:
    """A reference, and all that is computed from it once.

    Parameters
    ----------
    cells : Cells
        Where to look.
    profile : TableProfile
        The reference, counted with the baseline.
    """

    def __init__(self, cells: Cells, profile: TableProfile) -> None:
        self.profile = profile
        self.counts = Counts.of(profile)
        self.numeric = NumericTests(cells, NumericReference.of(cells, self.counts))
        self.categorical = CategoricalTests(cells.layout, self.counts.levels)
        self.scores = Scores(cells, profile)
        self.missing = MissingReference.of(self.counts)
        self._parts: list[slice] | None = None

    def vector(self, counts: Counts, local: Floats, n: Floats) -> Floats:
        """Return the numbers of a window that add up over windows, in one array."""
        parts = (*self.numeric.vector(counts, local, n), counts.levels)
        if self._parts is None:
            ends = np.cumsum([part.size for part in parts]).tolist()
            self._parts = [slice(end - part.size, end) for part, end in zip(parts, ends, strict=True)]
        return np.concatenate(parts)

    def single(self, vector: Floats, local: Floats) -> Sums:
        """Return the sums of one window, with its exact KS distance."""
        n, ranks, _, mass, upto, levels = self._split(vector[None])
        return Sums(n, ranks, self.numeric.distances(local, n[0])[None], mass, upto, levels)

    def pooled(self, vectors: Floats) -> Sums:
        """Return the sums of pools; shape (scales, numbers)."""
        n, ranks, grid, mass, upto, levels = self._split(vectors)
        return Sums(n, ranks, self.numeric.pooled_distances(grid, n), mass, upto, levels)

    def _split(self, vectors: Floats) -> list[Floats]:
        assert self._parts is not None  # noqa: S101  a vector is made before it is split
        return [vectors[:, part] for part in self._parts]

    def only(self, vector: Floats, numeric: NDArray[np.bool_], categorical: NDArray[np.bool_]) -> Floats:
        """Return a window's numbers with those of other columns set to 0."""
        grid, atoms = (numeric.take(places) for places in self.numeric.columns)
        levels = categorical.take(self.categorical.column)
        return vector * np.concatenate((numeric, numeric, grid, atoms, atoms, levels))

    def judge(self, sums: Sums, own: Own, *, rare: bool) -> Found:
        """Return what the tests find.

        Parameters
        ----------
        sums : Sums
            Of a window, of pools, or of both.
        own : Own
            How own windows differ.
        rare : bool
            Whether the first of them is a single window, whose rare levels are looked at.
        """
        variance, skew = self.numeric.ranks(sums.n, sums.mass, sums.upto)
        numbers = self.numeric.judge(sums.n, sums.distance, sums.ranks, variance, skew, own.numeric)
        return Found(numbers, self.categorical.judge(sums.levels, rare=rare), variance)
