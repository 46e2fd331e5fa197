"""Wasserstein's distance: how far rows would have to be carried, so it knows where the bins lie."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mirante.errors import InputError
from mirante.stats.counts import checked_counts

__all__ = ["wasserstein", "wasserstein_binned"]

Floats = NDArray[np.float64]


def wasserstein(points: ArrayLike, reference: ArrayLike, current: ArrayLike) -> float:
    """Wasserstein-1 distance of two distributions on the same points: ∫ |F - G|.

    Parameters
    ----------
    points : array_like, shape (bins,)
        Where the counts lie, in any order, finite.
    reference, current : array_like, shape (bins,)
        Counts at the points.

    Returns
    -------
    float
        0 or more, in the unit of `points`. Symmetric, a metric. One row that is far away moves it as much as
        many that are near.

    Raises
    ------
    InputError
        As `psi`, and if there are not as many points as bins.

    References
    ----------
    .. [1] L. N. Vaserstein, "Markov processes over denumerable products of spaces …", 1969;
       `scipy.stats.wasserstein_distance`.

    Examples
    --------
    >>> wasserstein([0, 1, 5], [1, 0, 0], [0, 0, 1])
    5.0
    """
    left, right, m, n = checked_counts(reference, current)
    p, q = left / m, right / n
    where = np.asarray(points, np.float64).ravel()
    if where.size != p.size or not np.isfinite(where).all():
        raise InputError(
            f"there are {where.size} points for {p.size} bins; give one finite point for each bin"
        )
    order = np.argsort(where, kind="stable")
    gaps = np.cumsum((p - q)[order])[:-1]
    return float(np.sum(np.abs(gaps) * np.diff(where[order])))


def wasserstein_binned(
    edges: Floats, reference: tuple[Floats, Floats, Floats], current: tuple[Floats, Floats, Floats]
) -> float:
    """Wasserstein-1 distance from counts on both sides of edges and the sums between them.

    ∫ F over an open bin is exact from the sum of its values, so the distance is exact but for bins within
    which ``F - G`` changes its sign, where it is too small. With all baseline values as edges that is rare.

    Parameters
    ----------
    edges : ndarray of float64, shape (k,)
        Finite and strictly increasing, at least one.
    reference, current : tuple of three ndarrays
        ``below`` (k,) and ``upto`` (k,) as shares of the rows, and the sums (k + 1,) of the values of each
        open bin divided by the number of rows.

    Returns
    -------
    float
        0 or more, in the unit of `edges`.

    Examples
    --------
    >>> at_zero = (np.array([0.0]), np.array([1.0]), np.array([0.0, 0.0]))
    >>> at_five = (np.array([0.0]), np.array([0.0]), np.array([0.0, 5.0]))
    >>> wasserstein_binned(np.array([0.0]), at_zero, at_five)
    5.0
    """
    inner = np.zeros(edges.size + 1)
    for sign, (below, upto, sums) in ((1.0, reference), (-1.0, current)):
        # left tail: each value x adds e0 - x; right tail: 1 - F, each value adds x - ek
        inner[0] += sign * (edges[0] * below[0] - sums[0])
        inner[-1] -= sign * (sums[-1] - edges[-1] * (1.0 - upto[-1]))
        # inside: F(a) over the whole width, and each value of the bin from itself to the right edge
        widths, mass = np.diff(edges), below[1:] - upto[:-1]
        inner[1:-1] += sign * (upto[:-1] * widths + edges[1:] * mass - sums[1:-1])
    return float(np.abs(inner).sum())
