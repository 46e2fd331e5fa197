"""What one `Recorder.log` costs the serving thread, beside what MLflow and whylogs take for the same row.

Run: ``python -m benchmarks.recorder``. One table, in one run: a row of 20 features is recorded by one thread,
by four at once with the draining thread behind them, traced by MLflow (call only), given to MLflow as a run
of its own, and logged by whylogs. MLflow asks a real server on this machine (SQLite, started here); whylogs
runs in an environment of its own, which the first run makes (``benchmarks/peers``). All take turns,
`--rounds` times; a ratio is of the medians of one round. The timer's own cost is in every figure, and has a
row.

Ends with 1 where a bar is missed: four threads and the drain at most 1.5 µs in the median and 5 µs at p99.
`--more` prints two more tables: privacy and sampling, and how fast batches reach the disk.
"""

from __future__ import annotations

import argparse
import logging
import os
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from mirante.capture.privacy import Privacy
from mirante.capture.recorder import Recorder

FEATURES = 20
CALLS = 200_000
THREADS = 4
BAR_MEDIAN, BAR_P99 = 1.5, 5.0  # microseconds
DRAIN = 0.1  # seconds between drains where four threads record: several of them fall into each round
ROW: dict[str, float | str] = {f"f{n}": n / 7 for n in range(FEATURES - 2)} | {
    "carrier": "UA",
    "origin": "JFK",
}
OURS, TRACE, RUN = "Recorder.log, 4 threads and drain", "MLflow trace, call only", "MLflow run per sample"
ROWS = ("nothing (the timer)", "Recorder.log, 1 thread", OURS, TRACE, "whylogs track(row)", RUN)

Floats = np.ndarray[Any, np.dtype[np.float64]]


def measure(call: Callable[[], Any], calls: int = CALLS) -> Floats:
    """Return what each call took, in microseconds."""
    taken = np.empty(calls)
    clock = time.perf_counter_ns
    for place in range(calls):
        begin = clock()
        call()
        taken[place] = clock() - begin
    return taken / 1000


def one_thread() -> Floats:
    """Return what calls of one thread take."""
    with tempfile.TemporaryDirectory() as root, Recorder("benchmark", root) as recorder:
        taken = measure(lambda: recorder.log(ROW, 0.5, 0.01))
        _check(recorder, CALLS)
    return taken


