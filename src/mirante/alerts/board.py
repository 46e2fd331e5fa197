"""The board: the newest reading of each series, and which of them are still fresh."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from mirante.alerts.joining import Sample
from mirante.readings import Reading, subject_of

__all__ = ["Board"]


@dataclass(slots=True)
class _Entry:
    reading: Reading
    stale_after: timedelta
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

    def observe(self, readings: Iterable[Reading], *, stale_after: timedelta) -> None:
        """Take readings; one that is older than what is known of its series is left out.

        Parameters
        ----------
        readings : iterable of Reading
            In any order.
        stale_after : timedelta
            A series whose newest reading is older than this counts as missing.
        """
        for reading in readings:
            name, labels = reading.key
            series = self._names.setdefault(name, {})
            known = series.get(labels)
            if known is None or reading.time >= known.reading.time:
                fresh = Sample(reading.labels, reading.value, reading.note, reading.time)
                stale = Sample(reading.labels, None, "", reading.time)
                series[labels] = _Entry(reading, stale_after, fresh, stale)

    def forget(self, subjects: Collection[str]) -> None:
        """Take out every series of some subjects.

        Parameters
        ----------
        subjects : collection of str
            Such as ``model/churn@champion``.
        """
        for series in self._names.values():
            for labels in [labels for labels in series if subject_of(dict(labels)) in subjects]:
                del series[labels]

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
                age = now - entry.reading.time
                if age > max(self._forget_after, entry.stale_after):
                    gone.append(labels)
                else:
                    samples.append(entry.stale if age > entry.stale_after else entry.fresh)
            for labels in gone:
                del series[labels]
        return present
