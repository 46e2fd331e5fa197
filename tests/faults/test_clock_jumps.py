"""The clock of a machine is set by a day, on and back, under real processes; their monotonic clock goes on.

`libfaketime` answers for the clock, and reads by how much from a file at each call.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from mirante.inference_log.reader import InferenceLog
from mirante.readings import Reading
from mirante.store import Store
from tests.doubles.slack import Answer, slack_double
from tests.faults.lease_life import CONFIG
from tests.tools import require_library

DAY = timedelta(days=1)
WHOLE = "MIRANTE_KILLS" in os.environ
JUMPS = (DAY, timedelta(0), -DAY, timedelta(0))
PATIENCE = 60.0

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="needs libfaketime")


class SetClock:
    """A process on a machine whose clock is set by hand."""

    def __init__(self, process: subprocess.Popen[str], file: Path) -> None:
        self.process, self._file = process, file
        self.off = timedelta(0)

    def set(self, off: timedelta) -> None:
        """Let the clock be off by so much from now on."""
        fresh = self._file.with_suffix(".new")
        fresh.write_text(f"{int(off.total_seconds()):+d}\n")
        fresh.replace(self._file)
        self.off = off

    def now(self) -> datetime:
        """The present, as the process sees it."""
        return datetime.now(UTC) + self.off

    def line(self) -> str:
        """What it says next."""
        assert self.process.stdout is not None
        said = self.process.stdout.readline()
        assert said, f"it ended with {self.process.wait(20)}"
        return said.strip()


@contextmanager
def set_clock(folder: Path, what: str, argument: Path) -> Iterator[SetClock]:
    library = require_library("libfaketimeMT.so.1")
    file = folder / "clock"
    environment = {
        **os.environ,
        "LD_PRELOAD": library,
        "FAKETIME_TIMESTAMP_FILE": str(file),
        "FAKETIME_NO_CACHE": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        "NO_FAKE_STAT": "1",
        "TZ": "UTC",
    }
    file.write_text("+0\n")
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.faults.clock_life", what, str(argument)],
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        try:
            yield SetClock(process, file)
        finally:
            process.kill()
    for name in ("sem.faketime_sem", "faketime_shm"):  # which a process that is killed leaves
        Path(f"/dev/shm/{name}_{process.pid}").unlink(missing_ok=True)


def until(check: Callable[[], object]) -> float:
    begun = time.monotonic()
    while not check():
        assert time.monotonic() - begun < PATIENCE, "it did not come true in time"
        time.sleep(0.02)
    return time.monotonic() - begun


def test_rows_are_recorded_once_and_at_the_time_that_the_clock_says(tmp_path: Path) -> None:
    times: dict[str, tuple[float, float]] = {}
    with set_clock(tmp_path, "record", tmp_path / "log") as machine:
        assert machine.process.stdin is not None
        for off in (timedelta(0), *JUMPS):
            machine.set(off)
            for _ in range(20):
                machine.process.stdin.write("\n")
                machine.process.stdin.flush()
                number, durable, before, after = machine.line().split()
                assert durable == "1"
                times[number] = float(before), float(after)
            seen = datetime.fromtimestamp(float(before), UTC)
            assert abs(seen - machine.now()) < timedelta(minutes=5), "the clock was set"
        machine.process.stdin.close()
        assert machine.process.wait(60) == 0
    rows = InferenceLog(tmp_path / "log").scan("m").to_pylist()
    assert Counter(row["__id"] for row in rows) == dict.fromkeys(times, 1)
    for row in rows:
        before, after = times[row["__id"]]
        assert before - 0.001 <= row["__time"].timestamp() <= after + 0.001


@pytest.mark.timeout(300)
def test_a_service_judges_and_tells_after_each_jump(tmp_path: Path) -> None:
    config, file = tmp_path / "mirante.yaml", tmp_path / "mirante.db"
    took, jumps = [], JUMPS if WHOLE else JUMPS[:2]
    with slack_double() as double, Store(f"sqlite:///{file}") as store:
        config.write_text(CONFIG.format(store=f"sqlite:///{file}", hook=double.url), encoding="utf-8")
        with set_clock(tmp_path, "serve", config) as machine:
            address = machine.line()
            for number, off in enumerate(jumps):
                double.always = Answer(503)
                store.readings.write([Reading("trouble", 1.0, machine.now(), {"item": f"{number}-before"})])
                until(lambda: tried_again_later(store) == 1)
                machine.set(off)  # what is owed from before is owed after it
                double.always = Answer()
                store.readings.write([Reading("trouble", 1.0, machine.now(), {"item": f"{number}-after"})])
                took.append(until(lambda number=number: delivered(store) == 2 * (number + 1)))
                with urllib.request.urlopen(f"{address}healthz", timeout=10) as answer:
                    assert json.load(answer)["status"] == "ok"
        told = Counter(row["labels"]["item"] for one in double.requests for row in one.json["data"]["alerts"])
        rows = store.outbox.list(limit=1_000)
    print(f"all told after {max(took):.1f} s at most")
    assert set(told) == {f"{number}-{when}" for number in range(len(jumps)) for when in ("before", "after")}
    assert all(many == 1 for item, many in told.items() if item.endswith("after"))
    assert {row.status for row in rows} == {"delivered"}


def delivered(store: Store) -> int:
    """How many notices arrived, by the store's word."""
    return sum(row.status == "delivered" for row in store.outbox.list(limit=1_000))


def tried_again_later(store: Store) -> int:
    """How many notices were refused, and wait."""
    return sum(row.status == "owed" and row.attempts > 0 for row in store.outbox.list(limit=1_000))
