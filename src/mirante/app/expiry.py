"""What is over goes: which alerts, labels and series are old enough by the settings."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING

import structlog

from mirante.durations import parse_duration
from mirante.monitors.config import ModelConfig

if TYPE_CHECKING:
    from mirante.app.build import Parts
    from mirante.monitors.tables.config import TableConfig

__all__ = ["expire", "measurable"]

_log = structlog.get_logger("mirante.retention")


def measurable(config: ModelConfig | TableConfig) -> timedelta:
    """Return for how long after its prediction a label can change the figures of a window.

    Parameters
    ----------
    config : ModelConfig or TableConfig
        Which model.

    Returns
    -------
    timedelta

    Examples
    --------
    >>> measurable(ModelConfig(model="churn", window="1d", label_delay="30d", label_lateness="7d")).days
    38
    """
    return parse_duration(config.window) + config.lateness + config.label_delay + config.label_lateness


def expire(
    parts: Parts,
    found: Iterable[ModelConfig | TableConfig],
    now: datetime,
    more: Callable[[], bool] = lambda: True,
) -> bool:
    """Remove alerts that have been over for long, with all that tells of them, and old labels.

    Parameters
    ----------
    parts : Parts
        With the store and the settings.
    found : iterable of ModelConfig or TableConfig
        What is watched beside what the config names.
    now : datetime
        The present.
    more : callable
        Says whether there is time.

    Returns
    -------
    bool
        Whether there was time for all.
    """
    kept, named = parts.settings.retention, parts.settings.watched
    paused = {config.subject for config in named if config.paused}
    keep = partial(_kept_for, [*named, *found], kept.labels)
    try:
        history = parts.store.expiring.history(now - kept.history, paused=paused, more=more)
    finally:  # one that fails does not keep the other from being done
        labels, finished = parts.store.expiring.labels(now, keep, more=more)
    gone = {
        "alerts": history.alerts,
        "notices": history.notices,
        "events": history.events,
        "silences": history.silences,
        "proposals": history.proposals,
        "labels": labels,
    }
    if any(gone.values()):
        _log.info("what has been over for long went", **gone)
    return history.finished and finished


def _kept_for(configs: Iterable[ModelConfig | TableConfig], least: timedelta, model: str) -> timedelta | None:
    """Return for how long the labels of a model are kept; None where one of its entries is paused."""
    mine = [config for config in configs if config.model == model]
    if any(config.paused for config in mine):
        return None
    # of one that is found later, as of any other, nothing but the defaults is known; its name may be any text
    return max([least, *map(measurable, mine or [ModelConfig(model="any")])])
