"""The report of an experiment beside the plain fetch of its runs: ``python -m benchmarks.report``.

A real MLflow server with one worker over SQLite gets 50,000 runs with 20 metrics, 8 parameters and 6 tags
each, put straight into its tables, and an experiment with 12,000 distinct metrics. Then, in processes of
their own, one after the other: ``mlflow.search_runs`` into pandas, and the report of the same runs with
its page. Printed are seconds, processor seconds (which other work on the machine does not stretch), memory
and their ratios (the bars: at most 1.3 times the fetch's time, columns of at most 1.5 times the frame's
memory; the page in hand, the forest and the figures come on top, which the rise of the process shows), the
page of the 12,000 metrics, and a look of the source of runs at 20 of them that changed.
"""

from __future__ import annotations

import argparse
import json
import random
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mirante.tracking.server import ServerProcess, start_server

METRICS = 20
WIDE_METRICS = 12_000
WIDE_RUNS = 20
T0 = 1_735_689_600_000  # 2025-01-01, in ms: the last of 50,000 runs ends in December
STEP = 600_000

FETCH = """
import json, os, sys, time
import mlflow, pandas, requests
from benchmarks.report import Watched
mlflow.set_tracking_uri(sys.argv[1])
with Watched() as watched:
    frame = mlflow.search_runs([sys.argv[2]], max_results=10_000_000)
print(json.dumps(watched.figures() | {
    "runs": len(frame), "frame": int(frame.memory_usage(deep=True).sum()), "columns": frame.shape[1]}))
"""
REPORT = """
import json, os, sys, time
import mlflow, pandas, requests, sklearn.ensemble, plotly.graph_objects, jinja2, scipy.stats
from benchmarks.report import Watched
from mirante.views.report import MLflowReport, write_report
laps = []
with Watched() as watched:
    reports = MLflowReport(sys.argv[1], log=False)
    report = reports.generate_experiment_report(
        sys.argv[2], progress=lambda n: laps.append((n, time.perf_counter())))
    made = time.perf_counter()
    path = write_report(report, sys.argv[3])
    written = time.perf_counter()
read = laps[-1][1]
print(json.dumps(watched.figures() | {
    "runs": report.total_runs, "columns": report.columns.nbytes, "told": len(laps),
    "read": read - watched.began, "summed_up": made - read, "written": written - made,
    "page": path.stat().st_size, "metrics": len(report.metrics)}))
"""


class Watched:
    """Seconds, and how far the memory of this process rose while something ran (Linux only)."""

    def __enter__(self) -> Watched:
        self._before, self._most, self._over = resident(), 0, threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()
        self.began, self._busy = time.perf_counter(), time.process_time()
        return self

    def _look(self) -> None:
        while not self._over.wait(0.02):
            self._most = max(self._most, resident())

    def __exit__(self, *_: object) -> None:
        self.seconds, self.busy = time.perf_counter() - self.began, time.process_time() - self._busy
        self._most = max(self._most, resident())
        self._over.set()
        self._thread.join()

    def figures(self) -> dict[str, float]:
        """Return seconds, processor seconds, and the greatest rise in bytes."""
        return {"seconds": self.seconds, "busy": self.busy, "rise": self._most - self._before}


