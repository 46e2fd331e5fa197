"""Realised performance: labels held against predictions, as scikit-learn measures it, to 1e-12.

Rows without a label or without a prediction (NaN, None) are left out; `pairs` says how many. Nothing here
warns: what cannot be known is NaN.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mirante.errors import InputError

__all__ = ["Pairs", "classification", "pairs", "regression"]

_EPS = float(np.finfo(np.float64).eps)
_CLASSIFICATION = ("accuracy", "log_loss", "roc_auc", "brier", "base_rate", "precision", "recall", "f1")

Floats = NDArray[np.float64]


class Pairs(NamedTuple):
    """Labels and predictions that are both there, and how many rows were left out."""

    labels: Floats
    predictions: Floats
    dropped: int


def pairs(labels: ArrayLike, predictions: ArrayLike) -> Pairs:
    """Return the rows that have both a label and a prediction.

    Parameters
    ----------
    labels, predictions : array_like, shape (n,)
        Numbers or booleans; NaN or None where there is none.

    Returns
    -------
    Pairs
        float64 arrays of one length, and the number of rows left out.

    Raises
    ------
    InputError
        If the lengths differ, or the values are no numbers.

    Examples
    --------
    >>> pairs([1, None, 0], [0.9, 0.5, float("nan")]).dropped
    2
    """
    truth, said = _numbers("labels", labels), _numbers("predictions", predictions)
    if truth.shape != said.shape:
        raise InputError(f"got {truth.size} labels and {said.size} predictions; give one of each per row")
    there = ~(np.isnan(truth) | np.isnan(said))
    return Pairs(truth[there], said[there], int(np.count_nonzero(~there)))


def classification(
    labels: ArrayLike, probabilities: ArrayLike, *, threshold: float = 0.5
) -> dict[str, float]:
    """Measure the probabilities of a two-class model against what came true.

    Parameters
    ----------
    labels : array_like, shape (n,)
        0 or 1 (or booleans); NaN where there is no label.
    probabilities : array_like, shape (n,)
        Probability of label 1, 0 to 1.
    threshold : float, default 0.5
        The model says 1 where the probability is at least this.

    Returns
    -------
    dict
        ``accuracy``, ``log_loss`` (nats; probabilities are clipped to [2.2e-16, 1 - 2.2e-16], so that it is
        at most 36.04), ``roc_auc`` (ties count half; NaN when only one class is there), ``brier``,
        ``base_rate``; of label 1 ``precision`` (NaN when it was never said), ``recall`` (NaN when it never
        was) and ``f1`` (NaN when neither). All NaN when no pair is left.

    Raises
    ------
    InputError
        If a label is neither 0 nor 1, a probability is not in [0, 1], or the lengths differ.

    Examples
    --------
    >>> found = classification([0, 1, 1, float("nan")], [0.2, 0.9, 0.4, 0.5])
    >>> {name: round(found[name], 4) for name in ("accuracy", "log_loss", "roc_auc", "brier", "base_rate")}
    {'accuracy': 0.6667, 'log_loss': 0.4149, 'roc_auc': 1.0, 'brier': 0.1367, 'base_rate': 0.6667}
    >>> found["precision"], found["recall"], round(found["f1"], 4)
    (1.0, 0.5, 0.6667)
    """
    truth, said, _ = pairs(labels, probabilities)
    odd = truth[(truth != 0) & (truth != 1)]
    if odd.size:
        raise InputError(f"the label {odd[0]:g} is neither 0 nor 1; give labels of two classes as 0 and 1")
    outside = said[(said < 0) | (said > 1)]
    if outside.size:
        raise InputError(f"the probability {outside[0]:g} is not in [0, 1]; give the probability of label 1")
    if not truth.size:
        return dict.fromkeys(_CLASSIFICATION, math.nan)
    positive, told = truth == 1, said >= threshold
    hits = int(np.count_nonzero(told & positive))
    ones, said_ones = int(np.count_nonzero(positive)), int(np.count_nonzero(told))
    of_label = np.clip(np.where(positive, said, 1.0 - said), _EPS, 1.0 - _EPS)
    return {
        "accuracy": float(np.mean(told == positive)),
        "log_loss": float(-np.mean(np.log(of_label))),
        "roc_auc": _roc_auc(positive, said),
        "brier": float(np.mean((said - truth) ** 2)),
        "base_rate": float(np.mean(truth)),
        "precision": hits / said_ones if said_ones else math.nan,
        "recall": hits / ones if ones else math.nan,
        "f1": 2 * hits / (ones + said_ones) if ones + said_ones else math.nan,
    }


def regression(labels: ArrayLike, predictions: ArrayLike) -> dict[str, float]:
    """Measure numbers that were predicted against those that came true.

    Parameters
    ----------
    labels, predictions : array_like, shape (n,)
        Numbers; NaN where there is none.

    Returns
    -------
    dict
        ``mae`` and ``rmse`` in the unit of the labels; ``mape``, the mean absolute error as a share of the
        label, NaN where a label is 0; ``r2``, up to 1: NaN below two pairs, and where all labels are equal 1
        if every prediction is right, else 0. All NaN when no pair is left.

    Raises
    ------
    InputError
        If the lengths differ or the values are no numbers.

    Examples
    --------
    >>> regression([1.0, 2.0, 3.0], [1.0, 2.0, 5.0])
    {'mae': 0.6666666666666666, 'rmse': 1.1547005383792515, 'mape': 0.2222222222222222, 'r2': -1.0}
    """
    truth, said, _ = pairs(labels, predictions)
    if not truth.size:
        return dict.fromkeys(("mae", "rmse", "mape", "r2"), math.nan)
    with np.errstate(over="ignore", invalid="ignore"):  # an infinite prediction has an infinite error
        errors = truth - said
        squares = float(np.sum(errors**2))
        spread = float(np.sum((truth - np.mean(truth)) ** 2))
        shares = float(np.mean(np.abs(errors / truth))) if truth.all() else math.nan
    if truth.size < 2:
        r2 = math.nan
    elif spread == 0.0:
        r2 = float(squares == 0.0)
    else:
        r2 = 1.0 - squares / spread
    return {
        "mae": float(np.mean(np.abs(errors))),
        "rmse": math.sqrt(squares / truth.size),
        "mape": shares,
        "r2": r2,
    }


def _numbers(what: str, values: ArrayLike) -> Floats:
    try:
        numbers = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InputError(
            f"the {what} are no numbers: {error}; give numbers, NaN where there is none"
        ) from error
    if numbers.ndim != 1:
        raise InputError(f"the {what} have the shape {numbers.shape}; give one value per row")
    return numbers


def _roc_auc(positive: NDArray[np.bool_], said: Floats) -> float:
    """Return the chance that a positive row is ranked above a negative one, ties counting half."""
    ones = int(np.count_nonzero(positive))
    zeros = len(positive) - ones
    if not ones or not zeros:
        return math.nan
    _, places, counts = np.unique(said, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    ranks = ends - (counts - 1) / 2.0  # the middle rank of equal probabilities
    above = float(np.sum(ranks[places[positive]])) - ones * (ones + 1) / 2.0
    return above / (ones * zeros)
