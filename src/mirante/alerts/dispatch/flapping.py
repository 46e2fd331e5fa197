"""Flapping: an alert that keeps beginning to fire is held as firing until it has been quiet for a while."""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from mirante.alerts.rules.states import OnMissing, Timing

__all__ = ["Flapping", "Flaps"]


@dataclass(frozen=True, slots=True)
class Flapping:
    """When an alert flaps.

    Parameters
    ----------
    changes : int
        So many times it began to fire.
    within : timedelta
        In so long a time. It then fires until it was quiet for a quarter of it.

    Examples
    --------
    >>> Flapping().quiet
    datetime.timedelta(seconds=900)
    """

    changes: int = 4
    within: timedelta = timedelta(hours=1)

    @property
    def quiet(self) -> timedelta:
        """How long a flapping alert must be false before it is over."""
        return self.within / 4


@dataclass(frozen=True, slots=True)
class _Timing:
    for_: timedelta
    keep_firing_for: timedelta
    on_missing: OnMissing


class Flaps:
    """Counts how often each alert began to fire.

    Parameters
    ----------
    flapping : Flapping, optional
        Without it, nothing flaps.
    starts : iterable of (hashable, datetime)
        What is known from before: rule and labels, and when it began to fire.

    Examples
    --------
    >>> from datetime import UTC
    >>> t, minute = datetime(2013, 2, 8, tzinfo=UTC), timedelta(minutes=1)
    >>> flaps = Flaps(Flapping())
    >>> for number in range(4):
    ...     flaps.began("busy", t + number * 10 * minute)
    >>> flaps.flaps("busy"), flaps.flaps("calm")
    (True, False)
    """

    def __init__(self, flapping: Flapping | None, starts: Iterable[tuple[Hashable, datetime]] = ()) -> None:
        self._flapping = flapping
        self._starts: dict[Hashable, deque[datetime]] = {}
        self._firing: set[Hashable] = set()
        self._swept: datetime | None = None
        for key, time in sorted(starts, key=lambda start: start[1]):
            self.began(key, time)

    def began(self, key: Hashable, now: datetime) -> None:
        """Take note that an alert began to fire; only then older times are forgotten."""
        if self._flapping is None:
            return
        times = self._starts.setdefault(key, deque())
        times.append(now)
        self._firing.add(key)
        # at most `changes` are kept: more would not change the answer
        while times[0] <= now - self._flapping.within or len(times) > self._flapping.changes:
            times.popleft()
        self._sweep(now, self._flapping.within)

    def ended(self, key: Hashable) -> None:
        """Take note that an alert fires no more."""
        self._firing.discard(key)

    def flaps(self, key: Hashable) -> bool:
        """Say whether an alert flaps, from the start that made it so until its next one after a calm time."""
        return self._flapping is not None and len(self._starts.get(key, ())) >= self._flapping.changes

    def timing(self, key: Hashable, timing: Timing) -> Timing:
        """Return the times of a rule as they hold for one alert: a flapping one is kept firing for longer."""
        if self._flapping is None or not self.flaps(key):
            return timing
        kept = max(timing.keep_firing_for, self._flapping.quiet)
        return _Timing(timing.for_, kept, timing.on_missing)

    def _sweep(self, now: datetime, within: timedelta) -> None:
        """Forget, now and then, the alerts that are over and began to fire long ago."""
        if self._swept is not None and abs(now - self._swept) < within:
            return
        self._swept = now
        old = [key for key, times in self._starts.items() if times[-1] <= now - within]
        for key in old:
            if key not in self._firing:
                del self._starts[key]
