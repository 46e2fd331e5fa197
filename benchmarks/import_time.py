"""How long ``import mirante`` takes in a fresh interpreter: ``python benchmarks/import_time.py``.

The start of Python itself is measured beside it and taken off. The goal is under 50 ms.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time

ROUNDS = 21
GOAL_MS = 50.0


def start_ms(program: str) -> float:
    """Return the wall clock of one interpreter that runs a program."""
    begin = time.perf_counter()
    subprocess.run([sys.executable, "-c", program], check=True)
    return 1000 * (time.perf_counter() - begin)


def main() -> None:
    """Print the medians."""
    start_ms("import mirante")  # the first run compiles
    # alternating, so that a busy moment of the machine falls on both
    pairs = [(start_ms("pass"), start_ms("import mirante")) for _ in range(ROUNDS)]
    bare, loaded = (statistics.median(column) for column in zip(*pairs, strict=True))
    cost = statistics.median(with_import - without for without, with_import in pairs)
    print(f"interpreter {bare:.1f} ms, with import mirante {loaded:.1f} ms")
    print(f"import mirante: {cost:.1f} ms (goal: under {GOAL_MS:.0f})")


if __name__ == "__main__":
    main()
