"""scikit-learn's isolation forest scores, to the last bit, in less time."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mirante.outliers.blocks import in_blocks
from mirante.outliers.encoding import Encoder
from mirante.outliers.rows import Rows, check_baseline

if TYPE_CHECKING:
    from sklearn.ensemble import IsolationForest

__all__ = ["Forest", "ForestScores", "average_path_length"]

Floats = NDArray[np.float64]
Matrix = NDArray[np.float32]

METHOD = "isolation_forest"


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

    scikit-learn's own ``score_samples`` spends part of its time around the trees; the lengths of all paths
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

    def score(self, matrix: Matrix) -> Floats:
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
            depths += lengths.take(tree.apply(rows))
        # one training row: depth and scale are both 0, and the score is defined as that of an isolated row
        share = depths / self._scale if self._scale else np.ones_like(depths)
        return -(2**-share)

    def contributions(self, matrix: Matrix) -> Floats:
        """Return what each column adds to the strangeness of each row.

        A split shortens or lengthens the path that its rows may still expect. The column of the split is
        credited with that change, over all splits on the row's paths and all trees.

        Parameters
        ----------
        matrix : ndarray of float32, shape (n, k)
            Rows; NaN is allowed.

        Returns
        -------
        ndarray of float64, shape (n, k)
            Above 0 where the column makes the row stranger than the average row, below 0 where it makes it
            more ordinary. A row's contributions c add up: its score is ``-0.5 * 2**sum(c)``. All are 0 where
            the forest has no split.

        References
        ----------
        The path-wise decomposition of Saabas ("Interpreting random forests", 2014), with the expected path
        length of Liu, Ting and Zhou (2008, equation 1) as the value of a node.
        """
        found = np.zeros(matrix.shape)
        if not self._scale or not len(matrix):
            return found
        rows = np.ascontiguousarray(matrix)
        node = np.concatenate(
            [tree.apply(rows) + first for tree, first in zip(self._trees, self._walk.first, strict=True)]
        )
        row = np.tile(np.arange(len(rows)), len(self._trees))
        columns = matrix.shape[1]
        # from the leaves of all trees up to their roots, one split at a time
        while node.size:
            inner = self._walk.parent[node] >= 0
            node, row = node[inner], row[inner]
            place = row * columns + self._walk.feature[node]
            found += np.bincount(place, self._walk.change[node], found.size).reshape(found.shape)
            node = self._walk.parent[node]
        return found / self._scale

    @cached_property
    def _walk(self) -> _Walk:
        return _Walk.of(self._trees, self._lengths)


@dataclass(frozen=True, slots=True)
class _Walk:
    """The way from the leaves of all trees to their roots, the nodes of one tree after those of another.

    Parameters
    ----------
    first : list of int
        First node of each tree.
    parent : ndarray of int
        Of each node; -1 of a root.
    feature : ndarray of int
        Which column its parent splits; 0 of a root.
    change : ndarray of float64
        By how much the split shortens the path.
    """

    first: list[int]
    parent: NDArray[np.intp]
    feature: NDArray[np.intp]
    change: Floats

    @classmethod
    def of(cls, trees: list[Any], lengths: list[Floats]) -> _Walk:
        """Take the trees of a forest and the path lengths of their nodes."""
        first, parents, features, changes = [0], [], [], []
        for tree, length in zip(trees, lengths, strict=True):
            parent, feature = np.full(tree.node_count, -1, np.intp), np.zeros(tree.node_count, np.intp)
            split = np.flatnonzero(tree.children_left != -1)
            for children in (tree.children_left[split], tree.children_right[split]):
                parent[children], feature[children] = split, tree.feature[split]
            changes.append(np.where(parent >= 0, length[parent] - length, 0.0))
            parents.append(np.where(parent >= 0, parent + first[-1], -1))
            features.append(feature)
            first.append(first[-1] + tree.node_count)
        return cls(first[:-1], np.concatenate(parents), np.concatenate(features), np.concatenate(changes))


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


class Forest:
    """An isolation forest on the rows of a baseline: scikit-learn's, with any table for its matrix.

    Parameters
    ----------
    encoder : Encoder
        Makes numbers of rows.
    forest : IsolationForest
        Fitted on them.
    """

    def __init__(self, encoder: Encoder, forest: IsolationForest) -> None:
        self.encoder = encoder
        self.forest = forest
        self.scores = ForestScores(forest)

    @classmethod
    def fit(cls, rows: Rows, random_state: int) -> tuple[Forest, Floats]:
        """Fit scikit-learn's forest, its other parameters at their defaults.

        Parameters
        ----------
        rows : Rows
            The baseline; held as one float32 matrix meanwhile.
        random_state : int
            Seed.

        Returns
        -------
        forest : Forest
        scores : ndarray of float64, shape (n,)
            Of the baseline's rows.

        Raises
        ------
        InputError
            If the baseline says nothing.
        """
        from sklearn.ensemble import IsolationForest

        check_baseline(rows.count, len(rows.columns))
        encoder = Encoder.of(rows)
        matrix = np.empty((rows.count, len(rows.columns)), np.float32)
        scores = np.empty(rows.count)

        def encode(begin: int, end: int) -> None:
            matrix[begin:end] = encoder.encode(rows.part(begin, end))

        in_blocks(rows.count, encode)
        check_baseline(rows.count, len(rows.columns), int(np.isfinite(matrix).any()))
        # "auto" leaves out scikit-learn's own scoring of the baseline, which would take one core
        fitted = cls(encoder, IsolationForest(contamination="auto", random_state=random_state).fit(matrix))

        def score(begin: int, end: int) -> None:
            scores[begin:end] = fitted.scores.score(matrix[begin:end])

        in_blocks(rows.count, score)
        return fitted, scores

    def prepare(self, rows: Rows) -> Rows:
        """Return the baseline's columns of `rows`."""
        return rows.like(self.encoder.columns, named=self.encoder.named)

    def measure(self, rows: Rows) -> tuple[Floats, NDArray[np.bool_]]:
        """Return the score of each row, and whether it lacks a value."""
        matrix = self.encoder.encode(rows)
        return self.scores.score(matrix), np.asarray(np.isnan(matrix).any(axis=1))

    def reasons(self, rows: Rows) -> tuple[Floats, Floats, list[str]]:
        """Return score, contributions of the columns (n, k) and method of each row."""
        matrix = self.encoder.encode(rows)
        return self.scores.score(matrix), self.scores.contributions(matrix), [METHOD] * rows.count

    def state(self) -> dict[str, Any]:
        """Return what `from_state` needs."""
        levels = {name: dict(shares) for name, shares in self.encoder.levels.items()}
        columns, named = list(self.encoder.columns), self.encoder.named
        return {"forest": self.forest, "columns": columns, "levels": levels, "named": named}

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> Forest:
        """Return the forest that `state` described."""
        return cls(Encoder(tuple(state["columns"]), state["levels"], state["named"]), state["forest"])
