"""Keeps the store bounded: what is old becomes coarser, then goes."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import structlog

from mirante.app.expiry import expire, measurable
from mirante.durations import parse_duration
from mirante.errors import StoreError
from mirante.monitors.condensing import condense_windows
from mirante.store.ages import Ages, midnight

if TYPE_CHECKING:
    from mirante.app.build import Parts
    from mirante.app.watch import ModelWatch
    from mirante.monitors.tables.watch import TableWatch

__all__ = ["PAUSE", "Aging"]

PAUSE = timedelta(minutes=5)
"""From one turn of the task to the next."""
_HOUR = timedelta(hours=1)
_EACH = timedelta(hours=6)  # from one look at a subject to the next
_PARTS, _HISTORY = "parts of windows", "history and labels"  # what is of no subject
_TOLD = 5  # of what fails
_PATIENCE = 30.0  # seconds of a turn; the rest goes at the next

_ALL = sys.maxsize  # windows of earlier versions, while the present one has no baseline
_log = structlog.get_logger("mirante.retention")


class Aging:
    """One task of the service.

    Parameters
    ----------
    parts : Parts
        With the store, and what follows its readings.
    watches : callable
        Gives what is watched here, models and tables.
    """

    def __init__(self, parts: Parts, watches: Callable[[], Iterable[ModelWatch | TableWatch]]) -> None:
        self._parts, self._watches = parts, watches
        self._waiting: list[str] = []
        self._begun: datetime | None = None
        self._expired = True
        self._failed: dict[str, str] = {}

    def advance(self, now: datetime) -> None:
        """Go on with what is due: some subjects at a time.

        Parameters
        ----------
        now : datetime
            The present.

        Raises
        ------
        StoreError
            If the store does not answer, or once all has been tried and something of it failed.
        """
        store, until = self._parts.store, time.monotonic() + _PATIENCE
        if not self._waiting and (self._begun is None or now - self._begun >= _EACH):
            paused = {config.subject for config in self._parts.settings.watched if config.paused}
            known = {*store.readings.subject_names(), *store.windows.subjects()}
            self._waiting, self._begun, self._expired = sorted(known - paused, reverse=True), now, False
            there = {*self._waiting, _PARTS, _HISTORY}
            self._failed = {name: why for name, why in self._failed.items() if name in there}
        watches = {watch.config.subject: watch for watch in self._watches()}
        swept = bool(self._waiting)
        while self._waiting and time.monotonic() < until:
            subject = self._waiting.pop()
            with self._isolated(subject):
                self._age(subject, now, watches, until)
        if swept and not self._waiting:
            with self._isolated(_PARTS):
                store.windows.parts.sweep()
        if not self._expired:
            with self._isolated(_HISTORY):
                found = [watch.config for watch in watches.values()]
                self._expired = expire(self._parts, found, now, lambda: time.monotonic() < until)
        if self._failed:  # at each turn, so that the task counts as failing until all of it succeeds
            some = [f"{name} ({why})" for name, why in sorted(self._failed.items())]
            more = [f"{len(some) - _TOLD} more"] if len(some) > _TOLD else []
            raise StoreError(f"old data stays as it is: {'; '.join([*some[:_TOLD], *more])}")

    @contextmanager
    def _isolated(self, name: str) -> Iterator[None]:
        """Keep one part's failure from the others, until the part succeeds."""
        try:
            yield
        except StoreError:  # the store is away, or another has the lease: no part would succeed
            raise
        except Exception as error:  # told by `advance`
            self._failed[name] = f"{type(error).__name__}: {error}"
        else:
            self._failed.pop(name, None)

    def _age(
        self, subject: str, now: datetime, watches: dict[str, ModelWatch | TableWatch], until: float
    ) -> None:
        ages = self._ages(subject, now, watches.get(subject))
        if ages is None:
            return
        readings = self._parts.store.condensing.condense(subject, ages, arrived=self._arrived())
        watch = watches.get(subject)
        keep = 0 if watch is None else _ALL if watch.monitor is None else watch.monitor.memory
        windows = condense_windows(self._parts.store, subject, ages, keep=keep)
        series = self._parts.store.expiring.series(
            subject,
            midnight(ages.gone, ages.zone),
            arrived=self._arrived(),
            watched=subject in watches,
            more=lambda: time.monotonic() < until,
        )
        if readings.read or windows.merged or windows.dropped or series:
            _log.info(
                "old data became coarser",
                subject=subject,
                readings=readings.read,
                readings_left=readings.left,
                windows=windows.merged + windows.dropped,
                windows_left=windows.days,
                series=series,
            )

    def _ages(self, subject: str, now: datetime, watch: ModelWatch | TableWatch | None) -> Ages | None:
        """Return what is old of a subject; None while it is not known what its monitor still needs."""
        kept = self._parts.settings.retention
        if watch is None:
            if subject.startswith("model/") and self._parts.settings.discover:
                return None  # what discovery finds is not known for a while after the start
            return Ages(now - kept.full, now - kept.hourly, now - kept.daily, ZoneInfo("UTC"))
        if watch.monitor is None and not watch.only_counts:
            return None
        config = watch.config
        length, labels = parse_duration(config.window), measurable(config)
        hourly = max(kept.hourly, labels)
        # an hour would hold the readings of several shorter windows, and take what is measured of one for all
        full = max(kept.full, labels) if length < _HOUR else kept.full
        return Ages(now - full, now - hourly, now - max(kept.daily, hourly), ZoneInfo(str(config.timezone)))

    def _arrived(self) -> int:
        """Return up to where all who follow the order of arrival have come."""
        positions = [self._parts.engine.position]
        if self._parts.settings.mlflow.enabled:
            positions.append(self._parts.mlflow_sink.position)
        return min(positions)
