"""What is estimated: NannyML's bundled data sets, and a simulated one.

Imports nothing, since NannyML's side reads it too.
"""

from __future__ import annotations

from typing import Any, NamedTuple

__all__ = ["CASES", "Case"]


class Case(NamedTuple):
    """One data set: a reference with labels, the rows after it, and their labels apart."""

    files: tuple[str, str, str]
    task: str
    label: str
    score: str | dict[str, str]  # column of the probability, of each class's probability, or of the number
    measures: tuple[str, ...]
    chunks: dict[str, Any]  # as NannyML takes them
    said: str | None = None
    features: tuple[str, ...] = ()
    chance: str | None = None  # column of the label's chance, where it is known


_BINARY = ("roc_auc", "accuracy", "f1", "precision", "recall")

CASES = {
    "car loan": Case(
        (
            "synthetic_car_loan_reference",
            "synthetic_car_loan_analysis",
            "synthetic_car_loan_analysis_target",
        ),
        "probability",
        "repaid",
        "y_pred_proba",
        _BINARY,
        {"chunk_size": 5000},
        "y_pred",
    ),
    "California housing": Case(
        ("california_housing_reference", "california_housing_analysis", "california_housing_analysis_gt"),
        "probability",
        "clf_target",
        "y_pred_proba",
        _BINARY,
        {"chunk_period": "M"},
        "y_pred",
    ),
    "credit card": Case(
        ("mc_reference", "mc_analysis", "mc_analysis_gt"),
        "probabilities",
        "y_true",
        {name: f"y_pred_proba_{name}" for name in ("highstreet_card", "prepaid_card", "upmarket_card")},
        _BINARY,
        {"chunk_size": 6000},
        "y_pred",
    ),
    "car price": Case(
        (
            "regression_synthetic_reference",
            "regression_synthetic_analysis",
            "regression_synthetic_analysis_targets",
        ),
        "regression",
        "y_true",
        "y_pred",
        ("mae", "rmse", "mape"),
        {"chunk_size": 6000},
        None,
        (
            "car_age",
            "km_driven",
            "price_new",
            "accident_count",
            "door_count",
            "fuel",
            "transmission",
        ),
    ),
    "simulated": Case(
        ("simulated_reference", "simulated_analysis", "simulated_target"),
        "probability",
        "label",
        "score",
        _BINARY,
        {"chunk_size": 200},
        "said",
        chance="chance",
    ),
}
