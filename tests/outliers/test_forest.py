"""The scores are scikit-learn's, bit for bit."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.ensemble import IsolationForest
from sklearn.ensemble._iforest import _average_path_length

from mirante.errors import InputError
from mirante.outliers.forest import Forest, ForestScores, average_path_length
from mirante.outliers.rows import Rows


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(("rows", "columns"), [(1, 1), (2, 3), (50, 1), (300, 4), (5_000, 7)])
def test_scores_are_those_of_scikit_learn(seed: int, rows: int, columns: int) -> None:
    rng = np.random.default_rng(seed)
    data = np.round(rng.normal(size=(rows, columns)), 1).astype(np.float32)
    data[rng.random(data.shape) < 0.05] = np.nan
    data[0] = 0.0
    forest = IsolationForest(random_state=seed, contamination=0.1).fit(data)
    other = (3 * rng.normal(size=(200, columns))).astype(np.float32)
    other[::9, 0] = np.nan
    for sample in (data, other):
        assert np.array_equal(ForestScores(forest).score(sample), forest.score_samples(sample))


def test_path_lengths_are_those_of_scikit_learn() -> None:
    rows = np.arange(1, 1_000)
    assert np.array_equal(average_path_length(rows), _average_path_length(rows))


def test_no_rows_have_no_scores() -> None:
    forest = IsolationForest(random_state=0, n_estimators=3).fit(np.zeros((5, 2)))
    assert ForestScores(forest).score(np.empty((0, 2), dtype=np.float32)).shape == (0,)


def _forest(seed: int, columns: int = 4) -> tuple[IsolationForest, np.ndarray]:
    data = np.random.default_rng(seed).normal(size=(2_000, columns)).astype(np.float32)
    data[::13, 0] = np.nan
    return IsolationForest(random_state=seed).fit(data), data


@pytest.mark.parametrize("seed", range(3))
def test_contributions_add_up_to_the_score(seed: int) -> None:
    forest, data = _forest(seed)
    ours = ForestScores(forest)
    rows = np.concatenate([data[:50], 5 * data[50:60], np.full((1, 4), np.nan, np.float32)])
    parts = ours.contributions(rows)
    assert parts.shape == rows.shape
    np.testing.assert_allclose(-0.5 * 2 ** parts.sum(axis=1), ours.score(rows), rtol=1e-12)


@pytest.mark.parametrize("column", range(4))
def test_the_column_that_was_made_strange_contributes_most(column: int) -> None:
    forest, data = _forest(0)
    rows = np.nan_to_num(data[1:41])
    rows[:, column] = 8.0
    parts = ForestScores(forest).contributions(rows)
    assert np.mean(parts.argmax(axis=1) == column) > 0.9
    assert (parts[:, column] > 0).all()


def test_a_constant_column_contributes_nothing() -> None:
    data = np.random.default_rng(0).normal(size=(500, 3)).astype(np.float32)
    data[:, 1] = 7.0
    parts = ForestScores(IsolationForest(random_state=0).fit(data)).contributions(data[:20])
    assert (parts[:, 1] == 0).all()
    assert (parts[:, 0] != 0).any()


def test_where_there_is_no_split_nothing_contributes() -> None:
    for rows in (1, 5):
        ours = ForestScores(IsolationForest(random_state=0, n_estimators=3).fit(np.zeros((rows, 2))))
        assert ours.contributions(np.ones((2, 2), np.float32)).tolist() == [[0.0, 0.0], [0.0, 0.0]]
    assert ours.contributions(np.empty((0, 2), np.float32)).shape == (0, 2)


def test_trees_are_those_of_scikit_learn() -> None:
    data = np.random.default_rng(0).normal(size=(3_000, 3))
    theirs = IsolationForest(contamination=0.1, random_state=5).fit(data)
    ours, scores = Forest.fit(Rows.of(data), 5)
    found, lacking = ours.measure(Rows.of(data))
    assert np.array_equal(found, theirs.score_samples(data))
    assert np.array_equal(found, scores)
    assert not lacking.any()


@pytest.mark.parametrize(
    ("data", "advice"),
    [
        ({}, "got 0 rows of 0 columns"),
        ([], "got 0 rows"),
        ([np.nan, np.nan], "all 2 rows are missing values only"),
        ({"x": [None, None]}, "all 2 rows are missing values only"),
    ],
)
def test_a_baseline_that_says_nothing_is_refused(data: object, advice: str) -> None:
    with pytest.raises(InputError, match=advice):
        Forest.fit(Rows.of(data), 0)


def test_state_comes_back() -> None:
    table = {"x": np.random.default_rng(0).normal(size=300), "c": ["a", "a", "b"] * 100}
    ours, _ = Forest.fit(Rows.of(table), 1)
    again = Forest.from_state(ours.state())
    rows = Rows.of({"c": ["b", "new"], "x": [0.0, 9.0]})
    assert np.array_equal(again.measure(again.prepare(rows))[0], ours.measure(ours.prepare(rows))[0])
