"""Numbers that were predicted."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mirante.performance.realised.pairing import pairs
from mirante.performance.realised.result import Realised, Reason
from mirante.stats.intervals import UNKNOWN, Interval, log_interval, mean_interval, median_interval

__all__ = ["regression"]

_NAMES = ("mae", "rmse", "median_absolute_error", "bias", "mape", "r2")

Floats = NDArray[np.float64]


def regression(labels: ArrayLike, predictions: ArrayLike) -> Realised:
    """Measure numbers that were predicted against those that came true, as scikit-learn does.

    Parameters
    ----------
    labels, predictions : array_like, shape (n,)
        Numbers; NaN where there is none.

    Returns
    -------
    Realised
        ``mae``, ``rmse`` and ``median_absolute_error`` in the unit of the labels; ``bias``, the mean of
        prediction less label: over 0 where predictions are too high; ``mape``, the mean absolute error as a
        share of the label, NaN where a label is 0; ``r2``, up to 1: NaN below two pairs, and where all labels
        are equal 1 if every prediction is right, else 0. All NaN when no pair is left.

        Intervals: Student's for means; for the root mean squared error on the scale of logarithms, and for
        1 - R² as well (delta method); for the median between two of the errors. None where a number is
        infinite.

    Raises
    ------
    InputError
        If the lengths differ or the values are no numbers.

    Examples
    --------
    >>> found = regression([1.0, 2.0, 3.0], [1.0, 2.0, 5.0])
    >>> {name: round(value, 4) for name, value in found.items()}
    {'mae': 0.6667, 'rmse': 1.1547, 'median_absolute_error': 0.0, 'bias': 0.6667, 'mape': 0.2222, 'r2': -1.0}
    """
    truth, said, _ = pairs(labels, predictions)
    if not truth.size:
        return Realised(dict.fromkeys(_NAMES, UNKNOWN), 0, dict.fromkeys(_NAMES, "no_pairs"))
    with np.errstate(over="ignore", invalid="ignore"):  # an infinite prediction has an infinite error
        errors = said - truth
        sizes = np.abs(errors)
        found = {
            "mae": mean_interval(sizes, 0.0),
            "rmse": _rmse(errors),
            "median_absolute_error": median_interval(sizes),
            "bias": mean_interval(errors),
            "mape": mean_interval(sizes / np.abs(truth), 0.0) if truth.all() else UNKNOWN,
            "r2": _r2(truth, errors),
        }
    reasons: dict[str, Reason] = dict.fromkeys(_NAMES, "not_finite")
    reasons |= {
        "mape": "not_finite" if truth.all() else "label_zero",
        "r2": "one_row" if truth.size < 2 else "not_finite",
    }
    return Realised(_as_scikit_learn(found, truth, said), len(truth), reasons)


def _as_scikit_learn(found: dict[str, Interval], truth: Floats, said: Floats) -> dict[str, Interval]:
    """Let scikit-learn have the last word on what a measure is, where it takes the numbers."""
    from sklearn import metrics

    with np.errstate(over="ignore", invalid="ignore"):
        if not np.isfinite(np.sum(truth**2) + np.sum(said**2)):
            return found
    values = {
        "mae": metrics.mean_absolute_error(truth, said),
        "rmse": metrics.root_mean_squared_error(truth, said),
        "median_absolute_error": metrics.median_absolute_error(truth, said),
    }
    if truth.size > 1:
        with np.errstate(over="ignore"):  # of labels that differ by 1e-157
            values["r2"] = metrics.r2_score(truth, said)
    return found | {name: found[name]._replace(value=float(value)) for name, value in values.items()}


def _rmse(errors: Floats) -> Interval:
    squares = errors**2
    mean, count = float(np.mean(squares)), len(errors)
    value = math.sqrt(mean) if not math.isnan(mean) else math.nan
    if count < 2 or not math.isfinite(mean):
        return Interval(value, math.nan, math.nan)
    of_squares = log_interval(mean, float(np.var(squares, ddof=1)) / count)
    return Interval(value, math.sqrt(of_squares.lower), math.sqrt(of_squares.upper))


def _r2(truth: Floats, errors: Floats) -> Interval:
    count = len(truth)
    squares, around = errors**2, (truth - np.mean(truth)) ** 2
    lost, spread = float(np.sum(squares)), float(np.sum(around))
    if count < 2:
        return UNKNOWN
    if spread == 0.0:
        return Interval(float(lost == 0.0), math.nan, math.nan)
    ratio = lost / spread
    moved = (squares - ratio * around) * (count / spread)
    variance = float(np.mean(moved**2)) / count
    left = log_interval(ratio, variance) if math.isfinite(variance) else UNKNOWN
    return Interval(1.0 - ratio, 1.0 - left.upper, 1.0 - left.lower)
