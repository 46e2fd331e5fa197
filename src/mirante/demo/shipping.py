"""Readings go to MLflow while the replay goes on, as they do in the service."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Protocol

__all__ = ["Shipping", "Ships"]


class Ships(Protocol):
    """What sends the readings of a store."""

    def ship(self) -> int:
        """Send what is new, and return how much that was."""
        ...


class Shipping:
    """A thread that sends what is new whenever it is asked to and has nothing else to do.

    Parameters
    ----------
    sink : Ships
        Sends; it is used by one thread at a time.

    Examples
    --------
    >>> class Sink:
    ...     def ship(self):
    ...         return 5
    >>> with Shipping(Sink()) as shipping:
    ...     shipping.go_on()
    ...     shipping.finish()
    10
    """

    def __init__(self, sink: Ships) -> None:
        self._sink = sink
        self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="demo-shipping")
        self._running: Future[int] | None = None
        self._sent = 0

    def __enter__(self) -> Shipping:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pool.shutdown(cancel_futures=True)

    def go_on(self) -> None:
        """Send what is new meanwhile, unless that is being done.

        Raises
        ------
        MiranteError
            If what was sent before failed.
        """
        if self._running is not None and not self._running.done():
            return
        self._gather()
        self._running = self._pool.submit(self._sink.ship)

    def finish(self) -> int:
        """Send the rest and wait for it.

        Returns
        -------
        int
            How many readings were sent in all.

        Raises
        ------
        MiranteError
            If they could not be sent.
        """
        self._gather()
        return self._sent + self._sink.ship()

    def _gather(self) -> None:
        if self._running is not None:
            self._sent += self._running.result()
            self._running = None
