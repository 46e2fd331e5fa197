"""Calibration: how often a label came true, at each probability that was said.

References
----------
.. [1] C. Guo, G. Pleiss, Y. Sun, K. Q. Weinberger, "On calibration of modern neural networks", ICML 2017: the
   expected calibration error.
.. [2] R. Roelofs, N. Cain, J. Shlens, M. C. Mozer, "Mitigating bias in calibration error estimation", AISTATS
   2022: bins of equal counts, and what the error is of labels that are drawn from the probabilities.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import special

from mirante.stats.intervals import COVERAGE, UNKNOWN, Interval, wilson

__all__ = ["LEAST_ROWS", "Bin", "Reliability", "calibration_intervals", "reliability_of"]

LEAST_ROWS = 20
"""Rows below which nothing is said; each bin has about so many or more."""

_MOST_BINS = 10
_Z = float(special.ndtri(0.5 + COVERAGE / 2))
_FOLDED = math.sqrt(2.0 / math.pi)  # mean size of a standard normal number

Floats = NDArray[np.float64]


class Bin(NamedTuple):
    """Rows of about one probability: how many, what was said on average, what share came true, with ends."""

    rows: int
    said: float
    came_true: float
    lower: float
    upper: float


class Reliability(NamedTuple):
    """A reliability curve and how far it is from the diagonal.

    Parameters
    ----------
    bins : tuple of Bin
        At most ten, of about equal counts, by rising probability.
    error : Interval
        The expected calibration error: mean distance of said and came true over rows, 0 to 1. Its lower end
        is over 0 in at most 1 of 40 windows of a model that is calibrated perfectly.
    expected : float
        What the error of a perfectly calibrated model would be on average: few rows are never on the
        diagonal.
    """

    bins: tuple[Bin, ...]
    error: Interval
    expected: float


def reliability_of(truth: Floats, said: Floats) -> Reliability | None:
    """Hold probabilities against what came true.

    Parameters
    ----------
    truth : ndarray of float64, shape (n,)
        0 or 1.
    said : ndarray of float64, shape (n,)
        Probability of 1.

    Returns
    -------
    Reliability or None
        None below 20 rows. With n_b of n rows, mean probability p_b and share of ones y_b in each bin, the
        error is E = Σ (n_b / n) |p_b - y_b|; under perfect calibration its mean is about
        E0 = Σ (n_b / n) sqrt(2 v_b / π), v_b = Σ p (1 - p) / n_b². Noise can add at most E0 to a true error
        on average, so the interval is ``E - E0 - 1.96 s`` to ``E + 1.96 s`` with s² = Σ (n_b / n)² v_b, cut
        at 0 and 1: it holds the true error of the bins with a chance of at least 95 %, mostly of more.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> said = rng.random(2_000)
    >>> found = reliability_of((rng.random(2_000) < said).astype(float), said)
    >>> len(found.bins), found.error.lower
    (10, 0.0)
    """
    count = len(truth)
    if count < LEAST_ROWS:
        return None
    order = np.argsort(said, kind="stable")
    ranked, labels = said[order], truth[order]
    ends = np.linspace(0, count, min(_MOST_BINS, count // LEAST_ROWS) + 1)[1:-1].astype(np.intp)
    # equal probabilities stay together: a bin begins where a new value does
    starts = np.unique(np.r_[0, np.searchsorted(ranked, ranked[ends])])
    rows = np.diff(np.r_[starts, count])
    means = np.add.reduceat(ranked, starts) / rows
    came = np.add.reduceat(labels, starts)
    shares, weights = came / rows, rows / count
    variance = np.add.reduceat(ranked * (1.0 - ranked), starts) / rows**2
    # labels that differ from what was said spread as they are, not as they should be
    variance = np.maximum(variance, shares * (1.0 - shares) / rows)
    error = float(weights @ np.abs(means - shares))
    expected = float(weights @ (_FOLDED * np.sqrt(variance)))
    half = _Z * math.sqrt(float(weights**2 @ variance))
    ends_of = [wilson(float(hits), int(n)) for hits, n in zip(came, rows, strict=True)]
    bins = tuple(
        Bin(int(n), float(mean), one.value, one.lower, one.upper)
        for n, mean, one in zip(rows, means, ends_of, strict=True)
    )
    return Reliability(
        bins, Interval(error, max(error - expected - half, 0.0), min(error + half, 1.0)), expected
    )


def calibration_intervals(found: Reliability | None) -> dict[str, Interval]:
    """Return the measures of a curve, by name; unknown without one."""
    if found is None:
        return {"calibration_error": UNKNOWN, "calibration_error_expected": UNKNOWN}
    expected = Interval(found.expected, math.nan, math.nan)
    return {"calibration_error": found.error, "calibration_error_expected": expected}
