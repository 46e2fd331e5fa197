"""What a model was worth: labels joined to the predictions of a window, measured by kind of prediction."""

from __future__ import annotations

import math
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal

import structlog

from mirante.errors import InputError
from mirante.performance.realised import classification, regression

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from mirante.inference_log import InferenceLog
    from mirante.monitors.config import ModelConfig
    from mirante.store import Store

__all__ = ["Task", "class_name", "measure_performance", "performance_of"]

Task = Literal["probability", "class", "regression"]

_log = structlog.get_logger("mirante.performance")


def performance_of(task: Task, labels: ArrayLike, predictions: ArrayLike) -> dict[str, float]:
    """Return the realised performance, by the kind of prediction.

    Parameters
    ----------
    task : {"probability", "class", "regression"}
        What a prediction is: the probability of label 1, a class, or a number.
    labels, predictions : array_like, shape (n,)
        Rows without a label (NaN) are left out.

    Returns
    -------
    dict
        Names without the prefix ``performance_``.

    Examples
    --------
    >>> performance_of("class", ["a", "b"], ["a", "a"])
    {'accuracy': 0.5}
    """
    import numpy as np

    if task == "probability":
        return classification(labels, predictions)
    if task == "regression":
        return regression(labels, predictions)
    truth, said = np.asarray(labels, dtype=object).tolist(), np.asarray(predictions, dtype=object).tolist()
    if len(truth) != len(said):
        raise InputError(f"got {len(truth)} labels and {len(said)} predictions; give one of each per row")
    both = [(class_name(one), class_name(other)) for one, other in zip(truth, said, strict=True)]
    right = [one == other for one, other in both if one is not None and other is not None]
    return {"accuracy": sum(right) / len(right) if right else float("nan")}


def class_name(value: Any) -> str | None:
    """Return a class as text, None for a missing one.

    1, 1.0, True and "1" are one class: the log keeps whole numbers as int64, the store labels as float64.

    Parameters
    ----------
    value : object
        As the log or the store has it.

    Examples
    --------
    >>> class_name(1.0), class_name("late"), class_name(float("nan"))
    ('1', 'late', None)
    """
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return None
    whole = isinstance(value, bool | int) or (isinstance(value, float) and value.is_integer())
    return str(int(value)) if whole else str(value)


def measure_performance(
    log: InferenceLog,
    store: Store,
    config: ModelConfig,
    version: str,
    task: Task,
    start: datetime,
    end: datetime,
) -> dict[str, float]:
    """Return the realised performance of one window.

    Parameters
    ----------
    log : InferenceLog
        Has ids and predictions.
    store : Store
        Has the labels.
    config : ModelConfig
        Which model.
    version : str
        Rows of other versions are left out.
    task : {"probability", "class", "regression"}
        What a prediction is.
    start, end : datetime
        The window.

    Returns
    -------
    dict
        ``labels`` and ``labels_missing`` (rows), and the measures when at least one label is there. Labels
        that do not fit the task (text for a probability) are counted and logged, and nothing is measured:
        one wrong label must not stop the monitor.
    """
    import pyarrow.compute as pc

    rows = log.scan(config.model, start=start, end=end, columns=["__id", "__prediction", "__version"])
    rows = rows.filter(pc.equal(rows["__version"], version))
    found = store.labels.get(config.model, rows["__id"].to_pylist())
    known = int(found.found.sum())
    figures = {"labels": float(known), "labels_missing": float(rows.num_rows - known)}
    if known:
        predictions = rows["__prediction"].to_numpy()
        try:
            figures |= performance_of(task, found.values[found.found], predictions[found.found])
        except InputError as error:
            _log.warning(
                "performance not measured",
                subject=config.subject,
                window=start.isoformat(),
                task=task,
                error=str(error),
            )
    return figures
