"""A second model that is asked what the first one was asked, off the path of its answers.

Requests wait in a queue that is bounded in bytes; what does not fit is dropped and counted. One thread posts
them, one after the other, with the id of the first one's prediction, so that one label serves both.
"""

from __future__ import annotations

import http.client
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mirante.capture.intake import Exchange

__all__ = ["Shadow"]

_REST = (0.1, 5.0)  # seconds after a failure: the first, and the longest


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
        self._wake = threading.Event()
        self._closing = False
        self._thread: threading.Thread | None = None

    def put(self, exchange: Exchange) -> bool:
        """Queue a request, or drop and count it. Never raises, never waits."""
        try:
            size = sum(map(len, exchange.body)) + 500
            with self._lock:
                room = not self._closing and self._waiting + size <= self._max_bytes
                self._waiting += size if room else 0
                if room and self._thread is None:
                    self._thread = threading.Thread(target=self._run, name="mirante-shadow", daemon=True)
                    self._thread.start()
            if not room:
                self._count("dropped")
                return False
            self._queue.append(exchange)
            self._wake.set()
        except Exception:  # whatever it is, the answer that was given must not know of it
            return False
        return True

    def close(self, patience: float = 2.0) -> None:
        """Post what waits, for so many seconds at most; drop and count the rest."""
        with self._lock:
            self._closing = True
            thread = self._thread
        self._wake.set()
        if thread is not None:
            thread.join(patience)
        while self._queue:
            self._queue.popleft()
            self._count("dropped")

    def _run(self) -> None:
        connection: http.client.HTTPConnection | None = None
        rest = _REST[0]
        while True:
            self._wake.wait()
            self._wake.clear()
            while self._queue:
                try:
                    exchange = self._queue.popleft()
                except IndexError:  # `close` was quicker
                    break
                size = sum(map(len, exchange.body)) + 500
                try:
                    connection = connection or http.client.HTTPConnection(
                        "127.0.0.1", self._port, timeout=self._timeout
                    )
                    self._post(connection, exchange)
                except (OSError, http.client.HTTPException):
                    if connection is not None:
                        connection.close()
                    connection = None
                    self._count("failed")
                    if not self._closing:
                        time.sleep(rest)
                    rest = min(2 * rest, _REST[1])
                else:
                    rest = _REST[0]
                finally:
                    with self._lock:
                        self._waiting -= size
            if self._closing:
                break
        if connection is not None:
            connection.close()

    def _post(self, connection: http.client.HTTPConnection, exchange: Exchange) -> None:
        headers = {"Content-Type": exchange.kind or "application/json", "X-Request-Id": exchange.id}
        connection.request("POST", self._path, b"".join(exchange.body), headers)
        answer = connection.getresponse()
        answer.read()
        self._count("sent" if answer.status < 300 else "failed")
