"""Isolation forest and robust z as one score: what either of them finds strange."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from mirante.outliers.calibration import score_sample, threshold_at
from mirante.outliers.forest import Forest
from mirante.outliers.robust import RobustZ
from mirante.outliers.rows import Rows

__all__ = ["Both"]

_SHARE = 0.01

Floats = NDArray[np.float64]


class Both:
    """The stranger of two scores, each divided by what 1 % of the baseline's rows exceed.

    A forest hardly sees a single wild value among many columns: it draws a column for each split, and a value
    beyond all others is isolated no sooner than the largest ordinary one. Robust z sees nothing else.

    Parameters
    ----------
    forest : Forest
    robust : RobustZ
    units : tuple of two float
        By what to divide the score of each; above 0.
    """

    def __init__(self, forest: Forest, robust: RobustZ, units: tuple[float, float]) -> None:
        self.forest = forest
        self.robust = robust
        self.units = units

    @classmethod
    def of(cls, forest: Forest, robust: RobustZ, forest_scores: Floats, robust_scores: Floats) -> Both:
        """Weigh two models by their scores of the baseline.

        Parameters
        ----------
        forest : Forest
        robust : RobustZ
        forest_scores, robust_scores : ndarray of float64
            Of the baseline's rows.

        Returns
        -------
        Both
        """
        usual = [-threshold_at(score_sample(scores), _SHARE) for scores in (forest_scores, robust_scores)]
        return cls(forest, robust, (max(usual[0], 0.5), max(usual[1], 1.0)))  # a constant has no z but 0

    def joined(self, forest_scores: Floats, robust_scores: Floats) -> Floats:
        """Return the score of each row from its two scores.

        Parameters
        ----------
        forest_scores, robust_scores : ndarray of float64

        Returns
        -------
        ndarray of float64
            0 or less, lower is stranger; in a continuous baseline between 1 and 2 % lie below -1.
        """
        return np.minimum(forest_scores / self.units[0], robust_scores / self.units[1])

    def prepare(self, rows: Rows) -> Rows:
        """Return the baseline's columns of `rows`."""
        return self.forest.prepare(rows)

    def measure(self, rows: Rows) -> tuple[Floats, NDArray[np.bool_]]:
        """Return the score of each row, and whether it lacks a value."""
        scores, lacking = self.forest.measure(rows)
        return self.joined(scores, self.robust.measure(rows)[0]), lacking

    def reasons(self, rows: Rows) -> tuple[Floats, Floats, list[str]]:
        """Return score, contributions of the columns (n, k) and method of each row: the stranger one's."""
        first, second = self.forest.reasons(rows), self.robust.reasons(rows)
        scores = self.joined(first[0], second[0])
        robust = scores == second[0] / self.units[1]
        parts = np.where(robust[:, None], second[1], first[1])
        return scores, parts, [second[2][0] if which else first[2][0] for which in robust.tolist()]

    def state(self) -> dict[str, Any]:
        """Return what `from_state` needs."""
        return {"forest": self.forest.state(), "robust": self.robust.state(), "units": list(self.units)}

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> Both:
        """Return the models that `state` described."""
        units = tuple(state["units"])
        return cls(Forest.from_state(state["forest"]), RobustZ.from_state(state["robust"]), units)
