"""A body comes whole, in time and in bounds, or not at all."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from mirante.web.bodies import GoneError, SlowError, TooLargeError, replay, whole_body


def told(*messages: dict[str, Any]) -> Any:
    waiting = list(messages)

    async def receive() -> Any:
        if not waiting:
            await asyncio.Event().wait()
        return waiting.pop(0)

    return receive


def part(body: bytes, more: bool) -> dict[str, Any]:
    return {"type": "http.request", "body": body, "more_body": more}


def test_parts_are_put_together_and_can_be_read_again():
    async def both() -> tuple[bytes, Any, Any]:
        gone = {"type": "http.disconnect"}
        receive = told(part(b"a", True), {"type": "http.request", "more_body": True}, part(b"b", False), gone)
        body = await whole_body(receive, 2, 5)
        again = replay(body, receive)
        return body, await again(), await again()

    assert asyncio.run(both()) == (b"ab", part(b"ab", False), {"type": "http.disconnect"})


@pytest.mark.parametrize(
    ("messages", "error"),
    [
        ((part(b"abc", False),), TooLargeError),
        ((part(b"a", True), part(b"bc", True)), TooLargeError),
        ((part(b"a", True), {"type": "http.disconnect"}), GoneError),
        ((part(b"a", True),), SlowError),
        ((), SlowError),
    ],
)
def test_what_does_not_come_whole(messages: tuple[dict[str, Any], ...], error: type[Exception]):
    with pytest.raises(error):
        asyncio.run(whole_body(told(*messages), 2, 0.05))
