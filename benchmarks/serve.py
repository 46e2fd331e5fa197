"""`mirante serve` beside `mlflow models serve`: latency and requests a second, of the same model.

Run: ``python -m benchmarks.serve``. Both servers are up, neither with a log of requests; a process of its own
asks one and then the other over connections that are kept, in alternation (ABBA); each pair gives a ratio.
The bars: with one worker the median latency of ours is within 5 % of MLflow's; with two it is at most a fifth
(uvicorn's own workers answer 40 ms late on connections that are kept: Kludex/uvicorn#3149).
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from mirante.inference_log.reader import InferenceLog
from mirante.tracking.server import free_port

FEATURES = ("age", "income", "visits", "debt")
BODY = json.dumps({"dataframe_records": [{"age": 40.5, "income": 3.1, "visits": 2.0, "debt": -0.2}]}).encode()
ENVIRONMENT = {
    **os.environ,
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "OMP_NUM_THREADS": "1",
    "UVICORN_ACCESS_LOG": "false",  # ours writes no line for each request either
    "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",  # for MLflow: uvicorn
}


def make_model(folder: Path) -> Path:
    """Save a small model with a signature."""
    import mlflow
    import pandas as pd
    from mlflow.models import infer_signature
    from sklearn.linear_model import LogisticRegression

    rng = np.random.default_rng(0)
    rows = pd.DataFrame(rng.normal(size=(2_000, len(FEATURES))), columns=list(FEATURES))
    model = LogisticRegression().fit(rows, rows["age"] > 0)
    mlflow.sklearn.save_model(
        model, str(folder / "model"), signature=infer_signature(rows, model.predict(rows).astype(int))
    )
    return folder / "model"


@contextlib.contextmanager
def server(command: list[str], port: int, folder: Path) -> Iterator[str]:
    """Start a server and wait until it answers."""
    with (folder / f"{command[0]}.log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", *command, "--port", str(port)], cwd=folder, env=ENVIRONMENT, stdout=log,
            stderr=log, start_new_session=True,
        )  # fmt: skip
    address = f"http://127.0.0.1:{port}"
    try:
        deadline = time.monotonic() + 120
        while True:
            with contextlib.suppress(OSError), urllib.request.urlopen(f"{address}/ping", timeout=60):
                break
            if process.poll() is not None or time.monotonic() > deadline:
                raise SystemExit(f"{command[0]} does not answer; see {folder}")
            time.sleep(0.2)
        yield address
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        process.wait(60)


async def load(address: str, connections: int, seconds: float) -> dict[str, float]:
    """Ask as fast as answers come, over some connections, and return latencies in milliseconds."""
    import aiohttp

    taken: list[float] = []
    headers = {"Content-Type": "application/json"}
    connector = aiohttp.TCPConnector(limit=connections)
    async with aiohttp.ClientSession(connector=connector, headers=headers) as session:

        async def ask(until: float, kept: list[float] | None) -> None:
            while time.perf_counter() < until:
                begin = time.perf_counter()
                async with session.post(f"{address}/invocations", data=BODY) as answer:
                    assert answer.status == 200
                    await answer.read()
                if kept is not None:
                    kept.append(time.perf_counter() - begin)

        warm = time.perf_counter() + 0.3
        await asyncio.gather(*(ask(warm, None) for _ in range(connections)))
        begin = time.perf_counter()
        await asyncio.gather(*(ask(begin + seconds, taken) for _ in range(connections)))
        whole = time.perf_counter() - begin
    p50, p99 = (float(np.quantile(taken, share)) * 1000 for share in (0.5, 0.99))
    return {"p50": p50, "p99": p99, "rate": len(taken) / whole, "asked": len(taken)}


def measured(address: str, connections: int, seconds: float) -> dict[str, float]:
    """Return the figures of one run, by a process of its own."""
    command = [sys.executable, "-m", "benchmarks.serve", "--load", address, str(connections), str(seconds)]
    done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=300)
    found: dict[str, float] = json.loads(done.stdout)
    return found


def compare(model: Path, folder: Path, workers: int, connections: int, pairs: int, seconds: float) -> float:
    """Print the figures of both servers in alternation, and return the median ratio of the medians."""
    log = folder / f"log-{workers}-{connections}"
    common = ["--workers", str(workers)]
    theirs = ["mlflow", "models", "serve", "-m", str(model), "--env-manager", "local", *common]
    ours = [
        "mirante",
        "serve",
        str(model),
        "--model",
        "benchmark",
        "--version",
        "1",
        "--log",
        str(log),
        *common,
    ]
    runs: dict[str, list[dict[str, float]]] = {"mlflow": [], "mirante": []}
    with server(theirs, free_port(), folder) as a, server(ours, free_port(), folder) as b:
        time.sleep(5)  # the second worker of each has loaded its model by then
        for number in range(pairs):
            order = [("mlflow", a), ("mirante", b)]
            for name, address in order if number % 2 == 0 else order[::-1]:
                runs[name].append(measured(address, connections, seconds))
    load = f"load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors"
    print(f"\n{workers} worker(s), {connections} connection(s), {pairs} pairs of {seconds:g} s; {load}")
    print(f"{'':10}{'p50 ms':>22}{'p99 ms':>22}{'requests/s':>24}   median (least to most)")
    for name, found in runs.items():
        print(f"{name:10}" + "".join(f"{_spread([run[key] for run in found]):>23}" for key in KEYS))
    ratios = {
        key: [mine[key] / other[key] for mine, other in zip(runs["mirante"], runs["mlflow"], strict=True)]
        for key in KEYS
    }
    print(f"{'ratio':10}" + "".join(f"{_spread(ratios[key], 3):>23}" for key in KEYS))
    recorded = sum(_rows(log))
    print(
        f"recorded {recorded:,} rows, of {sum(run['asked'] for run in runs['mirante']):,.0f} and the warm-ups"
    )
    return float(np.median(ratios["p50"]))


KEYS = ("p50", "p99", "rate")
BARS = {(1, 1): 1.05, (1, 4): 1.05, (2, 1): 0.2, (2, 4): 0.2}


def _rows(log: Path) -> Iterator[int]:
    cursor = None
    while True:
        table, cursor = InferenceLog(log).read_new("benchmark", cursor)
        if table is None:
            return
        yield table.num_rows


def _spread(values: list[float], digits: int = 2) -> str:
    low, middle, high = min(values), float(np.median(values)), max(values)
    return f"{middle:.{digits}f} ({low:.{digits}f}-{high:.{digits}f})"


def main() -> None:
    """Compare with one and with two workers, and hold the ratios against the bars."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=10)
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument(
        "--load", nargs=3, metavar=("ADDRESS", "CONNECTIONS", "SECONDS"), help=argparse.SUPPRESS
    )
    given = parser.parse_args()
    if given.load:
        address, connections, seconds = given.load
        print(json.dumps(asyncio.run(load(address, int(connections), float(seconds)))))
        return
    with tempfile.TemporaryDirectory(prefix="mirante-benchmark-") as scratch:
        folder = Path(scratch)
        model = make_model(folder)
        found = {
            (workers, connections): compare(model, folder, workers, connections, given.pairs, given.seconds)
            for workers, connections in BARS
        }
    print()
    for (workers, connections), bar in BARS.items():
        ratio = found[workers, connections]
        verdict = "met" if ratio <= bar else "MISSED"
        print(
            f"{workers} worker(s), {connections} connection(s): p50 ratio {ratio:.3f}, bar {bar}: {verdict}"
        )


if __name__ == "__main__":
    main()
