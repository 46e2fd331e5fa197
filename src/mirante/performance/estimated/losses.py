"""Regressions, and classifiers without probabilities (direct loss estimation, DLE).

A second model learns how large the loss of a prediction is, from the features and the prediction. It holds
while features and prediction say of the loss what they said in the baseline. Gradient-boosted trees (with
Poisson's likelihood, since a loss is never below 0 and varies as it grows) give each row an index, the loss
to expect; rising curves turn the index into the mean of the loss and of its square, so that every estimate is
calibrated on rows that the trees have not seen, and knows its variance.

References
----------
.. [1] NannyML 0.13, "Direct Loss Estimation": the idea, there with one model for each loss.
.. [2] R. E. Barlow et al., "Statistical Inference under Order Restrictions", 1972: the curves.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mirante.errors import InputError
from mirante.performance.estimated.encoding import Encoder
from mirante.performance.estimated.figures import Figure
from mirante.performance.estimated.inputs import Inputs
from mirante.performance.estimated.portion import check_size
from mirante.stats.isotonic import Curves, rising_curves

__all__ = ["FOLDS", "Losses", "Part", "losses_of", "wrong_classes"]

FOLDS = 2
_SEED = 0
_MOST_ROWS = 200_000  # that a model is fitted to: about a second for 20 columns
# few and small: with ten times as many the estimates on the data of benchmarks/estimated were not better
_TREES = {
    "loss": "poisson",
    "max_iter": 8,
    "learning_rate": 0.35,
    "max_leaf_nodes": 15,
    "early_stopping": False,
}
_SHARES = ("mae", "rmse"), ("mape",), ("accuracy",)  # losses of one group rise with the same index

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Part:
    """Losses that rise with one index.

    Parameters
    ----------
    names : tuple of str
        The losses.
    models : tuple of HistGradientBoostingRegressor
        Two, each fitted to half of the baseline; their mean is the index. None where all losses are equal.
    curves : Curves
        For each loss its mean, and the mean of its square, by index. For ``mape`` the variance alone: shares
        vary much more than their means differ, and a curve through rows that the trees have not seen,
        whose index is off by as much, would flatten what the trees have found.
    """

    names: tuple[str, ...]
    models: tuple[Any, ...]
    curves: Curves

    @classmethod
    def fit(
        cls, losses: Mapping[str, Floats], matrix: Floats, folds: NDArray[np.intp]
    ) -> tuple[Part, Floats]:
        """Learn losses; the index is learnt from the first. As `Losses.fit`."""
        target = next(iter(losses.values()))
        index = np.full(target.shape, float(np.mean(target)))
        models = []
        for fold in range(FOLDS) if np.ptp(target) > 0 else ():
            mine = folds == fold
            if np.sum(target[mine]) > 0 and not mine.all():
                with _one_thread():
                    models.append(_trees(matrix[mine], target[mine]))
                    index[~mine] = models[-1].predict(matrix[~mine])
        if "mape" in losses:
            wanted = [(target - index) ** 2]
        else:
            wanted = [part for loss in losses.values() for part in (loss, loss**2)]
        learnt = cls(tuple(losses), tuple(models), rising_curves(index, wanted))
        return learnt, learnt._at(index)

    def believe(self, matrix: Floats) -> Floats:
        """Return the mean of each loss and of its square, shape (n, 2 · losses)."""
        if not self.models or not len(matrix):
            return self._at(np.full(len(matrix), self.curves.knots[0]))
        with _one_thread():
            return self._at(np.mean([model.predict(matrix) for model in self.models], axis=0))

    def _at(self, index: Floats) -> Floats:
        found = self.curves.at(index)
        return np.stack([index, index**2 + found[:, 0]], axis=1) if "mape" in self.names else found


@dataclass(frozen=True, slots=True)
class Losses:
    """Turns features and prediction into the loss to expect.

    Parameters
    ----------
    parts : tuple of Part
        ``mae`` with ``rmse`` (the squared error), and ``mape``; or ``accuracy`` (a wrong class).
    scale : float
        Mean absolute error in the baseline, the unit of the errors.
    encoder : Encoder
        Makes the matrix.
    """

    parts: tuple[Part, ...]
    scale: float
    encoder: Encoder

    @property
    def names(self) -> tuple[str, ...]:
        """The losses, in the order of the beliefs."""
        return tuple(name for part in self.parts for name in part.names)

    @classmethod
    def fit(
        cls,
        losses: Mapping[str, Floats],
        inputs: Inputs,
        folds: NDArray[np.intp],
        encoder: Encoder,
        scale: float,
    ) -> tuple[Losses, Floats]:
        """Learn the losses of labelled rows.

        Parameters
        ----------
        losses : mapping of str to ndarray of float64, shape (n,)
            From `losses_of`, or the wrong classes as ``accuracy``.
        inputs : Inputs
            The same rows.
        folds : ndarray of int, shape (n,)
            0 or 1: the half that a row belongs to.
        encoder : Encoder
            That made the matrix.
        scale : float
            From `losses_of`.

        Returns
        -------
        model : Losses
        unseen : ndarray of float64, shape (n, 2 · losses)
            What each row gets from the half that it does not belong to.
        """
        groups = [{name: losses[name] for name in names if name in losses} for names in _SHARES]
        fitted = [Part.fit(group, inputs.matrix, folds) for group in groups if group]
        return (
            cls(tuple(part for part, _ in fitted), scale, encoder),
            np.concatenate([unseen for _, unseen in fitted], axis=1),
        )

    def believe(self, inputs: Inputs) -> Floats:
        """Return the mean of each loss and of its square, shape (n, 2 · losses)."""
        return np.concatenate([part.believe(inputs.matrix) for part in self.parts], axis=1)

    def know(self, losses: Mapping[str, Floats]) -> Floats:
        """Return the same of losses that are known."""
        return np.stack([part for name in self.names for part in (losses[name], losses[name] ** 2)], axis=1)

    def measure(
        self,
        beliefs: Floats,
        inputs: Inputs,  # noqa: ARG002 - asked in the same words as `Confidence`
    ) -> Mapping[str, Figure]:
        """Return the measures of rows with these losses."""
        return self.measure_sums(_sums(beliefs), len(beliefs))

    def gather(self, inputs: Inputs) -> Floats:
        """Return sums over rows, from which `measure_sums` tells what `measure` does."""
        return _sums(self.believe(inputs))

    def measure_sums(self, sums: Floats, rows: int) -> Mapping[str, Figure]:
        """Return the measures of rows from what `gather` gave of them.

        Raises
        ------
        InputError
            If these are another estimator's.
        """
        check_size(sums, 3 * len(self.names))
        mean, square, spread = sums.reshape(-1, 3).T.tolist()
        return {
            name: self._figure(name, mean[place], square[place], spread[place], rows)
            for place, name in enumerate(self.names)
        }

    def bases(
        self,
        beliefs: Floats,
        inputs: Inputs,  # noqa: ARG002 - asked in the same words as `Confidence`
    ) -> Mapping[str, float]:
        """Return how many rows are below the line of each measure: all, since each is a mean over rows."""
        return dict.fromkeys(self.names, float(len(beliefs)))

    def _figure(self, name: str, mean: float, square: float, spread: float, n: int) -> Figure:
        """Return a measure from sums over n rows: of the loss, of its square, of its variance."""
        if not n:
            return Figure(math.nan, math.nan, math.nan)
        loss, labels = mean / n, spread / n**2
        rows = max(square / n - loss**2, 0.0)
        if name == "accuracy":
            return Figure(1.0 - loss, labels, rows)
        if name == "mape":
            return Figure(loss, labels, rows)
        if name == "mae":
            return Figure(loss * self.scale, labels * self.scale**2, rows * self.scale**2)
        slope = self.scale / (2.0 * math.sqrt(loss)) if loss > 0 else 0.0  # of the root
        return Figure(math.sqrt(loss) * self.scale, labels * slope**2, rows * slope**2)

    def state(self) -> dict[str, Any]:
        """Return it as models of scikit-learn, arrays and numbers."""
        parts = [[list(part.names), list(part.models), list(part.curves)] for part in self.parts]
        levels = [[name, list(known)] for name, known in self.encoder.levels.items()]
        return {"parts": parts, "scale": self.scale, "columns": list(self.encoder.columns), "levels": levels}

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> Losses:
        """Take up what `state` gave."""
        parts = [
            Part(tuple(names), tuple(models), Curves(*curves)) for names, models, curves in state["parts"]
        ]
        levels = {name: tuple(known) for name, known in state["levels"]}
        return cls(tuple(parts), float(state["scale"]), Encoder(tuple(state["columns"]), levels))


def _sums(beliefs: Floats) -> Floats:
    """Return three sums over rows for each loss: of its mean, of the mean of its square, of its variance."""
    mean, square = beliefs[:, 0::2], beliefs[:, 1::2]
    spread = np.maximum(square - mean**2, 0.0)
    return np.stack([part.sum(axis=0) for part in (mean, square, spread)], axis=1).ravel()


def losses_of(labels: Floats, predictions: Floats) -> tuple[dict[str, Floats], float]:
    """Return the losses of a regression, absolute and squared ones in units of the mean absolute error.

    Parameters
    ----------
    labels, predictions : ndarray of float64, shape (n,)
        Finite.

    Returns
    -------
    losses : dict of str to ndarray of float64
        ``mae``, ``rmse`` (the squared error) and, where no label is 0, ``mape``.
    scale : float
        The mean absolute error; 1 where no error is made.

    Raises
    ------
    InputError
        If errors are too large for their mean.
    """
    with np.errstate(over="ignore"):
        errors = np.abs(labels - predictions)
        scale = float(np.mean(errors)) or 1.0
        if not math.isfinite(scale):
            raise InputError(
                "the errors of the predictions are too large to add up; give labels in a larger unit"
            )
        ratio = errors / scale
        found = {"mae": ratio, "rmse": ratio**2}
        share = np.full(errors.shape, math.inf) if not labels.all() else errors / np.abs(labels)
        if np.isfinite(share**2).all():
            found["mape"] = share
    return found, scale


def wrong_classes(wrong: NDArray[np.bool_]) -> tuple[dict[str, Floats], float]:
    """Return the loss of a classifier, 1 where it is wrong, as `losses_of` returns those of a regression."""
    return {"accuracy": wrong.astype(np.float64)}, 1.0


def _one_thread() -> Any:
    """Return a context in which trees use one thread.

    They are small. OpenMP's threads wait for each other by spinning: where other programs share the cores,
    two of them took 90 ms of CPU for what one does in 2.
    """
    return _threads().limit(limits=1, user_api="openmp")


@lru_cache(maxsize=1)
def _threads() -> Any:
    import sklearn.ensemble  # noqa: F401 - a controller knows the libraries that are loaded when it is made
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()


def _trees(matrix: Floats, target: Floats) -> Any:
    from sklearn.ensemble import HistGradientBoostingRegressor

    step = -(-len(target) // _MOST_ROWS)
    return HistGradientBoostingRegressor(random_state=_SEED, **_TREES).fit(matrix[::step], target[::step])
