"""The tests of missing values, all columns at once: whether their share is still the baseline's."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mirante.drift.cells import Counts
from mirante.stats.spread import Spread, spread_of, student_limit, student_p, variance_stable_share

__all__ = ["MissingFindings", "missing_findings", "missing_spread"]

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class MissingFindings:
    """What a window's missing values say; each array has one number per column.

    Parameters
    ----------
    ratio, usual : ndarray
        Share of missing values in the window and in the reference; NaN without rows.
    threshold : ndarray
        The share from which it alarms; on the side on which it left the range, else the upper one.
    p_value : ndarray
        Two-sided.
    detected : ndarray of bool
        Whether the share left the reference's range.
    """

    ratio: Floats
    usual: Floats
    threshold: Floats
    p_value: Floats
    detected: NDArray[np.bool_]


def missing_findings(
    window: Counts, reference: Counts, spread: Spread, level: Floats, floor: Floats
) -> MissingFindings:
    """Hold a window's shares of missing values against a reference's, and its own windows'.

    asin √share against its spread between the own windows by Student's t; without own windows, against
    sampling alone. Both sides count: values that were often missing and now never are have changed too.

    Parameters
    ----------
    window, reference : Counts
        At least one row each, else nothing is found.
    spread : Spread
        Of own windows.
    level, floor : ndarray, shape (columns,)
        False-alarm level, and least change of the share that matters.

    Returns
    -------
    MissingFindings
    """
    n, m = float(window.rows), float(reference.rows)
    if not (n and m):
        unknown = np.full(window.missing.size, np.nan)
        usual = reference.missing / m if m else unknown
        return MissingFindings(unknown, usual, unknown, unknown, np.zeros(window.missing.size, np.bool_))
    ratio, usual = window.missing / n, reference.missing / m
    value, _ = variance_stable_share(window.missing, n)
    centre, shared = variance_stable_share(reference.missing, m)
    # a window counts for no more rows than its reference has
    error, freedom = spread.error(1.0 / (4.0 * min(n, m) + 2.0) + shared)
    moved = value - centre
    p_value = student_p(moved, error, freedom)
    edge = student_limit(level, error, freedom)
    detected = (p_value <= level) & (np.abs(ratio - usual) > floor)
    upper = np.maximum(np.sin(np.minimum(centre + edge, np.pi / 2)) ** 2, usual + floor)
    lower = np.minimum(np.sin(np.maximum(centre - edge, 0.0)) ** 2, usual - floor)
    return MissingFindings(ratio, usual, np.where(detected & (moved < 0), lower, upper), p_value, detected)


def missing_spread(pairs: Iterable[tuple[Counts, Counts]], freedom: float) -> Spread:
    """Measure how own windows' shares of missing values differ from their references'.

    Parameters
    ----------
    pairs : iterable of (Counts, Counts)
        Each own window, and what it is held against; those without rows are left out.
    freedom : float
        Degrees of freedom.

    Returns
    -------
    Spread
        One variance per column.
    """
    differences, sampling = [], []
    for window, against in pairs:
        if window.rows and against.rows:
            value, own = variance_stable_share(window.missing, window.rows)
            centre, shared = variance_stable_share(against.missing, against.rows)
            differences.append(value - centre)
            sampling.append(np.broadcast_to(own + shared, value.shape))
    return spread_of(differences, sampling, freedom) if differences else Spread.none()
