"""Replay February to December through the recorder, day by day, and monitor as the service would."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import pandas as pd

from mirante.app.scheduler import utc_now
from mirante.demo.flights import TIMEZONE, Flights
from mirante.demo.training import probabilities
from mirante.monitors.model import ModelMonitor
from mirante.readings import Reading, Source, subject_of

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline

    from mirante.alerts.engine import AlertEngine
    from mirante.alerts.outbox import Outbox
    from mirante.capture.recorder import Recorder
    from mirante.store import Store

__all__ = ["Replay", "ReplayCounts", "replay_days"]

_HOST_EVERY = 1.0
_LAST_TRIES = 20.0
_BETWEEN_TRIES = 0.2
_TOGETHER = 30  # days that are predicted in one call: one for each takes most of its time to begin


@dataclass(slots=True)
class ReplayCounts:
    """What went in, and what came out at the other end.

    Parameters
    ----------
    rows, rows_recorded, rows_read, rows_profiled, rows_late : int
        Rows replayed, rows that reached the inference log, rows that the monitor read back, rows in closed
        windows, rows that came too late.
    windows, readings, labels : int
        Windows judged, readings written, labels that arrived.
    seconds : dict
        Where the time went: ``predict``, ``record``, ``monitor``, ``alerts``, ``host``.
    """

    rows: int = 0
    rows_recorded: int = 0
    rows_read: int = 0
    rows_profiled: int = 0
    rows_late: int = 0
    windows: int = 0
    readings: int = 0
    labels: int = 0
    seconds: dict[str, float] = field(
        default_factory=lambda: dict.fromkeys(("predict", "record", "monitor", "alerts", "host"), 0.0)
    )


@dataclass(frozen=True, slots=True)
class Replay:
    """The parts that a replay drives; the same that the service runs.

    Parameters
    ----------
    pipeline : Pipeline
        Answers as the served model would.
    recorder : Recorder
        Writes the inference log.
    monitor : ModelMonitor
        Reads it and judges.
    engine : AlertEngine
        Turns readings into alerts.
    outbox : Outbox
        Delivers notices.
    store : Store
        Takes the labels.
    host : Source
        Read about once a second meanwhile.
    """

    pipeline: Pipeline
    recorder: Recorder
    monitor: ModelMonitor
    engine: AlertEngine
    outbox: Outbox
    store: Store
    host: Source

    def stale_after(self, reading: Reading) -> timedelta | None:
        """Return for how long the model may be silent; the host lives in another year than the flights."""
        config = self.monitor.config
        return config.stale_after if subject_of(reading.labels) == config.subject else None


def replay_days(
    parts: Replay,
    flights: Flights,
    days: Sequence[str],
    *,
    progress: Callable[[int, int, str], None] = lambda *_: None,
) -> ReplayCounts:
    """Replay days in event time; the labels of a day arrive when the next one is over.

    Parameters
    ----------
    parts : Replay
        What is driven.
    flights : Flights
        All flights of those days.
    days : sequence of str
        ISO dates on New York's clock, in order.
    progress : callable, optional
        Called with the days done, the days in all, and the day.

    Returns
    -------
    ReplayCounts
        Rows in, rows recorded and rows profiled are equal when nothing was lost.
    """
    counts = ReplayCounts()
    waiting: Flights | None = None
    host_due = 0.0
    for done, day in enumerate(days, start=1):
        if (done - 1) % _TOGETHER == 0:
            last = days[min(done - 1 + _TOGETHER, len(days)) - 1]
            ahead = _predict(parts, flights.between(day, last), counts)
        today = flights.between(day, day)
        now = (pd.Timestamp(day, tz=TIMEZONE) + pd.DateOffset(days=1)).to_pydatetime()
        _serve(parts, today, ahead, counts)
        _label(parts, waiting, now, counts)
        waiting = today
        _monitor(parts, now, counts)
        if time.monotonic() >= host_due:
            host_due = time.monotonic() + _HOST_EVERY
            _watch_host(parts, counts)
        progress(done, len(days), day)
    end = now + parts.monitor.config.label_delay
    _label(parts, waiting, end, counts)
    _monitor(parts, end, counts)
    _deliver_rest(parts, counts)
    return counts


def _predict(parts: Replay, some: Flights, counts: ReplayCounts) -> tuple[pd.Series, float]:
    """Predict the flights of some days in one call; return what was said, and a row's share of the time."""
    began = time.perf_counter()
    said = pd.Series(probabilities(parts.pipeline, some.features), index=some.ids.to_numpy())
    took = time.perf_counter() - began
    counts.seconds["predict"] += took
    return said, took / max(len(some), 1)


def _serve(parts: Replay, today: Flights, ahead: tuple[pd.Series, float], counts: ReplayCounts) -> None:
    """Record a day's flights with what was said of them."""
    began = time.perf_counter()
    said, latency = ahead
    ids = today.ids.to_numpy()
    parts.recorder.log(
        today.features, said.loc[today.ids.tolist()].to_numpy(), latency, id=ids, time=today.times
    )
    parts.recorder.flush()
    counts.rows += len(today)
    counts.seconds["record"] += time.perf_counter() - began


def _label(parts: Replay, day: Flights | None, now: datetime, counts: ReplayCounts) -> None:
    if day is None:
        return
    began = time.perf_counter()
    known = day.labels.notna().to_numpy()
    model = parts.monitor.config.model
    counts.labels += parts.store.labels.write(model, day.ids[known].tolist(), day.labels[known].tolist(), now)
    counts.seconds["monitor"] += time.perf_counter() - began


def _monitor(parts: Replay, now: datetime, counts: ReplayCounts) -> None:
    began = time.perf_counter()
    step = parts.monitor.advance(now)
    counts.rows_read += step.rows
    counts.rows_late += step.late
    counts.rows_profiled += sum(row.rows for row in step.closed)
    counts.windows += sum(1 for row in step.closed if row.rows)
    counts.readings += len(step.readings)
    judged = time.perf_counter()
    if parts.engine.advance(now, parts.stale_after):
        asyncio.run(parts.outbox.run_once(utc_now()))
    counts.seconds["monitor"] += judged - began
    counts.seconds["alerts"] += time.perf_counter() - judged


def _watch_host(parts: Replay, counts: ReplayCounts) -> None:
    began = time.perf_counter()
    counts.readings += parts.store.readings.write(parts.host.read(utc_now()))
    counts.seconds["host"] += time.perf_counter() - began


def _deliver_rest(parts: Replay, counts: ReplayCounts) -> None:
    """Try what is still owed for a while; what a channel refuses then stays owed, and the summary says so."""
    began = time.perf_counter()
    while parts.store.outbox.owed() and time.perf_counter() - began < _LAST_TRIES:
        asyncio.run(parts.outbox.run_once(utc_now()))
        time.sleep(_BETWEEN_TRIES)
    counts.seconds["alerts"] += time.perf_counter() - began
