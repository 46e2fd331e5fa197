"""Mirante beside other drift tools: the same tables, one process for each measurement, one run.

Each peer has a virtual environment of its own, made at first use (``--venvs``); README.md beside this file
says what is measured and how. The tables are printed as Markdown; the exit code is 1 where a bar is not met.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
from pathlib import Path
from typing import Any

import batch
import growth
import real
import window
from launch import Launcher
from markdown import table
from peers import PEERS, Peer

TABLES = ("batch", "window", "growth", "real")
_BUILD = Path(__file__).resolve().parents[2] / "build" / "peers"


def _peers(text: str) -> list[Peer]:
    names = [name.strip() for name in text.split(",") if name.strip()]
    unknown = [name for name in names if name not in PEERS]
    if unknown:
        raise argparse.ArgumentTypeError(f"there is no peer {unknown[0]!r}; choose from {', '.join(PEERS)}")
    return [PEERS[name] for name in names]


def _numbers(text: str) -> list[int]:
    return [int(number) for number in text.split(",")]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "tables", nargs="*", help=f"of {', '.join(TABLES)} (default: all); venvs: only make the environments"
    )
    option = parser.add_argument
    option("--peers", type=_peers, default=list(PEERS.values()), help=f"of {','.join(PEERS)} (default: all)")
    option("--venvs", type=Path, default=_BUILD, help="folder of the environments (default: build/peers)")
    option("--frames", type=Path, default=_BUILD / "frames", help="folder of the tables that are made")
    option("--rows", type=int, default=1_000_000, help="batch: rows of each table (1_000_000)")
    option("--budget", type=float, default=20.0, help="batch: repeat a check until so many CPU seconds (20)")
    option("--most", type=int, default=6, help="batch: and at most so many times (6)")
    option("--baselines", type=_numbers, default=[5_000, 50_000], help="window: baseline rows (5000,50000)")
    option("--windows", type=int, default=300, help="window: how many (300)")
    option("--window-rows", type=int, default=500, help="window: rows of each (500)")
    option("--sizes", type=_numbers, default=[10_000, 100_000, 1_000_000, 10_000_000], help="growth: rows")
    option("--data", type=Path, help="real: the Electricity data as Parquet; left out without it")
    option("--limit", type=float, default=1200.0, help="end a measurement after so many seconds (1200)")
    option("--json", type=Path, help="write all that was measured to this file")
    return parser


def _electricity(path: Path | None) -> Path | None:
    if path is not None and path.exists():
        return path.resolve()
    got = "no --data was given" if path is None else f"there is no file {path}"
    print(f"real: Electricity is left out: {got}; give its Parquet file with --data", file=sys.stderr)
    return None


def _environments(launcher: Launcher, chosen: list[Peer]) -> tuple[dict[str, Any], str]:
    found = {peer.venv: str(launcher.python(peer)) for peer in chosen if peer.venv}
    return found, table(["environment", "interpreter, or why there is none"], found.items())


def _measure(
    name: str, launcher: Launcher, options: argparse.Namespace
) -> tuple[dict[str, Any], str, list[str]]:
    """Return a table's figures, its text and the bars that are not met."""
    folder = options.frames.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    if name == "batch":
        limits = {"rows": options.rows, "budget_seconds": options.budget, "most": options.most}
        found = batch.compare(launcher, options.peers, folder, **limits)
        return found, f"{batch.render(found)}\n\n{batch.render_read(found)}", batch.missed(found)
    if name == "window":
        sizes = {"window_rows": options.window_rows, "baselines": options.baselines}
        found = window.compare(launcher, **sizes, windows=options.windows)
        return found, window.render(found), window.missed(found)
    if name == "growth":
        found = growth.compare(launcher, folder, sizes=options.sizes)
        return found, growth.render(found), []
    found = real.compare(launcher, options.peers, folder, electricity=_electricity(options.data))
    return found, real.render(found), []


def _machine() -> dict[str, Any]:
    return {
        "python": platform.python_version(),
        "system": platform.platform(),
        "cores": os.cpu_count(),
        "load before": round(os.getloadavg()[0], 1),
    }


def main() -> int:
    """Run, print the tables, and end with 1 if a bar is not met."""
    parser = _parser()
    options = parser.parse_args()
    unknown = [name for name in options.tables if name not in (*TABLES, "venvs")]
    if unknown:
        parser.error(f"there is no table {unknown[0]!r}; choose from {', '.join(TABLES)}, venvs")
    launcher = Launcher(options.venvs, options.limit)
    result: dict[str, Any] = {"machine": _machine()}
    print(f"{', '.join(f'{name} {value}' for name, value in result['machine'].items())}\n", flush=True)
    missed: list[str] = []
    for name in options.tables or TABLES:
        if name == "venvs":
            result[name], text = _environments(launcher, options.peers)
        else:
            result[name], text, below = _measure(name, launcher, options)
            missed += below
        print(f"{text}\n", flush=True)
        if options.json:  # after each table, so that a run that is stopped leaves what it has
            options.json.write_text(json.dumps(result, indent=1), encoding="utf-8")
    for sentence in missed:
        print(f"not met: {sentence}")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
