"""Rising curves through scattered points: the mean of quantities as a function of another one."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["LEAST_GROUP", "MOST_GROUPS", "Curves", "rising_curves"]

LEAST_GROUP = 20  # rows: the ends of a curve must not be the value of one row
MOST_GROUPS = 1_000

Floats = NDArray[np.float64]


class Curves(NamedTuple):
    """Functions by their knots: straight between them, level before the first and after the last.

    Parameters
    ----------
    knots : ndarray of float64, shape (k,)
        Rising.
    values : ndarray of float64, shape (k, curves)
        Each column rises.
    """

    knots: Floats
    values: Floats

    def at(self, points: ArrayLike) -> Floats:
        """Return all curves at some points, shape (points, curves).

        Examples
        --------
        >>> Curves(np.array([0.0, 1.0]), np.array([[2.0], [4.0]])).at([-1.0, 0.5, 9.0]).ravel().tolist()
        [2.0, 3.0, 4.0]
        """
        places = np.asarray(points, np.float64)
        if self.knots.size == 1:
            return np.repeat(self.values, places.size, axis=0)
        left = np.clip(np.searchsorted(self.knots, places, side="right") - 1, 0, self.knots.size - 2)
        start = self.knots[left]
        share = np.clip((places - start) / (self.knots[left + 1] - start), 0.0, 1.0)[:, None]
        return np.asarray((1.0 - share) * self.values[left] + share * self.values[left + 1])


def rising_curves(x: ArrayLike, ys: Sequence[ArrayLike]) -> Curves:
    """Return the rising curves that lie closest to the points in squares (isotonic regression).

    Parameters
    ----------
    x : array_like of float, shape (n,), n at least 1
        Finite. Rows are put into groups of neighbours first: at least 20 in each and at most 1,000 groups,
        rows of equal `x` in the same one.
    ys : sequence of array_like of float, shape (n,)
        Finite; a curve for each.

    Returns
    -------
    Curves
        The mean of the groups' values is the mean of `y`.

    References
    ----------
    .. [1] R. E. Barlow, D. J. Bartholomew, J. M. Bremner, H. D. Brunk, "Statistical Inference under Order
       Restrictions", 1972: pool adjacent violators.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> score = rng.random(20_000)
    >>> curves = rising_curves(score, [rng.random(20_000) < score**2])
    >>> curves.at([0.2, 0.5, 0.9]).ravel().round(1).tolist()
    [0.0, 0.2, 0.8]
    """
    from scipy.optimize import isotonic_regression

    places = np.asarray(x, np.float64)
    order = np.argsort(places, kind="stable")
    ranked = places[order]
    begins = _group_begins(ranked)
    counts = np.diff(np.append(begins, ranked.size)).astype(np.float64)
    knots = np.add.reduceat(ranked, begins) / counts
    means = [np.add.reduceat(np.asarray(y, np.float64)[order], begins) / counts for y in ys]
    fitted = [isotonic_regression(mean, weights=counts).x for mean in means]
    return Curves(knots, np.stack([np.asarray(one, np.float64) for one in fitted], axis=1))


def _group_begins(ranked: Floats) -> NDArray[np.intp]:
    """Return where each group begins; equal values are never split, and a rest joins the last group."""
    size = max(LEAST_GROUP, -(-ranked.size // MOST_GROUPS))
    fresh = np.flatnonzero(np.append(True, ranked[1:] > ranked[:-1])).tolist()  # where another value begins
    begins = [0]
    while True:
        place = bisect_left(fresh, begins[-1] + size)
        if place == len(fresh) or ranked.size - fresh[place] < size:
            return np.asarray(begins, np.intp)
        begins.append(fresh[place])
