"""One life of a process that watches tables, made to be ended by ``kill -9``.

``python -m tests.faults.table_life STORE_URL MOMENT SOURCE...``, each source as JSON: an entry of ``tables``.
The present stands still, so that no window closes before all rows are there.
"""

from __future__ import annotations

import itertools
import json
import sys
import time
from datetime import datetime

from mirante.monitors.tables.config import TableConfig
from mirante.monitors.tables.watch import TableWatch
from mirante.store import Store


def live(store: str, now: datetime, entries: list[str], steps: int | None = None) -> None:
    """Watch the tables again and again, or so many times."""
    with Store(store) as opened:
        watches = [TableWatch(TableConfig(**json.loads(entry)), opened) for entry in entries]
        watches[0].advance(now)
        print("alive", flush=True)
        for _ in itertools.repeat(None) if steps is None else range(steps):
            for watch in watches:
                watch.advance(now)
            time.sleep(0.002)


if __name__ == "__main__":
    live(sys.argv[1], datetime.fromisoformat(sys.argv[2]), sys.argv[3:])
