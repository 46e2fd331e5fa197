"""A process that stood still knows for how long, whoever runs first when it goes on."""

from __future__ import annotations

import asyncio

from mirante.app.stillness import Stillness


class Clock:
    def __init__(self) -> None:
        self.seconds = 100.0

    def __call__(self) -> float:
        return self.seconds


def test_a_life_with_signs_in_time_has_no_stillness() -> None:
    clock = Clock()
    still = Stillness(clock)
    for _ in range(5):
        still.sign_of_life()
        clock.seconds += 3.0  # a machine that is busy
    assert still.taken() == 0.0


def test_what_stood_still_is_told_once_whoever_notices_it() -> None:
    clock = Clock()
    still = Stillness(clock)
    still.sign_of_life()
    clock.seconds += 61.0
    assert still.taken() == 60.0
    still.sign_of_life()
    assert still.taken() == 0.0
    for _ in range(2):
        clock.seconds += 11.0
        still.sign_of_life()
    assert still.taken() == 20.0


def test_while_nobody_watches_nothing_is_counted() -> None:
    clock = Clock()
    still = Stillness(clock)
    clock.seconds += 61.0
    assert still.taken() == 0.0
    stop = asyncio.Event()

    async def watched() -> float:
        watching = asyncio.create_task(still.watch(stop))
        await asyncio.sleep(0)
        clock.seconds += 61.0
        found = still.taken()
        stop.set()
        await watching
        return found

    assert asyncio.run(watched()) == 60.0
    clock.seconds += 61.0
    assert still.taken() == 0.0
