"""Reading a request's body whole, within a size and a time, before anybody acts on it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

__all__ = ["GoneError", "SlowError", "TooLargeError", "replay", "whole_body"]

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]


class TooLargeError(Exception):
    """The body is longer than it may be."""


class SlowError(Exception):
    """The body did not come in time."""


class GoneError(Exception):
    """The client left before its body was whole: half of a form is not a form."""


async def whole_body(receive: Receive, limit: int, seconds: float) -> bytes:
    """Return the body.

    Parameters
    ----------
    receive : callable
        Of the request.
    limit : int
        Most bytes; a chunked body never says how long it is.
    seconds : float
        In which all of it has to come.

    Raises
    ------
    TooLargeError, SlowError, GoneError
        If it does not come whole.
    """
    try:
        async with asyncio.timeout(seconds):
            return await _read(receive, limit)
    except TimeoutError:
        raise SlowError from None


async def _read(receive: Receive, limit: int) -> bytes:
    parts: list[bytes] = []
    size, more = 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise GoneError
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if size > limit:
            raise TooLargeError
        more = message.get("more_body", False)
    return b"".join(parts)


def replay(body: bytes, receive: Receive) -> Receive:
    """Return a `receive` that gives this body first."""
    waiting = [{"type": "http.request", "body": body, "more_body": False}]

    async def again() -> Message:
        return waiting.pop() if waiting else await receive()

    return again
