"""A disk that fails for a while: fdatasync and fsync answer EIO, injected by strace into real processes."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from mirante.inference_log.reader import InferenceLog
from mirante.store import Store
from tests.tools import require_tool

RECORD = """
import json, os, signal, sys, warnings
from mirante.capture.recorder import Recorder

warnings.simplefilter("always")
recorder = Recorder("m", sys.argv[1], flush_interval=60)
durable, number = [], 0
for _ in range(12):
    for _ in range(100):
        number += 1
        recorder.log({"x": number}, 0.5, id=str(number))
    durable.append(recorder.flush(20))
print(json.dumps([durable, recorder.recorded, recorder.dropped, number]), flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""
WRITE = """
import json, sys
from datetime import UTC, datetime, timedelta
from mirante.errors import StoreError
from mirante.readings import Reading
from mirante.store import Store

at = datetime(2026, 2, 8, tzinfo=UTC)
kept, errors = [], []
with Store(f"sqlite:///{sys.argv[1]}/mirante.db") as store:
    for number in range(60):
        try:
            store.readings.write([Reading("x", number, at + timedelta(minutes=number))])
            store.cursors.set("place", {"number": number})
            kept.append(number)
        except StoreError as error:
            errors.append(str(error))
    read = store.cursors.get("place")
print(json.dumps([kept, errors, read]), flush=True)
"""


def failing(code: str, folder: Path, first: int, last: int) -> subprocess.CompletedProcess[str]:
    """Run a program whose syncs fail, from the `first` to the `last` of them."""
    strace = require_tool("strace")
    probe = subprocess.run([strace, "-e", "trace=none", "true"], capture_output=True, text=True, check=False)
    if probe.returncode:
        pytest.skip(f"this machine lets no process trace another: {probe.stderr.strip()}")
    inject = f"inject=fsync,fdatasync:error=EIO:when={first}..{last}"
    command = [strace, "-f", "-qq", "-o", str(folder / "calls"), "-e", "trace=fsync,fdatasync", "-e", inject]
    return subprocess.run(
        [*command, sys.executable, "-c", code, str(folder)],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def test_rows_of_a_sync_that_failed_are_written_into_another_file(tmp_path: Path) -> None:
    done = failing(RECORD, tmp_path, 5, 6)
    assert done.stdout, done.stderr
    durable, recorded, dropped, number = json.loads(done.stdout)
    assert "INJECTED" in (tmp_path / "calls").read_text()
    assert not all(durable), "a flush that failed says so"
    assert durable[-5:] == [True] * 5, "it goes on by itself"
    assert (recorded, dropped) == (number, 0)
    said = [line for line in done.stderr.splitlines() if "cannot write" in line]
    assert len(said) == 1, "one line a minute"
    sealed = list((tmp_path / "m").rglob("*.parquet"))
    doubtful = durable.index(False)
    held = {name for path in sealed for name in pq.read_table(path)["__id"].to_pylist()}
    assert {str(n) for n in range(1, 100 * (doubtful + 1) + 1)} <= held, "what was in doubt lies in new files"
    log = InferenceLog(tmp_path)
    assert log.repair().damage == []
    kept = log.scan("m", columns=["__id"])["__id"].to_pylist()
    assert sorted(kept, key=int) == [str(n) for n in range(1, number + 1)]
    print(
        f"\n{durable.count(False)} of {len(durable)} flushes failed; {number:,} rows, none lost, none twice"
    )


def test_what_the_store_has_taken_it_keeps(tmp_path: Path) -> None:
    done = failing(WRITE, tmp_path, 40, 44)
    assert done.stdout, done.stderr
    kept, errors, read = json.loads(done.stdout)
    assert errors
    assert all("disk" in error.lower() for error in errors), errors
    assert kept[-10:] == list(range(50, 60)), "it goes on by itself"
    assert read == {"number": 59}
    with Store(f"sqlite:///{tmp_path}/mirante.db") as store:
        (series,) = store.readings.series("x")
        assert set(kept) <= set(series.values)
    print(f"\n{len(errors)} writes were refused, each told; of {len(kept)} others none lost")
