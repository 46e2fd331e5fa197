"""What outliers cost: fit and score beside scikit-learn, paired in one process, and the memory of each.

Run: ``python benchmarks/outliers.py``. Each pair is timed back to back, in changing order, and the ratio is
theirs over ours: above 1 ours is quicker. Memory is measured in processes of their own, by Linux's own count.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable

import numpy as np
import sklearn
from sklearn.ensemble import IsolationForest

from mirante import OutlierDetector

COLUMNS, BASELINE, ROWS, PAIRS = 20, 100_000, 1_000_000, 3
CONTAMINATION, SEED = 0.1, 0


def data(rows: int, seed: int) -> np.ndarray:
    """Return rows of a normal distribution."""
    return np.random.default_rng(seed).normal(size=(rows, COLUMNS))


def detector(method: str = "isolation_forest") -> OutlierDetector:
    """Return ours."""
    return OutlierDetector(CONTAMINATION, method=method, random_state=SEED, log=False)  # type: ignore[arg-type]  # a name


def timed(call: Callable[[], object]) -> tuple[float, float]:
    """Return wall and CPU seconds of a call."""
    wall, cpu = time.perf_counter(), time.process_time()
    call()
    return time.perf_counter() - wall, time.process_time() - cpu


def compare(name: str, theirs: Callable[[], object], ours: Callable[[], object], pairs: int) -> None:
    """Print the times of pairs and their ratios."""
    found: dict[int, list[tuple[float, float]]] = {0: [], 1: []}
    for pair in range(pairs):
        for which in (0, 1) if pair % 2 == 0 else (1, 0):
            found[which].append(timed((theirs, ours)[which]))
    for place, clock in ((0, "wall"), (1, "CPU")):
        left = np.array([times[place] for times in found[0]])
        right = np.array([times[place] for times in found[1]])
        ratio = left / right
        print(
            f"{name:34} {clock:4} {np.median(left):9.3f} {np.median(right):9.3f}"
            f"    {ratio.min():6.2f} {np.median(ratio):6.2f} {ratio.max():6.2f}"
        )
        name = ""


def speed() -> None:
    """Print fit and score beside scikit-learn, and the other methods alone."""
    baseline, current = data(BASELINE, 0), data(ROWS, 1)
    forest = IsolationForest(contamination=CONTAMINATION, random_state=SEED).fit(baseline)
    ours, robust, both = (
        detector(method).fit(baseline) for method in ("isolation_forest", "robust_z", "both")
    )
    some = current[:50_000]
    equal = np.array_equal(ours.score(some), forest.score_samples(some))
    same = np.array_equal(ours.score(some) - ours.offset, forest.decision_function(some))
    print(f"scikit-learn {sklearn.__version__}, {len(os.sched_getaffinity(0))} cores, {COLUMNS} columns")
    print(f"score_samples equal bit for bit: {equal}; decision_function: {same}\n")
    print(f"{'seconds, median':34} {'':4} {'sklearn':>9} {'ours':>9}    {'ratio: min, median, max':>20}")

    fresh = IsolationForest(contamination=CONTAMINATION, random_state=SEED)
    compare(f"fit {BASELINE:,}", lambda: fresh.fit(baseline), lambda: detector().fit(baseline), PAIRS)
    compare(f"score {ROWS:,}", lambda: forest.score_samples(current), lambda: ours.score(current), PAIRS)
    window = current[:1_000]
    compare("score 1,000", lambda: forest.score_samples(window), lambda: ours.score(window), 15)
    for name, call in (
        (f"robust z: fit {BASELINE:,}", lambda: detector("robust_z").fit(baseline)),
        (f"robust z: score {ROWS:,}", lambda: robust.score(current)),
        (f"both: score {ROWS:,}", lambda: both.score(current)),
    ):
        wall, cpu = np.median([timed(call) for _ in range(PAIRS)], axis=0)
        print(f"{name:34} wall {'':9} {wall:9.3f}\n{'':34} CPU  {'':9} {cpu:9.3f}")
    for one in (ours, robust, both):
        one.calibrate(0.01)
        places = np.arange(10)
        wall = np.median([timed(lambda: one.explain(current, places))[0] for _ in range(9)])  # noqa: B023 - called at once
        print(
            f"\n{one.method}: ten rows explained in {1e3 * wall:.1f} ms; of clean rows, "
            f"{one.judge(current[:200_000]).ratio:.2%} are over the threshold set for 1 %; "
            f"saved in {len(one.to_bytes()) / 1e3:,.0f} kB"
        )


_MEMORY = """
import pathlib, sys
import numpy as np
sys.argv = ["outliers.py"]
sys.path.insert(0, {here!r})
from outliers import *
rows = data({rows}, 1)
baseline = data(10_000, 0)
if {theirs}:
    scores = IsolationForest(random_state=SEED).fit(baseline).score_samples
else:
    scores = detector({method!r}).fit(baseline).score
scores(rows[:50_000])
pathlib.Path("/proc/self/clear_refs").write_text("5")  # the peak starts anew at what is held now
def peak():
    status = pathlib.Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) / 1024
before = peak()
scores(rows)
print(peak() - before)
"""


def memory() -> None:
    """Print what the peak of a process grows by while rows are scored; 8 bytes a row are the scores."""
    print(f"\n{'MiB that scoring adds to the peak':34} {'sklearn':>14} {'ours':>9} {'robust z':>9}")
    for rows in (250_000, ROWS):
        grown = []
        for theirs, method in (
            (True, ""),
            (False, "isolation_forest"),
            (False, "robust_z"),
        ):
            here = os.path.dirname(os.path.abspath(__file__))  # noqa: PTH100,PTH120 - a string for the other process
            code = _MEMORY.format(here=here, rows=rows, theirs=theirs, method=method)
            answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
            grown.append(float(answer.stdout))
        print(f"{rows:>34,} {grown[0]:14.0f} {grown[1]:9.0f} {grown[2]:9.0f}")


if __name__ == "__main__":
    speed()
    memory()
