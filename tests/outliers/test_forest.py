"""The scores are scikit-learn's, bit for bit."""

from __future__ import annotations

import time

import numpy as np
import pytest
from sklearn.ensemble import IsolationForest
from sklearn.ensemble._iforest import _average_path_length

from mirante.outliers.forest import ForestScores, average_path_length


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


def test_a_window_is_scored_faster_than_by_scikit_learn() -> None:
    data = np.random.default_rng(0).normal(size=(5_000, 20)).astype(np.float32)
    forest = IsolationForest(random_state=0).fit(data)
    ours = ForestScores(forest)

    def best(score: object) -> float:
        times = []
        for _ in range(5):
            start = time.perf_counter()
            score(data[:1_000])  # type: ignore[operator]  # a callable
            times.append(time.perf_counter() - start)
        return min(times)

    assert best(ours.score) < best(forest.score_samples)
