"""Jensen-Shannon divergence bin by bin, and what chance alone makes of it."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from mirante.errors import InputError

__all__ = ["chance_terms", "divergence_terms"]

Floats = NDArray[np.float64]

_FEW = 20.0  # rows promised to the smaller side, above which the quadratic form is within 1 %
_MOST = 80  # rows there that are summed over below it: the rest has a probability under 1e-20


def _checked(reference: ArrayLike, current: ArrayLike) -> tuple[Floats, Floats]:
    left, right = np.asarray(reference, np.float64).ravel(), np.asarray(current, np.float64).ravel()
    if left.size != right.size:
        raise InputError(
            f"reference has {left.size} bins and current has {right.size}; count both with the same bins"
        )
    if not (left.sum() > 0 and right.sum() > 0):
        raise InputError("a side holds no rows; a divergence needs at least one on each side")
    return left, right


def _bits(p: Floats, q: Floats) -> Floats:
    """Return ½ [p log₂(p / m) + q log₂(q / m)] with m = (p + q) / 2, element by element."""
    middle = (p + q) / 2.0
    nats = special.rel_entr(p, middle) + special.rel_entr(q, middle)
    return np.asarray(np.maximum(nats, 0.0) / (2.0 * np.log(2.0)))


def divergence_terms(reference: ArrayLike, current: ArrayLike) -> Floats:
    """Return the Jensen-Shannon divergence in bits, bin by bin.

    Parameters
    ----------
    reference, current : array_like, shape (bins,)
        Counts over the same bins.

    Returns
    -------
    ndarray of float64, shape (bins,)
        Each 0 or more. They add up to the divergence, 0 (same shares) to 1 (no bin filled on both sides),
        which is what the bin of a row says about the side it came from, in bits, were both sides equally
        large. Its root is `mirante.stats.distances.jensenshannon`.

    Raises
    ------
    InputError
        If the bins do not match or a side is empty.

    References
    ----------
    .. [1] J. Lin, "Divergence measures based on the Shannon entropy", 1991.

    Examples
    --------
    >>> divergence_terms([50, 50, 0], [0, 50, 50]).tolist()
    [0.25, 0.0, 0.25]
    """
    left, right = _checked(reference, current)
    return _bits(left / left.sum(), right / right.sum())


def chance_terms(reference: ArrayLike, current: ArrayLike) -> Floats:
    """Return what `divergence_terms` are on average when nothing has changed.

    Both sides' rows are put together and dealt again at random: a bin with t rows of N gets a hypergeometric
    number of them on each side. Where the smaller side (of s rows) is promised fewer than 20, the terms are
    summed over that law; else they are (1 - t/N) (1/n + 1/m) N / (N - 1) / (8 ln 2), the second-order form
    whose sum is the known (bins - 1)(1/n + 1/m) / (8 ln 2).

    Parameters
    ----------
    reference, current : array_like, shape (bins,)
        Whole counts over the same bins.

    Returns
    -------
    ndarray of float64, shape (bins,)
        0 for a bin that is empty on both sides, so that bins which nobody fills cost nothing.

    Raises
    ------
    InputError
        As `divergence_terms`.

    References
    ----------
    .. [1] I. Grosse et al., "Analysis of symbolic sequences using the Jensen-Shannon divergence", 2002.

    Examples
    --------
    >>> noise = chance_terms([5000, 5000], [50, 50])
    >>> bool(noise.sum() < 0.002), chance_terms([5, 0], [5, 0]).tolist()
    (True, [0.0, 0.0])
    """
    left, right = _checked(reference, current)
    m, n = float(left.sum()), float(right.sum())
    rows, total = left + right, m + n
    terms = (1.0 - rows / total) * (1.0 / m + 1.0 / n) * total / max(total - 1.0, 1.0) / (8.0 * np.log(2.0))
    few = rows * min(m, n) / total < _FEW
    if few.any():
        kinds, places = np.unique(rows[few], return_inverse=True)
        terms[few] = _dealt(kinds, min(m, n), max(m, n))[places]
    return np.asarray(np.where(rows > 0, np.maximum(terms, 0.0), 0.0))


def _dealt(rows: Floats, small: float, large: float) -> Floats:
    """Return the mean term of bins with so many rows, over all ways to deal them to the two sides."""
    here = np.arange(_MOST + 1, dtype=np.float64)[None, :]
    there = rows[:, None] - here
    with np.errstate(invalid="ignore"):
        weights = _choose(rows[:, None], here) + _choose(small + large - rows[:, None], small - here)
        weights = weights - _choose(small + large, small)
    weights = np.where((there >= 0) & (here <= small) & (there <= large), weights, -np.inf)
    terms = _bits(here / small, np.maximum(there, 0.0) / large)
    return np.asarray((np.exp(weights) * terms).sum(axis=1))


def _choose(n: ArrayLike, k: ArrayLike) -> Floats:
    """Return the logarithm of n over k."""
    top, part = np.asarray(n, np.float64), np.asarray(k, np.float64)
    rest = special.gammaln(top - part + 1.0)
    return np.asarray(special.gammaln(top + 1.0) - special.gammaln(part + 1.0) - rest)
