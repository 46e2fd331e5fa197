"""Predictions as estimators take them: checked, in one shape, rows without one left out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mirante.errors import InputError
from mirante.profiles.frames import raw_columns

__all__ = [
    "PREDICTION",
    "EstimatorTask",
    "Form",
    "Inputs",
    "class_codes",
    "names_of",
]

EstimatorTask = Literal["probability", "probabilities", "class", "regression"]

PREDICTION = "__prediction"
_SUM = 1e-3  # by how much the probabilities of a row may miss 1: float32 and rounding

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Inputs:
    """What is known of rows before their labels.

    Parameters
    ----------
    scores : ndarray of float64, shape (n, k)
        Probabilities of each class, or in one column the number that was predicted.
    said : ndarray of int, shape (n,)
        Place of the class that was said; of no use to a regression.
    matrix : ndarray of float64, shape (n, columns)
        Features and prediction, encoded; without columns where nothing is learnt from features.
    """

    scores: Floats
    said: NDArray[np.intp]
    matrix: Floats

    def at(self, places: NDArray[Any]) -> Inputs:
        """Return some of the rows."""
        return Inputs(self.scores[places], self.said[places], self.matrix[places])


@dataclass(frozen=True, slots=True)
class Form:
    """How predictions and labels of a task are read.

    Parameters
    ----------
    task : str
        What a prediction is.
    classes : tuple of str
        Names of the classes, in the order of the probabilities; empty where there are no probabilities.
    """

    task: EstimatorTask
    classes: tuple[str, ...]

    @classmethod
    def of(
        cls,
        task: EstimatorTask | None,
        predictions: ArrayLike,
        labels: ArrayLike,
        classes: Sequence[Any] | None,
    ) -> Form:
        """Return the form of a baseline: its task, guessed where it is not given, and its classes."""
        kind = task or guess_task(predictions)
        if kind == "probability":
            return cls(kind, ("0", "1"))
        if kind != "probabilities":
            return cls(kind, ())
        if classes is None:
            return cls(kind, tuple(class_names(labels)))
        return cls(kind, tuple(str(one) for one in names_of(np.asarray(classes)).tolist()))

    def table(self, features: object, predictions: ArrayLike) -> dict[str, Any] | None:
        """Return what the loss is learnt from, features and prediction; None where probabilities say it.

        Raises
        ------
        InputError
            If features are needed and not given, or are no table.
        """
        if self.classes:
            return None
        if features is None:
            needed = "give the table that the model was given"
            raise InputError(f"an estimate for task {self.task!r} is made from features; {needed}")
        said = names_of(predictions) if self.task == "class" else numbers("predictions", predictions)
        return {**raw_columns(features)[1], PREDICTION: said}

    def read(
        self, predictions: ArrayLike, predicted: ArrayLike | None
    ) -> tuple[Floats, NDArray[np.intp], NDArray[np.bool_]]:
        """Return scores, the place of the class that was said, and which rows have a prediction."""
        if self.task == "class":
            there = np.array([name is not None for name in names_of(predictions).tolist()], np.bool_)
            return np.zeros((len(there), 0)), np.zeros(len(there), np.intp), there
        if self.task == "regression":
            scores = numbers("predictions", predictions)[:, None]
            return scores, np.zeros(len(scores), np.intp), np.asarray(np.isfinite(scores[:, 0]))
        binary = self.task == "probability"
        scores = binary_scores(predictions) if binary else class_scores(predictions, len(self.classes))
        there = np.logical_not(np.isnan(scores).any(axis=1))
        if predicted is None:
            said = (scores[:, 1] >= 0.5).astype(np.intp) if binary else np.argmax(scores, axis=1)
            return scores, said, there
        codes = self._codes("predicted class", predicted, len(scores))
        return scores, np.maximum(codes, 0), there & (codes >= 0)

    def truth(self, labels: ArrayLike, rows: int) -> tuple[NDArray[Any], NDArray[np.bool_]]:
        """Return labels as places of classes, names or numbers, and which of them are there."""
        if self.classes:
            codes = self._codes("label", labels, rows)
            return codes, codes >= 0
        if len(np.asarray(labels)) != rows:
            raise InputError(f"got {len(np.asarray(labels))} labels and {rows} predictions; give one per row")
        if self.task == "class":
            names = names_of(labels)
            return names, np.array([name is not None for name in names.tolist()], np.bool_)
        known = numbers("labels", labels)
        return known, np.asarray(np.isfinite(known))

    def _codes(self, what: str, values: ArrayLike, rows: int) -> NDArray[np.intp]:
        codes = class_codes(values, self.classes)
        if len(codes) != rows:
            raise InputError(f"got a {what} for {len(codes)} rows and {rows} predictions; give one per row")
        if (codes == -2).any():
            odd = np.asarray(values, dtype=object)[codes == -2][0]
            raise InputError(
                f"the {what} {odd!r} is none of {', '.join(self.classes)}; give one of them, or None"
            )
        return codes


def guess_task(predictions: Any) -> EstimatorTask:
    """Return what predictions look like, where it is clear.

    Raises
    ------
    InputError
        If it is not: numbers between 0 and 1 and text could be several things.
    """
    values = np.asarray(predictions)
    if values.ndim == 2:
        return "probabilities"
    if values.dtype.kind == "f":
        known = values[~np.isnan(values)]
        return "probability" if known.size and ((known >= 0) & (known <= 1)).all() else "regression"
    raise InputError(
        f"predictions of type {values.dtype} may be classes or numbers; "
        "say which with task='class' or task='regression'"
    )


def names_of(values: ArrayLike) -> NDArray[np.object_]:
    """Return classes as text, None where one is missing; 1, 1.0, True and "1" are one class.

    Raises
    ------
    InputError
        If there is not one per row.

    Examples
    --------
    >>> names_of([1.0, float("nan"), 2.5]).tolist(), names_of([True, None, "b"]).tolist()
    (['1', None, '2.5'], ['1', None, 'b'])
    """
    names, places = _coded(values)
    return np.array([*names, None], dtype=object)[places]


def _coded(values: ArrayLike) -> tuple[list[str | None], NDArray[np.intp]]:
    """Return names, some of them the same perhaps, and for each row which one it has."""
    array = np.asarray(values)
    if array.ndim != 1:
        raise InputError(f"the classes have the shape {array.shape}; give one per row")
    if array.dtype.kind in "biuf":
        found, places = np.unique(array, return_inverse=True)
        return [_name(value) for value in found.tolist()], places
    codes: dict[str | None, int] = {}
    rows = [codes.setdefault(_name(value), len(codes)) for value in array.astype(object).tolist()]
    return list(codes), np.array(rows, np.intp)


def _name(value: Any) -> str | None:
    try:
        if value is None or value != value:  # NaN and NaT
            return None
    except TypeError:  # pandas' NA does not say whether it differs from itself
        return None
    whole = isinstance(value, bool | int) or (isinstance(value, float) and value.is_integer())
    return str(int(value)) if whole else str(value)


def class_codes(values: ArrayLike, classes: Sequence[str]) -> NDArray[np.intp]:
    """Return the places of classes among `classes`: -1 where one is missing, -2 where it is none of them.

    Examples
    --------
    >>> class_codes([1, None, "b"], ["1", "a"]).tolist()
    [0, -1, -2]
    """
    place: dict[str | None, int] = {name: at for at, name in enumerate(classes)} | {None: -1}
    names, places = _coded(values)
    return np.array([place.get(name, -2) for name in names], np.intp)[places]


def class_names(values: ArrayLike) -> list[str]:
    """Return the classes that are there, in order; numbers by their size.

    Examples
    --------
    >>> class_names([10, 2, None, 2])
    ['2', '10']
    """
    return sorted({name for name in names_of(values).tolist() if name is not None}, key=_by_size)


def _by_size(name: str) -> tuple[float, str]:
    try:
        return float(name), name
    except ValueError:
        return float("inf"), name


def binary_scores(predictions: ArrayLike) -> Floats:
    """Return the probabilities of 0 and 1, NaN in both where there is none.

    Raises
    ------
    InputError
        If they are no numbers, not one per row, or not in [0, 1].
    """
    one = _numbers("probabilities", predictions, 1)
    outside = one[(one < 0) | (one > 1)]
    if outside.size:
        raise InputError(f"the probability {outside[0]:g} is not in [0, 1]; give the probability of label 1")
    return np.stack([1.0 - one, one], axis=1)


def class_scores(predictions: ArrayLike, classes: int) -> Floats:
    """Return the probabilities of each class, rows with a NaN as NaN in all.

    Raises
    ------
    InputError
        If there is not one column per class, or a row is no set of probabilities.
    """
    scores = _numbers("probabilities", predictions, 2)
    if scores.shape[1] != classes:
        raise InputError(
            f"got probabilities of {scores.shape[1]} classes of {classes}; give one column per class"
        )
    known = np.logical_not(np.isnan(scores).any(axis=1))
    sums = scores.sum(axis=1)
    wrong = known & ((scores < 0).any(axis=1) | (scores > 1).any(axis=1) | (np.abs(sums - 1.0) > _SUM))
    if wrong.any():
        row = int(np.flatnonzero(wrong)[0])
        raise InputError(
            f"row {row} has the probabilities {scores[row].tolist()}; give numbers in [0, 1] that add up to 1"
        )
    return np.where(known[:, None], scores / np.where(known, sums, 1.0)[:, None], np.nan)


def _numbers(what: str, values: ArrayLike, dimensions: int) -> Floats:
    try:
        numbers = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InputError(
            f"the {what} are no numbers: {error}; give numbers, NaN where there is none"
        ) from error
    if numbers.ndim != dimensions:
        wanted = (
            "one value per row" if dimensions == 1 else "a row for each prediction, a column for each class"
        )
        raise InputError(f"the {what} have the shape {numbers.shape}; give {wanted}")
    return numbers


def numbers(what: str, values: ArrayLike) -> Floats:
    """Return one number per row, NaN where there is none.

    Raises
    ------
    InputError
        If they are no numbers, or not one per row.
    """
    return _numbers(what, values, 1)
