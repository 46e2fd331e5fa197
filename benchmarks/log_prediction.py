"""What one prediction costs: ``MLflowMetrics.log_prediction`` against a new MLflow run per sample.

Both log a count and a latency to the same real server (1 worker, SQLite, started here), in one process, in
turns. The flushes to MLflow are within the time of the first. Run: ``python benchmarks/log_prediction.py``.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable

BAR = 1000


def _seconds_each(work: Callable[[], object], times: int) -> float:
    began = time.perf_counter()
    for _ in range(times):
        work()
    return (time.perf_counter() - began) / times


def measure(uri: str, *, rounds: int, predictions: int, runs: int) -> list[tuple[float, float, float]]:
    """Return per round the seconds of a prediction, of one with its share of the flush, and of a run."""
    import mlflow

    from mirante.sinks.prometheus import MLflowMetrics

    mlflow.set_tracking_uri(uri)
    mlflow.set_experiment("a run per sample")
    metrics = MLflowMetrics(interval=3600)  # flushed below, so that each round has one

    def run_per_sample() -> None:
        with mlflow.start_run():
            mlflow.log_metrics({"prediction_count": 1, "prediction_latency": 0.0125})

    def predict() -> None:
        metrics.log_prediction("benchmark", 0.0125)

    for _ in range(3):
        run_per_sample()
        predict()
    metrics.flush()
    found = []
    for number in range(rounds):
        naive = _seconds_each(run_per_sample, runs) if number % 2 else None
        ours = _seconds_each(predict, predictions)
        began = time.perf_counter()
        metrics.flush()
        flush = time.perf_counter() - began
        naive = _seconds_each(run_per_sample, runs) if naive is None else naive
        found.append((ours, ours + flush / predictions, naive))
    metrics.close()
    return found


def _row(name: str, values: list[float], scale: float, unit: str) -> str:
    low, middle, high = (scale * pick(values) for pick in (min, statistics.median, max))
    return f"{name:<44} {low:>10,.2f} {middle:>10,.2f} {high:>10,.2f}  {unit}"


def main() -> int:
    """Run, print the table, and end with 1 if the ratio is below the bar."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--predictions", type=int, default=100_000, help="per round")
    parser.add_argument("--runs", type=int, default=20, help="MLflow runs per round")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    os.environ.setdefault("GIT_PYTHON_REFRESH", "quiet")
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")
    from mirante.tracking.server import start_server

    with tempfile.TemporaryDirectory() as folder, start_server(folder) as server:
        found = measure(server.uri, rounds=options.rounds, predictions=options.predictions, runs=options.runs)
    ours, with_flush, naive = (list(column) for column in zip(*found, strict=True))
    ratios = [run / each for run, each in zip(naive, with_flush, strict=True)]
    if options.json:
        print(
            json.dumps(
                {"log_prediction_s": ours, "with_flush_s": with_flush, "run_s": naive, "ratio": ratios}
            )
        )
    else:
        print(
            f"{options.rounds} rounds: {options.predictions:,} predictions and {options.runs} runs, in turns"
        )
        print(f"{'':<44} {'min':>10} {'median':>10} {'max':>10}")
        print(_row("MLflowMetrics.log_prediction", ours, 1e6, "µs"))
        print(_row("  with one flush to MLflow, shared", with_flush, 1e6, "µs"))
        print(_row("one MLflow run per sample", naive, 1e3, "ms"))
        print(_row("ratio (flush counted in)", ratios, 1, "x"))
    return 0 if statistics.median(ratios) >= BAR else 1


if __name__ == "__main__":
    sys.exit(main())
