"""`mirante serve` beside `mlflow models serve`: latency and requests a second, of the same model.

Run: ``python -m benchmarks.serve``. The servers are up, none with a log of requests; a process of its own
asks one after the other over connections that are kept, there and back (ABCCBA); each round gives a ratio.
Between the two is MLflow's app without any capture on the socket and in the processes of ours: the least that
is possible on this machine, where the client and all workers share the processors.

The bars: with one worker the median latency of ours is within 5 % of MLflow's; with two it is at most a fifth
(uvicorn's own workers answer 40 ms late on connections that are kept: Kludex/uvicorn#3149). With a challenger
beside it that is asked the same, and pauses between requests in which that can answer, the median is within
5 % of that without. Ends with 1 where one is missed; ``--only shadow`` or ``--only 1x4`` measures a part.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

from mirante.capture.serve import launcher, worker
from mirante.inference_log.reader import InferenceLog
from mirante.tracking.server import free_port, start_server

FEATURES = ("age", "income", "visits", "debt")
BODY = json.dumps({"dataframe_records": [{"age": 40.5, "income": 3.1, "visits": 2.0, "debt": -0.2}]}).encode()
ENVIRONMENT = {
    **os.environ,
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "OMP_NUM_THREADS": "1",
    "UVICORN_ACCESS_LOG": "false",  # ours writes no line for each request either
    "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",  # for MLflow: uvicorn
    "PYTHONPATH": f"{Path(__file__).parents[1]}{os.pathsep}{os.environ.get('PYTHONPATH', '')}",
}
SELF = "benchmarks.serve"


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
        deadline = time.monotonic() + 300
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


async def load(address: str, connections: int, seconds: float, pause: float) -> dict[str, float]:
    """Ask over some connections, after each answer and a pause, and return latencies in milliseconds."""
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
                if pause:
                    await asyncio.sleep(pause)

        warm = time.perf_counter() + 0.3
        await asyncio.gather(*(ask(warm, None) for _ in range(connections)))
        begin = time.perf_counter()
        await asyncio.gather(*(ask(begin + seconds, taken) for _ in range(connections)))
        whole = time.perf_counter() - begin
    p50, p99 = (float(np.quantile(taken, share)) * 1000 for share in (0.5, 0.99))
    return {"p50": p50, "p99": p99, "rate": len(taken) / whole, "asked": len(taken)}


def measured(address: str, connections: int, seconds: float, pause: float = 0.0) -> dict[str, float]:
    """Return the figures of one run, by a process of its own."""
    command = [sys.executable, "-m", SELF, "--load", address, *map(str, (connections, seconds, pause))]
    done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=300)
    found: dict[str, float] = json.loads(done.stdout)
    return found


def bare(model: str, port: int, workers: int) -> None:
    """Serve a model as `mirante serve` does, but for the capture."""
    from mlflow.pyfunc import scoring_server

    _, environ = scoring_server.get_cmd(model, port=port, host="127.0.0.1", nworkers=workers)
    with launcher.listen("127.0.0.1", port) as listener:
        command = [sys.executable, "-m", SELF, "--bare-worker"]
        orders = worker.Orders("bare", "1", "")
        launcher.Supervisor(command, environ, orders, listener, workers, print).run(lambda: None)


def bare_worker() -> None:
    """Answer as a worker of `bare`."""
    from mlflow.pyfunc import scoring_server

    orders = worker.Orders.of(os.environ)
    model = scoring_server.load_model_with_mlflow_config(os.environ[scoring_server._SERVER_MODEL_PATH])
    worker._serve(scoring_server.init(model), socket.socket(fileno=orders.listener), orders)


def in_turns(
    servers: Mapping[str, str], connections: int, rounds: int, seconds: float, pause: float = 0.0
) -> dict[str, list[dict[str, float]]]:
    """Return the figures of each server by its name, asked there and back."""
    runs: dict[str, list[dict[str, float]]] = {name: [] for name in servers}
    for number in range(rounds):
        for name in list(servers) if number % 2 == 0 else reversed(servers):
            runs[name].append(measured(servers[name], connections, seconds, pause))
    return runs


def show(runs: Mapping[str, list[dict[str, float]]], to: str) -> dict[str, float]:
    """Print the figures, and their ratios to those of one server; return the median ratios of p50."""
    print(f"{'':18}{'p50 ms':>22}{'p99 ms':>22}{'requests/s':>24}   median (least to most)")
    for name, found in runs.items():
        print(f"{name:18}" + "".join(f"{_spread([run[key] for run in found]):>23}" for key in KEYS))
    ratios = {}
    for name in runs:
        if name == to:
            continue
        found = {
            key: [one[key] / other[key] for one, other in zip(runs[name], runs[to], strict=True)]
            for key in KEYS
        }
        print(f"{f'{name} / {to}':18}" + "".join(f"{_spread(found[key], 3):>23}" for key in KEYS))
        ratios[name] = float(np.median(found["p50"]))
    return ratios


def compare(
    model: Path, folder: Path, workers: int, connections: int, rounds: int, seconds: float
) -> dict[str, float]:
    """Print the figures of all servers in turns, and return the median ratios of the medians to MLflow's."""
    log = folder / f"log-{workers}-{connections}"
    common = ["--workers", str(workers)]
    theirs = ["mlflow", "models", "serve", "-m", str(model), "--env-manager", "local", *common]
    ours = ["mirante", "serve", str(model), "--model", "benchmark", "--version", "1", "--log", str(log)]
    with (
        server(theirs, free_port(), folder) as a,
        server([SELF, "--bare", str(model), *common], free_port(), folder) as b,
        server([*ours, *common], free_port(), folder) as c,
    ):
        time.sleep(5)  # the second worker of each has loaded its model by then
        runs = in_turns({"mlflow": a, "bare": b, "mirante": c}, connections, rounds, seconds)
    print(f"\n{workers} worker(s), {connections} connection(s), {_run_of(rounds, seconds)}")
    ratios = show(runs, "mlflow")
    recorded = sum(_rows(log))
    print(
        f"recorded {recorded:,} rows, of {sum(run['asked'] for run in runs['mirante']):,.0f} and the warm-ups"
    )
    return ratios


