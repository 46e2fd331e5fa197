"""Notices that this process stood still while clocks went on: it was stopped, or nobody ran it."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable

from mirante.app.scheduler import pause

__all__ = ["Stillness"]

_EVERY = 1.0  # seconds from one sign of life to the next
_STILL = 3.0  # without one for so long: a machine that is busy lets more than that pass only seldom


class Stillness:
    """Counts the seconds that nothing here could happen in, by signs of life that `watch` gives.

    They are the world's seconds, also where tasks go by another clock.

    Parameters
    ----------
    monotonic : callable
        Seconds that nobody sets, and that go on while the process is stopped.

    Examples
    --------
    >>> seconds = iter([0.0, 1.0, 61.0])
    >>> still = Stillness(lambda: next(seconds))
    >>> still.sign_of_life(), still.sign_of_life(), still.taken()
    (None, None, 59.0)
    """

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._last: float | None = None
        self._seconds = 0.0
        self._lock = threading.Lock()

    async def watch(self, stop: asyncio.Event) -> None:
        """Give a sign of life each second, until `stop` is set.

        Parameters
        ----------
        stop : asyncio.Event
            Ends it.
        """
        while not stop.is_set():
            self.sign_of_life()
            await pause(stop, _EVERY)
        self._last = None

    def sign_of_life(self) -> None:
        """Take note that something happens; the first one begins to count."""
        with self._lock:
            self._count()

    def taken(self) -> float:
        """Return the seconds that it stood still since this was asked last; 0.0 while nobody watches."""
        with self._lock:
            if self._last is not None:  # who asks may be the first that runs again
                self._count()
            seconds, self._seconds = self._seconds, 0.0
            return seconds

    def _count(self) -> None:
        now = self._monotonic()
        if self._last is not None and now - self._last > _STILL:
            self._seconds += now - self._last - _EVERY
        self._last = now
