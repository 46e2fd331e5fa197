"""How old things are, on the clock of a time zone: days are days of people, hours begin with them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from mirante.store.types import from_micros, to_micros

__all__ = ["Ages", "midnight"]

_HOUR = 3_600_000_000
_DAY = timedelta(days=1)
_DAY_MICROS = 24 * _HOUR


def midnight(time: datetime, zone: tzinfo) -> datetime:
    """Return the beginning of the day in which a time lies.

    Examples
    --------
    >>> from zoneinfo import ZoneInfo
    >>> from datetime import UTC
    >>> midnight(datetime(2026, 3, 1, 2, tzinfo=UTC), ZoneInfo("America/Sao_Paulo")).isoformat()
    '2026-02-28T00:00:00-03:00'
    """
    return time.astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0, fold=0)


@dataclass(frozen=True, slots=True)
class Ages:
    """From when on things are kept as they came, and for how long hours and days of them.

    Parameters
    ----------
    hours : datetime
        What is before, is kept once an hour.
    days : datetime
        What is before the day in which this lies, is kept once a day.
    gone : datetime
        What is before the day in which this lies, is not kept.
    zone : tzinfo
        Whose days.
    """

    hours: datetime
    days: datetime
    gone: datetime
    zone: tzinfo

    @property
    def first_hour(self) -> int:
        """Where the hours that are not over for them begin, in microseconds."""
        return to_micros(self.hours) // _HOUR * _HOUR

    @property
    def first_day(self) -> int:
        """Where the days that are not over for them begin."""
        return to_micros(midnight(self.days, self.zone))

    @property
    def first_kept(self) -> int:
        """Where what is kept begins."""
        return to_micros(midnight(self.gone, self.zone))

    def places(self, micros: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return for each time a number that those share which become one; each its own from `hours` on.

        Parameters
        ----------
        micros : ndarray of int64, shape (n,)
            Times in microseconds.

        Returns
        -------
        ndarray of int64, shape (n,)
        """
        if not micros.size:
            return micros
        # in whole days, so that times that are near each other ask for the same
        first, last = (int(end) // _DAY_MICROS * _DAY_MICROS for end in (micros.min(), micros.max()))
        begins = _midnights(self.zone, first, last + _DAY_MICROS)
        day = np.searchsorted(begins, micros, "right") - 1
        hour = (micros - begins[day]) // _HOUR
        found = begins[day] + np.where(micros < self.first_day, 0, hour * _HOUR)
        return np.where(micros < self.first_hour, found, micros)


@lru_cache(maxsize=256)  # of the series of a subject, most are of the same days
def _midnights(zone: tzinfo, first: int, last: int) -> NDArray[np.int64]:
    """Return the beginnings of all days from the one of `first` to the one after `last`."""
    begins: list[int] = []
    day = midnight(from_micros(first), zone)
    while not begins or begins[-1] <= last:
        begins.append(to_micros(day))
        day = (day.replace(tzinfo=None) + _DAY).replace(tzinfo=zone)
    return np.array(begins, dtype=np.int64)
