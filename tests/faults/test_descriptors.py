"""A process that may open no more files: what it holds goes on, what it cannot do is told, it recovers."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from mirante.inference_log.reader import InferenceLog

RECORD = """
import contextlib, json, os, resource, sys, warnings
from mirante.capture.recorder import Recorder

warnings.simplefilter("always")
recorder = Recorder("m", sys.argv[1], flush_interval=60, segment_rows=500)
number = 0

def serve(rows):
    global number
    for _ in range(rows):
        number += 1
        recorder.log({"x": number}, 0.5, id=str(number))
    return recorder.flush(20)

before = serve(700) and recorder.flush(20)  # the second comes back when the full segment has been sealed
soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (max(map(int, os.listdir("/proc/self/fd"))) + 1, hard))
held = []
with contextlib.suppress(OSError):  # the rest of what it may open is taken by others
    while True:
        held.append(os.open(os.devnull, os.O_RDONLY))
during = [serve(700) for _ in range(4)]
for handle in held:
    os.close(handle)
resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
after = [serve(700) for _ in range(2)]
recorder.close()
print(json.dumps([before, during, after, recorder.recorded, recorder.dropped, number]))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="counts files in /proc")
def test_a_recorder_without_descriptors_counts_what_it_drops_and_goes_on(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", RECORD, str(tmp_path)], capture_output=True, text=True, timeout=60, check=True
    )
    before, during, after, recorded, dropped, number = json.loads(done.stdout)
    assert before
    assert not all(during)
    assert after[-1], "it goes on by itself"
    assert recorded + dropped == number
    said = [line for line in done.stderr.splitlines() if "cannot write" in line]
    assert len(said) == 1, "one line a minute"
    assert "Too many open files" in said[0]
    log = InferenceLog(tmp_path)
    assert log.repair().damage == []
    kept = log.scan("m", columns=["__id"])["__id"].to_pylist()
    assert len(kept) == len(set(kept)) == recorded
    assert {str(n) for n in [*range(1, 701), *range(number - 699, number + 1)]} <= set(kept)
    print(f"\nof {number:,} rows {recorded:,} are kept and {dropped:,} counted as dropped")
