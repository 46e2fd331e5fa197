"""Two models on the same rows: how much better is one, within what interval, and may it be chance."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from mirante.errors import InputError

__all__ = ["PairedDifference", "paired_auc", "paired_means", "paired_shares"]

_Z = 1.959963984540054  # of 95 %
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class PairedDifference:
    """What two models reach on the same rows.

    Parameters
    ----------
    first, second : float
        What each reaches.
    low, high : float
        Ends of the interval of 95 % for ``difference``; NaN where there are too few rows.
    p_value : float
        Of the test that there is no difference; NaN where there are too few rows.
    rows : int
        Rows that both were measured on.
    """

    first: float
    second: float
    low: float
    high: float
    p_value: float
    rows: int

    @property
    def difference(self) -> float:
        """What the second reaches more than the first."""
        return self.second - self.first


def paired_shares(first: ArrayLike, second: ArrayLike) -> PairedDifference:
    """Compare how often two models are right on the same rows.

    Parameters
    ----------
    first, second : array_like of bool, shape (n,)
        Whether each is right.

    Returns
    -------
    PairedDifference
        The p-value is McNemar's, exact; 1 where they are right and wrong together.

    Notes
    -----
    The interval is Agresti and Min's (2005): Wald's, with half a row more in each of the four cells.

    Examples
    --------
    >>> found = paired_shares([True] * 60 + [False] * 40, [True] * 90 + [False] * 10)
    >>> round(found.difference, 3), found.p_value < 1e-8, 0.2 < found.low < 0.3 < found.high < 0.4
    (0.3, True, True)
    """
    one, other = _same_length(np.asarray(first, dtype=bool), np.asarray(second, dtype=bool))
    rows = len(one)
    if not rows:
        return PairedDifference(math.nan, math.nan, math.nan, math.nan, math.nan, 0)
    lost, won = int(np.count_nonzero(one & ~other)), int(np.count_nonzero(~one & other))
    fewer, apart = min(lost, won), lost + won
    p = min(1.0, 2.0 * float(special.bdtr(fewer, apart, 0.5))) if apart else 1.0
    more, less, size = won + 0.5, lost + 0.5, rows + 2.0
    middle = (more - less) / size
    error = math.sqrt(more + less - (more - less) ** 2 / size) / size
    return PairedDifference(
        float(one.mean()), float(other.mean()), middle - _Z * error, middle + _Z * error, p, rows
    )


def paired_means(first: ArrayLike, second: ArrayLike) -> PairedDifference:
    """Compare the mean loss of two models on the same rows.

    Parameters
    ----------
    first, second : array_like of float, shape (n,)
        The loss of each row, such as its absolute error; finite.

    Returns
    -------
    PairedDifference
        Student's paired test and interval; of a single row neither. Where all differences are equal the
        interval is that one number, and p is 1 or 0.

    Examples
    --------
    >>> found = paired_means([1.0, 2.0, 3.0, 4.0], [0.5, 1.6, 2.4, 3.5])
    >>> found.difference, found.low < -0.5 < found.high, round(found.p_value, 4)
    (-0.5, True, 0.0012)
    """
    one, other = _same_length(np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64))
    rows = len(one)
    if not rows:
        return PairedDifference(math.nan, math.nan, math.nan, math.nan, math.nan, 0)
    gaps = other - one
    middle = float(gaps.mean())
    if rows < 2:
        return PairedDifference(float(one[0]), float(other[0]), math.nan, math.nan, math.nan, 1)
    error = float(gaps.std(ddof=1)) / math.sqrt(rows)
    if error <= 1e-12 * max(abs(middle), 1e-300):
        low = high = middle
        p = float(middle == 0.0)
    else:
        reach = float(special.stdtrit(rows - 1, 0.975)) * error
        low, high = middle - reach, middle + reach
        p = 2.0 * float(special.stdtr(rows - 1, -abs(middle) / error))
    return PairedDifference(float(one.mean()), float(other.mean()), low, high, p, rows)


def paired_auc(labels: ArrayLike, first: ArrayLike, second: ArrayLike) -> PairedDifference:
    """Compare the area under the ROC curve of two models on the same rows.

    Parameters
    ----------
    labels : array_like of bool, shape (n,)
        What came true.
    first, second : array_like of float, shape (n,)
        What each model says; higher for True.

    Returns
    -------
    PairedDifference
        DeLong's test and interval. All NaN where one class is missing; test and interval where it has a
        single row.

    Notes
    -----
    E. DeLong, D. DeLong, D. Clarke-Pearson, "Comparing the areas under two or more correlated receiver
    operating characteristic curves", Biometrics 44 (1988); by mid-ranks as in X. Sun and W. Xu (2014).

    Examples
    --------
    >>> labels = [0, 0, 0, 1, 1, 1, 0, 1]
    >>> same = [0.1, 0.4, 0.2, 0.3, 0.9, 0.8, 0.5, 0.7]
    >>> found = paired_auc(labels, same, same)
    >>> found.first, found.difference, found.p_value
    (0.875, 0.0, 1.0)
    """
    truth = np.asarray(labels, dtype=bool)
    scores = [np.asarray(one, dtype=np.float64) for one in (first, second)]
    for one in scores:
        _same_length(truth, one)
    ones, zeros = int(truth.sum()), int((~truth).sum())
    if not ones or not zeros:
        return PairedDifference(math.nan, math.nan, math.nan, math.nan, math.nan, len(truth))
    above, below = zip(*(_placements(truth, one) for one in scores), strict=True)
    areas = [float(one.mean()) for one in above]
    if ones < 2 or zeros < 2:
        return PairedDifference(areas[0], areas[1], math.nan, math.nan, math.nan, len(truth))
    spread = np.var(above[1] - above[0], ddof=1) / ones + np.var(below[1] - below[0], ddof=1) / zeros
    error, middle = math.sqrt(float(spread)), areas[1] - areas[0]
    if error <= 1e-12:
        p = 1.0 if abs(middle) <= 1e-12 else 0.0
    else:
        p = 2.0 * float(special.ndtr(-abs(middle) / error))
    return PairedDifference(areas[0], areas[1], middle - _Z * error, middle + _Z * error, p, len(truth))


def _placements(truth: NDArray[np.bool_], scores: Floats) -> tuple[Floats, Floats]:
    """Return for each True the share of False rows below it, and for each False that of True rows above."""
    whole = _midranks(scores)
    ones, zeros = int(truth.sum()), int((~truth).sum())
    above = (whole[truth] - _midranks(scores[truth])) / zeros
    below = 1.0 - (whole[~truth] - _midranks(scores[~truth])) / ones
    return above, below


def _midranks(values: Floats) -> Floats:
    _, places, counts = np.unique(values, return_inverse=True, return_counts=True)
    return (np.cumsum(counts) - (counts - 1) / 2.0)[places]


def _same_length(one: NDArray, other: NDArray) -> tuple[NDArray, NDArray]:  # type: ignore[type-arg]  # of any kind
    if one.ndim != 1 or one.shape != other.shape:
        raise InputError(
            f"got the shapes {one.shape} and {other.shape}; give one value of each model per row"
        )
    return one, other
