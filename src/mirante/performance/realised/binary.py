"""Two classes: probabilities of label 1, or 0 and 1 as they were said."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mirante.errors import InputError
from mirante.performance.realised.pairing import pairs
from mirante.performance.realised.reliability import calibration_intervals, reliability_of
from mirante.performance.realised.result import Realised, Reason
from mirante.stats.expected import measure_roc_auc
from mirante.stats.intervals import (
    UNKNOWN,
    Interval,
    auc_score_interval,
    f1_interval,
    logit_interval,
    mean_interval,
    mover,
    wilson,
)

__all__ = ["auc_interval", "classification", "of_label_one"]

_EPS = float(np.finfo(np.float64).eps)

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


def classification(labels: ArrayLike, probabilities: ArrayLike, *, threshold: float = 0.5) -> Realised:
    """Measure the probabilities of a two-class model against what came true, as scikit-learn does.

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
    Realised
        ``accuracy``, ``balanced_accuracy`` (mean recall of both labels), ``log_loss`` (nats; probabilities
        are clipped to [2.2e-16, 1 - 2.2e-16], so that it is at most 36.04), ``roc_auc`` (ties count half; NaN
        when only one class is there), ``average_precision`` (NaN without a label of 1), ``brier``,
        ``base_rate``;
        of label 1 ``precision`` (NaN when it was never said), ``recall`` (NaN when it never was) and ``f1``
        (NaN when neither); ``calibration_error`` and ``calibration_error_expected`` (`reliability_of`; NaN
        below 20 rows). All NaN when no pair is left.

        Intervals: Wilson's for shares; F1 as in `f1_interval`; `mover` for the balanced accuracy; DeLong's
        variance on the scale of log-odds for the area under the ROC curve, Newcombe's where it is 0 or 1; the
        delta method on the same scale for the average precision; Student's for means of losses.

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
    positive, told = truth == 1, said >= threshold
    of_label = np.clip(np.where(positive, said, 1.0 - said), _EPS, 1.0 - _EPS)
    curve = reliability_of(truth, said)
    found, reasons = of_label_one(positive, told)
    ranked, why = _ranking(positive, said)
    intervals = {
        **found,
        **ranked,
        "log_loss": _mean(-np.log(of_label), math.inf),
        "brier": _mean((said - truth) ** 2, 1.0),
        "base_rate": wilson(int(np.count_nonzero(positive)), len(truth)),
        **calibration_intervals(curve),
    }
    if not truth.size:
        return Realised(intervals, 0, dict.fromkeys(intervals, "no_pairs"))
    few: dict[str, Reason] = {"calibration_error": "too_few", "calibration_error_expected": "too_few"}
    return Realised(intervals, len(truth), reasons | why | few, curve)


def of_label_one(positive: Bools, told: Bools) -> tuple[dict[str, Interval], dict[str, Reason]]:
    """Return the measures of what was said, of two classes, with their intervals.

    Parameters
    ----------
    positive, told : ndarray of bool, shape (n,)
        Whether the label is 1, and whether the model said 1.

    Returns
    -------
    intervals : dict of str to Interval
        ``accuracy, balanced_accuracy, precision, recall, f1``.
    reasons : dict of str to str
        Why one of them may be unknown.
    """
    count, ones, said_ones = len(told), int(np.count_nonzero(positive)), int(np.count_nonzero(told))
    hits, zeros = int(np.count_nonzero(told & positive)), count - int(np.count_nonzero(positive))
    passed = zeros - (said_ones - hits)  # zeros that were said to be
    recalls = [wilson(hits, ones), wilson(passed, zeros)]
    found = {
        "accuracy": wilson(hits + passed, count),
        "balanced_accuracy": mover(recalls),
        "precision": wilson(hits, said_ones),
        "recall": recalls[0],
        "f1": f1_interval(hits, ones, said_ones),
    }
    if not ones or not zeros:
        found["balanced_accuracy"] = UNKNOWN
    reasons: dict[str, Reason] = {
        "balanced_accuracy": "one_class",
        "precision": "never_said",
        "recall": "never_true",
        "f1": "never_true",
    }
    return found, reasons


def auc_interval(positive: Bools, scores: Floats) -> tuple[Interval, Floats]:
    """Return the area under the ROC curve with DeLong's interval on the scale of log-odds.

    Parameters
    ----------
    positive : ndarray of bool, shape (n,)
        Whether the label is 1.
    scores : ndarray of float64, shape (n,)
        Higher where a 1 is likelier; ties count half.

    Returns
    -------
    interval : Interval
        NaN where only one class is there.
    influence : ndarray of float64, shape (n,)
        What each row does to it, over n: see `mirante.stats.expected`.

    Examples
    --------
    >>> found, _ = auc_interval(np.array([True, False, True, False]), np.array([0.9, 0.2, 0.4, 0.6]))
    >>> found.value
    0.75
    """
    count, ones = len(positive), int(np.count_nonzero(positive))
    zeros = count - ones
    if not ones or not zeros:
        return UNKNOWN, np.zeros(count)
    value, moved = measure_roc_auc(positive.astype(np.float64), scores)
    own = np.where(positive, moved[:, 1], moved[:, 0])
    # DeLong's variance: that of the components over the rows of each label, with n - 1
    variance = sum(
        float(np.sum((own[rows] * size / count) ** 2)) / (size * (size - 1)) if size > 1 else math.nan
        for rows, size in ((positive, ones), (~positive, zeros))
    )
    return logit_interval(value, variance, auc_score_interval(value, ones, zeros)), own


def _ranking(positive: Bools, said: Floats) -> tuple[dict[str, Interval], dict[str, Reason]]:
    reasons: dict[str, Reason] = {"roc_auc": "one_class", "average_precision": "never_true"}
    return {
        "roc_auc": auc_interval(positive, said)[0],
        "average_precision": _average_precision(positive, said),
    }, reasons


def _average_precision(positive: Bools, said: Floats) -> Interval:
    """Return the average precision: the mean over rows of label 1 of the precision at their score.

    With n rows, P(s) = A(s) / Q(s) for the shares A of ones and Q of rows at or above a score, and the share
    π of ones, a row of label y and score s moves the mean by
    ψ = (y (P(s) - AP) + Σ_{t <= s} a(t) (y - P(t)) / Q(t)) / π over n, where a(t) is the share of ones at t
    (the delta method: the first part is the row's own place in the mean, the second what it does to others).
    """
    count, ones = len(positive), int(np.count_nonzero(positive))
    if not ones:
        return UNKNOWN
    _, places = np.unique(said, return_inverse=True)
    here = np.bincount(places, positive) / count  # shares of ones, by rising score
    rows = np.bincount(places) / count
    above, all_above = np.cumsum(here[::-1])[::-1], np.cumsum(rows[::-1])[::-1]
    precision = above / all_above
    value = float(np.sum(here * precision)) * count / ones
    for_ones = np.cumsum(here / all_above)
    for_all = np.cumsum(here * precision / all_above)
    moved = positive * (precision[places] - value) + positive * for_ones[places] - for_all[places]
    variance = float(np.mean((moved * count / ones) ** 2)) / count
    # at its ends, Boyd et al. (ECML 2013): as a share of the ones
    return logit_interval(value, variance, wilson(value * ones, ones))


def _mean(losses: Floats, high: float) -> Interval:
    return mean_interval(losses, 0.0, high)
