"""The realised performance of windows whose labels are due."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from mirante.monitors.performance import measure_performance
from mirante.readings import Reading
from mirante.store.types import finite

if TYPE_CHECKING:
    from datetime import datetime

    from mirante.monitors.baseline import ModelBaseline
    from mirante.monitors.rows import RowSource, Watched
    from mirante.store import Store, WindowRow

__all__ = ["WindowPerformance", "with_performance"]

_Span = tuple["datetime", "datetime"]
_Figures = tuple["datetime", dict[str, Any]]


class WindowPerformance:
    """Measures closed windows once ``label_delay`` has passed since their end.

    Parameters
    ----------
    config : ModelConfig or TableConfig
        Which model, and how long labels take.
    version : str
        Whose rows.
    baseline : ModelBaseline
        Knows what a prediction is where the config does not say.
    store : Store
        Has the labels.
    log : RowSource
        Has the predictions.
    """

    def __init__(
        self, config: Watched, version: str, baseline: ModelBaseline, store: Store, log: RowSource
    ) -> None:
        self._config, self._version = config, version
        self._task = config.task or baseline.task
        self._store, self._log = store, log
        self._labels = config.labels(version)

    def measure(
        self, spans: Sequence[_Span], now: datetime
    ) -> tuple[list[_Figures], list[_Span], list[Reading]]:
        """Compute the performance of the windows that are due.

        Parameters
        ----------
        spans : sequence of (datetime, datetime)
            Closed windows that were not measured yet, ``[start, end)``.
        now : datetime
            The present.

        Returns
        -------
        figures : list of (datetime, dict)
            By start of the window.
        waiting : list of (datetime, datetime)
            Those whose labels are not due yet.
        readings : list of Reading
            ``performance_<measure>`` at the start of each.
        """
        figures: list[_Figures] = []
        waiting: list[_Span] = []
        readings: list[Reading] = []
        for start, end in spans if self._config.predicts else ():
            if end + self._config.label_delay > now:
                waiting.append((start, end))
                continue
            found = measure_performance(
                self._log, self._store, self._config, self._version, self._task, start, end
            )
            figures.append((start, found))
            readings += [
                Reading(f"performance_{name}", value, start, self._labels) for name, value in found.items()
            ]
        return figures, waiting, readings


def with_performance(row: WindowRow, figures: dict[str, Any]) -> WindowRow:
    """Return the window with its performance filled in.

    Parameters
    ----------
    row : WindowRow
        A closed window.
    figures : dict
        Performance by name.

    Returns
    -------
    WindowRow
        The same but for ``verdicts["performance"]``.
    """
    return replace(row, verdicts={**row.verdicts, "performance": finite(figures)})
