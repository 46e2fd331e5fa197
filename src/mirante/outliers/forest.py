"""scikit-learn's isolation forest scores, to the last bit, in less time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from sklearn.ensemble import IsolationForest

__all__ = ["ForestScores", "average_path_length"]

Floats = NDArray[np.float64]


def average_path_length(rows: NDArray[np.int64]) -> Floats:
    """Return the mean length of an unsuccessful search in a binary tree of so many rows.

    Parameters
    ----------
    rows : ndarray of int
        Rows in each leaf.

    Returns
    -------
    ndarray of float64
        ``2 (ln(n - 1) + γ) - 2 (n - 1) / n``; 1 for two rows, 0 for one or none.

    References
    ----------
    Liu, Ting and Zhou, "Isolation Forest", ICDM 2008, equation 1.

    Examples
    --------
    >>> average_path_length(np.array([0, 1, 2, 256])).round(4).tolist()
    [0.0, 0.0, 1.0, 10.2448]
    """
    lengths = np.where(rows == 2, 1.0, 0.0)
    many = rows > 2
    n = rows[many]
    lengths[many] = 2.0 * (np.log(n - 1.0) + np.euler_gamma) - 2.0 * (n - 1.0) / n
    return lengths


class ForestScores:
    """Scores rows with a fitted isolation forest.

    scikit-learn's own ``score_samples`` spends most of its time around the trees; the lengths of all paths
    are known once the forest is fitted, so that only the walk to the leaves is left.

    Parameters
    ----------
    forest : IsolationForest
        Fitted on all features (``max_features=1.0``).
    """

    def __init__(self, forest: IsolationForest) -> None:
        self._trees = [estimator.tree_ for estimator in forest.estimators_]
        self._lengths = [_path_lengths(tree) for tree in self._trees]
        self._scale = len(self._trees) * float(average_path_length(np.array([forest.max_samples_]))[0])

    def score(self, matrix: NDArray[np.float32]) -> Floats:
        """Return the score of each row, as ``IsolationForest.score_samples`` does.

        Parameters
        ----------
        matrix : ndarray of float32, shape (n, k)
            Rows; NaN is allowed.

        Returns
        -------
        ndarray of float64, shape (n,)
            -1 (isolated at once) to 0 (never); -0.5 is the average row.
        """
        depths = np.zeros(len(matrix))
        if not len(matrix):
            return depths
        rows = np.ascontiguousarray(matrix)
        for tree, lengths in zip(self._trees, self._lengths, strict=True):
            depths += lengths[tree.apply(rows)]
        # one training row: depth and scale are both 0, and the score is defined as that of an isolated row
        share = depths / self._scale if self._scale else np.ones_like(depths)
        return -(2**-share)


def _path_lengths(tree: Any) -> Floats:
    """Return for each node the splits above it, and those that its rows would still need."""
    depths = np.zeros(tree.node_count)
    # children come after their parents, so that one pass from the root is enough
    for node, (left, right) in enumerate(
        zip(tree.children_left.tolist(), tree.children_right.tolist(), strict=True)
    ):
        if left != -1:
            depths[left] = depths[right] = depths[node] + 1.0
    # scikit-learn counts nodes (splits + 1), adds, and takes 1 off again; the order matters for the last bit
    return (depths + 1.0) + average_path_length(tree.n_node_samples) - 1.0
