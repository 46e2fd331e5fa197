"""The window itself and the last ones pooled, each held against its reference."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from mirante.drift.categorical import CategoricalFindings, CategoricalSpread, LevelOutcome
from mirante.drift.cells import Cells, Counts
from mirante.drift.judgement import Scale
from mirante.drift.numeric import numeric_spread
from mirante.drift.pools import SCALES, Pools
from mirante.drift.references import FixedReferences, RollingReferences
from mirante.drift.sides import Own, Side, Sums
from mirante.stats.spread import LEAST_WINDOWS

__all__ = ["Scales"]

Floats = NDArray[np.float64]

_LEAST_BLOCKS = (
    12  # of own windows, to know their spread: a month's few blocks know nothing of slower changes
)
_SINGLE = 0.5  # of a column's level, where windows are pooled as well


class Scales:
    """Remembers the last windows, and judges each new one by itself and together with them.

    The window itself has a half of a column's level. The other half is shared by the pools of the last 4,
    6, 8, 16 and 32 windows that hold no more rows than the baseline: more would only measure the baseline's
    own sampling error. Where there is none, the window has it all. With own windows, a pool is held against
    the spread of own windows pooled alike, of which there must be 12.

    Parameters
    ----------
    cells : Cells
        Where to look.
    whole : Side
        The baseline.
    references : FixedReferences or RollingReferences
        The baseline's own windows, and what each is held against. Pools are for fixed ones only.
    level, floor : ndarray, shape (columns,)
        False-alarm level of each column's drift, and least effect that matters; numeric columns first.
    pooled : bool, default True
        Whether there are pools at all.
    """

    def __init__(
        self,
        cells: Cells,
        whole: Side,
        references: FixedReferences | RollingReferences,
        level: Floats,
        floor: Floats,
        *,
        pooled: bool = True,
    ) -> None:
        self.whole = whole
        self._numbers = whole.numeric.reference.n.size
        self._level, self._floor = level, floor
        self._pools: Pools | None = None
        self._vector: Floats = np.empty(0)
        self._rows = 0
        fixed = pooled and isinstance(references, FixedReferences)
        count = sum(1 for window, against in references.pairs() if window.rows and against.rows)
        self.structured = count >= LEAST_WINDOWS
        self._own = {1: Own(None, None)}
        self._pooled: tuple[int, ...] = SCALES if fixed else ()
        if not self.structured:
            return
        self._pooled = tuple(scale for scale in self._pooled if count // scale >= _LEAST_BLOCKS)
        self._own[1] = _own(cells, references, 1, references.freedom)
        for scale in self._pooled:
            self._own[scale] = _own(cells, references, scale, float(count // scale - 1))

    @property
    def longest(self) -> int:
        """Windows in the largest pool; 0 when nothing is pooled."""
        return max(self._pooled, default=0)

    def judge(self, side: Side, counts: Counts, local: Floats, n: Floats) -> list[Scale]:
        """Take a window up, and return what is found at each scale.

        Parameters
        ----------
        side : Side
            What the window itself is held against.
        counts : Counts
            The window.
        local, n : ndarray
            Its running counts and numbers of values, from `Cells`.

        Returns
        -------
        list of Scale
            The window itself first.
        """
        self._vector = self.whole.vector(counts, local, n)
        if self._pools is None:
            self._pools = Pools(self._vector.size)
        if counts.rows:  # one without rows says nothing
            self._pools.add(self._vector)
            self._rows += counts.rows
        qualified = self._qualified(self._pools) if counts.rows else ()
        weight, each = (_SINGLE, (1.0 - _SINGLE) / len(qualified)) if qualified else (1.0, 0.0)
        ready = tuple(scale for scale in qualified if scale <= self._pools.windows)
        vector = self._vector if side is self.whole else side.vector(counts, local, n)
        single = side.single(vector, local)
        if not ready:
            return [self._scale(1, weight, side, single)]
        pooled = self.whole.pooled(self._pools.of(ready))
        if side is self.whole and not self.structured:
            return self._together(Sums.joined(single, pooled), (1, *ready), (weight, *[each] * len(ready)))
        pools = [self._scale(scale, each, self.whole, pooled.row(row)) for row, scale in enumerate(ready)]
        return [self._scale(1, weight, side, single), *pools]

    def leave_out(self, alone: NDArray[np.bool_]) -> None:
        """Take the columns that the last window alarmed for by itself out of the pools again.

        Parameters
        ----------
        alone : ndarray of bool, shape (columns,)
            Numeric columns first.
        """
        if alone.any() and self._pools is not None and self._pools.windows:
            part = self.whole.only(self._vector, alone[: self._numbers], alone[self._numbers :])
            self._pools.take_back(part)

    def _qualified(self, pools: Pools) -> tuple[int, ...]:
        """Return the scales that hold no more rows than the baseline, or will with enough windows."""
        usual = self._rows / max(pools.windows, 1)
        return tuple(scale for scale in self._pooled if usual * scale <= self.whole.counts.rows)

    def _together(self, sums: Sums, scales: tuple[int, ...], weights: tuple[float, ...]) -> list[Scale]:
        """Judge all scales in one go, as independent rows allow."""
        own = self._own[1]
        return Scale.of(self.whole, own, self.whole.judge(sums, own, rare=True), scales, weights, {})

    def _scale(self, scale: int, weight: float, side: Side, sums: Sums) -> Scale:
        own = self._own.get(scale, self._own[1])
        found = side.judge(sums, own, rare=scale == 1)
        outcomes = self._outcomes(side, own, sums, found.categories, weight)
        return Scale.of(side, own, found, (scale,), (weight,), outcomes)[0]

    def _outcomes(
        self, side: Side, own: Own, sums: Sums, found: CategoricalFindings, weight: float
    ) -> dict[int, LevelOutcome]:
        """Return what own windows make of each categorical column."""
        if own.categorical is None:
            return {}
        level, floor = self._level[self._numbers :] * weight, self._floor[self._numbers :]
        outcomes = {}
        for column in range(level.size):
            if found.n[0, column] > 0 and side.categorical.n[column] > 0:
                limits = float(level[column]), float(floor[column])
                outcomes[column] = own.categorical.outcome(
                    side.categorical, found, sums.levels[0], (0, column), *limits
                )
        return outcomes


def _own(cells: Cells, references: FixedReferences | RollingReferences, scale: int, freedom: float) -> Own:
    """Measure how the baseline's own windows differ, singly or pooled."""

    def pairs() -> Iterator[tuple[Counts, Counts]]:
        return references.pairs() if scale == 1 else references.blocks(scale)

    levels = CategoricalSpread(cells.layout, pairs(), freedom) if cells.layout.categorical else None
    return Own(numeric_spread(cells, pairs(), freedom), levels)
