"""The tests of numeric columns, all at once: KS and Mann-Whitney from the counts, and own windows' spread."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special

from mirante.drift.cells import Cells, Counts, each
from mirante.stats.spread import DistanceSpread, Spread, distance_spread, spread_of, student_limit, student_p
from mirante.stats.twosample import skew_corrected

__all__ = ["NumericFindings", "NumericReference", "NumericSpread", "NumericTests", "numeric_spread"]

Floats = NDArray[np.float64]
Places = NDArray[np.intp]

# Parts of a column's level. Among independent rows the rank test sees small shifts that KS is slow to see;
# among windows that differ both lean on the same few own windows, and KS sees what ranks do not.
_INDEPENDENT, _BY_WINDOWS = (0.25, 0.75), (0.75, 0.25)
_ALIKE = 0.5  # own windows whose mean ranks vary by no more than this beyond sampling are as independent rows
_BRIDGES = 400  # random paths from which the KS distance's law for a column with repeated values is known


@dataclass(frozen=True, slots=True)
class NumericReference:
    """What numeric columns are held against.

    Parameters
    ----------
    n : ndarray, shape (columns,)
        Values.
    share : ndarray, shape (cells,)
        Share of the values up to and with each cell.
    rank : ndarray, shape (cells,)
        Mid-rank of each cell, 0 to 1.
    atoms, atoms_upto : ndarray, shape (atoms,)
        Values at each atom, and up to it.
    """

    n: Floats
    share: Floats
    rank: Floats
    atoms: Floats
    atoms_upto: Floats

    @classmethod
    def of(cls, cells: Cells, counts: Counts) -> NumericReference:
        """Take the reference out of counts."""
        local, n = cells.running(counts.cells)
        per = 1.0 / np.maximum(n, 1.0).take(cells.column)
        atoms = cells.atoms[0]
        rank = (local - counts.cells / 2.0) * per
        return cls(n, local * per, rank, counts.cells.take(atoms).astype(np.float64), local.take(atoms))


@dataclass(frozen=True, slots=True)
class NumericSpread:
    """How own windows differ from their references: KS distances and mean ranks."""

    distance: DistanceSpread
    rank: Spread


@dataclass(frozen=True, slots=True)
class NumericFindings:
    """What the tests found; each array has one number per scale and column.

    Parameters
    ----------
    n : ndarray
        Values of the window, or of all windows pooled.
    distance : ndarray
        KS distance.
    above : ndarray
        Share of pairs in which the window's value is larger.
    p_ks, p_rank, p_value : ndarray
        Of the two tests, and of both together.
    """

    n: Floats
    distance: Floats
    above: Floats
    p_ks: Floats
    p_rank: Floats
    p_value: Floats


class NumericTests:
    """Holds the counts of windows, single and pooled, against a reference.

    Two tests share a column's level: KS (a quarter; three where own windows differ), for a change of any
    shape, and Mann-Whitney for a shift. A window counts for no more rows than its reference has, since one
    reference's sampling error is the same in all windows. With own windows each test must also hold against
    the spread between them: mean ranks by a variance component and Student's t, KS distances against the
    own windows' KS distances (see `mirante.stats.spread`). The latter goes beyond mean ranks: days that
    differ in anything but location would otherwise alarm through KS.

    Parameters
    ----------
    cells : Cells
        Where to look.
    reference : NumericReference
        What to hold against.
    """

    def __init__(self, cells: Cells, reference: NumericReference) -> None:
        self.cells = cells
        self.reference = reference
        self._grid, self._grid_column = cells.grid
        self._grid_start = np.searchsorted(self._grid_column, np.arange(reference.n.size))
        self._grid_share = reference.share.take(self._grid)
        self._atom_column = cells.atoms[1]
        self._atom_n = reference.n.take(self._atom_column)

    @property
    def columns(self) -> tuple[Places, Places]:
        """The numeric column of each place of the grid, and of each atom."""
        return self._grid_column, self._atom_column

    def vector(self, counts: Counts, local: Floats, n: Floats) -> tuple[Floats, ...]:
        """Return what adds up over windows: values, rank sums, the grid's counts, atoms' counts and ranks."""
        ranks = np.add.reduceat(counts.cells * self.reference.rank, self.cells.start)
        atoms = self.cells.atoms[0]
        mass = counts.cells.take(atoms).astype(np.float64)
        return n, ranks, local.take(self._grid), mass, local.take(atoms)

    def distances(self, local: Floats, n: Floats) -> Floats:
        """Return the KS distance of one window at every edge, which is exact."""
        gap = local * each(1.0 / np.maximum(n, 1.0), self.cells.column)
        gap -= self.reference.share
        np.abs(gap, out=gap)
        return np.asarray(np.maximum.reduceat(gap, self.cells.start))

    def pooled_distances(self, grid: Floats, n: Floats) -> Floats:
        """Return the KS distances of pooled windows at the grid; shapes (scales, grid), (scales, columns)."""
        gap = grid * (1.0 / np.maximum(n, 1.0)).take(self._grid_column, axis=1)
        gap -= self._grid_share
        np.abs(gap, out=gap)
        return np.asarray(np.maximum.reduceat(gap, self._grid_start, axis=1))

    def ranks(self, n: Floats, mass: Floats, upto: Floats) -> tuple[Floats, Floats]:
        """Return variance and skewness of the mid-ranks of both sides together, per scale and column.

        Only values that many rows share make them differ from those of a uniform law: with shares t and
        mid-ranks d of the cells, the variance is (1 - Σt³)/12 and the third moment -Σ(d - ½)t³/4, both exact.
        """
        columns = self.reference.n.size
        weight = n.take(self._atom_column, axis=1) + self._atom_n
        t = (mass + self.reference.atoms) / np.maximum(weight, 1.0)
        middle = (upto + self.reference.atoms_upto) / np.maximum(weight, 1.0) - t / 2.0 - 0.5
        cube = t * t * t
        ties, third = (_per_column(self._atom_column, part, columns) for part in (cube, middle * cube))
        variance = np.maximum(1.0 - ties, 0.0) / 12.0
        skew = -third / 4.0 / np.maximum(variance, 1e-12) ** 1.5
        return np.where(variance > 1e-10, variance, 0.0), skew

    def judge(
        self,
        n: Floats,
        distance: Floats,
        rank_sums: Floats,
        variance: Floats,
        skew: Floats,
        spread: NumericSpread | None,
    ) -> NumericFindings:
        """Return what the two tests find.

        Parameters
        ----------
        n, distance, rank_sums, variance, skew : ndarray, shape (scales, columns)
            From `vector`, `distances` and `ranks`.
        spread : NumericSpread, optional
            Of own windows, pooled as these are.

        Returns
        -------
        NumericFindings
        """
        m = np.maximum(self.reference.n, 1.0)
        trusted = np.minimum(np.maximum(n, 1.0), m)
        sampling = variance * (1.0 / trusted + 1.0 / m)
        p_ks = special.kolmogorov(np.sqrt(m * trusted / (m + trusted)) * distance)
        error, freedom = (Spread.none() if spread is None else spread.rank).error(sampling)
        shift = rank_sums / np.maximum(n, 1.0) - 0.5
        z = shift / np.maximum(error, 1e-150)
        p_rank = student_p(skew_corrected(z, skew, m, np.maximum(n, 1.0)), 1.0, freedom)
        if spread is not None:
            p_ks = np.maximum(p_ks, spread.distance.p_value(distance, trusted, m))
        shares = _shares(sampling, spread)
        void = (n <= 0) | (self.reference.n <= 0)
        p_ks = np.where(void, 1.0, p_ks)
        p_rank = np.where(void | (variance <= 0.0), 1.0, p_rank)
        p_value = np.minimum(1.0, np.minimum(p_ks / shares[0], p_rank / shares[1]))
        return NumericFindings(n, distance, shift + 0.5, p_ks, p_rank, p_value)

    def limit(
        self, n: Floats, variance: Floats, level: Floats, spread: NumericSpread | None
    ) -> tuple[Floats, Floats]:
        """Return the KS distance from which KS alarms, and the one if only the number of rows mattered."""
        m = np.maximum(self.reference.n, 1.0)
        trusted = np.minimum(np.maximum(n, 1.0), m)
        share, _ = _shares(variance * (1.0 / trusted + 1.0 / m), spread)
        alone = special.kolmogi(level * share) / np.sqrt(m * trusted / (m + trusted))
        if spread is None:
            return alone, alone
        return np.maximum(alone, spread.distance.limit(level * share, trusted, m)), alone

    def rank_limit(self, n: Floats, variance: Floats, level: Floats, spread: NumericSpread | None) -> Floats:
        """Return how far from one half the share of larger pairs has to lie for the rank test to alarm."""
        m = np.maximum(self.reference.n, 1.0)
        sampling = variance * (1.0 / np.minimum(np.maximum(n, 1.0), m) + 1.0 / m)
        error, freedom = (Spread.none() if spread is None else spread.rank).error(sampling)
        return student_limit(level * _shares(sampling, spread)[1], error, freedom)


def _shares(sampling: Floats, spread: NumericSpread | None) -> tuple[Floats | float, Floats | float]:
    """Return the parts of a column's level that KS and the rank test have."""
    if spread is None:
        return _INDEPENDENT
    alike = spread.rank.between <= _ALIKE * sampling
    ks, rank = (np.where(alike, *pair) for pair in zip(_INDEPENDENT, _BY_WINDOWS, strict=True))
    return ks, rank


