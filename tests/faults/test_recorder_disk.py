"""A disk that takes no more, by the kernel's own error: serving goes on, drops are counted, it recovers."""

import json
import subprocess
import sys

import pytest

from mirante.inference_log.reader import InferenceLog

RECORD = """
import json, resource, signal, sys, warnings
from mirante.capture.recorder import Recorder

warnings.simplefilter("always")
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
recorder = Recorder("m", sys.argv[1], flush_interval=0.02, segment_rows=1_000_000)
number = 0

def serve(rows):
    global number
    for _ in range(rows):
        number += 1
        recorder.log({"x": number * 0.7310585, "text": f"t{number * 7919 % 100_003}"}, number, id=str(number))
    return recorder.flush(20)

before = serve(2_000)
resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, hard))
during = [serve(5_000) for _ in range(5)]
resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
after = [serve(1_000), serve(1_000)]
recorder.close()
print(json.dumps([before, during, after[-1], recorder.recorded, recorder.dropped, number]))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="needs the limit on files")
def test_rows_that_fit_are_kept_the_others_are_counted_and_it_goes_on_by_itself(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", RECORD, str(tmp_path)], capture_output=True, text=True, timeout=60, check=True
    )
    before, during, after, recorded, dropped, number = json.loads(done.stdout)
    assert before
    assert after
    assert not all(during)
    assert recorded + dropped == number
    assert dropped > 1_000
    said = [line for line in done.stderr.splitlines() if "cannot write" in line]
    assert len(said) == 1, "one line a minute"
    assert "File too large" in said[0]
    log = InferenceLog(tmp_path)
    assert log.repair().damage == []
    assert log.verify() == []
    kept = log.scan("m", columns=["__id"])["__id"].to_pylist()
    assert len(kept) == len(set(kept)) == recorded
    assert {str(n) for n in [*range(1, 2_001), *range(number - 999, number + 1)]} <= set(kept)
    print(f"\nof {number:,} rows {recorded:,} are kept and {dropped:,} counted as dropped")
