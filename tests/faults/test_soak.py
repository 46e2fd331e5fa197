"""A service's many hours: its memory does not grow, and it opens no more files than at the beginning."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

WHOLE = "MIRANTE_KILLS" in os.environ
# retention begins after two days, and looks every six hours: what it loads and touches is there from then on
HOURS, WARM = (100, 60) if WHOLE else (6, 2)
# as many connections are kept when nobody uses them; until then each is a new one that is asked for while
# all others are in use, which may be in any hour
POOL = 8
# a slope of a few hours is mostly noise, so a short run only finds what grows fast
MOST_A_DAY = 1.0 if WHOLE else 60.0  # MB


@pytest.mark.server
@pytest.mark.timeout(120 + 40 * HOURS)
def test_memory_and_files_after_hours_are_those_of_the_first(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.faults.soak", str(tmp_path), str(HOURS)]
    done = subprocess.run(
        command, cwd=Path(__file__).parents[2], capture_output=True, text=True, check=False, timeout=3600
    )
    assert done.returncode == 0, done.stderr[-3000:]
    samples = [json.loads(line) for line in done.stdout.splitlines() if line.startswith('{"memory"')]
    assert len(samples) == HOURS
    warm = samples[WARM - 1 :]
    hours = np.array([one["minutes"] / 60 for one in warm])
    slope = np.polyfit(hours, [one["memory"] / 1e6 for one in warm], 1)[0] * 24
    files = [one["files"] for one in warm]
    connections = [one["connections"] for one in warm]
    last = samples[-1]
    print(
        f"\n{HOURS} hours, {last['recorded']:,} rows, {last['notices']} notices: memory "
        f"{warm[0]['memory'] / 1e6:.0f} MB after {WARM} hours and {last['memory'] / 1e6:.0f} MB at the end "
        f"({slope:+.1f} MB a day); {min(connections)} to {max(connections)} connections and {min(files)} "
        f"to {max(files)} other open files; {last['threads']} threads"
    )
    assert abs(last["recorded"] - last["minutes"] * 20) <= 20
    assert last["minutes"] >= HOURS * 60
    assert last["notices"] >= 2 * HOURS
    assert slope < MOST_A_DAY
    half = len(files) // 2  # files come and go; what is never closed raises the least of them
    assert min(files[half:]) - min(files[:half]) <= 1
    assert 1 <= min(connections[half:]) <= POOL
    assert last["threads"] <= 40, "pools fill up as they are needed, and have an end"