def resident() -> int:
    """Return the resident memory of this process, in bytes."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmRSS"))


def populate(folder: Path, experiment: str, runs: int) -> None:
    """Put runs into the server's tables; the one learning rate and batch size that fail are planted."""
    rng = random.Random(7)
    heads, metrics, params, tags = [], [], [], []
    for number in range(runs):
        run, started = uuid.UUID(int=rng.getrandbits(128)).hex, T0 + number * STEP
        rate, size = 10 ** rng.uniform(-4, -1), rng.choice((64, 128, 256, 512))
        fails = rng.random() < (0.4 if size == 512 else 0.03)
        status = "FAILED" if fails else "FINISHED"
        heads.append(
            (run, f"run {number}", status, started, started + rng.randrange(10, 3600) * 1000, experiment)
        )
        for place in range(METRICS):
            name = ("val_loss", "val_accuracy")[place] if place < 2 else f"metric_{place}"
            metrics.append((name, rate * 3 + rng.gauss(0, 0.05), started + 1000, 10, False, run))
        params += [("lr", f"{rate:.6f}", run), ("batch_size", str(size), run)]
        params += [(f"param_{place}", rng.choice("abcdefgh"), run) for place in range(6)]
        tags += [
            ("mlflow.runName", f"run {number}", run),
            ("mlflow.user", "ana", run),
            ("mlflow.source.name", "train.py", run),
            ("mlflow.source.type", "LOCAL", run),
            ("mlflow.source.git.commit", f"{number // 500:040x}", run),
            ("gpu", rng.choice(("a100", "h100")), run),
        ]
    _insert(folder, heads, metrics, params, tags)


def populate_wide(folder: Path, experiment: str) -> None:
    """Put runs with 12,000 metrics of different names, and three that all have, into the server's tables."""
    rng = random.Random(8)
    heads, metrics = [], []
    for number in range(WIDE_RUNS):
        run, started = uuid.UUID(int=rng.getrandbits(128)).hex, T0 + number * STEP
        heads.append((run, f"wide {number}", "FINISHED", started, started + 1000, experiment))
        names = [f"layer_{place}/grad_norm" for place in range(WIDE_METRICS)]
        metrics += [(name, rng.random(), started, 1, False, run) for name in names]
    _insert(folder, heads, metrics, [], [])


def _insert(folder: Path, heads: list[Any], metrics: list[Any], params: list[Any], tags: list[Any]) -> None:
    (database,) = folder.glob("*.db")
    link = sqlite3.connect(database, timeout=60)
    link.execute("PRAGMA synchronous=OFF")
    with link:
        link.executemany(
            "INSERT INTO runs (run_uuid, name, source_type, user_id, status, start_time, end_time,"
            " experiment_id, lifecycle_stage, artifact_uri)"
            " VALUES (?, ?, 'LOCAL', 'ana', ?, ?, ?, ?, 'active', '')",
            heads,
        )
        link.executemany(
            "INSERT INTO latest_metrics (key, value, timestamp, step, is_nan, run_uuid)"
            " VALUES (?, ?, ?, ?, ?, ?)",
            metrics,
        )
        link.executemany("INSERT INTO params (key, value, run_uuid) VALUES (?, ?, ?)", params)
        link.executemany("INSERT INTO tags (key, value, run_uuid) VALUES (?, ?, ?)", tags)
    link.close()


def measured(server: ServerProcess, program: str, *arguments: str) -> dict[str, Any]:
    """Run a program in a process of its own; return what it printed last, and the server's processor time."""
    before = busy(server)
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[1],
    )
    return dict(json.loads(done.stdout.splitlines()[-1])) | {"server": busy(server) - before}


def busy(server: ServerProcess) -> float:
    """Return the processor seconds that the server and its children took so far."""
    import psutil

    root = psutil.Process(server.process.pid)
    return sum(sum(one.cpu_times()[:2]) for one in [root, *root.children(recursive=True)])


