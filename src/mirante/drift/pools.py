"""The last windows, added up: what a single window is too small to show."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["SCALES", "Pools"]

Floats = NDArray[np.float64]

SCALES = (4, 6, 8, 16, 32)  # windows that are pooled, beside the single one


class Pools:
    """Sums over the last 4, 6, 8, 16 and 32 windows of numbers that add up.

    Running sums over all windows are kept for the last 33 places, and a pool is the difference of two: adding
    a window costs one addition, and a pool one subtraction. Counts are whole numbers, so nothing is lost as
    long as fewer than 2⁵³ rows have passed; the sums start anew before.

    Parameters
    ----------
    size : int
        Numbers per window.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._sums = np.zeros((SCALES[-1] + 1, size))
        self.windows = 0

    def add(self, vector: Floats) -> None:
        """Add a window.

        Parameters
        ----------
        vector : ndarray, shape (size,)
            Its numbers.
        """
        places = len(self._sums)
        now, before = (self.windows + 1) % places, self.windows % places
        np.add(self._sums[before], vector, out=self._sums[now])
        self.windows += 1
        if self.windows % places == 0 and self._sums[now].max(initial=0.0) > 1e15:
            self._sums -= self._sums[(now + 1) % places].copy()

    def take_back(self, vector: Floats) -> None:
        """Take a part of the last window out again.

        Parameters
        ----------
        vector : ndarray, shape (size,)
            Of the numbers that `add` was given.
        """
        self._sums[self.windows % len(self._sums)] -= vector

    def of(self, scales: tuple[int, ...]) -> Floats:
        """Return pools.

        Parameters
        ----------
        scales : tuple of int
            Windows in each, the last one among them; at most `windows`.

        Returns
        -------
        ndarray, shape (scales, size)

        Examples
        --------
        >>> pools = Pools(1)
        >>> for count in range(6):
        ...     pools.add(np.array([float(count)]))
        >>> pools.of((4, 6)).tolist()
        [[14.0], [15.0]]
        """
        places = len(self._sums)
        now = self._sums[self.windows % places]
        before = self._sums[[(self.windows - scale) % places for scale in scales]]
        return np.asarray(now - before)
