"""Classifiers that give probabilities (confidence-based performance estimation, CBPE).

A label is 1 as often as its calibrated probability says, so the confusion matrix to expect, and what is made
of it, follows from the probabilities alone. It holds while a score means what it meant in the baseline,
however the rows are mixed; where the meaning itself changes (concept drift), nothing but labels shows it.

References
----------
.. [1] J. Bialek, W. Kuberski, N. Perrakis, A. Bifet, "Estimating Model Performance Under Covariate Shift
   Without Labels", 2024, arXiv:2401.08348.
.. [2] B. Zadrozny, C. Elkan, "Transforming classifier scores into accurate multiclass probability estimates",
   KDD 2002: isotonic calibration, each class against the rest.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mirante.performance.estimated.figures import Figure
from mirante.performance.estimated.inputs import Inputs
from mirante.performance.estimated.portion import check_size
from mirante.stats.expected import measure_binary, measure_multiclass
from mirante.stats.expected_sums import (
    binary_from_sums,
    binary_sums,
    multiclass_from_sums,
    multiclass_sums,
)
from mirante.stats.isotonic import Curves, rising_curves

__all__ = ["FOLDS", "Confidence"]

FOLDS = 5
_SURE = 2.0  # standard errors
_REACH = 18.0  # of the log-odds that bins part: from 1.5e-8 to 1 less that
_BINS = {True: (0.05, 1_000), False: (0.2, 250)}  # their step, and how many others; two classes, or more

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Confidence:
    """Turns scores into the chance of each label.

    Parameters
    ----------
    classes : int
        How many.
    curves : tuple of Curves
        One for each class (of two, for class 1 alone): the share of the class among rows of a score, by
        isotonic regression. None where the scores are calibrated as they are.
    """

    classes: int
    curves: tuple[Curves, ...]

    @classmethod
    def fit(
        cls, codes: NDArray[np.intp], inputs: Inputs, folds: NDArray[np.intp]
    ) -> tuple[Confidence, Floats]:
        """Calibrate on labelled rows, where it is needed.

        Parameters
        ----------
        codes : ndarray of int, shape (n,)
            Place of each label among the classes.
        inputs : Inputs
            The same rows.
        folds : ndarray of int, shape (n,)
            Rows of a number other than a row's own calibrate it, 0 to `FOLDS` - 1.

        Returns
        -------
        model : Confidence
            Without curves where they make the squared error of the probabilities (Brier's score) of rows that
            they were not fitted to larger, by more than two standard errors. Where it is not clear they are
            used: a score that is off by d moves an estimate by d, and its squared error by d² only.
        unseen : ndarray of float64, shape (n, classes)
            The chances that each row gets without having been looked at.
        """
        classes = inputs.scores.shape[1]
        truth = np.eye(classes)[codes]
        unseen = np.empty_like(inputs.scores)
        for fold in range(FOLDS):
            out = folds == fold
            if out.all() or not out.any():
                continue
            unseen[out] = cls._calibrated(truth[~out], inputs.scores[~out]).believe(inputs.at(out))
        loss = np.sum((unseen - truth) ** 2, axis=1) - np.sum((inputs.scores - truth) ** 2, axis=1)
        if np.mean(loss) > _SURE * np.std(loss) / np.sqrt(len(loss)):
            return cls(classes, ()), inputs.scores
        return cls._calibrated(truth, inputs.scores), unseen

    @classmethod
    def _calibrated(cls, truth: Floats, scores: Floats) -> Confidence:
        classes = truth.shape[1]
        which = [1] if classes == 2 else range(classes)
        return cls(classes, tuple(rising_curves(scores[:, k], [truth[:, k]]) for k in which))

    def believe(self, inputs: Inputs) -> Floats:
        """Return the chance of each label, shape (n, classes)."""
        if not self.curves:
            return inputs.scores
        if self.classes == 2:
            one = self.curves[0].at(inputs.scores[:, 1])[:, 0]
            return np.stack([1.0 - one, one], axis=1)
        chances = np.concatenate(
            [curve.at(inputs.scores[:, k]) for k, curve in enumerate(self.curves)], axis=1
        )
        total = chances.sum(axis=1, keepdims=True)
        return np.where(total > 0, chances / np.where(total > 0, total, 1.0), inputs.scores)

    def know(self, codes: NDArray[np.intp]) -> Floats:
        """Return the chances of labels that are known: 0 and 1."""
        return np.eye(self.classes)[codes]

    def measure(self, chances: Floats, inputs: Inputs) -> Mapping[str, Figure]:
        """Return the measures of rows whose labels have these chances."""
        if self.classes == 2:
            found = measure_binary(chances[:, 1], inputs.scores[:, 1], inputs.said.astype(np.float64))
        else:
            found = measure_multiclass(chances, inputs.scores, inputs.said)
        return {
            name: Figure(one.value, one.label_variance(chances), one.row_variance(chances))
            for name, one in found.items()
        }

    def gather(self, inputs: Inputs) -> Floats:
        """Return sums over rows, from which `measure_sums` tells what `measure` does."""
        chances = self.believe(inputs)
        if self.classes == 2:
            return binary_sums(chances[:, 1], inputs.scores[:, 1], inputs.said, self._edges(0))
        edges = [self._edges(k) for k in range(self.classes)]
        return multiclass_sums(chances, inputs.scores, inputs.said, edges)

    def measure_sums(self, sums: Floats, rows: int) -> Mapping[str, Figure]:  # noqa: ARG002 - as `Losses`
        """Return the measures of rows from what `gather` gave of them.

        Raises
        ------
        InputError
            If these are another estimator's.
        """
        bins = [self._edges(k).size + 1 for k in range(1 if self.classes == 2 else self.classes)]
        if self.classes == 2:
            check_size(sums, 6 * bins[0] + 4)
            found = binary_from_sums(sums)
        else:
            check_size(sums, self.classes + 3 * self.classes**2 + 2 + 2 * sum(bins))
            found = multiclass_from_sums(sums, self.classes, bins)
        return {name: Figure(one.value, one.label_variance, np.nan) for name, one in found.items()}

    def _edges(self, place: int) -> Floats:
        """Return where scores are parted into bins: evenly, by log-odds, and where the baseline's rows are.

        Within a bin chances hardly differ, and few pairs of rows are: the area under the ROC curve, the one
        measure that is made of pairs, is then right to some 1e-6; of several classes, each of which has
        fewer bins, to some 1e-5.
        """
        step, most = _BINS[self.classes == 2]
        odds = np.arange(-_REACH, _REACH + step / 2, step)
        knots = self.curves[place].knots if self.curves else np.empty(0)
        kept = knots[:: max(1, -(-knots.size // most))]
        return np.unique(np.concatenate([np.linspace(0.0, 1.0, most + 1), 1.0 / (1.0 + np.exp(-odds)), kept]))

    def bases(self, chances: Floats, inputs: Inputs) -> Mapping[str, float]:
        """Return how many rows are below the line of each measure.

        Parameters
        ----------
        chances : ndarray of float64, shape (n, classes)
            Of labels that are known.
        inputs : Inputs
            The same rows.

        Returns
        -------
        mapping of str to float
            For ``precision`` rows that were called 1, for ``recall`` those with the label 1, for ``f1`` both,
            for ``roc_auc`` those of the rarer label, else all. Of a mean over k classes, as many rows as tell
            one class as well as the mean is told: k² over the sum of the classes' inverses.
        """
        rows = len(inputs.said)
        ones, called = chances.sum(axis=0), np.bincount(inputs.said, minlength=self.classes)
        if self.classes == 2:
            ones, called = ones[1:], called[1:]
        below = {
            "precision": called,
            "recall": ones,
            "f1": ones + called,
            "roc_auc": np.minimum(ones, rows - ones),
        }
        found = {name: _together(counts) for name, counts in below.items()}
        return dict.fromkeys(("accuracy", "brier", "log_loss"), float(rows)) | found

    def state(self) -> dict[str, Any]:
        """Return it as arrays and numbers."""
        return {"classes": self.classes, "curves": [[curve.knots, curve.values] for curve in self.curves]}

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> Confidence:
        """Take up what `state` gave."""
        return cls(int(state["classes"]), tuple(Curves(*pair) for pair in state["curves"]))


def _together(counts: NDArray[Any]) -> float:
    return float(len(counts) ** 2 / np.sum(1.0 / counts)) if counts.all() else 0.0
