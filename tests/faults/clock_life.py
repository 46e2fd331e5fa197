"""Processes whose clock is set by `libfaketime`: a service, and one that records.

Debian's libfaketime fakes no monotonic clock where it is told so, as a clock that is set does not touch that
one, and then fails what sleeps until a moment of it (``clock_nanosleep``), which is `time.sleep` alone: it is
replaced here by another wait of the kernel.
"""

from __future__ import annotations

import asyncio
import select
import sys
import time
from pathlib import Path

from mirante.app.build import build
from mirante.app.service import Service
from mirante.app.settings import load_settings
from mirante.capture.recorder import Recorder


def sleep(seconds: float) -> None:
    """Wait, as `time.sleep` does."""
    select.select([], [], [], seconds)


def serve(config: Path) -> None:
    """Run a service until it is killed; say its address."""
    settings = load_settings(config, environ={})
    with build(settings) as parts:
        asyncio.run(Service(settings, parts).run(ready=lambda address: print(address, flush=True)))


def record(root: Path) -> None:
    """Record rows as fast as they are durable, until the input ends; say each that is, and when it was."""
    with Recorder("m", root, flush_interval=60) as recorder:
        for number, _ in enumerate(sys.stdin):
            before = time.time()
            recorder.log({"x": number}, 0.5, id=str(number))
            durable = recorder.flush(20)
            print(number, int(durable), before, time.time(), flush=True)


if __name__ == "__main__":
    time.sleep = sleep
    {"serve": serve, "record": record}[sys.argv[1]](Path(sys.argv[2]))
