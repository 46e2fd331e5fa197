"""What a baseline is fitted from: rows that are checked, and what is guessed and counted of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from mirante.errors import InputError
from mirante.monitors.limits.duplicates import DistinctRows, row_hashes
from mirante.monitors.performance import Task
from mirante.performance.estimated import PerformanceEstimator
from mirante.performance.estimated.inputs import class_names
from mirante.performance.realised import Realised
from mirante.performance.realised.classes import MOST_CLASSES

if TYPE_CHECKING:
    import pandas as pd

    from mirante.monitors.windows import Window, WindowClock

__all__ = [
    "PREDICTION",
    "check_length",
    "check_rows",
    "copies",
    "fitted_estimator",
    "for_labels",
    "guess_task",
    "span",
    "utc",
    "window_text",
]

PREDICTION = "prediction"
_MOST_CLASSES = 20


def check_rows(features: pd.DataFrame, predictions: Any) -> None:
    """Refuse rows that no baseline can be made of."""
    if not len(features):
        raise InputError("the baseline has no rows; give the rows of a time in which all was well")
    if not len(features.columns):
        raise InputError("the baseline has no features; give the columns that the model was given")
    if predictions.ndim != 1 or len(predictions) != len(features):
        raise InputError(
            f"the baseline has {len(features)} rows and predictions of shape {predictions.shape}; "
            "give one prediction per row"
        )
    if PREDICTION in features.columns:
        raise InputError(
            f"a feature is named {PREDICTION!r}, the name of the model's output; rename the feature"
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

    if predictions.dtype.kind not in "fiu":
        return "class"
    if predictions.dtype.kind in "iu":
        return "class" if len(np.unique(predictions)) <= _MOST_CLASSES else "regression"
    known = predictions[~np.isnan(predictions)]
    return "probability" if ((known >= 0) & (known <= 1)).all() else "regression"


def for_labels(task: Task, said: Any, labels: Any, realised: Realised | None) -> dict[str, Any]:
    """Return what windows need once their labels are in: the classes, and the reliability curve."""
    import numpy as np

    found: dict[str, Any] = {}
    if task == "class":
        every = [said] if labels is None else [said, np.asarray(labels)]
        names = class_names(np.concatenate([one.astype(object) for one in every]))
        if len(names) <= MOST_CLASSES:
            found["classes"] = names
    if realised is not None and realised.reliability is not None:
        found["reliability"] = [list(one) for one in realised.reliability.bins]
    return found


def fitted_estimator(
    task: Task, labels: Any, said: Any, features: pd.DataFrame, windows: list[Any]
) -> tuple[PerformanceEstimator | None, str]:
    """Return the estimator, or why there is none; a baseline without labels needs no reason."""
    if labels is None:
        return None, ""
    try:
        return PerformanceEstimator.fit(labels, said, features, task=task, windows=windows), ""
    except InputError as error:
        return None, str(error)


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
    known = utc(times).dropna().sort_values()
    if not len(known):
        return {}
    gap = float(known.diff().max().total_seconds()) if len(known) > 1 else None
    ends = {"first_time": known.iloc[0].isoformat(), "last_time": known.iloc[-1].isoformat()}
    return ends if gap is None else {**ends, "longest_gap_seconds": gap}


def copies(features: pd.DataFrame, groups: Sequence[tuple[Window, Any]]) -> dict[str, Any]:
    """Return how many rows are copies of another: of all, and in each of the baseline's own windows."""
    hashes = row_hashes(features, list(map(str, features.columns)))

    def count(some: Any) -> list[int]:
        distinct = DistinctRows()
        distinct.add(some)
        return [distinct.copies, distinct.rows]

    copies, rows = count(hashes)
    return {"copies": copies, "rows": rows, "windows": [count(hashes[places]) for _, places in groups]}
