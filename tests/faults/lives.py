"""Processes that are ended by ``kill -9``, forked from one that has imported everything.

Most of a short life would be its imports; so many lives fit into a minute.
"""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

_PATIENCE = 60.0
PRELOAD = [
    "mirante.app.service",
    "mirante.monitors.model.monitor",
    "pandas",
    "psycopg",
    "pyarrow.parquet",
    "scipy.stats",
    "sklearn.ensemble",
    "skops.io",
    "mirante.app.agent.jobs",
    "mirante.monitors.baseline",
    "tests.faults.agent_life",
    "tests.faults.alert_life",
    "tests.faults.lease_life",
    "tests.faults.table_life",
]

Life = Callable[..., None]


class Lives:
    """Forks one process after the other.

    Parameters
    ----------
    target : callable
        What a process does; the last of its arguments is a connection, into which it says that it lives.
    """

    def __init__(self, target: Life) -> None:
        self._target = target
        self._context = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload(PRELOAD)  # a process of tests has one such server, for all lives

    @contextmanager
    def life(self, *arguments: Any) -> Iterator[float]:
        """Give the seconds to the first sign of a process, and kill it at the end of the block."""
        born = time.monotonic()
        with self.process(*arguments) as (process, _):
            yield time.monotonic() - born
            assert process.is_alive(), "it ended by itself"

    @contextmanager
    def process(self, *arguments: Any) -> Iterator[tuple[Any, Any]]:
        """Give a process and its first sign; it may end, and is killed at the end of the block."""
        ours, theirs = self._context.Pipe(duplex=False)
        process = self._context.Process(target=self._target, args=(*arguments, theirs))
        process.start()
        theirs.close()
        try:
            assert ours.poll(_PATIENCE), f"it gave no sign of life within {_PATIENCE:g} s"
            yield process, ours.recv()
        finally:
            process.kill()
            process.join(20)
            ours.close()