def incremental(server: ServerProcess, folder: Path, runs: int) -> dict[str, float]:
    """Let the source of runs count all of them, then let 20 runs change, and look again."""
    from datetime import UTC, datetime

    from mirante.sources.runs import ExperimentsConfig, RunsSource
    from mirante.store import Store
    from mirante.tracking.client import connect

    client = connect(server.uri)
    with Store(f"sqlite:///{folder / 'mirante.db'}") as store:
        source = RunsSource(ExperimentsConfig(include=("many",)), store, lambda: client)

        def counted() -> float:
            latest = store.readings.latest(names=["mlflow_experiment_runs"])
            return sum(one.value for one in latest)

        looks, began = 0, time.perf_counter()
        while counted() < runs:
            source.advance(datetime.now(UTC))
            looks += 1
        counting = time.perf_counter() - began
        identity = client.get_experiment_by_name("many").experiment_id
        seconds = []
        for _ in range(5):
            changed = [client.create_run(identity).info.run_id for _ in range(20)]
            for run in changed[:10]:
                client.set_terminated(run)
            for run in changed[10:]:
                client.log_metric(run, "val_loss", 0.5, step=1)
            began = time.perf_counter()
            source.advance(datetime.now(UTC))
            seconds.append(time.perf_counter() - began)
            for run in changed[10:]:
                client.delete_run(run)
    return {"seconds": sorted(seconds)[2], "most": max(seconds), "counting": counting, "looks": looks}


def lines(fetch: dict[str, Any], report: dict[str, Any], wide: dict[str, Any]) -> Iterator[str]:
    """Say what was measured."""
    mb = 1e6
    yield f"runs                     {fetch['runs']:,}, columns of the frame {fetch['columns']}"
    yield f"mlflow.search_runs       {fetch['seconds']:.1f} s, memory rose by {fetch['rise'] / mb:,.0f} MB"
    yield f"  its DataFrame          {fetch['frame'] / mb:,.0f} MB"
    yield (
        f"report and page          {report['seconds']:.1f} s, memory rose by {report['rise'] / mb:,.0f} MB; "
        f"{report['told']} times told how far it is"
    )
    yield (
        f"  reading, summing up, page: {report['read']:.1f}, {report['summed_up']:.1f}, "
        f"{report['written']:.1f} s; columns {report['columns'] / mb:,.0f} MB, "
        f"page {report['page'] / mb:.1f} MB"
    )
    yield f"time, report : fetch     {report['seconds'] / fetch['seconds']:.2f}  (bar 1.3)"
    yield (
        f"processor time           fetch {fetch['server']:.1f} s in the server and {fetch['busy']:.1f} s "
        f"here, report {report['server']:.1f} and {report['busy']:.1f} s: ratio "
        f"{(report['server'] + report['busy']) / (fetch['server'] + fetch['busy']):.2f}"
    )
    yield f"memory, columns : frame  {report['columns'] / fetch['frame']:.2f}  (what stays; bar 1.5)"
    yield f"memory, report : fetch   {report['rise'] / fetch['rise']:.2f}  (how far each rose at most)"
    yield (
        f"{wide['metrics']:,} metrics           reading, summing up, page: {wide['read']:.1f}, "
        f"{wide['summed_up']:.1f}, {wide['written']:.1f} s; page {wide['page'] / mb:.1f} MB"
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=50_000)
    parser.add_argument("--keep", type=Path, help="keep the server's folder here, and use it again")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = options.keep or Path(scratch) / "server"
        with start_server(folder) as server:
            from mirante.tracking.client import connect

            client = connect(server.uri)
            found = {one.name: one.experiment_id for one in client.search_experiments()}
            many = found.get("many") or client.create_experiment("many")
            wide = found.get("wide") or client.create_experiment("wide")
            if "many" not in found:
                populate(server.folder, many, options.runs)
                populate_wide(server.folder, wide)
            page = str(Path(scratch) / "report.html")
            fetched = measured(server, FETCH, server.uri, many)
            reported = measured(server, REPORT, server.uri, many, page)
            broad = measured(server, REPORT, server.uri, wide, page)
            print("\n".join(lines(fetched, reported, broad)))
            look = incremental(server, Path(scratch), options.runs)
            print(
                f"20 changed runs          {look['seconds']:.2f} s a look, {look['most']:.2f} at most "
                f"(bar 0.5); all were counted in {look['looks']} looks of {look['counting']:.0f} s in all"
            )


if __name__ == "__main__":
    main()
