"""The descriptive scores of a window, all columns at once. They judge nothing."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mirante.drift.cells import Cells, each
from mirante.profiles import NumericProfile, TableProfile
from mirante.stats.distances import wasserstein_binned

__all__ = ["Scores", "finite_distance"]

Floats = NDArray[np.float64]
Places = NDArray[np.intp]

_PRIOR = (
    0.5  # rows that a bin is taken for when it is empty on one side only, as in mirante.stats.distances.psi
)


class Scores:
    """Distances of windows from a reference, over the reference's deciles and levels.

    The same figures as `mirante.stats.distances` gives column by column (a test holds them together); here
    in one pass over all bins of a table, since a window of 500 rows has no time for a loop.

    Parameters
    ----------
    cells : Cells
        Where to look.
    reference : TableProfile
        What to compare with, counted with the baseline.
    """

    def __init__(self, cells: Cells, reference: TableProfile) -> None:
        self.cells = cells
        self.layout = cells.layout
        self._low, self._high, deciles = cells.deciles
        self._inner = np.ones(self._low.size)  # what lies before a column's first bin is another column
        self._inner[deciles] = 0.0
        self._start = np.r_[deciles, self._low.size + self.layout.level_start[:-1]].astype(np.intp)
        size = np.diff(np.r_[self._start, self._low.size + int(self.layout.level_start[-1])])
        self._column = np.repeat(np.arange(self._start.size), size)
        local, _ = cells.running(reference.numbers.cells)
        self._bins = self._counted(reference, local)
        self._rows = np.add.reduceat(self._bins, self._start) if self._start.size else np.zeros(0)
        self._share = self._bins / np.maximum(self._rows, 1.0).take(self._column)
        self._root = np.sqrt(self._share)
        self._wasserstein = _Wasserstein(cells, reference, local)

    def _counted(self, profile: TableProfile, local: Floats) -> Floats:
        deciles = local.take(self._high - 1) - self._inner * local.take(np.maximum(self._low - 1, 0))
        return np.concatenate((deciles, profile.categories.levels))

    def of(self, window: TableProfile, local: Floats) -> dict[str, Floats]:
        """Return the scores of a window.

        Parameters
        ----------
        window : TableProfile
            Counted with the baseline.
        local : ndarray
            Its running counts, from `Cells.running`.

        Returns
        -------
        dict of str to ndarray
            Numeric columns first, then categorical; ``wasserstein`` of the numeric ones only. NaN where a
            side has no values.
        """
        if not self._start.size:
            return {}
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            return self._of(window, local)

    def _of(self, window: TableProfile, local: Floats) -> dict[str, Floats]:
        bins = self._counted(window, local)
        rows = np.add.reduceat(bins, self._start)
        share = bins / np.maximum(rows, 1.0).take(self._column)
        gap = np.abs(share - self._share)
        void = (rows <= 0) | (self._rows <= 0)
        found = {
            "psi": self._psi(bins, rows),
            "jensenshannon": self._jensenshannon(share),
            "hellinger": np.sqrt(np.minimum(0.5 * self._sum((np.sqrt(share) - self._root) ** 2), 1.0)),
            "total_variation": np.minimum(0.5 * self._sum(gap), 1.0),
            "l_infinity": np.maximum.reduceat(gap, self._start),
        }
        found = {name: np.where(void, np.nan, values) for name, values in found.items()}
        return found | {"wasserstein": self._wasserstein.of(window, local)}

    def _sum(self, values: Floats) -> Floats:
        return np.asarray(np.add.reduceat(values, self._start))

    def _psi(self, bins: Floats, rows: Floats) -> Floats:
        p = np.where(self._bins > 0, self._bins, _PRIOR) / np.maximum(self._rows, 1.0).take(self._column)
        q = np.where(bins > 0, bins, _PRIOR) / np.maximum(rows, 1.0).take(self._column)
        filled = (self._bins > 0) | (bins > 0)
        return self._sum(np.where(filled, (q - p) * np.log(q / p), 0.0))

    def _jensenshannon(self, share: Floats) -> Floats:
        middle = (share + self._share) / 2.0
        terms = np.where(share > 0, share * np.log2(share / middle), 0.0)
        terms += np.where(self._share > 0, self._share * np.log2(self._share / middle), 0.0)
        return np.sqrt(np.clip(self._sum(terms) / 2.0, 0.0, 1.0))


class _Wasserstein:
    """The Wasserstein distance in standard deviations of the reference, from counts and sums."""

    def __init__(self, cells: Cells, reference: TableProfile, local: Floats) -> None:
        layout = cells.layout
        bins, self._start = int(layout.bin_start[-1]), layout.bin_start[:-1]
        self._column = np.repeat(np.arange(self._start.size), np.diff(layout.bin_start))
        place = np.arange(bins)
        self._at = 2 * place - self._column  # the cell of each open bin
        self._before = np.maximum(self._at - 1, 0)
        last = layout.bin_start[1:] - 1
        right = layout.walls.copy()
        left = np.r_[0.0, right[:-1]]
        left[self._start] = 0.0  # nothing lies before the first bin: no edge, no count
        right[last] = np.where(last > self._start, left[last], 0.0)
        self._left, self._right = left, right
        whole = reference.numbers.whole
        std = np.array([column.std for column in _numeric(reference)], np.float64)
        self._std = np.where(std > 0, std, 0.0)
        self._nothing = np.where(std > 0, 1e-12 * std, 1e-12)
        self._reference, self._void = reference, whole[:, 0] <= 0
        # infinite edges or values have no place in a mean: such columns are counted by themselves
        self._odd = (whole[:, 3:] > 0).any(axis=1) if whole.size else np.zeros(0, np.bool_)
        self._odd |= np.array([not np.isfinite(edges).all() for edges in layout.edges], np.bool_)
        self._any_odd = bool(self._odd.any())
        with np.errstate(invalid="ignore", over="ignore"):
            self._terms = self._per_row(reference, local)

    def _per_row(self, profile: TableProfile, local: Floats) -> Floats:
        terms = self._right * local.take(self._at)
        terms -= self._left * local.take(self._before)
        terms -= profile.numbers.sums
        terms *= each(1.0 / np.maximum(profile.numbers.whole[:, 0], 1), self._column)
        return terms

    def of(self, window: TableProfile, local: Floats) -> Floats:
        if not self._start.size:
            return np.empty(0)
        terms = self._per_row(window, local)
        terms -= self._terms
        np.abs(terms, out=terms)
        found = np.add.reduceat(terms, self._start)
        whole = window.numbers.whole
        infinite = whole[:, 3:] > 0
        if self._any_odd or infinite.any():
            now, then = _numeric(window), _numeric(self._reference)
            for place in np.flatnonzero(self._odd | infinite.any(axis=1)):
                found[place] = finite_distance(then[place], now[place])
        scaled = np.where(found <= self._nothing, 0.0, found / self._std)  # infinite where nothing varied
        return np.where((whole[:, 0] <= 0) | self._void, np.nan, scaled)


def _numeric(profile: TableProfile) -> list[NumericProfile]:
    return [profile.numbers.column(place, profile.layout) for place in range(len(profile.layout.numeric))]


def finite_distance(reference: NumericProfile, window: NumericProfile) -> float:
    """Return the Wasserstein distance of a column's finite values; infinite ones are passed over.

    Parameters
    ----------
    reference, window : NumericProfile
        Counted at the same edges.

    Returns
    -------
    float
        In the column's own unit; NaN where a side has no finite value.

    Examples
    --------
    >>> reference = NumericProfile.of("x", np.array([1.0, 2.0]))
    >>> finite_distance(reference, NumericProfile.of("x", np.array([2.0, 2.0, np.inf]), like=reference))
    0.5
    """
    finite = np.isfinite(reference.edges)
    sides = []
    for one in (reference, window):
        t = one.tally
        n = t.n - t.low_infinite - t.high_infinite
        if n == 0 or not finite.any():
            return float("nan")
        # an edge at infinity has no finite value beyond it, so its bin of sums is empty and falls away
        first = int(np.argmax(finite))
        sums = t.sums[first : first + int(finite.sum()) + 1]
        below, upto = (side[finite] - t.low_infinite for side in (t.below, t.upto))
        sides.append((below / n, upto / n, sums / n))
    return wasserstein_binned(reference.edges[finite], sides[0], sides[1])