def _per_column(column: Places, values: Floats, columns: int) -> Floats:
    """Add values up by column; shape (scales, values) to (scales, columns)."""
    if values.shape[1] == 0:
        return np.zeros((values.shape[0], columns))
    present, start = np.unique(column, return_index=True)
    sums = np.zeros((values.shape[0], columns))
    sums[:, present] = np.add.reduceat(values, start, axis=1)
    return sums


def _sampling_law(cells: Cells) -> tuple[Floats, Floats]:
    """Return mean square and degrees of freedom of √n D under sampling alone, per numeric column.

    Brownian bridges seen at the column's own values only: π²/12 and 5 where none repeats (Kolmogorov),
    p(1 - p) and 1 where there are two. The paths are the same in every run.
    """
    places, column = cells.grid
    share = cells.shares.take(places)
    start = np.searchsorted(column, np.arange(cells.start.size))
    step = np.diff(share, prepend=0.0)
    step[start] = share[start]
    noise = np.random.default_rng(0).standard_normal((_BRIDGES, share.size)) * np.sqrt(np.maximum(step, 0.0))
    square = np.empty((_BRIDGES, cells.start.size))
    for place, part in enumerate(np.split(noise, start[1:], axis=1)):
        path = np.cumsum(part, axis=1)
        own = share[column == place]
        square[:, place] = np.abs(path - own * path[:, -1:]).max(axis=1) ** 2
    mean = square.mean(axis=0)
    return mean, 2.0 * mean**2 / np.maximum(square.var(axis=0), 1e-300)


