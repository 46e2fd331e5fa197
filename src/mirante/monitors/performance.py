"""Join labels to the predictions of a window and measure what the model was worth."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import structlog

from mirante.errors import InputError
from mirante.monitors.baseline import Task, performance_of

if TYPE_CHECKING:
    from mirante.inference_log import InferenceLog
    from mirante.monitors.config import ModelConfig
    from mirante.store import Store

__all__ = ["measure_performance"]

_log = structlog.get_logger("mirante.performance")


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
