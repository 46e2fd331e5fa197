"""Sums say what rows do: measures and the variance that labels give, of parts that are added up."""

import numpy as np
import pytest

from mirante.stats.expected import measure_binary, measure_multiclass
from mirante.stats.expected_sums import (
    binary_from_sums,
    binary_sums,
    multiclass_from_sums,
    multiclass_sums,
)

ROWS = 3_000
EDGES = np.linspace(0.0, 1.0, 201)[1:-1]
CLASSES = 3


def two_classes():
    rng = np.random.default_rng(4)
    scores = rng.beta(0.7, 1.1, ROWS)
    return np.clip(scores**1.4, 0.0, 1.0), scores, (scores >= 0.5).astype(np.intp)


def several():
    rng = np.random.default_rng(5)
    scores = rng.dirichlet(np.full(CLASSES, 0.5), ROWS)
    chances = scores**1.3
    return chances / chances.sum(axis=1, keepdims=True), scores, scores.argmax(axis=1)


def parts(arrays):
    """The rows of three hosts, one of which has none."""
    return [[array[one] for array in arrays] for one in (slice(0, 1_900), slice(0, 0), slice(1_900, None))]


def pairs_in_a_bin(chances, scores):
    """The largest error that ties within bins can make: each pair's half difference, over all pairs."""
    places = np.searchsorted(EDGES, scores, side="right")
    apart = 0.0
    for place in np.unique(places):
        mine = chances[places == place]
        apart += np.ptp(mine) / 2 * mine.size * (mine.size - 1) / 2
    return apart / (chances.sum() * (1 - chances).sum() - np.sum(chances * (1 - chances)))


def test_two_classes_in_parts_are_the_rows_together():
    chances, scores, said = two_classes()
    sums = sum(binary_sums(*part, EDGES) for part in parts((chances, scores, said)))
    whole = binary_sums(chances, scores, said, EDGES)
    bins = EDGES.size + 1
    assert np.array_equal(sums[: 2 * bins], whole[: 2 * bins])  # rows, to the last bit
    assert sums == pytest.approx(whole, rel=1e-12)
    found = binary_from_sums(sums)
    asked = measure_binary(chances, scores, said.astype(float))
    labels = np.stack([1 - chances, chances], axis=1)
    assert found.keys() == asked.keys()
    for name in asked.keys() - {"roc_auc"}:
        assert found[name].value == pytest.approx(asked[name].value, rel=1e-12), name
        assert found[name].label_variance == pytest.approx(asked[name].label_variance(labels), rel=1e-9), name
    error = abs(found["roc_auc"].value - asked["roc_auc"].value)
    assert 0 < error <= pairs_in_a_bin(chances, scores) < 1e-4
    assert found["roc_auc"].label_variance == pytest.approx(asked["roc_auc"].label_variance(labels), rel=1e-3)


def test_several_classes_in_parts_are_the_rows_together():
    chances, scores, said = several()
    edges = [EDGES] * CLASSES
    sums = sum(multiclass_sums(*part, edges) for part in parts((chances, scores, said)))
    found = multiclass_from_sums(sums, CLASSES, [EDGES.size + 1] * CLASSES)
    asked = measure_multiclass(chances, scores, said)
    assert found.keys() == asked.keys()
    for name in asked.keys() - {"roc_auc"}:
        assert found[name].value == pytest.approx(asked[name].value, rel=1e-12), name
        assert found[name].label_variance == pytest.approx(asked[name].label_variance(chances), rel=1e-9), (
            name
        )
    bound = np.mean([pairs_in_a_bin(chances[:, k], scores[:, k]) for k in range(CLASSES)])
    assert abs(found["roc_auc"].value - asked["roc_auc"].value) <= bound < 2e-4
    ratio = found["roc_auc"].label_variance / asked["roc_auc"].label_variance(chances)
    assert 1.0 <= ratio < 2.0  # an upper bound, and not far off


def test_what_rows_do_not_say_is_no_number():
    nothing = np.empty(0), np.empty(0), np.empty(0, np.intp)
    assert all(np.isnan(one.value) for one in binary_from_sums(binary_sums(*nothing, EDGES)).values())
    zeros = binary_from_sums(binary_sums(np.zeros(3), np.full(3, 0.1), np.zeros(3, np.intp), EDGES))
    unknown = {name for name, one in zeros.items() if np.isnan(one.value)}
    assert unknown == {"roc_auc", "f1", "precision", "recall"}
    sums = multiclass_sums(np.empty((0, 2)), np.empty((0, 2)), nothing[2], [EDGES] * 2)
    bins = [EDGES.size + 1] * 2
    assert all(np.isnan(one.value) for one in multiclass_from_sums(sums, 2, bins).values())
    sure = np.eye(3)[[0, 1, 1]]
    found = multiclass_from_sums(
        multiclass_sums(sure, sure, np.array([0, 1, 1]), [EDGES] * 3), 3, [EDGES.size + 1] * 3
    )
    assert {name for name, one in found.items() if np.isnan(one.value)} == unknown
    assert found["accuracy"].value == 1.0
