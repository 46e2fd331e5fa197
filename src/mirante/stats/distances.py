"""Distances between two sets of counts over the same bins. Each knows counts and nothing else.

All take whole or fractional counts (or shares) that are zero or more; only the shares matter, except where a
prior is stated. All are 0 when both sides have the same shares.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mirante.errors import InputError

__all__ = [
    "DISTANCES",
    "hellinger",
    "jensenshannon",
    "kl",
    "l_infinity",
    "psi",
    "total_variation",
    "wasserstein",
    "wasserstein_binned",
]

Floats = NDArray[np.float64]


def _checked(reference: ArrayLike, current: ArrayLike) -> tuple[Floats, Floats]:
    left, right = np.asarray(reference, np.float64).ravel(), np.asarray(current, np.float64).ravel()
    if left.size != right.size:
        raise InputError(
            f"reference has {left.size} bins and current has {right.size}; count both with the same edges"
        )
    for name, counts in (("reference", left), ("current", right)):
        if not (np.isfinite(counts).all() and (counts >= 0).all()):
            raise InputError(f"{name} holds a count that is negative or not finite; give counts or shares")
        if not counts.sum() > 0:
            raise InputError(f"{name} holds no rows; a distance needs at least one on each side")
    return left, right


def _shares(reference: ArrayLike, current: ArrayLike) -> tuple[Floats, Floats]:
    left, right = _checked(reference, current)
    return left / left.sum(), right / right.sum()


def _shares_with_prior(reference: ArrayLike, current: ArrayLike, prior: float) -> tuple[Floats, Floats]:
    left, right = _checked(reference, current)
    if not prior >= 0:
        raise InputError(
            f"prior is {prior}; it is the number of rows that an empty bin is taken for, 0 or more"
        )
    kept = (left > 0) | (right > 0)
    left, right = left[kept], right[kept]
    return np.where(left > 0, left, prior) / left.sum(), np.where(right > 0, right, prior) / right.sum()


def psi(reference: ArrayLike, current: ArrayLike, *, prior: float = 0.5) -> float:
    """Population stability index: Σ (q - p) ln(q / p).

    Parameters
    ----------
    reference, current : array_like, shape (bins,)
        Counts over the same bins.
    prior : float, default 0.5
        Rows that a bin is taken for when it is empty on one side only (empty on both sides it is left out).
        With 0 such a bin makes the index infinite; with a tiny number it makes it meaningless.

    Returns
    -------
    float
        0 or more. Symmetric.

    Raises
    ------
    InputError
        If the bins do not match, a side is empty, or a count is negative.

    References
    ----------
    .. [1] D. Wu, D. L. Olson, "Enterprise risk management: coping with model risk in a large bank", 2010.

    Examples
    --------
    >>> round(psi([50, 50], [25, 75]), 4)
    0.2747
    """
    p, q = _shares_with_prior(reference, current, prior)
    with np.errstate(divide="ignore"):
        return float(np.sum((q - p) * (np.log(q) - np.log(p))))


def kl(reference: ArrayLike, current: ArrayLike, *, prior: float = 0.0) -> float:
    """Kullback-Leibler divergence of current from reference, in nats: Σ q ln(q / p).

    Parameters
    ----------
    reference, current : array_like, shape (bins,)
        Counts over the same bins.
    prior : float, default 0
        Rows that a bin is taken for when it is empty on one side only.

    Returns
    -------
    float
        0 or more; infinite when current fills a bin that the reference never fills and `prior` is 0. Not
        symmetric.

    Raises
    ------
    InputError
        As `psi`.

    Examples
    --------
    >>> kl([1, 1], [1, 1]), kl([1, 0], [1, 1])
    (0.0, inf)
    """
    p, q = _shares_with_prior(reference, current, prior)
    filled = q > 0
    with np.errstate(divide="ignore"):
        return float(max(0.0, np.sum(q[filled] * (np.log(q[filled]) - np.log(p[filled])))))


def jensenshannon(reference: ArrayLike, current: ArrayLike) -> float:
    """Jensen-Shannon distance: the root of the divergence in base 2.

    Parameters
    ----------
    reference, current : array_like, shape (bins,)
        Counts over the same bins.

    Returns
    -------
    float
        0 to 1; 1 when no bin is filled on both sides. Symmetric, a metric.

    Raises
    ------
    InputError
        As `psi`.

    References
    ----------
    .. [1] D. M. Endres, J. E. Schindelin, "A new metric for probability distributions", 2003.

    Examples
    --------
    >>> jensenshannon([1, 0], [0, 1])
    1.0
    """
    p, q = _shares(reference, current)
    middle = (p + q) / 2
    total = 0.0
    for side in (p, q):
        filled = side > 0
        total += float(np.sum(side[filled] * np.log2(side[filled] / middle[filled])))
    return float(np.sqrt(min(1.0, max(0.0, total / 2))))


def hellinger(reference: ArrayLike, current: ArrayLike) -> float:
    """Hellinger distance: √(½ Σ (√p - √q)²).

    Parameters
    ----------
    reference, current : array_like, shape (bins,)
        Counts over the same bins.

    Returns
    -------
    float
        0 to 1. Symmetric, a metric.

    Raises
    ------
    InputError
        As `psi`.

    Examples
    --------
    >>> hellinger([1, 0], [0, 1])
    1.0
    """
    p, q = _shares(reference, current)
    return float(min(1.0, np.sqrt(0.5 * np.sum((np.sqrt(p) - np.sqrt(q)) ** 2))))


def total_variation(reference: ArrayLike, current: ArrayLike) -> float:
    """Total variation distance: ½ Σ |p - q|, the share of rows that would have to change bin.

    Parameters
    ----------
    reference, current : array_like, shape (bins,)
        Counts over the same bins.

    Returns
    -------
    float
        0 to 1. Symmetric, a metric.

    Raises
    ------
    InputError
        As `psi`.

    Examples
    --------
    >>> total_variation([3, 1], [2, 2])
    0.25
    """
    p, q = _shares(reference, current)
    return float(min(1.0, 0.5 * np.abs(p - q).sum()))


def l_infinity(reference: ArrayLike, current: ArrayLike) -> float:
    """Largest change of one bin's share: max |p - q|.

    Parameters
    ----------
    reference, current : array_like, shape (bins,)
        Counts over the same bins.

    Returns
    -------
    float
        0 to 1. Symmetric, a metric.

    Raises
    ------
    InputError
        As `psi`.

    Examples
    --------
    >>> l_infinity([2, 1, 1], [1, 2, 1])
    0.25
    """
    p, q = _shares(reference, current)
    return float(np.abs(p - q).max())


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
        0 or more, in the unit of `points`. Symmetric, a metric.

    Raises
    ------
    InputError
        As `psi`, and if there are not as many points as bins.

    Examples
    --------
    >>> wasserstein([0, 1, 5], [1, 0, 0], [0, 0, 1])
    5.0
    """
    p, q = _shares(reference, current)
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


DISTANCES: Mapping[str, Callable[[ArrayLike, ArrayLike], float]] = MappingProxyType(
    {
        "psi": psi,
        "jensenshannon": jensenshannon,
        "hellinger": hellinger,
        "total_variation": total_variation,
        "l_infinity": l_infinity,
    }
)
