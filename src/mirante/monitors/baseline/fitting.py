"""What a baseline is fitted from: rows that are checked, and what is guessed and counted of them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any

from mirante.errors import InputError
from mirante.monitors.limits.duplicates import DistinctRows, row_hashes
from mirante.monitors.predictions import PREDICTION, Predictions, Task
from mirante.performance.estimated import PerformanceEstimator
from mirante.performance.estimated.inputs import class_names, class_scores, names_of
from mirante.performance.realised import Realised
from mirante.performance.realised.classes import MOST_CLASSES

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

    from mirante.monitors.windows import Window, WindowClock

__all__ = [
    "PREDICTION",
    "as_said",
    "check_length",
    "check_names",
    "check_rows",
    "classes_of",
    "copies",
    "fitted_estimator",
    "for_labels",
    "guess_task",
    "span",
    "task_of",
    "utc",
    "window_text",
    "windows_of",
]

_MOST_CLASSES = 20


def as_said(predictions: Any, task: Task | None, classes: Sequence[Any] | None) -> tuple[Any, Predictions]:
    """Return predictions as an array, and what they are: the task is guessed where it is not given.

    Names of classes are those that are given, else those of a table's columns, else positions.

    Raises
    ------
    InputError
        If there is not one name for each column, one comes twice, or the predictions are of another shape
        than the task has.
    """
    said, names = _named(predictions, classes)
    kind = task or guess_task(said)
    if said.ndim != (2 if kind == "probabilities" else 1):
        raise InputError(
            f"the task is {kind!r} and the predictions have the shape {said.shape}; probabilities are a "
            "column for each class, everything else is one value a row"
        )
    return said, Predictions(kind, names)


def _named(predictions: Any, classes: Sequence[Any] | None) -> tuple[Any, tuple[str, ...]]:
    """Return predictions as an array, and the names of the classes of which there are numbers."""
    import numpy as np

    columns = getattr(predictions, "columns", None)
    if columns is not None and classes is not None:
        places = {str(name): place for place, name in enumerate(columns)}
        if places.keys() == set(map(str, classes)):  # the same names in another order
            predictions = np.asarray(predictions)[:, [places[str(name)] for name in classes]]
    said = np.asarray(predictions)
    if said.dtype == object and said.ndim == 1 and len(said) and all(_is_vector(one) for one in said):
        said = np.array([list(one) for one in said])
    if said.ndim != 2:
        return said, ()
    if said.shape[1] < 2:
        return said.ravel(), ()
    names = classes if classes is not None else range(said.shape[1]) if columns is None else columns
    texts = tuple(str(one) for one in names_of(np.array([*names], dtype=object)).tolist())
    if len(texts) != said.shape[1] or len(set(texts)) < len(texts):
        raise InputError(
            f"the predictions are {said.shape[1]} numbers a row, and the classes {', '.join(texts)}; "
            "give each a name of its own, in the order of the columns"
        )
    return class_scores(said, len(texts)), texts


def _is_vector(value: Any) -> bool:
    return hasattr(value, "__len__") and not isinstance(value, str | bytes)


def check_rows(features: pd.DataFrame, predictions: Any, names: Predictions) -> None:
    """Refuse rows that no baseline can be made of."""
    if not len(features):
        raise InputError("the baseline has no rows; give the rows of a time in which all was well")
    if not len(features.columns):
        raise InputError("the baseline has no features; give the columns that the model was given")
    if len(predictions) != len(features):
        raise InputError(
            f"the baseline has {len(features)} rows and predictions of shape {predictions.shape}; "
            "give one prediction per row"
        )
    check_names(features.columns, names)


def check_names(features: Collection[str], names: Predictions) -> None:
    """Refuse features that are named as the model's output is."""
    for taken in names.columns:
        if taken in features:
            raise InputError(
                f"a feature is named {taken!r}, the name of the model's output; rename the feature"
            )


def check_length(rows: int, what: str, column: Any) -> None:
    """Refuse a column that has not one value per row; None is no column."""
    if column is not None and len(column) != rows:
        raise InputError(
            f"the baseline has {rows} rows and {len(column)} {what}; give one per row, or none at all"
        )


def guess_task(predictions: Any) -> Task:
    """Return what predictions seem to be: see `ModelBaseline.fit`."""
    import numpy as np

    if predictions.ndim == 2:
        return "probabilities"
    kind = predictions.dtype.kind
    if kind in "iu":
        return task_of(kind, len(np.unique(predictions)))
    if kind != "f":
        return "class"
    known = predictions[~np.isnan(predictions)]
    return task_of(kind, 0, *((float(known.min()), float(known.max())) if known.size else ()))


