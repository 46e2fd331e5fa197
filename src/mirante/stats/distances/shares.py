"""Distances that know the shares of bins and nothing of where the bins lie."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from mirante.errors import InputError
from mirante.stats.counts import checked_counts

__all__ = ["hellinger", "jensenshannon", "kl", "l_infinity", "psi", "total_variation"]

Floats = NDArray[np.float64]


def _shares(reference: ArrayLike, current: ArrayLike) -> tuple[Floats, Floats]:
    left, right, m, n = checked_counts(reference, current)
    return left / m, right / n


def _shares_with_prior(reference: ArrayLike, current: ArrayLike, prior: float) -> tuple[Floats, Floats]:
    left, right, m, n = checked_counts(reference, current)
    if not prior >= 0:
        raise InputError(
            f"prior is {prior}; it is the number of rows that an empty bin is taken for, 0 or more"
        )
    if np.minimum(left, right).min() == 0.0:
        kept = left + right > 0
        left, right = left[kept], right[kept]
        left, right = np.where(left > 0, left, prior), np.where(right > 0, right, prior)
    return left / m, right / n


def psi(reference: ArrayLike, current: ArrayLike, *, prior: float = 0.5) -> float:
    """Population stability index: Σ (q - p) ln(q / p).

    Parameters
    ----------
    reference, current : array_like, shape (bins,)
        Counts over the same bins.
    prior : float, default 0.5
        Rows that a bin is taken for when it is empty on one side only (empty on both sides it is left out).
        With 0 such a bin makes the index infinite; with a tiny number it makes it meaningless. Since it is in
        rows, give counts and not shares where a bin may be empty.

    Returns
    -------
    float
        0 or more. Symmetric.

    Raises
    ------
    InputError
        If the bins do not match, a side is empty, or a count is negative.

    Notes
    -----
    It is the sum of the Kullback-Leibler divergences in both directions, and for two normals of variance 1
    the squared distance of their means: 1 for one standard deviation (0.92 over the deciles of one of them).
    Two samples of n and m rows of the same distribution have about (bins - 1) (1 / n + 1 / m), so the usual
    marks of 0.1 and 0.25 say nothing about 100 rows.

    References
    ----------
    .. [1] D. Wu, D. L. Olson, "Enterprise risk management: coping with model risk in a large bank", 2010.
    .. [2] B. Yurdakul, "Statistical properties of population stability index", 2018.

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

    References
    ----------
    .. [1] S. Kullback, R. A. Leibler, "On information and sufficiency", 1951; `scipy.stats.entropy` with the
       current shares first.

    Examples
    --------
    >>> kl([1, 1], [1, 1]), kl([1, 0], [1, 1])
    (0.0, inf)
    """
    p, q = _shares_with_prior(reference, current, prior)
    return max(0.0, float(special.rel_entr(q, p).sum()))


def jensenshannon(reference: ArrayLike, current: ArrayLike) -> float:
    """Jensen-Shannon distance: √(½ Σ p log₂(p / s) + ½ Σ q log₂(q / s)), with s = (p + q) / 2.

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
    .. [1] D. M. Endres, J. E. Schindelin, "A new metric for probability distributions", 2003;
       `scipy.spatial.distance.jensenshannon` with base 2.

    Examples
    --------
    >>> jensenshannon([1, 0], [0, 1])
    1.0
    """
    p, q = _shares(reference, current)
    middle = (p + q) / 2
    bits = float((special.rel_entr(p, middle) + special.rel_entr(q, middle)).sum()) / (2 * math.log(2))
    return math.sqrt(min(1.0, max(0.0, bits)))


def hellinger(reference: ArrayLike, current: ArrayLike) -> float:
    """Hellinger distance: √(½ Σ (√p - √q)²) = √(1 - Σ √(p q)).

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

    References
    ----------
    .. [1] E. Hellinger, "Neue Begründung der Theorie quadratischer Formen …", 1909.

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

    References
    ----------
    .. [1] A. L. Gibbs, F. E. Su, "On choosing and bounding probability metrics", 2002.

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
        0 to 1. Symmetric, a metric. It sees one level that has grown, and not many that have each grown a
        little: it is at most the total variation, which sees both.

    Raises
    ------
    InputError
        As `psi`.

    References
    ----------
    .. [1] The Chebyshev distance of the shares, `scipy.spatial.distance.chebyshev`.

    Examples
    --------
    >>> l_infinity([2, 1, 1], [1, 2, 1])
    0.25
    """
    p, q = _shares(reference, current)
    return float(np.abs(p - q).max())
