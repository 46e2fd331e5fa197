"""What a model was worth: labels joined to the predictions of a window, measured by kind of prediction."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

import structlog

from mirante.errors import InputError
from mirante.monitors.predictions import Predictions, Task
from mirante.performance.realised import (
    Realised,
    classes_said,
    classes_with_probabilities,
    classification,
    regression,
)
from mirante.store.types import finite

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from mirante.monitors.rows import RowSource, Watched
    from mirante.store import Store

__all__ = ["Measurement", "measure_performance", "performance_of"]

_log = structlog.get_logger("mirante.performance")


def performance_of(
    task: Task, labels: ArrayLike, predictions: ArrayLike, *, classes: Sequence[str] = ()
) -> Realised:
    """Return the realised performance, by the kind of prediction.

    Parameters
    ----------
    task : {"probability", "probabilities", "class", "regression"}
        What a prediction is: the probability of label 1, one of each class, a class, or a number.
    labels, predictions : array_like, shape (n,)
        Rows without a label (NaN) are left out. Probabilities of several classes have the shape (n, k).
    classes : sequence of str, optional
        The classes that there are, where predictions are classes; of probabilities in their order.

    Returns
    -------
    Realised
        Names without the prefix ``performance_``.

    Examples
    --------
    >>> performance_of("class", ["a", "b"], ["a", "a"])["accuracy"]
    0.5
    """
    if task == "probability":
        return classification(labels, predictions)
    if task == "regression":
        return regression(labels, predictions)
    if task == "probabilities":
        return classes_with_probabilities(labels, predictions, classes)
    return classes_said(labels, predictions, classes=classes)


@dataclass(frozen=True, slots=True)
class Measurement:
    """The realised performance of one window, as far as labels are in.

    Parameters
    ----------
    rows : int
        Of the window.
    labels : int
        How many of them have one.
    realised : Realised, optional
        None without labels, or where they do not fit what a prediction is.
    unmatched : tuple of str
        Ids of labels that had not been found by any window before.
    """

    rows: int
    labels: int
    realised: Realised | None = None
    unmatched: tuple[str, ...] = ()

    @property
    def figures(self) -> dict[str, float]:
        """The measures by name, with ``labels``, ``labels_missing`` (rows) and ``labels_share``."""
        counts = {"labels": float(self.labels), "labels_missing": float(self.rows - self.labels)}
        share = {"labels_share": self.labels / self.rows} if self.rows else {}
        return counts | share | dict(self.realised or {})

    @property
    def ends(self) -> dict[str, tuple[float, float]]:
        """The ends of the intervals that are known, by name of the measure."""
        found = self.realised.intervals if self.realised else {}
        return {
            name: (one.lower, one.upper)
            for name, one in found.items()
            if not (math.isnan(one.lower) or math.isnan(one.upper))
        }

    def details(self) -> dict[str, Any]:
        """Return what a window keeps beside its figures: intervals, reasons and the reliability curve."""
        found = self.realised
        if found is None:
            return {"intervals": {}, "reasons": {}, "reliability": []}
        bins = found.reliability.bins if found.reliability else ()
        return {
            "intervals": finite({name: list(ends) for name, ends in self.ends.items()}),
            "reasons": dict(found.reasons),
            "reliability": [list(one) for one in bins],
        }


def measure_performance(
    log: RowSource,
    store: Store,
    config: Watched,
    version: str,
    predictions: Predictions,
    start: datetime,
    end: datetime,
) -> Measurement:
    """Return the realised performance of one window.

    Parameters
    ----------
    log : RowSource
        Has ids and predictions.
    store : Store
        Has the labels.
    config : ModelConfig or TableConfig
        Which model.
    version : str
        Rows of other versions are left out.
    predictions : Predictions
        What a prediction is.
    start, end : datetime
        The window.

    Returns
    -------
    Measurement
        Labels that do not fit the task (text for a probability) are counted and logged, and nothing is
        measured: one wrong label must not stop the monitor.
    """
    import pyarrow.compute as pc

    columns = ["__id", *predictions.logged, "__version"]
    rows = log.scan(config.model, start=start, end=end, columns=columns)
    rows = rows.filter(pc.equal(rows["__version"], version))
    ids = rows["__id"].to_pylist()
    found = store.labels.get(config.model, ids)
    known = int(found.found.sum())
    fresh = tuple(ids[place] for place in found.unmatched.nonzero()[0].tolist())
    realised = None
    if known:
        try:
            labels, said = found.values[found.found], predictions.said(rows)[found.found]
            realised = performance_of(predictions.task, labels, said, classes=predictions.labelled())
        except InputError as error:
            _log.warning(
                "performance not measured",
                subject=config.subject,
                window=start.isoformat(),
                task=predictions.task,
                error=str(error),
            )
    return Measurement(rows.num_rows, known, realised, fresh)
