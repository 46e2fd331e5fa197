"""The tests of missing values, all columns at once: whether their share is still the baseline's."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mirante.drift.cells import Counts
from mirante.stats.spread import Spread, spread_of, student_limit, student_p, variance_stable_share

__all__ = ["MissingFindings", "MissingReference", "missing_findings", "missing_spread"]

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class MissingReference:
    """What missing values are held against.

    Parameters
    ----------
    rows : int
        Of the reference.
    usual : ndarray, shape (columns,)
        Share of missing values; NaN without rows.
    centre : ndarray, shape (columns,)
        asin √ of it.
    shared : float
        Its sampling variance.
    """

    rows: int
    usual: Floats
    centre: Floats
    shared: float

    @classmethod
    def of(cls, counts: Counts) -> MissingReference:
        """Take the reference out of counts."""
        if not counts.rows:
            unknown = np.full(counts.missing.size, np.nan)
            return cls(0, unknown, unknown, np.nan)
        centre, shared = variance_stable_share(counts.missing, counts.rows)
        return cls(counts.rows, counts.missing / counts.rows, centre, float(shared))


@dataclass(frozen=True, slots=True)
class MissingFindings:
    """What a window's missing values say; each array has one number per column.

    Parameters
    ----------
    ratio : ndarray
        Share of missing values in the window; NaN without rows.
    reference : MissingReference
        What they were held against.
    p_value : ndarray
        Two-sided.
    detected : ndarray of bool
        Whether the share left the reference's range.
    moved, error, freedom : ndarray
        Difference from the reference, its standard error and degrees of freedom, of asin √share.
    level, floor : ndarray
        False-alarm level, and least change of the share that matters.
    """

    ratio: Floats
    reference: MissingReference
    p_value: Floats
    detected: NDArray[np.bool_]
    moved: Floats
    error: Floats
    freedom: Floats
    level: Floats
    floor: Floats

    def thresholds(self) -> Floats:
        """Return the shares from which it alarms; on the side on which one left the range, else the upper."""
        centre, usual = self.reference.centre, self.reference.usual
        edge = student_limit(self.level, self.error, self.freedom)
        upper = np.maximum(np.sin(np.minimum(centre + edge, np.pi / 2)) ** 2, usual + self.floor)
        lower = np.minimum(np.sin(np.maximum(centre - edge, 0.0)) ** 2, usual - self.floor)
        return np.asarray(np.where(self.detected & (self.moved < 0), lower, upper))


def missing_findings(
    window: Counts, reference: MissingReference, spread: Spread, level: Floats, floor: Floats
) -> MissingFindings:
    """Hold a window's shares of missing values against a reference's, and its own windows'.

    asin √share against its spread between the own windows by Student's t; without own windows, against
    sampling alone. Both sides count: values that were often missing and now never are have changed too.

    Parameters
    ----------
    window : Counts
        At least one row, else nothing is found.
    reference : MissingReference
        The same.
    spread : Spread
        Of own windows.
    level, floor : ndarray, shape (columns,)
        False-alarm level, and least change of the share that matters.

    Returns
    -------
    MissingFindings
    """
    if not (window.rows and reference.rows):
        unknown = np.full(window.missing.size, np.nan)
        none = np.zeros(unknown.size, np.bool_)
        return MissingFindings(unknown, reference, unknown, none, unknown, unknown, unknown, level, floor)
    ratio = window.missing / window.rows
    value, _ = variance_stable_share(window.missing, window.rows)
    # a window counts for no more rows than its reference has
    least = 1.0 / (4.0 * min(window.rows, reference.rows) + 2.0)
    error, freedom = spread.error(least + reference.shared)
    moved = value - reference.centre
    p_value = student_p(moved, error, freedom)
    detected = (p_value <= level) & (np.abs(ratio - reference.usual) > floor)
    return MissingFindings(ratio, reference, p_value, detected, moved, error, freedom, level, floor)


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
