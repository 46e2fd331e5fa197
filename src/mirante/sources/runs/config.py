"""The part of the config that says which of MLflow's experiments are watched, and what of their runs."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from mirante.durations import parse_duration
from mirante.sources.patterns import Pattern, fits, fits_any
from mirante.tracking.runs.directions import Direction

__all__ = ["ExperimentsConfig"]

_Length = Annotated[timedelta, BeforeValidator(parse_duration), Field(gt=timedelta(0))]


class ExperimentsConfig(BaseModel):
    """The entry ``experiments:``, which experiments are watched.

    Parameters
    ----------
    include : tuple of str
        Names, or patterns with ``*`` and ``?``: ``churn-*``. None are watched without it.
    exclude : tuple of str
        Names or patterns of those that are not.
    interval : timedelta
        From one look at MLflow to the next.
    metrics : tuple of str
        Names or patterns of the metrics that are followed, of which the first of these come first; all but
        those of MLflow's own (``system/...``) when not given.
    most_runs, most_metrics : int
        At most so many running runs of an experiment, and so many metrics of a run, are followed; how many
        runs were left out is a reading.
    directions : mapping of str to {"lower", "higher"}
        Which way a metric is better, where its name does not say it.

    Examples
    --------
    >>> config = ExperimentsConfig(include=["churn-*"], exclude=["*-scratch"], metrics=["val_*"])
    >>> config.watches("churn-2026"), config.watches("churn-scratch"), config.watches("Default")
    (True, False, False)
    >>> config.follows("val_loss"), config.follows("loss")
    (True, False)
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    include: tuple[Pattern, ...] = ()
    exclude: tuple[Pattern, ...] = ()
    interval: _Length = timedelta(seconds=30)
    metrics: tuple[Pattern, ...] = ()
    most_runs: Annotated[int, Field(ge=1, le=1000)] = 50
    most_metrics: Annotated[int, Field(ge=1, le=1000)] = 50
    directions: Mapping[str, Direction] = Field(default_factory=dict)

    def watches(self, experiment: str) -> bool:
        """Return whether an experiment of this name is watched."""
        return fits_any(self.include, experiment) and not fits_any(self.exclude, experiment)

    def follows(self, metric: str) -> bool:
        """Return whether a metric of this name is followed."""
        return fits_any(self.metrics, metric) if self.metrics else not metric.startswith("system/")

    def chosen(self, metrics: Mapping[str, object]) -> list[str]:
        """Return the metrics of a run that are followed, in the order in which they are kept to.

        Parameters
        ----------
        metrics : mapping by str
            All that the run has.

        Examples
        --------
        >>> ExperimentsConfig(metrics=["val_*", "loss"]).chosen({"loss": 1, "acc": 1, "val_acc": 1})
        ['val_acc', 'loss']
        """
        followed = [name for name in sorted(metrics) if self.follows(name)]
        if self.metrics:
            followed.sort(key=self._rank)
        return followed

    def _rank(self, metric: str) -> int:
        return next(place for place, pattern in enumerate(self.metrics) if fits(pattern, metric))
