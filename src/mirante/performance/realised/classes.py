"""Several classes: those that were said, with or without the probability of each.

References
----------
.. [1] K. Takahashi, K. Yamamoto, A. Kuchiba, T. Koyama, "Confidence interval for micro-averaged F1 and
   macro-averaged F1 scores", Applied Intelligence 52, 2022: how the classes' F1 move together.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mirante.errors import InputError
from mirante.performance.estimated.inputs import class_codes, class_names, class_scores, names_of
from mirante.performance.realised.binary import auc_interval, of_label_one
from mirante.performance.realised.reliability import calibration_intervals, reliability_of
from mirante.performance.realised.result import Realised, Reason
from mirante.stats.intervals import UNKNOWN, Interval, f1_interval, mean_interval, mover, wilson

__all__ = ["MOST_CLASSES", "classes_said", "classes_with_probabilities"]

MOST_CLASSES = 100
"""Classes over which only the accuracy is measured: a mean over more says nothing that a reader could use."""

_EPS = float(np.finfo(np.float64).eps)
_BINARY = {"0", "1"}
_MEANS = ("precision", "recall", "f1")

Floats = NDArray[np.float64]
Codes = NDArray[np.intp]


def classes_said(labels: ArrayLike, predictions: ArrayLike, *, classes: Sequence[str] = ()) -> Realised:
    """Measure classes that were said against those that came true, as scikit-learn does.

    Parameters
    ----------
    labels, predictions : array_like, shape (n,)
        Classes: text, numbers or booleans; 1, 1.0, True and "1" are one class. None or NaN where there is
        none.
    classes : sequence of str, optional
        Classes that there are beside those in these rows. They decide what is measured: where all are 0 and
        1, ``precision``, ``recall`` and ``f1`` are those of label 1, as scikit-learn has them for two.

    Returns
    -------
    Realised
        ``accuracy``, ``balanced_accuracy`` (mean recall of the labels), ``precision``, ``recall``, ``f1``: of
        label 1 of two, else means over classes (macro), with the same weighted by labels as
        ``precision_weighted``, ``recall_weighted``, ``f1_weighted``. A class that was never said has no
        precision, one that never was has no recall, and is left out of the mean (scikit-learn's
        ``zero_division=nan``). Over 100 classes only the accuracy. All NaN when no pair is left.

        Intervals: Wilson's for each class, put together by `mover`; F1 move together as in [1]_.

    Raises
    ------
    InputError
        If there is not one of each per row.

    Examples
    --------
    >>> found = classes_said(["a", "b", "c", "a"], ["a", "b", "b", "a"])
    >>> found["accuracy"], round(found["precision"], 3), round(found["recall"], 3)
    (0.75, 0.75, 0.667)
    """
    truth, said = names_of(labels), names_of(predictions)
    if len(truth) != len(said):
        raise InputError(f"got {len(truth)} labels and {len(said)} predictions; give one of each per row")
    there = (truth != None) & (said != None)  # noqa: E711 - of each element, not of the array
    truth, said = truth[there], said[there]
    found = class_names(np.concatenate([truth, said]))
    known = list(dict.fromkeys([*(str(one) for one in classes), *found]))
    intervals: dict[str, Interval]
    reasons: dict[str, Reason]
    if set(known) <= _BINARY:
        intervals, reasons = of_label_one(truth == "1", said == "1")
    else:
        intervals, reasons = _of_classes(class_codes(truth, found), class_codes(said, found), len(found))
    return Realised(intervals, len(truth), reasons if len(truth) else dict.fromkeys(intervals, "no_pairs"))


def classes_with_probabilities(
    labels: ArrayLike, probabilities: ArrayLike, classes: Sequence[str], *, predicted: ArrayLike | None = None
) -> Realised:
    """Measure the probabilities of several classes against those that came true.

    Parameters
    ----------
    labels : array_like, shape (n,)
        Classes, None or NaN where there is none.
    probabilities : array_like, shape (n, k)
        Of each class; rows add up to 1, and one with a NaN is left out.
    classes : sequence of str
        Their names, in the order of the columns.
    predicted : array_like, shape (n,), optional
        The class that was said, where it is not the likeliest.

    Returns
    -------
    Realised
        What `classes_said` gives, and ``roc_auc``: the mean over the classes that are there of the area under
        the curve of each against the rest (macro); ``log_loss`` (nats); ``calibration_error`` and
        ``calibration_error_expected`` of the likeliest class: how often it came true, at which probability.
        Of two classes ``precision, recall, f1`` are those of the second, as `PerformanceEstimator` has them,
        and there is ``brier``, the mean squared error of its probability.

    Raises
    ------
    InputError
        If a label is none of the classes, there is not one of each per row, or a row is no set of
        probabilities.

    Examples
    --------
    >>> said = [[0.8, 0.1, 0.1], [0.2, 0.5, 0.3], [0.1, 0.3, 0.6], [0.5, 0.4, 0.1]]
    >>> found = classes_with_probabilities(["a", "b", "c", "b"], said, ["a", "b", "c"])
    >>> found["accuracy"], round(found["roc_auc"], 3), round(found["log_loss"], 3)
    (0.75, 1.0, 0.586)
    """
    names = [str(one) for one in names_of(np.asarray(list(classes), dtype=object)).tolist()]
    scores = class_scores(probabilities, len(names))
    truth = class_codes(labels, names)
    if len(truth) != len(scores):
        raise InputError(f"got {len(truth)} labels and {len(scores)} predictions; give one of each per row")
    if (truth == -2).any():
        odd = np.asarray(labels, dtype=object)[truth == -2][0]
        raise InputError(f"the label {odd!r} is none of {', '.join(names)}; give one of them, or None")
    said = np.argmax(scores, axis=1) if predicted is None else class_codes(predicted, names)
    there = (truth >= 0) & (said >= 0) & ~np.isnan(scores).any(axis=1)
    truth, said, scores = truth[there], said[there], scores[there]
    two = len(names) == 2
    intervals, reasons = of_label_one(truth == 1, said == 1) if two else _of_classes(truth, said, len(names))
    likeliest = np.argmax(scores, axis=1) if len(scores) else said
    every = np.arange(len(truth))
    losses = -np.log(np.clip(scores[every, truth], _EPS, 1.0))
    curve = reliability_of((truth == likeliest).astype(np.float64), scores[every, likeliest])
    intervals |= {
        "roc_auc": _macro_auc(truth, scores),
        "log_loss": mean_interval(losses, 0.0),
        **({"brier": mean_interval((scores[:, 1] - truth) ** 2, 0.0, 1.0)} if two else {}),
        **calibration_intervals(curve),
    }
    if not len(truth):
        return Realised(intervals, 0, dict.fromkeys(intervals, "no_pairs"))
    few: dict[str, Reason] = {
        "roc_auc": "one_class" if len(names) <= MOST_CLASSES else "too_many",
        "calibration_error": "too_few",
        "calibration_error_expected": "too_few",
    }
    return Realised(intervals, len(truth), reasons | few, curve)


def _of_classes(truth: Codes, said: Codes, count: int) -> tuple[dict[str, Interval], dict[str, Reason]]:
    """Return the measures that follow from how often each class was said of each."""
    accuracy = wilson(int(np.count_nonzero(truth == said)), len(truth))
    names = ["balanced_accuracy", *_MEANS, *(f"{name}_weighted" for name in _MEANS)]
    if not len(truth) or count > MOST_CLASSES:
        reasons: dict[str, Reason] = dict.fromkeys(names, "too_many")
        return {"accuracy": accuracy} | dict.fromkeys(names, UNKNOWN), reasons
    table = np.bincount(truth * count + said, minlength=count * count).reshape(count, count)
    right, labelled, told = np.diag(table), table.sum(axis=1), table.sum(axis=0)
    parts = {
        "precision": [wilson(int(a), int(b)) for a, b in zip(right, told, strict=True)],
        "recall": [wilson(int(a), int(b)) for a, b in zip(right, labelled, strict=True)],
        "f1": [f1_interval(int(a), int(b), int(c)) for a, b, c in zip(right, labelled, told, strict=True)],
    }
    related = {"f1": _f1_correlation(table)}
    found = {"accuracy": accuracy, "balanced_accuracy": mover(parts["recall"])}
    for name in _MEANS:
        found[name] = mover(parts[name], correlation=related.get(name))
        weighted = mover(parts[name], weights=labelled, correlation=related.get(name))
        found[f"{name}_weighted"] = accuracy if name == "recall" else weighted
    return _as_scikit_learn(found, truth, said, count), {}


def _as_scikit_learn(
    found: dict[str, Interval], truth: Codes, said: Codes, count: int
) -> dict[str, Interval]:
    """Let scikit-learn have the last word on what a measure is."""
    from sklearn import metrics

    values = {"accuracy": metrics.accuracy_score(truth, said)}
    for average, ending in (("macro", ""), ("weighted", "_weighted")):
        scored = metrics.precision_recall_fscore_support(
            truth, said, labels=np.arange(count), average=average, zero_division=math.nan
        )
        values |= {f"{name}{ending}": one for name, one in zip(_MEANS, scored, strict=False)}
    return found | {name: found[name]._replace(value=float(value)) for name, value in values.items()}


def _f1_correlation(table: NDArray[np.int64]) -> Floats:
    """Return how the F1 of classes move together: a row of k that is said to be l lowers both [1]_."""
    right = np.diag(table).astype(np.float64)
    sizes = (table.sum(axis=0) + table.sum(axis=1)).astype(np.float64)
    with np.errstate(invalid="ignore", divide="ignore"):
        slopes = np.where(sizes > 0, 2.0 * right / sizes, 0.0)
        scale = np.where(sizes > 0, 1.0 / sizes, 0.0)
    both = (table + table.T) * np.outer(slopes * scale, slopes * scale)
    own = (right * (2.0 - 2.0 * slopes) ** 2 + (sizes - 2.0 * right) * slopes**2) * scale**2
    spread = np.sqrt(own)
    with np.errstate(invalid="ignore", divide="ignore"):
        found = np.where(np.outer(spread, spread) > 0, both / np.outer(spread, spread), 0.0)
    np.fill_diagonal(found, 1.0)
    return np.clip(found, -1.0, 1.0)


def _macro_auc(truth: Codes, scores: Floats) -> Interval:
    count = scores.shape[1]
    if not len(truth) or count > MOST_CLASSES:
        return UNKNOWN
    parts, moved = [], np.empty((len(truth), count), np.float32)  # only to see what moves together
    for code in range(count):
        found, moved[:, code] = auc_interval(truth == code, scores[:, code])
        parts.append(found)
    spread = np.sqrt(np.einsum("ij,ij->j", moved, moved))
    spread[spread == 0] = 1.0
    related = (moved.T @ moved) / np.outer(spread, spread)
    np.fill_diagonal(related, 1.0)
    return mover(parts, correlation=related.astype(np.float64))
