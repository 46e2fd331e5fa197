"""Places that take no rows, by the kernel: a full tmpfs, a disk made read-only, a folder without permission.

Serving goes on, what is lost is counted, one line a minute says why, and it goes on by itself.
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from mirante.inference_log.reader import InferenceLog

SERVE = """
import json, os, subprocess, sys, time, warnings
from pathlib import Path
from mirante.capture.recorder import Recorder

warnings.simplefilter("always")
root = Path(sys.argv[1])
recorder = Recorder("m", root / "log", flush_interval=0.02, segment_rows=1_000_000)
number, slowest = 0, 0.0

def serve(rows):
    global number, slowest
    for _ in range(rows):
        number += 1
        began = time.perf_counter()
        recorder.log({"x": number * 0.7310585, "text": f"t{number * 7919 % 100_003}"}, number, id=str(number))
        slowest = max(slowest, time.perf_counter() - began)
    return recorder.flush(20)

def report(*found):
    recorder.close()
    print(json.dumps([*found, recorder.recorded, recorder.dropped, number, slowest]))
"""
FULL = """
before = serve(2_000)
try:
    with (root / "ballast").open("wb") as file:
        while True:
            file.write(os.urandom(4096)); file.flush()
except OSError:
    pass
during = [serve(20_000) for _ in range(4)]
(root / "ballast").unlink()
after = [serve(1_000), serve(1_000)]
subprocess.run(["cp", "-r", str(root / "log"), sys.argv[2]], check=True)
report(before, during, after[-1])
"""
READ_ONLY = """
before = serve(2_000)
recorder.flush(20)
recorder.close()  # a file that is open for writing keeps a disk from becoming read-only
subprocess.run(["mount", "-o", "remount,ro", str(root)], check=True)
recorder = Recorder("m", root / "log", flush_interval=0.02, segment_rows=1_000_000)
number = 0
during = [serve(1_000) for _ in range(4)]
subprocess.run(["mount", "-o", "remount,rw", str(root)], check=True)
after = [serve(1_000), serve(1_000)]
subprocess.run(["cp", "-r", str(root / "log"), sys.argv[2]], check=True)
report(before, during, after[-1])
"""
FORBIDDEN = """
import pyarrow.parquet
if os.getuid() == 0:  # who is root may write everywhere
    os.setgid(65534); os.setuid(65534)
before = serve(2_000)
recorder.close()
folders = [folder for folder in (root / "log").rglob("*") if folder.is_dir()]
for folder in (*folders, root / "log"):
    folder.chmod(0o555)
recorder = Recorder("m", root / "log", flush_interval=0.02, segment_rows=1_000_000)
number = 0
during = [serve(1_000) for _ in range(4)]
for folder in (*folders, root / "log"):
    folder.chmod(0o777)
after = [serve(1_000), serve(1_000)]
report(before, during, after[-1])
"""


def run(program, root, kept, *, mounted):
    command = [sys.executable, "-c", SERVE + program, str(root), str(kept)]
    if mounted:
        try_it = ["unshare", "-rm", "mount", "-t", "tmpfs", "-o", "size=3m", "none", str(root)]
        try:
            subprocess.run(try_it, capture_output=True, check=True)
        except (OSError, subprocess.CalledProcessError):
            pytest.skip("no file system of one's own may be mounted here (unshare -rm)")
        shell = 'mount -t tmpfs -o size=3m none "$0" && exec "$@"'
        command = ["unshare", "-rm", "sh", "-c", shell, str(root), *command]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr[-2_000:]
    return json.loads(done.stdout), [line for line in done.stderr.splitlines() if "cannot write" in line]


def check(found, said, why, kept, *, earlier):
    before, during, after, recorded, dropped, number, slowest = found
    assert before
    assert after, "it goes on by itself"
    assert not all(during)
    assert recorded + dropped == number, "every row is kept or counted"
    assert dropped > 0
    assert len(said) == 1, "one line a minute"
    assert why in said[0]
    assert slowest < 1.0, "who serves does not wait for the disk"
    log = InferenceLog(kept)
    assert log.repair().damage == []
    assert log.verify() == []
    ids = log.scan("m", columns=["__id"])["__id"].to_pylist()
    assert len(ids) == recorded + earlier
    newest = {str(one) for one in range(number - 999, number + 1)}
    assert newest <= set(ids)
    print(f"\n{why}: of {number:,} rows {recorded:,} kept, {dropped:,} counted as dropped, the slowest call "
          f"took {slowest * 1e3:.1f} ms, {len(said)} line")  # fmt: skip


@pytest.mark.skipif(sys.platform != "linux", reason="needs Linux's name spaces")
@pytest.mark.parametrize(
    ("program", "why", "earlier"),
    [(FULL, "No space left on device", 0), (READ_ONLY, "Read-only file system", 2_000)],
)
def test_a_disk_that_is_full_or_read_only(tmp_path, program, why, earlier):
    (tmp_path / "disk").mkdir()
    found, said = run(program, tmp_path / "disk", tmp_path / "kept", mounted=True)
    check(found, said, why, tmp_path / "kept", earlier=earlier)


@pytest.mark.skipif(sys.platform == "win32", reason="needs rights of files")
def test_a_folder_without_permission():
    with tempfile.TemporaryDirectory(prefix="mirante-") as folder:  # pytest's own are closed to other users
        if os.getuid() == 0:
            os.chown(folder, 65534, 65534)
        found, said = run(FORBIDDEN, folder, "", mounted=False)
        check(found, said, "Permission denied", Path(folder) / "log", earlier=2_000)
