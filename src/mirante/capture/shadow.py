"""A second model that is asked what the first one was asked, off the path of its answers.

Requests wait in a queue that is bounded in bytes; what does not fit is dropped and counted. A thread hands
them on in batches, a few times a second, to a process that posts them one after the other, with the id of the
first one's prediction, so that one label serves both.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING

from mirante.capture.relay import SENT, packed

if TYPE_CHECKING:
    from mirante.capture.intake import Exchange

__all__ = ["Shadow"]

_PAUSE = 0.05  # seconds from one look at what waits to the next
_MOST, _MOST_BYTES = 100, 1 << 20  # requests and bytes of one batch
_REST = 1.0  # seconds after the process was lost
_LAST = 1.0  # seconds for the thread to end once the process it waits for has been ended


class Shadow:
    """Posts requests that were answered to another server, and throws its answers away.

    Parameters
    ----------
    port : int
        Where it listens, at 127.0.0.1.
    count : callable
        Takes ``sent``, ``dropped`` or ``failed`` for each request.
    path : str
        Of its predictions.
    max_bytes : int
        Bytes that may wait; what comes beyond is dropped.
    timeout : float
        Seconds for one request.

    Examples
    --------
    >>> from mirante.capture.intake import Exchange
    >>> seen = []
    >>> shadow = Shadow(9, seen.append, max_bytes=0)
    >>> shadow.put(Exchange("r1", 0.0, 0.004, 200, "application/json", [b"{}"], []))
    False
    >>> shadow.close()
    >>> seen
    ['dropped']
    """

    def __init__(
        self,
        port: int,
        count: Callable[[str], None],
        *,
        path: str = "/invocations",
        max_bytes: int = 16 << 20,
        timeout: float = 60.0,
    ) -> None:
        self._port, self._count, self._path = port, count, path
        self._max_bytes, self._timeout = max_bytes, timeout
        self._queue: deque[Exchange] = deque()
        self._waiting = 0
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._thread: threading.Thread | None = None
        self._relay: subprocess.Popen[bytes] | None = None

    def put(self, exchange: Exchange) -> bool:
        """Queue a request, or drop and count it. Never raises, never waits."""
        try:
            size = _size(exchange)
            with self._lock:
                room = not self._closing.is_set() and self._waiting + size <= self._max_bytes
                self._waiting += size if room else 0
                if room and self._thread is None:
                    self._thread = threading.Thread(target=self._run, name="mirante-shadow", daemon=True)
                    self._thread.start()
            if not room:
                self._count("dropped")
                return False
            self._queue.append(exchange)
        except Exception:  # whatever it is, the answer that was given must not know of it
            return False
        return True

    def close(self, patience: float = 2.0) -> None:
        """Post what waits, for so many seconds at most; drop and count the rest."""
        with self._lock:
            self._closing.set()
            thread = self._thread
        if thread is None:
            return
        thread.join(patience)
        while self._queue:
            with suppress(IndexError):  # the thread was quicker
                self._queue.popleft()
                self._count("dropped")
        if thread.is_alive() and (relay := self._relay) is not None:
            relay.kill()
            thread.join(_LAST)

    def _run(self) -> None:
        while True:
            closing = self._closing.wait(_PAUSE)  # no wish to be woken: that costs those who answer
            while batch := self._next():
                self._hand_on(batch)
            if closing:
                break
        self._end_relay()

    def _next(self) -> list[Exchange]:
        """Take the next batch out of the queue."""
        batch: list[Exchange] = []
        size = 0
        with suppress(IndexError):  # all of them are taken, or `close` was quicker
            while len(batch) < _MOST and size < _MOST_BYTES:
                batch.append(self._queue.popleft())
                size += _size(batch[-1])
        return batch

    def _hand_on(self, batch: list[Exchange]) -> None:
        """Let a batch be posted, and count what is told of each of its requests."""
        known = 0
        try:
            relay = self._started()
            assert relay.stdin is not None  # noqa: S101  it is a pipe
            assert relay.stdout is not None  # noqa: S101  so is this
            relay.stdin.write(packed(batch))
            relay.stdin.flush()
            while known < len(batch):
                told = os.read(relay.stdout.fileno(), len(batch))
                if not told:
                    raise BrokenPipeError
                for word in told:
                    self._done(batch[known], "sent" if word == SENT[0] else "failed")
                    known += 1
        except (OSError, ValueError):  # the process is gone, or is being ended
            for exchange in batch[known:]:
                self._done(exchange, "failed")
            self._end_relay()
            self._closing.wait(_REST)  # one that cannot start is not to be tried all the time

    def _done(self, exchange: Exchange, result: str) -> None:
        self._count(result)
        with self._lock:
            self._waiting -= _size(exchange)

    def _started(self) -> subprocess.Popen[bytes]:
        if self._relay is None:
            command = [sys.executable, "-m", "mirante.capture.relay"]
            self._relay = subprocess.Popen(  # noqa: S603 - the command is our own, without a shell
                [*command, str(self._port), self._path, str(self._timeout)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
            )
        return self._relay

    def _end_relay(self) -> None:
        """End the process: by the end of its input, and where it posts still, by force."""
        relay, self._relay = self._relay, None
        if relay is None:
            return
        for pipe in (relay.stdin, relay.stdout):
            with suppress(OSError):  # what it did not read is lost with it
                if pipe is not None:
                    pipe.close()
        try:
            relay.wait(_LAST)
        except subprocess.TimeoutExpired:
            relay.kill()
            relay.wait()


def _size(exchange: Exchange) -> int:
    return sum(map(len, exchange.body)) + 500
