"""One life of an agent, made to be ended by ``kill -9``; its hours pass quickly."""

from __future__ import annotations

import os
import time
from datetime import UTC, datetime, timedelta
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from mirante.app.agent.config import AgentConfig
from mirante.app.agent.running import Agent

SPEED = 600.0


class QuickClock:
    """Shows `SPEED` seconds for each that passes, from the same moment on in every process."""

    def __init__(self, start: datetime, begun: float) -> None:
        self._start, self._begun = start, begun

    def __call__(self) -> datetime:
        return self._start + timedelta(seconds=(time.time() - self._begun) * SPEED)


def live(
    options: dict[str, Any], start: datetime, begun: float, told: Path, early: bool, sign: Connection
) -> None:
    """Collect, count and send, again and again; write down what the spool has taken, once it has.

    It says that it lives before it does anything, or once it has done all of it.
    """
    clock = QuickClock(start, begun)
    agent = Agent(AgentConfig(**options), clock=clock)
    if early:
        sign.send("alive")
    with told.open("ab", buffering=0) as file:
        while True:
            now = clock().astimezone(UTC)
            agent.collect(now)
            os.write(file.fileno(), f"{now.isoformat()}\n".encode())
            agent.count(clock())
            agent.send()
            if not early:
                sign.send("alive")
                early = True
