"""False alarms and power of the drift monitor, simulated on the whole path of the product.

Raw columns become a profile (``TableProfile.of(…, like=baseline)``), and a ``DriftMonitor`` judges the
windows in their order. Run in the project's folder: ``python -m benchmarks.alarms``; ``--quick`` gives rough
numbers, ``--cells 'power/*'`` a part. Prints Markdown, and ends with 1 if a bar is missed.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from fnmatch import fnmatchcase
from itertools import islice
from multiprocessing import get_context
from pathlib import Path

from benchmarks.alarms.cells import Cell, plan
from benchmarks.alarms.figures import figures_of
from benchmarks.alarms.runs import run
from benchmarks.alarms.subject import BUDGET, Outcome
from benchmarks.alarms.tables import Result, as_json, as_markdown

__all__ = ["chosen_cells", "main", "options_of"]


def options_of(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Return the options of the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.alarms", description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="rough numbers for all bars in a few minutes")
    parser.add_argument("--cells", nargs="+", default=["*"], metavar="GLOB", help="'quiet/500/*' 'days/*'")
    parser.add_argument("--baselines", type=_count, help="of each cell, instead of the plan's")
    parser.add_argument(
        "--windows", type=_count, help="quiet windows of each baseline, instead of the plan's"
    )
    parser.add_argument(
        "--trials", type=_count, help="shifts of each kind and baseline, instead of the plan's"
    )
    parser.add_argument("--jobs", type=_count, default=2, help="processes")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures there too")
    parser.add_argument("--list", action="store_true", help="print the cells, and simulate nothing")
    return parser.parse_args(arguments)


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"got {text!r}; give a whole number from 1 on")
    return int(text)


def chosen_cells(options: argparse.Namespace) -> list[Cell]:
    """Return the cells that the options ask for."""
    asked = {name: getattr(options, name) for name in ("baselines", "windows", "trials")}
    changed = {name: value for name, value in asked.items() if value is not None}
    return [
        replace(cell, **changed)
        for cell in plan(quick=options.quick)
        if any(fnmatchcase(cell.name, glob) for glob in options.cells)
    ]


def simulate(cells: Sequence[Cell], *, seed: int, jobs: int) -> Iterator[Result]:
    """Yield the results of the cells, in their order."""
    tasks = [(cell, seed, number) for cell in cells for number in range(cell.baselines)]
    # a fresh interpreter for each process: a copy of this one would hold Arrow's locks as they are
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        found: Iterator[Outcome] = iter(pool.map(run, tasks))
        for cell in cells:
            outcomes = list(islice(found, cell.baselines))
            yield Result(cell, figures_of(cell, outcomes), outcomes)


def main(arguments: Sequence[str] | None = None) -> int:
    """Simulate and print; return 1 if a bar is missed, 2 if there is no such cell."""
    options = options_of(arguments)
    cells = chosen_cells(options)
    if options.list or not cells:
        print("\n".join(cell.name for cell in cells or plan()))
        return 0 if options.list else 2
    began, results = time.perf_counter(), []
    for result in simulate(cells, seed=options.seed, jobs=options.jobs):
        results.append(result)
        print(f"{time.perf_counter() - began:7.0f} s  {result.cell.name}", file=sys.stderr, flush=True)
    seconds = time.perf_counter() - began
    print(as_markdown(results))
    missed = [f"{result.cell.name} {bar.figure}" for result in results for bar in result.missed()]
    print(f"\nSeed {options.seed}, {seconds:.0f} s. Bars missed: {', '.join(missed) or 'none'}.")
    if options.json:
        whole = {"seed": options.seed, "budget": BUDGET, "seconds": seconds, "cells": as_json(results)}
        options.json.write_text(json.dumps(whole, indent=1, allow_nan=False) + "\n", encoding="utf-8")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