def four_threads() -> Floats:
    """Return what calls take while three more threads call as fast as they can, and one drains."""
    each = CALLS // THREADS
    found: list[Floats] = []
    start = threading.Barrier(THREADS)
    with (
        tempfile.TemporaryDirectory() as root,
        Recorder("benchmark", root, flush_interval=DRAIN) as recorder,
    ):

        def work() -> None:
            start.wait()
            found.append(measure(lambda: recorder.log(ROW, 0.5, 0.01), each))

        threads = [threading.Thread(target=work) for _ in range(THREADS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        _check(recorder, each * THREADS)
    return np.concatenate(found)


def _check(recorder: Recorder, rows: int) -> None:
    recorder.flush()
    if (recorder.recorded, recorder.dropped) != (rows, 0):
        raise SystemExit(f"recorded {recorder.recorded:,} of {rows:,} rows, dropped {recorder.dropped:,}")


def traced(calls: int) -> Floats:
    """Return what a function of the row takes under ``mlflow.trace``; the traces are sent behind it."""
    import mlflow

    @mlflow.trace  # type: ignore[untyped-decorator]  # theirs
    def predict(row: dict[str, float | str]) -> float:
        return 0.5 if row else 0.0

    measure(lambda: predict(ROW), calls // 10)
    taken = measure(lambda: predict(ROW), calls)
    mlflow.flush_trace_async_logging()
    return taken


def run_each(calls: int) -> Floats:
    """Return what a run of a prediction's two figures takes."""
    import mlflow

    def run() -> None:
        with mlflow.start_run():
            mlflow.log_metrics({"prediction": 0.5, "latency": 0.01})

    measure(run, 2)
    return measure(run, calls)


def whylogs(venvs: Path, calls: int) -> Floats:
    """Return what whylogs takes in its own environment."""
    peers = str(Path(__file__).parent / "peers")
    if peers not in sys.path:
        sys.path.insert(0, peers)
    from launch import Launcher
    from peers import PEERS

    row = {**ROW, "prediction": 0.5, "latency": 0.01}
    found = Launcher(venvs, 300.0).run("log rows", PEERS["whylogs"], row=row, calls=calls)
    if "error" in found:
        raise SystemExit(f"whylogs: {found['error']}")
    return np.asarray(found["us"], np.float64)


def compare(options: argparse.Namespace) -> bool:
    """Print the table of the bar, and return whether it is met."""
    os.environ |= {"GIT_PYTHON_REFRESH": "quiet", "MLFLOW_DISABLE_TELEMETRY": "true"}
    os.environ |= {
        "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
        "MLFLOW_ENABLE_ASYNC_TRACE_LOGGING": "true",
    }
    import mlflow

    from mirante.tracking.server import start_server

    logging.getLogger("mlflow").setLevel(logging.ERROR)
    found: dict[str, list[Floats]] = {name: [] for name in ROWS}
    with tempfile.TemporaryDirectory() as folder, start_server(folder) as server:
        mlflow.set_tracking_uri(server.uri)
        mlflow.set_experiment("recorder")
        works: list[Callable[[], Floats]] = [
            lambda: measure(lambda: None),
            one_thread,
            four_threads,
            lambda: traced(options.traces),
            lambda: whylogs(options.venvs, options.whylogs),
            lambda: run_each(options.runs),
        ]
        for number in range(options.rounds):
            turn = list(zip(ROWS, works, strict=True))
            for name, work in turn if number % 2 == 0 else turn[::-1]:
                found[name].append(work())
    return _show(found)


def _show(found: dict[str, list[Floats]]) -> bool:
    rounds = len(found[OURS])
    machine = f"load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors"
    print(
        f"One row of {FEATURES} features, microseconds: median (least to most) of {rounds} rounds; {machine}"
    )
    print(f"{'':34}{'calls':>8}{'median':>36}{'p99':>36}{'p99.9':>12}{'times ours':>28}")
    figures = {
        name: np.array([np.quantile(one, (0.5, 0.99, 0.999)) for one in each]) for name, each in found.items()
    }
    for name, each in figures.items():
        ratios = each[:, 0] / figures[OURS][:, 0]
        times = "" if name.startswith(("nothing", "Recorder")) else spread(ratios, 0)
        print(
            f"{name:34}{len(found[name][0]):8,}{spread(each[:, 0]):>36}{spread(each[:, 1]):>36}"
            f"{np.median(each[:, 2]):12,.2f}{times:>28}"
        )
    median, p99 = float(np.median(figures[OURS][:, 0])), float(np.median(figures[OURS][:, 1]))
    met = median <= BAR_MEDIAN and p99 <= BAR_P99
    print(
        f"\n{OURS}: median {median:.2f}, bar {BAR_MEDIAN}; p99 {p99:.2f}, bar {BAR_P99}: "
        f"{'met' if met else 'MISSED'}"
    )
    return met


def spread(values: Floats, digits: int = 2) -> str:
    """Return median, least and most."""
    return f"{np.median(values):,.{digits}f} ({values.min():,.{digits}f}-{values.max():,.{digits}f})"


def variants() -> None:
    """Print what privacy and sampling add."""
    kept: list[tuple[Any, ...]] = []
    print(f"\none row of {FEATURES} features   median      p99    p99.9  (microseconds, {CALLS:,} calls)")

    def show(name: str, call: Callable[[], Any]) -> None:
        shares = np.quantile(measure(call), (0.5, 0.99, 0.999))
        print(f"{name:28}" + "".join(f"{value:8.2f} " for value in shares))

    numbers = count()
    show(
        "list.append of a tuple",
        lambda: kept.append((*ROW.values(), 0.5, 0.01, time.time(), f"id-{next(numbers)}")),
    )
    kept.clear()
    privacy = Privacy(drop=["f0", "f1"], hash=["carrier", "f2"], key="a key for the benchmark")
    kinds: tuple[tuple[str, dict[str, Any]], ...] = (
        ("2 dropped, 2 hashed", {"privacy": privacy}),
        ("one in ten recorded", {"sample": 0.1}),
    )
    for name, more in kinds:
        with tempfile.TemporaryDirectory() as root, Recorder("benchmark", root, **more) as recorder:
            show(name, lambda: recorder.log(ROW, 0.5, 0.01))
            recorder.flush()
            counts = (
                f"recorded {recorder.recorded:,}, passed {recorder.passed:,}, dropped {recorder.dropped:,}"
            )
        print(f"{'':28}{counts}")
    print()


def batches() -> None:
    """Print how many rows a second become durable."""
    print("batches of rows    rows/s to durable   bytes/row   log() ms")
    for rows in (1_000, 10_000, 100_000):
        rng = np.random.default_rng(0)
        frame = pd.DataFrame(rng.normal(size=(rows, FEATURES - 1))).add_prefix("f")
        frame["carrier"] = rng.choice(["UA", "AA", "B6"], rows)
        predictions = rng.random(rows)
        repeats = max(3, 300_000 // rows)
        with tempfile.TemporaryDirectory() as root:
            with Recorder("benchmark", root) as recorder:
                begin, called = time.perf_counter(), 0.0
                for _ in range(repeats):
                    at = time.perf_counter()
                    recorder.log(frame, predictions, 0.01)
                    called += time.perf_counter() - at
                    recorder.flush()
                taken = time.perf_counter() - begin
            size = sum(path.stat().st_size for path in Path(root).rglob("*.parquet"))
        speed, width = rows * repeats / taken, size / rows / repeats
        print(f"{rows:15,} {speed:19,.0f} {width:11.0f} {called / repeats * 1000:10.2f}")


def main() -> int:
    """Run, print the tables, and return 1 if the bar is missed."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.recorder", description=__doc__.splitlines()[0]
    )
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--traces", type=int, default=200, help="MLflow traces per round")
    parser.add_argument("--runs", type=int, default=20, help="MLflow runs per round")
    parser.add_argument("--whylogs", type=int, default=1000, help="rows for whylogs per round")
    parser.add_argument(
        "--venvs", type=Path, default=Path("build/peers"), help="folder of whylogs' environment"
    )
    parser.add_argument("--more", action="store_true", help="also privacy, sampling and batches")
    options = parser.parse_args()
    met = compare(options)
    if options.more:
        variants()
        batches()
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
