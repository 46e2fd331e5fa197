"""Measures of labels are scikit-learn's; expected ones, and both variances, are those of simulation."""

import numpy as np
import pytest
from sklearn import metrics

from mirante.stats.expected import measure_binary, measure_multiclass

ROWS = 500


def binary(seed=1):
    rng = np.random.default_rng(seed)
    chances = rng.beta(0.6, 0.9, ROWS)
    scores = np.clip(chances + rng.normal(0, 0.15, ROWS), 0.01, 0.99).round(2)
    return rng, chances, scores, (scores >= 0.5).astype(float)


def pair(chances):
    return np.stack([1 - chances, chances], axis=1)


def test_labels_give_what_scikit_learn_gives():
    rng, chances, scores, said = binary()
    labels = (rng.random(ROWS) < chances).astype(float)
    found = {name: one.value for name, one in measure_binary(labels, scores, said).items()}
    expected = {
        "accuracy": metrics.accuracy_score(labels, said),
        "roc_auc": metrics.roc_auc_score(labels, scores),
        "f1": metrics.f1_score(labels, said),
        "precision": metrics.precision_score(labels, said),
        "recall": metrics.recall_score(labels, said),
        "brier": metrics.brier_score_loss(labels, scores),
        "log_loss": metrics.log_loss(labels, scores),
    }
    assert found == pytest.approx(expected, abs=1e-12)


def test_expected_measures_and_the_labels_variance_are_those_of_simulated_labels():
    rng, chances, scores, said = binary()
    told = measure_binary(chances, scores, said)
    draws = [measure_binary((rng.random(ROWS) < chances) * 1.0, scores, said) for _ in range(2_000)]
    for name, one in told.items():
        simulated = np.array([draw[name].value for draw in draws])
        sd = np.sqrt(one.label_variance(pair(chances)))
        assert one.value == pytest.approx(simulated.mean(), abs=4 * sd / np.sqrt(2_000) + 0.05 * sd), name
        assert sd == pytest.approx(simulated.std(), rel=0.08), name


def test_the_rows_variance_is_that_of_rows_drawn_anew():
    rng, chances, scores, said = binary(2)
    labels = (rng.random(ROWS) < chances) * 1.0
    found = measure_binary(labels, scores, said)
    draws = []
    for _ in range(2_000):
        rows = rng.integers(0, ROWS, ROWS)
        draws.append(measure_binary(labels[rows], scores[rows], said[rows]))
    for name, one in found.items():
        simulated = np.std([draw[name].value for draw in draws])
        assert np.sqrt(one.row_variance(pair(labels)) / ROWS) == pytest.approx(simulated, rel=0.08), name


def test_several_classes():
    rng = np.random.default_rng(3)
    chances = rng.dirichlet([0.5] * 4, ROWS)
    scores = 0.2 * rng.dirichlet([1.0] * 4, ROWS) + 0.8 * chances
    said = scores.argmax(axis=1)
    told = measure_multiclass(chances, scores, said)
    draws, labels = [], None
    for _ in range(1_000):
        labels = (chances.cumsum(axis=1) > rng.random((ROWS, 1))).argmax(axis=1)
        draws.append(measure_multiclass(np.eye(4)[labels], scores, said))
    last = {name: one.value for name, one in draws[-1].items()}
    assert last == pytest.approx(
        {
            "accuracy": metrics.accuracy_score(labels, said),
            "f1": metrics.f1_score(labels, said, average="macro"),
            "precision": metrics.precision_score(labels, said, average="macro"),
            "recall": metrics.recall_score(labels, said, average="macro"),
            "roc_auc": metrics.roc_auc_score(labels, scores, multi_class="ovr"),
            "log_loss": metrics.log_loss(labels, scores),
        },
        abs=1e-12,
    )
    for name, one in told.items():
        simulated = np.array([draw[name].value for draw in draws])
        sd = np.sqrt(one.label_variance(chances))
        assert one.value == pytest.approx(simulated.mean(), abs=0.2 * sd), name
        assert sd == pytest.approx(simulated.std(), rel=0.1), name


@pytest.mark.parametrize("rows", [0, 1])
def test_what_rows_do_not_say_is_nan(rows):
    nothing = np.zeros(rows)
    found = measure_binary(nothing, nothing, nothing)
    expected = {"accuracy", "f1", "precision", "recall", "roc_auc", "brier", "log_loss"}
    silent = {name for name, one in found.items() if np.isnan(one.value)}
    assert silent == (expected if rows == 0 else {"f1", "precision", "recall", "roc_auc"})
    several = measure_multiclass(np.zeros((rows, 3)), np.zeros((rows, 3)), np.zeros(rows, int))
    assert np.isnan(several["roc_auc"].value)
    assert several["f1"].influence.shape == (rows, 3)


def test_a_row_is_no_pair_with_itself():
    # two rows: one of them 1 and the other 0, either way round, or no pair at all
    found = measure_binary(np.array([0.5, 0.5]), np.array([0.2, 0.8]), np.array([0.0, 1.0]))
    assert found["roc_auc"].value == pytest.approx(0.5)
    sure = measure_binary(np.array([0.1, 0.9]), np.array([0.2, 0.8]), np.array([0.0, 1.0]))
    assert sure["roc_auc"].value == pytest.approx(0.81 / 0.82)