def numeric_spread(
    cells: Cells, pairs: Iterable[tuple[Counts, Counts]], freedom: float
) -> NumericSpread | None:
    """Measure how own windows differ from their references.

    Parameters
    ----------
    cells : Cells
        Where to look.
    pairs : iterable of (Counts, Counts)
        Each own window, and what it is held against.
    freedom : float
        Degrees of freedom.

    Returns
    -------
    NumericSpread or None
        None without numeric columns or pairs.
    """
    rows = []
    if not cells.start.size:
        return None
    unit, terms = _sampling_law(cells)
    for window, against in pairs:
        tests = NumericTests(cells, NumericReference.of(cells, against))
        local, n = cells.running(window.cells)
        n, sums, _, mass, upto = tests.vector(window, local, n)
        m = tests.reference.n
        variance, _ = tests.ranks(n[None], mass[None], upto[None])
        there = (n > 0) & (m > 0)
        distance = np.where(there, tests.distances(local, n), np.nan)
        rank = np.where(there, sums / np.maximum(n, 1.0) - 0.5, np.nan)
        sampling = variance[0] * (1.0 / np.maximum(n, 1.0) + 1.0 / np.maximum(m, 1.0))
        rows.append((distance, rank, sampling, n, m))
    if not rows:
        return None
    distance, rank, sampling, n, m = (np.array(part) for part in zip(*rows, strict=True))
    return NumericSpread(
        distance_spread(distance, n, m, unit, terms, freedom), spread_of(rank, sampling, freedom)
    )
