"""Realised performance agrees with scikit-learn to 1e-12, and says NaN where it would warn."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics

from mirante.errors import InputError
from mirante.performance.realised import classification, pairs, regression

_FLOATS = st.floats(-1e6, 1e6)


@settings(max_examples=150, deadline=None)
@given(
    rows=st.lists(
        st.tuples(st.booleans(), st.floats(0, 1) | st.sampled_from([0.0, 0.5, 1.0])), min_size=2, max_size=40
    )
)
def test_classification_is_that_of_scikit_learn(rows: list[tuple[bool, float]]) -> None:
    labels, said = np.array([row[0] for row in rows]), np.array([row[1] for row in rows])
    found = classification(labels, said)
    expected = {
        "accuracy": metrics.accuracy_score(labels, said >= 0.5),
        "log_loss": metrics.log_loss(labels, said, labels=[False, True]),
        "brier": metrics.brier_score_loss(labels, said, pos_label=True),
        "base_rate": labels.mean(),
    }
    told = said >= 0.5
    for name, known in (
        ("precision", told.any()),
        ("recall", labels.any()),
        ("f1", told.any() or labels.any()),
    ):
        if known:
            expected[name] = getattr(metrics, f"{name}_score")(labels, told)
        else:
            assert math.isnan(found.pop(name))
    if labels.any() and not labels.all():
        expected["roc_auc"] = metrics.roc_auc_score(labels, said)
    else:
        assert math.isnan(found.pop("roc_auc"))
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        assert found[name] == pytest.approx(value, abs=1e-12, rel=1e-12), name


def test_classification_of_many_rows_with_ties() -> None:
    rng = np.random.default_rng(1)
    labels = rng.integers(0, 2, 50_000)
    said = np.round(rng.random(50_000), 2)
    found = classification(labels, said)
    assert found["roc_auc"] == pytest.approx(metrics.roc_auc_score(labels, said), abs=1e-12)
    assert found["log_loss"] == pytest.approx(metrics.log_loss(labels, said), rel=1e-12)


@settings(max_examples=150, deadline=None)
@given(rows=st.lists(st.tuples(_FLOATS, _FLOATS), min_size=2, max_size=40))
def test_regression_is_that_of_scikit_learn(rows: list[tuple[float, float]]) -> None:
    labels, said = np.array([row[0] for row in rows]), np.array([row[1] for row in rows])
    found = regression(labels, said)
    assert found["mae"] == pytest.approx(metrics.mean_absolute_error(labels, said), rel=1e-12, abs=1e-12)
    assert found["rmse"] == pytest.approx(metrics.root_mean_squared_error(labels, said), rel=1e-12, abs=1e-12)
    with np.errstate(over="ignore"):  # of labels that differ by 1e-157
        assert found["r2"] == pytest.approx(metrics.r2_score(labels, said), rel=1e-9, abs=1e-12)
    if labels.all():
        share = metrics.mean_absolute_percentage_error(labels, said)
        assert found["mape"] == pytest.approx(share, rel=1e-12) or np.abs(labels).min() < 1e-15
    else:
        assert math.isnan(found["mape"])


def test_missing_labels_and_predictions_are_dropped_and_counted() -> None:
    labels, said = [1, None, 0, 1, math.nan], [0.9, 0.1, 0.2, math.nan, math.nan]
    assert classification(labels, said) == classification([1, 0], [0.9, 0.2])
    assert regression(labels, said) == regression([1, 0], [0.9, 0.2])
    found = pairs(labels, said)
    assert found.dropped == 3
    assert found.labels.tolist() == [1.0, 0.0]
    assert found.predictions.tolist() == [0.9, 0.2]


def test_one_class_has_no_roc_auc_and_no_warning() -> None:
    found = classification([1, 1], [0.5, 1.0])
    assert math.isnan(found["roc_auc"])
    assert found["base_rate"] == 1.0
    assert found["log_loss"] == pytest.approx(-math.log(0.5) / 2, abs=1e-12)


@pytest.mark.parametrize("labels", [[], [math.nan, None]])
def test_nothing_left_is_nan(labels: list[float]) -> None:
    said = [0.5] * len(labels)
    assert all(math.isnan(value) for value in classification(labels, said).values())
    assert all(math.isnan(value) for value in regression(labels, said).values())


def test_certain_and_wrong_is_clipped() -> None:
    assert classification([1], [0.0])["log_loss"] == pytest.approx(-math.log(np.finfo(float).eps), abs=1e-12)
    assert classification([1], [1.0])["log_loss"] == pytest.approx(0.0, abs=1e-15)


def test_the_threshold_is_included() -> None:
    assert classification([1, 0], [0.3, 0.2], threshold=0.3)["accuracy"] == 1.0
    assert classification([1, 0], [0.3, 0.3], threshold=0.3)["accuracy"] == 0.5


def test_one_pair_has_no_r2_and_no_warning() -> None:
    found = regression([1.0], [3.0])
    assert (found["mae"], found["rmse"]) == (2.0, 2.0)
    assert math.isnan(found["r2"])


def test_equal_labels_have_the_r2_of_scikit_learn() -> None:
    assert regression([2, 2], [2, 2])["r2"] == 1.0
    assert regression([2, 2], [2, 3])["r2"] == 0.0


def test_an_infinite_prediction_has_an_infinite_error() -> None:
    found = regression([1.0, 2.0], [1.0, math.inf])
    assert (found["mae"], found["rmse"], found["r2"]) == (math.inf, math.inf, -math.inf)


@pytest.mark.parametrize(
    "labels",
    [
        pd.Series([1, 0, None]),
        pd.Series([1, 0, None], dtype="Int64"),
        pd.Series([True, False, None], dtype="boolean"),
        np.array([1, 0, None], dtype=object),
    ],
)
def test_columns_of_pandas_are_taken(labels: object) -> None:
    found = classification(labels, [0.9, 0.1, 0.5])  # type: ignore[arg-type]  # any column is fine
    assert (found["accuracy"], found["base_rate"]) == (1.0, 0.5)


@pytest.mark.parametrize(
    ("labels", "said", "advice"),
    [
        ([1, 2], [0.5, 0.5], "the label 2 is neither 0 nor 1"),
        ([1, 0], [0.5, 1.5], r"the probability 1.5 is not in \[0, 1\]"),
        ([1, 0], [0.5], "got 2 labels and 1 predictions"),
        (["late", "on time"], [0.5, 0.5], "the labels are no numbers"),
        ([[1, 0]], [[0.5, 0.5]], r"shape \(1, 2\); give one value per row"),
    ],
)
def test_what_cannot_be_measured_is_told(labels: list[object], said: list[object], advice: str) -> None:
    with pytest.raises(InputError, match=advice):
        classification(labels, said)  # type: ignore[arg-type]  # wrong on purpose
