"""Windows: half-open stretches of event time, cut on the clock of a time zone."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from mirante.durations import format_duration, parse_duration
from mirante.errors import ConfigError

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Window", "WindowClock"]

_DAY = timedelta(days=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True, order=True)
class Window:
    """One half-open interval ``[start, end)`` of event time, both in UTC."""

    start: datetime
    end: datetime


class WindowClock:
    """Cuts event time into windows on the wall clock of a time zone.

    Windows of whole days start at local midnight, so a day is 23 or 25 hours long when the clocks change;
    several days are counted from Monday, 1 January 0001 (so ``7d`` starts on Mondays). Shorter windows start
    at local midnight plus a multiple of their length. Where clocks go back, the window of the repeated hour
    holds both.

    Parameters
    ----------
    length : str or timedelta, default "1h"
        A divisor of a day (``15m``, ``1h``, ``6h``) or whole days (``1d``, ``7d``), at least one second.
    timezone : str, default "UTC"
        IANA name, such as ``America/New_York``.

    Raises
    ------
    ConfigError
        If the length does not fit into days, or the time zone is unknown.

    Examples
    --------
    >>> from datetime import datetime, UTC
    >>> clock = WindowClock("1d", "America/New_York")
    >>> clock.of(datetime(2013, 2, 8, 4, 0, tzinfo=UTC)).start.isoformat()
    '2013-02-07T05:00:00+00:00'
    """

    def __init__(self, length: str | timedelta = "1h", timezone: str = "UTC") -> None:
        self.length = parse_duration(length)
        shown = format_duration(self.length)
        if self.length < timedelta(seconds=1):
            raise ConfigError(f"a window of {shown} is too short; the shortest is 1s")
        whole = self.length % _DAY if self.length >= _DAY else _DAY % self.length
        if whole:
            raise ConfigError(
                f"a window of {shown} does not fit into days; take a divisor of a day (15m, 1h) or whole days"
            )
        self.timezone = timezone
        try:
            self.zone = ZoneInfo(timezone)
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:
            raise ConfigError(
                f"the time zone {timezone!r} is unknown; give an IANA name such as UTC or America/New_York"
            ) from error

    def of(self, time: datetime) -> Window:
        """Return the window that holds `time`.

        Parameters
        ----------
        time : datetime
            Aware.

        Returns
        -------
        Window
            With ``start <= time < end``.
        """
        local = self.local(time)
        midnight = local.replace(hour=0, minute=0, second=0, microsecond=0)
        if self.length >= _DAY:
            days = self.length // _DAY
            naive = midnight - timedelta(days=(midnight.toordinal() - 1) % days)
        else:
            naive = midnight + (local - midnight) // self.length * self.length
        start = self._utc(naive)
        while start > time:  # a wall time that the clocks skipped maps past itself
            naive -= self.length
            start = self._utc(naive)
        end = self._end(naive, start)
        while end <= time:  # the second pass of a repeated hour
            naive += self.length
            start, end = end, self._end(naive, end)
        return Window(start, end)

    def local(self, time: datetime) -> datetime:
        """Return what the clock on the wall says.

        Parameters
        ----------
        time : datetime
            Aware.

        Returns
        -------
        datetime
            Naive.

        Examples
        --------
        >>> from datetime import datetime, UTC
        >>> WindowClock("1d", "America/New_York").local(datetime(2013, 2, 8, 5, tzinfo=UTC)).isoformat()
        '2013-02-08T00:00:00'
        """
        return time.astimezone(self.zone).replace(tzinfo=None)

    def after(self, window: Window) -> Window:
        """Return the window that follows.

        Parameters
        ----------
        window : Window
            One of this clock's.

        Returns
        -------
        Window
            It starts where `window` ends.
        """
        return self.of(window.end)

    def between(self, since: datetime, until: datetime) -> list[Window]:
        """Return every window that starts in ``[since, until)``.

        Parameters
        ----------
        since, until : datetime
            Aware.

        Returns
        -------
        list of Window
            In order, without gaps.
        """
        window = self.of(since)
        if window.start < since:
            window = self.after(window)
        found = []
        while window.start < until:
            found.append(window)
            window = self.after(window)
        return found

    def assign(self, times: NDArray) -> list[tuple[Window, NDArray]]:  # type: ignore[type-arg]  # datetime64 of any unit
        """Group times by window.

        Parameters
        ----------
        times : ndarray of datetime64, shape (n,)
            UTC; NaT belongs to no window and is left out.

        Returns
        -------
        list of (Window, ndarray of int)
            The windows that hold something, in order, each with the positions of its times.
        """
        import numpy as np

        micros = times.astype("datetime64[us]").astype(np.int64)
        valid = np.flatnonzero(~np.isnat(times))
        order = valid[np.argsort(micros[valid], kind="stable")]
        ordered = micros[order]
        groups: list[tuple[Window, NDArray]] = []  # type: ignore[type-arg]  # positions are intp
        first = 0
        while first < len(ordered):
            window = self.of(_EPOCH + int(ordered[first]) * _MICROSECOND)
            last = int(np.searchsorted(ordered, (window.end - _EPOCH) // _MICROSECOND, side="left"))
            groups.append((window, order[first:last]))
            first = last
        return groups

    def _utc(self, naive: datetime) -> datetime:
        return naive.replace(tzinfo=self.zone).astimezone(UTC)

    def _end(self, naive: datetime, start: datetime) -> datetime:
        end = naive
        while True:
            end += self.length
            moment = self._utc(end)
            if moment > start:
                return moment
