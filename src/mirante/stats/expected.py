"""Measures of a classifier from the chance of each label, and how far labels and rows move them.

With labels (chances of 0 and 1) these are the realised measures; with probabilities they are what the labels
will make of them on average. Each is a mean over rows or a ratio of such means, so its error is that of a
sum: each row moves the measure by its *influence* over n, which is one number if its label is 1 and another
if it is 0 (the delta method; for the area under the ROC curve, DeLong's components).

References
----------
.. [1] E. R. DeLong, D. M. DeLong, D. L. Clarke-Pearson, "Comparing the areas under two or more correlated
   receiver operating characteristic curves", Biometrics 44, 1988.
.. [2] A. W. van der Vaart, "Asymptotic Statistics", 1998, chapters 3 (delta method) and 20 (influence).
.. [3] J. Bialek, W. Kuberski, N. Perrakis, A. Bifet, "Estimating Model Performance Under Covariate Shift
   Without Labels", 2024, arXiv:2401.08348: confidence-based performance estimation.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "EPS",
    "Measured",
    "Ranked",
    "measure_binary",
    "measure_multiclass",
    "measure_roc_auc",
    "rank_groups",
]

Floats = NDArray[np.float64]

EPS = float(np.finfo(np.float64).eps)
"""Scores are taken for no surer than this: a logarithm must stay finite."""


class Measured(NamedTuple):
    """A measure of some rows, and what each row does to it.

    Parameters
    ----------
    value : float
        NaN where the rows do not say.
    influence : ndarray of float64, shape (n, classes)
        Of each row, had it each of the classes as its label: the measure changes by it over n.
    """

    value: float
    influence: Floats

    def label_variance(self, chances: Floats) -> float:
        """Return the variance of the measure over the labels that these rows may get.

        Parameters
        ----------
        chances : ndarray of float64, shape (n, classes)
            Probability of each label, rows adding up to 1; labels are drawn independently.

        Returns
        -------
        float
            At least 0.

        Examples
        --------
        >>> found = measure_binary(np.array([0.8, 0.5]), np.array([0.9, 0.6]), np.array([1.0, 1.0]))
        >>> round(found["accuracy"].label_variance(np.array([[0.2, 0.8], [0.5, 0.5]])), 4)
        0.1025
        """
        mean = np.einsum(
            "ij,ij->i", chances, self.influence
        )  # np.sum over two columns takes five times as long
        square = np.einsum("ij,ij,ij->i", chances, self.influence, self.influence)
        return float(np.sum(np.maximum(square - mean**2, 0.0))) / max(len(mean), 1) ** 2

    def row_variance(self, chances: Floats) -> float:
        """Return the variance of the measure of one row drawn with its label; over n, that of n rows.

        Parameters
        ----------
        chances : ndarray of float64, shape (n, classes)
            Probability of each label; of rows with a label, 0 and 1.

        Returns
        -------
        float
            At least 0.
        """
        if not len(chances):
            return math.nan
        return float(np.einsum("ij,ij,ij->", chances, self.influence, self.influence)) / len(chances)


def measure_binary(chances: Floats, scores: Floats, said: Floats) -> Mapping[str, Measured]:
    """Measure a two-class model.

    Parameters
    ----------
    chances : ndarray of float64, shape (n,)
        Probability that the label is 1; 0 or 1 where the label is known.
    scores : ndarray of float64, shape (n,)
        What the model gave as the probability of 1.
    said : ndarray of float64, shape (n,)
        The class that the model said, 0 or 1.

    Returns
    -------
    mapping of str to Measured
        ``accuracy``, ``roc_auc`` (ties count half), ``f1``, ``precision``, ``recall`` of class 1, ``brier``,
        ``log_loss`` (nats, scores clipped to [2.2e-16, 1 - 2.2e-16]). With a row's chance p, score s and said
        class c, and sums over rows: expected true positives TP = Σ p c, so precision = TP / Σ c,
        recall = TP / Σ p, F1 = 2 TP / (Σ c + Σ p), accuracy = (Σ p c + (1 - p)(1 - c)) / n. NaN where the
        denominator is 0.

    Examples
    --------
    >>> found = measure_binary(np.array([0.9, 0.2]), np.array([0.8, 0.3]), np.array([1.0, 0.0]))
    >>> {name: round(one.value, 3) for name, one in found.items() if name in ("accuracy", "recall")}
    {'accuracy': 0.85, 'recall': 0.818}
    """
    right = np.clip(scores, EPS, 1.0 - EPS)
    return {
        "accuracy": _mean(chances, said, 1.0 - said),
        "roc_auc": measure_roc_auc(chances, scores),
        "f1": _ratio(chances, said, lambda c, p: (2.0 * c * p, c + p)),
        "precision": _ratio(chances, said, lambda c, p: (c * p, c)),
        "recall": _ratio(chances, said, lambda c, p: (c * p, p)),
        "brier": _mean(chances, (1.0 - scores) ** 2, scores**2),
        "log_loss": _mean(chances, -np.log(right), -np.log1p(-right)),
    }


def measure_multiclass(chances: Floats, scores: Floats, said: NDArray[np.intp]) -> Mapping[str, Measured]:
    """Measure a model of several classes.

    Parameters
    ----------
    chances : ndarray of float64, shape (n, k)
        Probability of each label, rows adding up to 1.
    scores : ndarray of float64, shape (n, k)
        What the model gave as the probability of each class.
    said : ndarray of int, shape (n,)
        Place of the class that the model said.

    Returns
    -------
    mapping of str to Measured
        ``accuracy``; the mean over classes, each against the rest, of ``f1``, ``precision``, ``recall`` and
        ``roc_auc`` (macro); ``log_loss``. A class that the rows do not say anything about makes its mean NaN.

    Examples
    --------
    >>> sure = np.eye(3)
    >>> found = measure_multiclass(sure, sure, np.arange(3))
    >>> {name: one.value for name, one in found.items() if name != "log_loss"}
    {'accuracy': 1.0, 'f1': 1.0, 'precision': 1.0, 'recall': 1.0, 'roc_auc': 1.0}
    """
    rows, classes = chances.shape
    told = np.zeros((rows, classes))
    told[np.arange(rows), said] = 1.0
    logs = -np.log(np.clip(scores, EPS, 1.0))
    accuracy = float(np.mean(np.sum(chances * told, axis=1))) if rows else math.nan
    loss = float(np.mean(np.sum(chances * logs, axis=1))) if rows else math.nan
    parts = [measure_binary(chances[:, k], scores[:, k], told[:, k]) for k in range(classes)]
    found = {"accuracy": Measured(accuracy, told - accuracy)}
    for name in ("f1", "precision", "recall", "roc_auc"):
        found[name] = _macro([part[name] for part in parts])
    return found | {"log_loss": Measured(loss, logs - loss)}


def _macro(parts: list[Measured]) -> Measured:
    """Return the mean over classes: a row of class k is a 1 in part k, and a 0 in all others."""
    value = float(np.mean([part.value for part in parts]))
    zeros = np.stack([part.influence[:, 0] for part in parts], axis=1)
    ones = np.stack([part.influence[:, 1] for part in parts], axis=1)
    influence = (np.sum(zeros, axis=1, keepdims=True) - zeros + ones) / len(parts)
    return Measured(value, influence)


def _mean(chances: Floats, if_one: Floats, if_zero: Floats) -> Measured:
    """Return a mean over rows of a figure that depends on the label."""
    if not chances.size:
        return Measured(math.nan, np.empty((0, 2)))
    value = float(np.mean(chances * if_one + (1.0 - chances) * if_zero))
    return Measured(value, np.stack([if_zero - value, if_one - value], axis=1))


def _ratio(
    chances: Floats, said: Floats, parts: Callable[[Floats, Floats], tuple[Floats, Floats]]
) -> Measured:
    """Return a ratio of two means; `parts` gives numerator and denominator of rows, straight in the label."""
    over, under = parts(said, chances)
    below = float(np.sum(under))
    if below <= 0.0:
        return Measured(math.nan, np.full((chances.size, 2), math.nan))
    value = float(np.sum(over)) / below
    influence = np.empty((chances.size, 2))
    for label in (0, 1):
        over, under = parts(said, np.full(chances.shape, float(label)))
        influence[:, label] = (over - value * under) * (chances.size / below)
    return Measured(value, influence)


def measure_roc_auc(chances: Floats, scores: Floats) -> Measured:
    """Measure the chance that a row of label 1 is ranked above one of label 0, over all pairs of two rows.

    Parameters
    ----------
    chances, scores : ndarray of float64, shape (n,)
        As of `measure_binary`.

    Returns
    -------
    Measured
        Σ p_i (1 - p_j) [s_i > s_j, ties half] / Σ p_i (1 - p_j), both over i ≠ j: a row is no pair with
        itself. NaN where there is no pair.

    Examples
    --------
    >>> measure_roc_auc(np.array([0.0, 1.0, 0.0]), np.array([0.2, 0.9, 0.4])).value
    1.0
    """
    itself = float(np.sum(chances * (1.0 - chances)))
    _, places = np.unique(scores, return_inverse=True)
    found = rank_groups(np.bincount(places, chances), np.bincount(places, 1.0 - chances), itself)
    if chances.size < 2 or math.isnan(found.value):
        return Measured(math.nan, np.full((chances.size, 2), math.nan))
    return Measured(found.value, chances.size * found.moves[places])


class Ranked(NamedTuple):
    """The area under the ROC curve of rows in groups.

    Parameters
    ----------
    value : float
        NaN where there is no pair.
    moves : ndarray of float64, shape (groups, 2)
        By how much a row of each group changes it, had it the label 0 or 1.
    """

    value: float
    moves: Floats


def rank_groups(ones: NDArray[Any], zeros: NDArray[Any], itself: float) -> Ranked:
    """Measure the area under the ROC curve of rows of which those of one group rank the same.

    Parameters
    ----------
    ones, zeros : ndarray of float64, shape (groups,)
        Sums of the chances of label 1, and of label 0, by groups of rising score.
    itself : float
        Sum over rows of both chances' product: what pairs of a row with itself would add.

    Returns
    -------
    Ranked

    Examples
    --------
    >>> rank_groups(np.array([0.0, 1.0]), np.array([2.0, 0.0]), 0.0).value
    1.0
    """
    one, zero = float(np.sum(ones)), float(np.sum(zeros))
    pairs = one * zero - itself
    if pairs <= 0.0:
        return Ranked(math.nan, np.full((ones.size, 2), math.nan))
    zeros_below = np.cumsum(zeros) - zeros / 2.0
    ones_above = one - np.cumsum(ones) + ones / 2.0
    value = (float(np.sum(ones * zeros_below)) - itself / 2.0) / pairs
    if_zero, if_one = (ones_above / one - value) / zero, (zeros_below / zero - value) / one
    return Ranked(value, np.stack([if_zero, if_one], axis=1))
