"""The measures of a classifier from sums over rows, which add up over portions and machines.

`mirante.stats.expected` looks at rows; here are the sums that say the same without them. What a measure is,
and how far labels move it, follows from sums by the class that was said, since the expected confusion matrix
does; the area under the ROC curve from sums by bins of the score, in which rows count as of equal rank.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mirante.stats.expected import EPS, rank_groups

__all__ = ["FromSums", "binary_from_sums", "binary_sums", "multiclass_from_sums", "multiclass_sums"]

Floats = NDArray[np.float64]

_SCALARS = 4  # of two classes: Brier's score and the logarithmic loss, each with its variance


class FromSums(NamedTuple):
    """A measure, and the variance that the labels give it."""

    value: float
    label_variance: float


def binary_sums(chances: Floats, scores: Floats, said: NDArray[np.intp], edges: Floats) -> Floats:
    """Return what adds up of rows of a two-class model.

    Parameters
    ----------
    chances : ndarray of float64, shape (n,)
        Probability that the label is 1.
    scores : ndarray of float64, shape (n,)
        What the model gave as the probability of 1.
    said : ndarray of int, shape (n,)
        The class that the model said, 0 or 1.
    edges : ndarray of float64, shape (bins - 1,)
        Between the bins of the score, rising.

    Returns
    -------
    ndarray of float64, shape (6 · bins + 4,)
        By class that was said and bin: rows, their chances p, and p (1 - p); then four sums over all rows.

    Examples
    --------
    >>> binary_sums(np.array([0.75]), np.array([0.5]), np.array([1]), np.array([0.4]))[:8].tolist()
    [0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.75]
    """
    bins = edges.size + 1
    places = said * bins + np.searchsorted(edges, scores, side="right")
    doubt = chances * (1.0 - chances)
    grouped = [
        np.bincount(places, weights, minlength=2 * bins)
        for weights in (np.ones(scores.shape), chances, doubt)
    ]
    right = np.clip(scores, EPS, 1.0 - EPS)
    scalars: list[float] = []
    for if_one, if_zero in (((1.0 - scores) ** 2, scores**2), (-np.log(right), -np.log1p(-right))):
        scalars.append(float(np.sum(chances * if_one + (1.0 - chances) * if_zero)))
        scalars.append(float(np.sum(doubt * (if_one - if_zero) ** 2)))
    return np.concatenate([*grouped, np.array(scalars)])


def binary_from_sums(sums: Floats) -> Mapping[str, FromSums]:
    """Return the measures of `mirante.stats.expected.measure_binary` from `binary_sums`.

    Parameters
    ----------
    sums : ndarray of float64
        From `binary_sums`, or several of them added up.

    Returns
    -------
    mapping of str to FromSums
        All but ``roc_auc`` are equal to those of the rows but for rounding. ``roc_auc`` takes rows of one bin
        for ties. Of a pair with the chances p and q it so counts (p + q) / 2 - p q instead of
        max(p, q) - p q, and is off by half of their difference: in all by at most half of the range of the
        chances within bins, times the share of pairs that are in one bin.

    Examples
    --------
    >>> rows = np.array([0.9, 0.2]), np.array([0.8, 0.3]), np.array([1, 0]), np.array([0.5])
    >>> {name: round(one.value, 3) for name, one in binary_from_sums(binary_sums(*rows)).items()}["recall"]
    0.818
    """
    rows, ones, doubt = sums[:-_SCALARS].reshape(3, 2, -1)
    brier, brier_spread, loss, loss_spread = sums[-_SCALARS:].tolist()
    n, called, right = float(rows.sum()), float(rows[1].sum()), float(ones[1].sum())
    one = float(ones.sum())
    unsure, sure = (float(part) for part in doubt.sum(axis=1))
    wrong_zeros = float(rows[0].sum() - ones[0].sum())

    def ratio(over: float, under: float, up: float, down: float) -> FromSums:
        """A ratio whose numerator's label counts `up`, and whose denominator's `down` times the ratio."""
        if under <= 0.0:
            return FromSums(math.nan, math.nan)
        value = over / under
        return FromSums(value, ((up - down * value) ** 2 * sure + (down * value) ** 2 * unsure) / under**2)

    def mean(total: float, spread: float) -> FromSums:
        return FromSums(total / n, spread / n**2) if n else FromSums(math.nan, math.nan)

    return {
        "accuracy": mean(right + wrong_zeros, unsure + sure),
        "roc_auc": _roc_auc(rows.sum(axis=0), ones.sum(axis=0), doubt.sum(axis=0)),
        "f1": ratio(2.0 * right, called + one, 2.0, 1.0),
        "precision": ratio(right, called, 1.0, 0.0),
        "recall": ratio(right, one, 1.0, 1.0),
        "brier": mean(brier, brier_spread),
        "log_loss": mean(loss, loss_spread),
    }


def _roc_auc(rows: Floats, ones: Floats, doubt: Floats) -> FromSums:
    if rows.sum() < 2:
        return FromSums(math.nan, math.nan)
    found = rank_groups(ones, np.maximum(rows - ones, 0.0), float(doubt.sum()))
    apart = found.moves[:, 1] - found.moves[:, 0]
    return FromSums(found.value, float(np.sum(doubt * apart**2)))


def multiclass_sums(
    chances: Floats, scores: Floats, said: NDArray[np.intp], edges: Sequence[Floats]
) -> Floats:
    """Return what adds up of rows of a model of several classes.

    Parameters
    ----------
    chances, scores : ndarray of float64, shape (n, k)
        As of `mirante.stats.expected.measure_multiclass`.
    said : ndarray of int, shape (n,)
        Place of the class that the model said.
    edges : sequence of ndarray of float64
        For each class, between the bins of its score, rising.

    Returns
    -------
    ndarray of float64
        Rows by the class that was said (k); the chances of all classes by the class that was said (k · k);
        the same times the chance of the one that was said (k · k); products of the chances of two classes
        (k · k); the logarithmic loss and its variance (2); and for each class rows and chances by bin.

    Examples
    --------
    >>> sure = np.eye(3)
    >>> multiclass_sums(sure, sure, np.arange(3), [np.array([0.5])] * 3)[:6].tolist()
    [1.0, 1.0, 1.0, 1.0, 0.0, 0.0]
    """
    rows, classes = chances.shape
    told = np.zeros((rows, classes))
    told[np.arange(rows), said] = 1.0
    mine = np.sum(chances * told, axis=1, keepdims=True)
    logs = -np.log(np.clip(scores, EPS, 1.0))
    mean = np.einsum("ij,ij->i", chances, logs)
    spread = np.maximum(np.einsum("ij,ij,ij->i", chances, logs, logs) - mean**2, 0.0)
    parts = [told.sum(axis=0), told.T @ chances, told.T @ (chances * mine), chances.T @ chances]
    parts.append(np.array([float(np.sum(mean)), float(np.sum(spread))]))
    for k, own in enumerate(edges):
        places = np.searchsorted(own, scores[:, k], side="right")
        parts.append(np.bincount(places, minlength=own.size + 1).astype(np.float64))
        parts.append(np.bincount(places, chances[:, k], minlength=own.size + 1))
    return np.concatenate([part.ravel() for part in parts])


def multiclass_from_sums(sums: Floats, classes: int, bins: Sequence[int]) -> Mapping[str, FromSums]:
    """Return the measures of `mirante.stats.expected.measure_multiclass` from `multiclass_sums`.

    Parameters
    ----------
    sums : ndarray of float64
        From `multiclass_sums`, or several of them added up.
    classes : int
        How many.
    bins : sequence of int
        Of the score of each class.

    Returns
    -------
    mapping of str to FromSums
        Equal to those of the rows but for rounding, with the exception of ``roc_auc``: its value is as near
        as that of `binary_from_sums`, and the variance is an upper bound, since that of the mean over classes
        depends on all scores of a row together.

    Examples
    --------
    >>> sure = np.eye(3)
    >>> found = multiclass_from_sums(
    ...     multiclass_sums(sure, sure, np.arange(3), [np.array([0.5])] * 3), 3, [2, 2, 2])
    >>> {name: one.value for name, one in found.items() if name != "log_loss"}
    {'accuracy': 1.0, 'f1': 1.0, 'precision': 1.0, 'recall': 1.0, 'roc_auc': 1.0}
    """
    square = (classes, classes)
    sizes = [classes, *[classes**2] * 3, 2, *(size for one in bins for size in (one, one))]
    parts = np.split(sums, np.cumsum(sizes)[:-1])
    called, told, mine, both = parts[0], *(part.reshape(square) for part in parts[1:4])
    n, ones, right = float(called.sum()), told.sum(axis=0), np.diag(told)
    if not n:
        return dict.fromkeys(
            ("accuracy", "f1", "precision", "recall", "roc_auc", "log_loss"), FromSums(math.nan, math.nan)
        )
    loss, spread = parts[4].tolist()
    unsure = float(right.sum() - np.trace(mine))

    def macro(over: Floats, under: Floats, up: float, down: float) -> FromSums:
        """The mean over classes of ratios, as of `binary_from_sums`."""
        if not (under > 0.0).all():
            return FromSums(math.nan, math.nan)
        values = over / under
        plus, minus = up / under, down * values / under
        square = float(np.sum(ones * minus**2) + np.sum(right * plus * (plus - 2.0 * minus)))
        means = minus @ both @ minus - 2.0 * plus @ mine @ minus + float(np.sum(np.diag(mine) * plus**2))
        return FromSums(float(np.mean(values)), max(square - float(means), 0.0) / classes**2)

    return {
        "accuracy": FromSums(float(right.sum()) / n, max(unsure, 0.0) / n**2),
        "f1": macro(2.0 * right, called + ones, 2.0, 1.0),
        "precision": macro(right, called, 1.0, 0.0),
        "recall": macro(right, ones, 1.0, 1.0),
        "roc_auc": _macro_roc_auc(parts[5::2], parts[6::2], np.diag(both), n),
        "log_loss": FromSums(loss / n, spread / n**2),
    }


def _macro_roc_auc(rows: Sequence[Floats], ones: Sequence[Floats], squares: Floats, n: float) -> FromSums:
    """The mean over classes, and a bound of its variance: that of all rows' labels instead of each row's."""
    values, square, total = [], 0.0, 0.0
    for count, one, itself in zip(rows, ones, squares, strict=True):
        found = rank_groups(one, np.maximum(count - one, 0.0), float(one.sum() - itself))
        values.append(found.value)
        apart = (found.moves[:, 1] - found.moves[:, 0]) / len(rows)
        square += float(np.sum(one * apart**2))
        total += float(np.sum(one * apart))
    value = float(np.mean(values))
    if math.isnan(value):
        return FromSums(math.nan, math.nan)
    return FromSums(value, max(square - total**2 / n, 0.0))
