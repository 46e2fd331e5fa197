"""The estimator of a model's performance: fitted to rows with labels, asked about rows without."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mirante.errors import InputError
from mirante.performance.estimated import saving
from mirante.performance.estimated.confidence import FOLDS, Confidence
from mirante.performance.estimated.encoding import Encoder
from mirante.performance.estimated.figures import HIGHER_IS_BETTER, Estimate, Figure, Normal, judge
from mirante.performance.estimated.inputs import PREDICTION, EstimatorTask, Form, Inputs, names_of
from mirante.performance.estimated.losses import FOLDS as HALVES
from mirante.performance.estimated.losses import Losses, losses_of, wrong_classes
from mirante.performance.estimated.portion import Portion

__all__ = ["LEAST_ROWS", "PerformanceEstimator"]

LEAST_ROWS = 100
"""Labelled rows that an estimator needs."""

_LEAST_OF_CLASS = 10  # rows: fewer say nothing about a class
_LEAST_OF_MEASURE = 20  # rows below the line: the variance of a share of fewer is a guess

Floats = NDArray[np.float64]


class PerformanceEstimator:
    """Estimates what a model is worth before the labels arrive.

    Classifiers that give probabilities: by calibrated probabilities (CBPE). Regressions, and classifiers that
    give no probabilities: by a second model that learns the loss from features and prediction (DLE). Each
    estimate has a band, and a threshold that the same measure of normal windows keeps to.

    Parameters
    ----------
    form : Form
        What a prediction is, and the classes.
    model : Confidence or Losses
        Fitted.
    normal : mapping of str to Normal
        Each measure in the baseline.

    Notes
    -----
    Make one with `fit`. What an estimate assumes: a score, or features and prediction, say of the label what
    they said in the baseline. New mixes of old rows (covariate shift) are followed; a new relation between
    features and label (concept drift) shows in labels only.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> score = rng.random(20_000)
    >>> label = rng.random(20_000) < score
    >>> estimator = PerformanceEstimator.fit(label, score)
    >>> unsure = rng.uniform(0.3, 0.7, 5_000)  # rows without labels, harder than those of the baseline
    >>> found = estimator.estimate(unsure, level=0.01)["accuracy"]
    >>> truth = np.mean((unsure >= 0.5) == (rng.random(5_000) < unsure))
    >>> bool(found.lower < truth < found.upper), found.beyond, round(found.value, 2)
    (True, True, 0.6)
    """

    def __init__(self, form: Form, model: Confidence | Losses, normal: Mapping[str, Normal]) -> None:
        self.normal = MappingProxyType(dict(normal))
        self._form = form
        self._model = model

    def __repr__(self) -> str:
        return f"<PerformanceEstimator of {', '.join(self.measures)} (task {self.task!r})>"

    @property
    def task(self) -> EstimatorTask:
        """What a prediction is."""
        return self._form.task

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes, in the order of the probabilities; empty where there are none."""
        return self._form.classes

    @property
    def measures(self) -> tuple[str, ...]:
        """What it estimates."""
        return tuple(self.normal)

    @property
    def needs_features(self) -> bool:
        """Whether `estimate` looks at features."""
        return isinstance(self._model, Losses)

    @classmethod
    def fit(
        cls,
        labels: ArrayLike,
        predictions: ArrayLike,
        features: object = None,
        *,
        task: EstimatorTask | None = None,
        predicted: ArrayLike | None = None,
        classes: Sequence[Any] | None = None,
        windows: Sequence[NDArray[np.intp]] | None = None,
    ) -> PerformanceEstimator:
        """Learn from rows whose labels are known, of a time when all was well.

        Parameters
        ----------
        labels : array_like, shape (n,)
            0 and 1, classes, or numbers; NaN or None where there is none: such rows are left out.
        predictions : array_like, shape (n,) or (n, k)
            Probability of label 1; or one of each of k classes; or the class, or number, that was predicted.
        features : table, optional
            What the model was given; needed for classes and numbers.
        task : {"probability", "probabilities", "class", "regression"}, optional
            What a prediction is; guessed where it is clear.
        predicted : array_like, shape (n,), optional
            The class that the model said, where it is not the one with a probability of at least one half (of
            several classes, the likeliest).
        classes : sequence, optional
            Names of the k classes in the order of the probabilities; the labels' own in order when not given.
        windows : sequence of int arrays, optional
            Places of the rows of each own window. With seven or more of them, days that differ are part of
            the bands and thresholds; estimates of a window never come from its own labels.

        Returns
        -------
        PerformanceEstimator

        Raises
        ------
        InputError
            If there are fewer than 100 rows with label and prediction, fewer than 10 of a class, lengths
            differ, or values do not fit the task.
        """
        form = Form.of(task, predictions, labels, classes)
        table = form.table(features, predictions)
        scores, said, there = form.read(predictions, predicted)
        truth, known = form.truth(labels, len(there))
        places = np.flatnonzero(there & known)
        truth = truth[places]
        _check(form, truth)
        own = _own_windows(windows, places, len(there))
        rows = Inputs(scores, said, np.empty((len(there), 0))).at(places)
        model: Confidence | Losses
        if table is None:
            model, unseen = Confidence.fit(truth, rows, _folds(own, len(places), FOLDS))
            whole = model.know(truth)
        else:
            wrong = truth != names_of(predictions)[places] if form.task == "class" else None
            losses, scale = losses_of(truth, rows.scores[:, 0]) if wrong is None else wrong_classes(wrong)
            categories = frozenset() if wrong is None else frozenset({PREDICTION})
            encoder = Encoder.of(table, places, next(iter(losses.values())), categories=categories)
            rows = Inputs(rows.scores, rows.said, encoder.encode(table)[places])
            model, unseen = Losses.fit(losses, rows, _folds(own, len(places), HALVES), encoder, scale)
            whole = model.know(losses)
        return cls(form, model, _normal(model, whole, unseen, rows, own))

    def estimate(
        self,
        predictions: ArrayLike,
        features: object = None,
        *,
        predicted: ArrayLike | None = None,
        level: float = 0.01,
    ) -> dict[str, Estimate]:
        """Estimate the performance of one window.

        Parameters
        ----------
        predictions : array_like, shape (n,) or (n, k)
            As in `fit`; rows without one are left out.
        features : table, optional
            As in `fit`. A column that it lacks is missing in every row; levels that the baseline did not
            have, NaN and infinities are fine.
        predicted : array_like, shape (n,), optional
            As in `fit`.
        level : float, default 0.01
            Chance that any estimate of a normal window is beyond its threshold; each of k measures gets a
            k-th of it (Bonferroni).

        Returns
        -------
        dict of str to Estimate
            By measure: ``accuracy, roc_auc, f1, precision, recall, brier, log_loss`` of probabilities (of
            several classes the same without ``brier``, means over classes), ``accuracy`` of classes,
            ``mae, rmse, mape`` of numbers (no ``mape`` where the baseline has a label of 0). None of which
            the baseline has fewer than 20 rows below the line: for ``precision`` rows that were called 1, for
            ``recall`` those with the label 1. NaN where the rows do not say.

        Raises
        ------
        InputError
            If values do not fit the task, features are needed and not given, or the level is not in (0, 0.5).
        """
        _check_level(level)
        rows, _ = self._read(predictions, features, predicted)
        found = self._model.measure(self._model.believe(rows), rows) if len(rows.said) else {}
        return self._judged(found, len(rows.said), level)

    def gather(
        self, predictions: ArrayLike, features: object = None, *, predicted: ArrayLike | None = None
    ) -> Portion:
        """Return what rows say, as sums that add up over hosts and days: for `estimate_sums`.

        Parameters
        ----------
        predictions : array_like, shape (n,) or (n, k)
            As in `estimate`.
        features : table, optional
            As in `estimate`.
        predicted : array_like, shape (n,), optional
            As in `estimate`.

        Returns
        -------
        Portion
            None of its sums is a row.

        Raises
        ------
        InputError
            As `estimate`.
        """
        rows, count = self._read(predictions, features, predicted)
        return Portion(count, len(rows.said), self._model.gather(rows))

    def estimate_sums(self, portion: Portion, *, level: float = 0.01) -> dict[str, Estimate]:
        """Estimate the performance of a window from what its parts gathered.

        Parameters
        ----------
        portion : Portion
            Of all its rows: those of `gather`, added up.
        level : float, default 0.01
            As in `estimate`.

        Returns
        -------
        dict of str to Estimate
            What `estimate` gives of all these rows, but for rounding; where some stand for others, with the
            band and the threshold of as many as were looked at. ``roc_auc``, in which rows whose scores
            are as good as equal count as ties, is off by some 1e-6 too, and the band of its mean over several
            classes is wider.

        Raises
        ------
        InputError
            If the portion is another estimator's, or the level is not in (0, 0.5).

        Examples
        --------
        >>> rng = np.random.default_rng(0)
        >>> score = rng.random(5_000)
        >>> estimator = PerformanceEstimator.fit(rng.random(5_000) < score, score)
        >>> two = estimator.gather(score[:3_000]) + estimator.gather(score[3_000:])
        >>> merged, whole = estimator.estimate_sums(two), estimator.estimate(score)
        >>> abs(merged["f1"].value - whole["f1"].value) < 1e-12
        True
        """
        _check_level(level)
        found = self._model.measure_sums(portion.sums, portion.predicted)
        worth = portion.worth
        wider = portion.predicted / worth if worth else 1.0
        told = {name: one._replace(label_variance=one.label_variance * wider) for name, one in found.items()}
        return self._judged(told, worth, level)

    def _read(
        self, predictions: ArrayLike, features: object, predicted: ArrayLike | None
    ) -> tuple[Inputs, int]:
        """Return the rows with a prediction, and how many there are in all."""
        table = self._form.table(features, predictions)
        scores, said, there = self._form.read(predictions, predicted)
        matrix = np.empty((len(there), 0))
        if isinstance(self._model, Losses):
            matrix = self._model.encoder.encode(table)
        rows = Inputs(scores, said, matrix)
        return rows if there.all() else rows.at(np.flatnonzero(there)), len(there)

    def _judged(self, found: Mapping[str, Figure], rows: float, level: float) -> dict[str, Estimate]:
        nothing = Figure(np.nan, np.nan, np.nan)
        return {
            name: judge(name, found.get(name, nothing), rows, normal, level / len(self.normal))
            for name, normal in self.normal.items()
        }

    def to_bytes(self) -> bytes:
        """Return it as a file without pickles."""
        return saving.dump(
            {
                "task": self.task,
                "classes": list(self.classes),
                "learnt": self.needs_features,
                "model": self._model.state(),
                "normal": [[name, normal.state()] for name, normal in self.normal.items()],
            }
        )

    @classmethod
    def from_bytes(cls, data: bytes) -> PerformanceEstimator:
        """Read what `to_bytes` wrote.

        Parameters
        ----------
        data : bytes
            The file.

        Returns
        -------
        PerformanceEstimator
            Equal in all that it estimates.

        Raises
        ------
        InputError
            If it is none, is damaged, or was written by a newer version.
        """
        state = saving.load(data)
        try:
            model = (Losses if state["learnt"] else Confidence).from_state(state["model"])
            normal = {name: Normal.from_state(one) for name, one in state["normal"]}
            return cls(Form(state["task"], tuple(state["classes"])), model, normal)
        except Exception as error:  # whatever its parts are, the rest of a baseline is read without them
            raise InputError(f"the performance estimator is damaged ({error!r}); fit it again") from error


