"""The performance of slices, once labels are in."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from mirante.errors import InputError
from mirante.monitors.performance import performance_of
from mirante.profiles.frames import raw_columns

if TYPE_CHECKING:
    from mirante.monitors.predictions import Predictions
    from mirante.monitors.rows import RowSource
    from mirante.monitors.slices.declared import Divider
    from mirante.store import Store

__all__ = ["LEAST_LABELS", "measure_slices"]

LEAST_LABELS = 30
"""Labels that a slice needs in a window: of fewer, a share is off by a fifth."""

_ALL = 1 << 40


def measure_slices(
    log: RowSource,
    store: Store,
    model: str,
    version: str,
    predictions: Predictions,
    divider: Divider,
    start: datetime,
    end: datetime,
) -> dict[int, dict[str, float]]:
    """Return the realised performance of the slices of one window.

    Parameters
    ----------
    log : RowSource
        Has rows and ids.
    store : Store
        Has the labels.
    model, version : str
        Whose rows.
    predictions : Predictions
        What a prediction is.
    divider : Divider
        Finds the rows of each slice.
    start, end : datetime
        The window.

    Returns
    -------
    dict of int to dict
        By the slice's number, for those with at least 30 labels: ``labels``, and the measures that are
        numbers with the ends of their intervals. Empty where the labels do not fit the task: all rows have
        said so already.
    """
    features = [name for name in divider.columns if name not in predictions.columns]
    columns = [*features, *predictions.logged, "__id"]
    rows = log.sample(model, version, _ALL, start=start, end=end, columns=columns)
    labels = store.labels.get(model, rows["__id"].to_pylist())
    if not labels.found.any():
        return {}
    table = rows.select([name for name in features if name in rows.column_names])
    try:
        said, classes = predictions.said(rows), predictions.labelled() if predictions.several else ()
    except InputError:
        return {}
    for name, column in predictions.profiled(rows)[0].items():
        table = table.append_column(name, column)
    _, raws = raw_columns(table, divider.columns)
    found: dict[int, dict[str, float]] = {}
    for place, part in enumerate(divider.parts(raws, rows.num_rows)):
        known = part[labels.found[part]]
        if known.size < LEAST_LABELS:
            continue
        try:
            measures = performance_of(predictions.task, labels.values[known], said[known], classes=classes)
        except InputError:
            return {}
        numbers = {name: value for name, value in measures.items() if value == value}
        for name in tuple(numbers):
            ends = measures.intervals[name]
            known_ends = {f"{name}_lower": ends.lower, f"{name}_upper": ends.upper}
            numbers |= {end: value for end, value in known_ends.items() if value == value}
        found[place] = {"labels": float(known.size), **numbers}
    return found
