"""Estimated performance beside NannyML's, on data sets that NannyML brings and on a simulated one, by chunks.

Run in the project's folder: ``python -m benchmarks.estimated``. NannyML gets an environment of its own with
the first run (``benchmarks/peers/requirements/nannyml.txt``). Each side is a process on one core; CPU seconds
are of fitting on the reference and estimating all chunks, the median of the runs without the first. Ends with
1 where a bar is missed: over a fifth of NannyML's CPU seconds, or a mean absolute error above NannyML's by
more than chance: the 95 % interval of the mean difference of the chunks' errors (paired bootstrap) is above
0.

The simulated labels are drawn many times from chances that are known, so its errors hold no luck of labels.
The two estimates of the ROC AUC differ by a formula: NannyML's takes each row for a pair with itself too,
which draws the estimate toward one half, by the order of 1 over the rows; Mirante's is over pairs of two
rows, as the realised AUC is. The errors of calibration are larger than that.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.estimated import simulated
from benchmarks.estimated.cases import CASES
from benchmarks.estimated.tables import as_markdown, rows_of

__all__ = ["main"]

_HERE = Path(__file__).parent
_PEERS = _HERE.parent / "peers"
_ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS")


def _run(python: Path | str, script: str, *arguments: str, own: bool) -> dict[str, Any]:
    """Return what a side answers, run by an interpreter."""
    environment = {name: value for name, value in os.environ.items() if own or name != "PYTHONPATH"}
    environment |= dict.fromkeys(_ONE_THREAD, "1") | {"NML_DISABLE_USAGE_LOGGING": "1", "DO_NOT_TRACK": "1"}
    with tempfile.TemporaryDirectory() as folder:
        answer = Path(folder, "answer.json")
        name, runs, *rest = arguments
        command = [str(python), str(_HERE / script), name, runs, str(answer), *rest]
        done = subprocess.run(command, check=False, capture_output=True, text=True, env=environment)
        if done.returncode:
            raise SystemExit(f"{script} {name}: {done.stderr.strip()[-2000:]}")
        return dict(json.loads(answer.read_text(encoding="utf-8")))


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the cases, print the table, and return 1 where a bar is missed."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.estimated", description=__doc__.splitlines()[0]
    )
    parser.add_argument("--cases", nargs="+", default=list(CASES), choices=list(CASES))
    parser.add_argument(
        "--runs", type=int, default=4, help="of each side; the first is left out of the seconds"
    )
    parser.add_argument(
        "--venvs", type=Path, default=Path("build/peers"), help="folder of NannyML's environment"
    )
    options = parser.parse_args(arguments)
    sys.path.insert(0, str(_PEERS))
    from venvs import python_of

    peer = python_of("nannyml", options.venvs)
    rows = []
    with tempfile.TemporaryDirectory() as made:
        simulated.write(Path(made))
        for name in options.cases:
            print(f"{name} ...", file=sys.stderr, flush=True)
            given = [] if CASES[name].chance is None else [made]
            theirs = _run(peer, "nannyml_side.py", name, str(options.runs), *given, own=False)
            ours = _run(sys.executable, "mirante_side.py", name, str(options.runs), theirs["data"], own=True)
            for side in (ours, theirs):
                side["seconds"] = statistics.median(side["seconds"][1:] or side["seconds"])
            rows += rows_of(name, ours, theirs)
    print(as_markdown(rows, f"NannyML {theirs['version']}"))
    missed = [row for row in rows if not row.met]
    for row in missed:
        print(f"missed: {row.case}, {row.measure}", file=sys.stderr)
    return 1 if missed or not all(math.isfinite(row.error) for row in rows) else 0


if __name__ == "__main__":
    sys.exit(main())
