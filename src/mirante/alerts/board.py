"""The board: the newest reading of each series, and which of them are still fresh."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from mirante.alerts.joining import Sample
from mirante.readings import Reading

__all__ = ["Board", "in_steps"]


def in_steps(readings: Iterable[tuple[int, Reading]]) -> Iterator[tuple[int, list[Reading]]]:
    """Cut readings so that no step has two of one series: each of them is then judged.

    Parameters
    ----------
    readings : iterable of (int, Reading)
        Sequence numbers and readings, in the order of arrival.

    Yields
    ------
    sequence : int
        The last number of the step.
    step : list of Reading
        One reading of each series at most, in the order of arrival.

    Examples
    --------
    >>> from datetime import UTC
    >>> t, day = datetime(2013, 2, 8, tzinfo=UTC), timedelta(days=1)
    >>> windows = [(1, Reading("x", 0.0, t)), (2, Reading("y", 0.0, t)), (3, Reading("x", 1.0, t + day))]
    >>> [(last, [one.name for one in step]) for last, step in in_steps(windows)]
    [(2, ['x', 'y']), (3, ['x'])]
    """
    step: list[Reading] = []
    keys: set[object] = set()
    last = 0
    for sequence, reading in readings:
        if reading.key in keys:
            yield last, step
            step, keys = [], set()
        step.append(reading)
        keys.add(reading.key)
        last = sequence
    if step:
        yield last, step


@dataclass(slots=True)
class _Entry:
    reading: Reading
    heard: datetime
    stale_after: timedelta
    quiet_until: datetime | None
    fresh: Sample
    stale: Sample


class Board:
    """Keeps the newest reading of each series.

    Parameters
    ----------
    forget_after : timedelta
        A series without a reading for so long is no longer expected.

    Examples
    --------
    >>> from datetime import UTC
    >>> t, hour = datetime(2013, 2, 8, tzinfo=UTC), timedelta(hours=1)
    >>> board = Board(timedelta(days=7))
    >>> board.observe([Reading("cpu", 5.0, t, {"host": "a"})], stale_after=hour)
    >>> [board.samples(t + h * hour)["cpu"][0].value for h in (1, 2)]
    [5.0, None]
    """

    def __init__(self, forget_after: timedelta) -> None:
        self._forget_after = forget_after
        self._names: dict[str, dict[tuple[tuple[str, str], ...], _Entry]] = {}

    def observe(
        self,
        readings: Iterable[Reading],
        *,
        stale_after: timedelta,
        heard: datetime | None = None,
        quiet_until: datetime | None = None,
    ) -> None:
        """Take readings; one that is older than what is known of its series is left out.

        Parameters
        ----------
        readings : iterable of Reading
            In any order.
        stale_after : timedelta
            A series of which nothing was heard for so long counts as missing.
        heard : datetime, optional
            When they were heard of, if that was after their own time: a window that is judged late is news.
        quiet_until : datetime, optional
            Until then a series that is silent is left out rather than missing: its source may just have
            started.
        """
        for reading in readings:
            name, labels = reading.key
            series = self._names.setdefault(name, {})
            known = series.get(labels)
            if known is None or reading.time >= known.reading.time:
                fresh = Sample(reading.labels, reading.value, reading.note, reading.time)
                stale = Sample(reading.labels, None, "", reading.time)
                since = reading.time if heard is None else max(heard, reading.time)
                series[labels] = _Entry(reading, since, stale_after, quiet_until, fresh, stale)

    def samples(self, now: datetime) -> dict[str, list[Sample]]:
        """Return the samples of each name at a time; the value of a stale one is None.

        Parameters
        ----------
        now : datetime
            The time that freshness is held against.
        """
        present: dict[str, list[Sample]] = {}
        for name, series in self._names.items():
            gone = []
            samples = present[name] = []
            for labels, entry in series.items():
                age = now - entry.heard
                if age > max(self._forget_after, entry.stale_after):
                    gone.append(labels)
                elif age <= entry.stale_after:
                    samples.append(entry.fresh)
                elif entry.quiet_until is None or now > entry.quiet_until:
                    samples.append(entry.stale)
            for labels in gone:
                del series[labels]
        return present
