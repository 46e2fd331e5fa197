"""Recent readings of the series that some rule asks windows of, in one table for each metric."""

from __future__ import annotations

from typing import TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

from mirante.alerts.expression.functions import NEVER, over

__all__ = ["Rings"]

Floats: TypeAlias = NDArray[np.float64]
_Cell = TypeVar("_Cell", bound=np.generic)
_MOST_CELLS = 8_000_000  # of one metric: 128 MB
_FEWEST = 64


class Rings:
    """The readings of one metric, newest over oldest, as far back as the longest window reaches.

    At most 8 million cells for one metric; a window from which readings had to be dropped is unknown.

    Parameters
    ----------
    reach : int
        The longest window, in microseconds.

    Examples
    --------
    >>> rings = Rings(100)
    >>> for time in (10, 20, 30):
    ...     rings.add(7, time, float(time))
    >>> into = np.full(8, np.nan)
    >>> rings.fill(into, "avg_over", 15, 30)
    >>> into[7].item()
    25.0
    """

    def __init__(self, reach: int) -> None:
        self.reach = reach
        self._row: dict[int, int] = {}  # of each series
        self._spare: list[int] = []
        self._next = np.zeros(0, dtype=np.int64)
        self._dropped = np.full(0, NEVER, dtype=np.int64)
        self._times = np.full((0, _FEWEST), NEVER, dtype=np.int64)
        self._values = np.full((0, _FEWEST), np.nan)

    def add(self, series: int, time: int, value: float) -> None:
        """Take one reading; one of the same time as the last replaces it, an older one is left out.

        Parameters
        ----------
        series : int
            Number of the series.
        time : int
            Microseconds.
        value : float
            The reading.
        """
        row = self._row.get(series)
        if row is None:
            row = self._row[series] = self._spare.pop() if self._spare else self._one_more()
        width = self._times.shape[1]
        last = (self._next[row] - 1) % width
        if self._times[row, last] >= time:
            if self._times[row, last] == time:
                self._values[row, last] = value
            return
        if self._times[row, self._next[row]] > max(time - self.reach, NEVER):
            width = self._widen()
            if self._times[row, self._next[row]] != NEVER:
                self._dropped[row] = self._times[row, self._next[row]]
        place = self._next[row]
        self._times[row, place], self._values[row, place] = time, value
        self._next[row] = (place + 1) % width

    def forget(self, series: int) -> None:
        """Drop the readings of a series that is gone."""
        row = self._row.pop(series, None)
        if row is not None:
            self._times[row], self._values[row] = NEVER, np.nan
            self._next[row], self._dropped[row] = 0, NEVER
            self._spare.append(row)

    def clip(self, latest: int) -> None:
        """Forget readings of after a time, which came before a clock was set back.

        Parameters
        ----------
        latest : int
            Microseconds.
        """
        for series, row in list(self._row.items()):
            width = self._times.shape[1]
            order = (self._next[row] + np.arange(width)) % width  # oldest first
            times, values = self._times[row, order], self._values[row, order]
            kept = (times != NEVER) & (times <= latest)
            if kept.sum() < (times != NEVER).sum():
                self.forget(series)
                for time, value in zip(times[kept].tolist(), values[kept].tolist(), strict=True):
                    self.add(series, time, value)

    def fill(self, into: Floats, function: str, window: int, now: int) -> None:
        """Write one number for each series, at its place.

        Parameters
        ----------
        into : array of float
            By number of series.
        function : str
            One of the window functions.
        window, now : int
            Length and end, in microseconds.
        """
        if not self._row:
            return
        numbers = over(function, self._times, self._values, now - window, now)
        numbers[self._dropped > now - window] = np.nan
        series = np.fromiter(self._row, dtype=np.intp, count=len(self._row))
        into[series] = numbers[np.fromiter(self._row.values(), dtype=np.intp, count=len(self._row))]

    def _one_more(self) -> int:
        used, there = len(self._row), len(self._times)
        if used < there:
            return used
        more = max(16, there)
        self._next = np.concatenate([self._next, np.zeros(more, dtype=np.int64)])
        self._dropped = np.concatenate([self._dropped, np.full(more, NEVER, dtype=np.int64)])
        width = self._times.shape[1]
        self._times = np.concatenate([self._times, np.full((more, width), NEVER, dtype=np.int64)])
        self._values = np.concatenate([self._values, np.full((more, width), np.nan)])
        return used

    def _widen(self) -> int:
        """Double the readings of each series, if there is room, and return how many there are."""
        rows, width = self._times.shape
        if rows * width * 2 > _MOST_CELLS:
            return width
        order = (self._next[:, None] + np.arange(width)) % width  # oldest first
        self._times = _doubled(np.take_along_axis(self._times, order, axis=1), NEVER)
        self._values = _doubled(np.take_along_axis(self._values, order, axis=1), np.nan)
        self._next[:] = width
        return 2 * width


def _doubled(table: NDArray[_Cell], empty: float) -> NDArray[_Cell]:
    return np.concatenate([table, np.full_like(table, empty)], axis=1)
