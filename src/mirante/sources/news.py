"""Readings that are told when they change, and once in a while although they do not."""

from __future__ import annotations

import math
from collections.abc import Iterable
from datetime import datetime, timedelta

from mirante.readings import Reading

__all__ = ["News"]

Key = tuple[str, tuple[tuple[str, str], ...]]


class News:
    """Knows what was told last of each series.

    Parameters
    ----------
    again : timedelta
        What does not change is told again after so long a time. A series of which nothing was told for twice
        as long is forgotten.

    Examples
    --------
    >>> from datetime import UTC
    >>> now, news = datetime(2013, 2, 8, tzinfo=UTC), News(timedelta(minutes=5))
    >>> first = Reading("run_metric", 0.5, now, {"key": "loss"})
    >>> news.is_new(first, now)
    True
    >>> news.told([first], now)
    >>> news.is_new(first, now), news.is_new(first.again(0.4, now), now)
    (False, True)
    """

    def __init__(self, again: timedelta) -> None:
        self._again = again
        self._told: dict[Key, tuple[float, datetime]] = {}

    def is_new(self, reading: Reading, now: datetime) -> bool:
        """Say whether a reading is to be written: NaN after NaN is no change."""
        known = self._told.get(reading.key)
        if known is None or now - known[1] >= self._again:
            return True
        return not (reading.value == known[0] or (math.isnan(reading.value) and math.isnan(known[0])))

    def told(self, readings: Iterable[Reading], now: datetime) -> None:
        """Take note of readings that have been written."""
        self._told |= {one.key: (one.value, now) for one in readings}
        horizon = now - 2 * self._again
        self._told = {key: what for key, what in self._told.items() if what[1] >= horizon}
