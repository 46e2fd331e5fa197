"""The check of two sets of counts over the same cells: cheap, since it stands before every score."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mirante.errors import InputError

__all__ = ["CheckedCounts", "checked_counts"]

Floats = NDArray[np.float64]


class CheckedCounts(NamedTuple):
    """Two sets of counts as float64, one-dimensional and of the same length, and their sums."""

    reference: Floats
    current: Floats
    reference_rows: float
    current_rows: float


def checked_counts(reference: ArrayLike, current: ArrayLike, *, whole: bool = False) -> CheckedCounts:
    """Return two sets of counts that can be compared, or say what is wrong with them.

    Parameters
    ----------
    reference, current : array_like, shape (cells,)
        Counts over the same cells, 0 or more, at least one row on each side.
    whole : bool, default False
        Whether a fraction is refused: rows come whole, while shares and weights do not.

    Returns
    -------
    CheckedCounts

    Raises
    ------
    InputError
        If the lengths differ, a side has no rows, or a count is negative, not finite, or not whole.

    Examples
    --------
    >>> checked_counts([3, 1], [0, 2]).current_rows
    2.0
    """
    left, right = np.asarray(reference, np.float64).ravel(), np.asarray(current, np.float64).ravel()
    if left.size != right.size:
        raise InputError(
            f"reference has {left.size} bins and current has {right.size}; count both with the same edges"
        )
    m, n = float(left.sum()), float(right.sum())
    # a NaN or an infinity anywhere shows in the sum, so two sums and a minimum are the whole check
    if not (0.0 < m < math.inf and 0.0 < n < math.inf and np.minimum(left, right).min() >= 0.0):
        raise _fault(left, right)
    if whole:
        for name, side in (("reference", left), ("current", right)):
            if (side != np.floor(side)).any():
                raise InputError(f"{name} holds a count that is not whole; give numbers of rows, not shares")
    return CheckedCounts(left, right, m, n)


def _fault(left: Floats, right: Floats) -> InputError:
    for name, side in (("reference", left), ("current", right)):
        if not (np.isfinite(side).all() and (side >= 0).all()):
            return InputError(f"{name} holds a count that is negative or not finite; give counts or shares")
        if not side.any():
            return InputError(f"{name} holds no rows; at least one is needed on each side")
    return InputError("the counts are too large to add up; give counts below 1e300")