def compare_shadow(model: Path, folder: Path, rounds: int, seconds: float) -> float:
    """Print the figures without and with a challenger beside, and return the median ratio of the medians."""
    import mlflow
    import pandas as pd

    with start_server(folder / "tracking") as tracking:
        mlflow.set_tracking_uri(tracking.uri)
        mlflow.set_experiment("shadow")
        loaded = mlflow.sklearn.load_model(str(model))
        rows = pd.DataFrame(np.zeros((1, len(FEATURES))), columns=list(FEATURES))
        for _ in range(2):
            mlflow.sklearn.log_model(
                loaded, name="model", registered_model_name="benchmark", pip_requirements=["scikit-learn"],
                signature=mlflow.models.infer_signature(rows, loaded.predict(rows).astype(int)),
            )  # fmt: skip
        common = ["serve", "models:/benchmark/1", "--tracking-uri", tracking.uri]
        alone = ["mirante", *common, "--log", str(folder / "log-alone")]
        beside = ["mirante", *common, "--log", str(folder / "log-beside"), "--shadow", "models:/benchmark/2"]
        with server(alone, free_port(), folder) as a, server(beside, free_port(), folder) as b:
            deadline = time.monotonic() + 300
            while _shadowed(b) == 0 and time.monotonic() < deadline:  # until the challenger is up
                measured(b, 1, 0.2)
                time.sleep(1.0)
            runs = in_turns({"alone": a, "with --shadow": b}, 1, rounds, seconds, SHADOW_PAUSE)
            sent = _shadowed(b)
    print(
        f"\nchampion without and with a challenger beside, 1 connection, {SHADOW_PAUSE * 1000:g} ms between "
        f"requests, {_run_of(rounds, seconds)}"
    )
    ratio = show(runs, "alone")["with --shadow"]
    asked = sum(run["asked"] for run in runs["with --shadow"])
    print(f"the challenger was asked {sent:,.0f} times, of {asked:,.0f} and the warm-ups")
    return ratio


def _shadowed(address: str) -> float:
    """Return how many requests the challenger has answered."""
    with urllib.request.urlopen(f"{address}/metrics", timeout=60) as answer:
        lines = answer.read().decode().splitlines()
    return sum(
        float(line.split()[-1])
        for line in lines
        if line.startswith("shadow_requests_total{") and 'result="sent"' in line
    )


def _run_of(rounds: int, seconds: float) -> str:
    load = f"load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors"
    return f"{rounds} rounds of {seconds:g} s; {load}"


KEYS = ("p50", "p99", "rate")
BARS = {(1, 1): 1.05, (1, 4): 1.05, (2, 1): 0.2, (2, 4): 0.2}
SHADOW_BAR = 1.05
SHADOW_PAUSE = 0.01  # seconds after each answer: the challenger has a processor left to answer on
PARTS = {f"{workers}x{connections}": (workers, connections) for workers, connections in BARS}


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


def _verdict(what: str, ratio: float, bar: float, more: str = "") -> bool:
    print(f"{what}: p50 ratio {ratio:.3f}, bar {bar}: {'met' if ratio <= bar else 'MISSED'}{more}")
    return ratio <= bar


def main() -> int:
    """Compare with one and with two workers and with a challenger, and hold the ratios against the bars."""
    parser = argparse.ArgumentParser(prog=f"python -m {SELF}", description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--only", nargs="+", default=[*PARTS, "shadow"], choices=[*PARTS, "shadow"])
    for name in ("--load", "--bare", "--port", "--workers"):
        parser.add_argument(name, nargs=4 if name == "--load" else None, help=argparse.SUPPRESS)
    parser.add_argument("--bare-worker", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.load:
        address, connections, seconds, pause = given.load
        print(json.dumps(asyncio.run(load(address, int(connections), float(seconds), float(pause)))))
    elif given.bare:
        bare(given.bare, int(given.port), int(given.workers))
    elif given.bare_worker:
        bare_worker()
    else:
        return 0 if _compare_all(given.only, given.rounds, given.seconds) else 1
    return 0


def _compare_all(only: list[str], rounds: int, seconds: float) -> bool:
    found, shadow = {}, None
    with tempfile.TemporaryDirectory(prefix="mirante-benchmark-") as scratch:
        folder = Path(scratch)
        model = make_model(folder)
        for name in only:
            if name == "shadow":
                shadow = compare_shadow(model, folder, rounds, seconds)
            else:
                found[name] = compare(model, folder, *PARTS[name], rounds, seconds)
    print()
    met = []
    for name, ratios in found.items():
        workers, connections = PARTS[name]
        least = f" (the same app without capture: {ratios['bare']:.3f})"
        what = f"{workers} worker(s), {connections} connection(s)"
        met.append(_verdict(what, ratios["mirante"], BARS[PARTS[name]], least))
    if shadow is not None:
        met.append(_verdict("a challenger beside, 1 worker, 1 connection", shadow, SHADOW_BAR))
    return all(met)


if __name__ == "__main__":
    sys.exit(main())
