"""Whether more of a metric is better, read from its name."""

from __future__ import annotations

import re
from typing import Literal

__all__ = ["DIRECTIONS", "Direction", "direction_of", "is_known"]

Direction = Literal["lower", "higher"]

# word in the name: which way is better. Where a name has several, the last one counts; a name without
# any is taken for "higher". `MLflowReport(directions={...})` overrules the table for a metric.
DIRECTIONS: dict[str, Direction] = {
    # losses and errors
    "loss": "lower",
    "logloss": "lower",
    "error": "lower",
    "err": "lower",
    "errors": "lower",
    "rmse": "lower",
    "rmsle": "lower",
    "mae": "lower",
    "mse": "lower",
    "msle": "lower",
    "mape": "lower",
    "smape": "lower",
    "wape": "lower",
    "mase": "lower",
    "deviance": "lower",
    "brier": "lower",
    "ece": "lower",
    "nll": "lower",
    "crossentropy": "lower",
    "entropy": "lower",
    "perplexity": "lower",
    "divergence": "lower",
    "aic": "lower",
    "bic": "lower",
    "fpr": "lower",
    "fnr": "lower",
    "wer": "lower",
    "cer": "lower",
    "drift": "lower",
    "bias": "lower",
    # what is spent
    "time": "lower",
    "seconds": "lower",
    "duration": "lower",
    "latency": "lower",
    "cost": "lower",
    "memory": "lower",
    "bytes": "lower",
    # scores
    "accuracy": "higher",
    "acc": "higher",
    "precision": "higher",
    "recall": "higher",
    "f1": "higher",
    "auc": "higher",
    "auroc": "higher",
    "r2": "higher",
    "score": "higher",
    "ndcg": "higher",
    "map": "higher",
    "mrr": "higher",
    "iou": "higher",
    "bleu": "higher",
    "rouge": "higher",
    "kappa": "higher",
    "mcc": "higher",
    "gain": "higher",
    "lift": "higher",
    "throughput": "higher",
}

# scikit-learn's scorers turn losses around: neg_mean_squared_error is better when it is greater
_NEGATED = {"neg", "negative"}
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+[0-9]*|[0-9]+")


def direction_of(metric: str) -> Direction:
    """Return whether a lower or a higher value of a metric is better.

    Parameters
    ----------
    metric : str
        A metric's name as MLflow has it: ``val_log_loss``, ``rootMeanSquaredError``, ``test/f1``.

    Returns
    -------
    {"lower", "higher"}
        By the last word of the name that `DIRECTIONS` lists; ``higher`` when it lists none.

    Examples
    --------
    >>> [direction_of(name) for name in ("val_log_loss", "testRMSE", "roc_auc", "error_free_accuracy", "foo")]
    ['lower', 'lower', 'higher', 'higher', 'higher']
    >>> direction_of("neg_mean_squared_error")
    'higher'
    """
    words = _words(metric)
    known = [DIRECTIONS[word] for word in words if word in DIRECTIONS]
    found: Direction = known[-1] if known else "higher"
    if _NEGATED.intersection(words):
        return "higher"
    return found


def is_known(metric: str) -> bool:
    """Tell whether a metric's name says which way is better; else `direction_of` takes it for ``higher``.

    Examples
    --------
    >>> is_known("val_log_loss"), is_known("foo")
    (True, False)
    """
    return any(word in DIRECTIONS or word in _NEGATED for word in _words(metric))


def _words(metric: str) -> list[str]:
    return [word.lower() for word in _WORD.findall(metric)]