def task_of(kind: str, distinct: int, low: float = 0.0, high: float = 1.0) -> Task:
    """Return what one column of predictions seems to be, by what is counted of it.

    Parameters
    ----------
    kind : str
        numpy's letter: ``i`` or ``u`` for whole numbers, ``f`` for decimal ones.
    distinct : int
        Of whole numbers, how many there are.
    low, high : float
        Of decimal ones, the ends.

    Examples
    --------
    >>> task_of("i", 3), task_of("f", 0, 0.1, 0.9), task_of("f", 0, 0.1, 7.0), task_of("O", 0)
    ('class', 'probability', 'regression', 'class')
    """
    if kind not in "fiu":
        return "class"
    if kind in "iu":
        return "class" if distinct <= _MOST_CLASSES else "regression"
    return "probability" if low >= 0 and high <= 1 else "regression"


def classes_of(said: Any, names: Predictions, labels: Any) -> list[str]:
    """Return the classes in predictions and labels, where predictions are classes."""
    import numpy as np

    if names.task != "class":
        return []
    every = [said] if labels is None else [said, np.asarray(labels)]
    return class_names(np.concatenate([one.astype(object) for one in every]))


def for_labels(names: Predictions, known: Sequence[str], realised: Realised | None) -> dict[str, Any]:
    """Return what windows need once their labels are in: the classes, and the reliability curve."""
    found: dict[str, Any] = {}
    if names.several:
        found["classes"] = list(names.classes)
    elif names.task == "class" and len(known) <= MOST_CLASSES:
        found["classes"] = list(known)
    if realised is not None and realised.reliability is not None:
        found["reliability"] = [list(one) for one in realised.reliability.bins]
    return found


def fitted_estimator(
    names: Predictions, labels: Any, said: Any, features: pd.DataFrame, windows: list[Any]
) -> tuple[PerformanceEstimator | None, str]:
    """Return the estimator, or why there is none; a baseline without labels needs no reason."""
    if labels is None:
        return None, ""
    try:
        classes = names.classes if names.several else None
        found = PerformanceEstimator.fit(
            labels, said, features, task=names.task, classes=classes, windows=windows
        )
    except InputError as error:
        return None, str(error)
    return found, ""


def window_text(clock: WindowClock) -> str:
    """Return the length of a clock's windows as the config has it."""
    from mirante.durations import format_duration

    return format_duration(clock.length)


def utc(times: pd.Series[pd.Timestamp]) -> pd.Series[pd.Timestamp]:
    """Return times in UTC, those without a zone too."""
    import pandas as pd

    needed = "give dates and times such as 2026-01-31T14:00:00Z"
    if pd.api.types.is_numeric_dtype(times):
        raise InputError(f"the times are numbers ({times.dtype}), which could be of any unit; {needed}")
    try:
        return pd.to_datetime(times, utc=True, format="ISO8601")  # without it pandas guesses, and warns
    except (ValueError, TypeError) as error:
        raise InputError(f"the times cannot be read ({str(error).splitlines()[0]}); {needed}") from error


def span(times: pd.Series[pd.Timestamp] | None) -> dict[str, Any]:
    """Return first and last time, and the longest silence; nothing without times."""
    if times is None or not len(times):
        return {}
    known = utc(times).dropna().dt.as_unit("us").sort_values()
    if not len(known):
        return {}
    gap = float(known.diff().max().total_seconds()) if len(known) > 1 else None
    ends = {"first_time": known.iloc[0].isoformat(), "last_time": known.iloc[-1].isoformat()}
    return ends if gap is None else {**ends, "longest_gap_seconds": gap}


def windows_of(
    times: pd.Series[pd.Timestamp] | None, clock: WindowClock
) -> Sequence[tuple[Window, NDArray[np.intp]]]:
    """Return windows, and the places of the rows in each; none without times."""
    return [] if times is None else clock.assign(utc(times).dt.tz_localize(None).to_numpy())


def copies(features: pd.DataFrame, groups: Sequence[tuple[Window, Any]]) -> dict[str, Any]:
    """Return how many rows are copies of another: of all, and in each of the baseline's own windows."""
    hashes = row_hashes(features, list(map(str, features.columns)))

    def count(some: Any) -> list[int]:
        distinct = DistinctRows()
        distinct.add(some)
        return [distinct.copies, distinct.rows]

    copies, rows = count(hashes)
    return {"copies": copies, "rows": rows, "windows": [count(hashes[places]) for _, places in groups]}