def _check_level(level: float) -> None:
    if not 0.0 < level < 0.5:
        raise InputError(f"level is {level}; give the chance of a false alarm, such as 0.01")


def _check(form: Form, truth: NDArray[Any]) -> None:
    if len(truth) < LEAST_ROWS:
        raise InputError(
            f"got {len(truth)} rows with a label and a prediction; "
            f"an estimate of performance needs at least {LEAST_ROWS}"
        )
    for place, name in enumerate(form.classes):
        count = int(np.count_nonzero(truth == place))
        if count < _LEAST_OF_CLASS:
            raise InputError(
                f"got {count} rows with the label {name}; "
                f"an estimate of performance needs at least {_LEAST_OF_CLASS} of each class"
            )


def _own_windows(
    windows: Sequence[NDArray[np.intp]] | None, places: NDArray[np.intp], rows: int
) -> list[NDArray[np.intp]]:
    """Return the windows as places among the labelled rows; those without any are left out."""
    among = np.full(rows, -1, np.intp)
    among[places] = np.arange(len(places))
    own = [among[np.asarray(window, np.intp)] for window in windows or ()]
    return [window[window >= 0] for window in own if (window >= 0).any()]


def _folds(own: Sequence[NDArray[np.intp]], rows: int, count: int) -> NDArray[np.intp]:
    """Return which fold each row is in: whole windows stay together where there are enough of them."""
    folds = np.arange(rows) % count
    if len(own) >= 2 * count:
        for number, window in enumerate(own):
            folds[window] = number % count
    return folds


def _normal(
    model: Confidence | Losses, whole: Floats, unseen: Floats, rows: Inputs, own: Sequence[NDArray[np.intp]]
) -> dict[str, Normal]:
    """Return each measure that the baseline tells well enough, and how its own windows spread."""
    total, unlabelled = model.measure(whole, rows), model.measure(unseen, rows)
    found = [model.measure(whole[window], rows.at(window)) for window in own]
    told = [model.measure(unseen[window], rows.at(window)) for window in own]
    sizes = [len(window) for window in own]
    base = model.bases(whole, rows)
    return {
        name: Normal.of(
            one, len(rows.said), sizes, [f[name] for f in found], [t[name] for t in told]
        ).no_better_than(unlabelled[name], higher_is_better=name in HIGHER_IS_BETTER)
        for name, one in total.items()
        if np.isfinite([one.value, unlabelled[name].value]).all() and base[name] >= _LEAST_OF_MEASURE
    }
