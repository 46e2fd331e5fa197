"""One life of a process that watches tables, made to be ended by ``kill -9``.

Each source is JSON: an entry of ``tables``. The present stands still, so that no window closes before all
rows are there.
"""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Callable
from datetime import datetime
from multiprocessing.connection import Connection

from mirante.monitors.tables.config import TableConfig
from mirante.monitors.tables.watch import TableWatch
from mirante.store import Store


def live(
    store: str,
    now: datetime,
    entries: list[str],
    steps: int | None = None,
    alive: Callable[[str], None] = lambda _: None,
) -> None:
    """Watch the tables again and again, or so many times; say so after the first look."""
    with Store(store) as opened:
        watches = [TableWatch(TableConfig(**json.loads(entry)), opened) for entry in entries]
        watches[0].advance(now)
        alive("alive")
        for _ in itertools.repeat(None) if steps is None else range(steps):
            for watch in watches:
                watch.advance(now)
            time.sleep(0.002)


def forked_life(store: str, now: datetime, entries: list[str], sign: Connection) -> None:
    """Live in a process that was forked."""
    live(store, now, entries, alive=sign.send)
