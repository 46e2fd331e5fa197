"""10,000 traces of a real MLflow server with planted faults: ``python benchmarks/traces.py``.

Writes an assistant's traces, with a rhythm of day and night, through MLflow's own store into the database
of a server on loopback, and then lets time pass: a look after each hour, over HTTP, with the default rules
behind it. Planted, for three hours each: from window 60 on, latencies twice as long; from 70 on, 15 % errors
in place of 2 %; from 80 on, 55 % correct answers in place of 85 %. Prints which alerts began in which window,
and how long a look takes. Then the same judgement on windows without any fault: how often it alarms.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from mirante.sources.traces.judging import judge_feature

START = datetime(2026, 1, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
SLOW, FAILING, WRONG, LASTS = 60, 70, 80, 3


@dataclass(frozen=True)
class Request:
    """What becomes a trace: when it began, how long it took, how it ended, what was said, and which model."""

    at: datetime
    seconds: float | None
    state: str = "OK"
    feedback: tuple[tuple[str, Any], ...] = ()
    model: str | None = None


def requests(windows: int, count: int, seed: int = 20260101) -> Iterator[Request]:
    """Yield the requests of so many hours, about `count` in all."""
    rng = np.random.default_rng(seed)
    each = count / windows
    for window in range(windows):
        hour = window % 24
        busy = 1.0 + 0.5 * np.sin((hour - 9) / 24 * 2 * np.pi)
        slow = 2.0 if SLOW <= window < SLOW + LASTS else 1.0
        failing = 0.15 if FAILING <= window < FAILING + LASTS else 0.02
        right = 0.55 if WRONG <= window < WRONG + LASTS else 0.85
        for second in np.sort(rng.uniform(0, 3600, rng.poisson(each * busy))):
            at = START + window * HOUR + timedelta(seconds=float(second))
            seconds = float(rng.lognormal(0.0, 0.5)) * slow * (1.0 + 0.1 * (busy - 1.0))
            said = (
                ("correctness", "yes" if rng.random() < right else "no"),
                ("relevance", float(rng.choice([1, 2, 3, 4, 5], p=[0.05, 0.05, 0.2, 0.4, 0.3]))),
            )
            yield Request(at, seconds, "ERROR" if rng.random() < failing else "OK", said)


def write(tracking_uri: str, experiment: str, traces: Iterable[Request]) -> list[str]:
    """Write traces as MLflow's own store writes them, in one transaction, and return their ids."""
    from mlflow import MlflowClient
    from mlflow.entities import AssessmentSource, Feedback
    from mlflow.store.tracking.dbmodels.models import (
        SqlAssessments,
        SqlTraceInfo,
        SqlTraceMetadata,
        SqlTraceTag,
    )
    from mlflow.store.tracking.utils.trace_analytics import (
        PROMOTED_TRACE_METADATA_KEYS,
        analytics_columns_from_metadata,
    )

    source = AssessmentSource(source_type="CODE", source_id="benchmark")
    rng = np.random.default_rng()
    rows = []
    for one in traces:
        trace, at = f"tr-{rng.bytes(16).hex()}", int(one.at.timestamp() * 1000)
        tokens = {"input_tokens": 100, "output_tokens": 50, "total_tokens": 150}
        about = {"mlflow.trace.tokenUsage": json.dumps(tokens)}
        about |= {} if one.model is None else {"mlflow.modelId": one.model}
        row = SqlTraceInfo(
            request_id=trace,
            experiment_id=int(experiment),
            timestamp_ms=at,
            execution_time_ms=None if one.seconds is None else round(one.seconds * 1000),
            status=one.state,
            trace_name="answer",
            **analytics_columns_from_metadata(about),
        )
        row.tags = [
            SqlTraceTag(request_id=trace, key="mlflow.artifactLocation", value=f"mlflow-artifacts:/{trace}")
        ]
        row.request_metadata = [
            SqlTraceMetadata(request_id=trace, key=key, value=value)
            for key, value in about.items()
            if key not in PROMOTED_TRACE_METADATA_KEYS
        ]
        row.assessments = [
            SqlAssessments.from_mlflow_entity(Feedback(name=name, value=value, source=source))
            for name, value in one.feedback
        ]
        for said in row.assessments:
            said.trace_id, said.experiment_id, said.trace_timestamp_ms = trace, int(experiment), at
        rows.append(row)
    ids = [str(row.request_id) for row in rows]
    with MlflowClient(tracking_uri)._tracing_client.store.ManagedSessionMaker(read_only=False) as session:
        session.add_all(rows)
    return ids


def watch(server: Any, folder: Path, name: str, windows: int) -> list[str]:
    """Let the hours pass, and return what is to be printed."""
    from mlflow import MlflowClient

    from mirante.alerts.config import default_rules
    from mirante.alerts.engine import AlertEngine
    from mirante.alerts.routing import Route
    from mirante.sources.traces import TracesConfig, TracesSource
    from mirante.store import Store

    now = START
    told, took = [], []
    with Store(f"sqlite:///{folder / 'mirante.db'}") as store:
        client = MlflowClient(server.uri)
        source = TracesSource(TracesConfig(include=[name]), store, lambda: client)
        rules = [one for one in default_rules() if one.name != "no_data"]
        engine = AlertEngine(store, rules, Route(()), clock=lambda: now)
        known: set[tuple[str, str]] = set()
        idle = []
        for window in range(25, windows + 1):
            now = START + window * HOUR + timedelta(minutes=6)
            begun = time.perf_counter()
            source.advance(now)
            took.append(time.perf_counter() - begun)
            begun = time.perf_counter()
            source.advance(now + timedelta(minutes=1))
            idle.append(time.perf_counter() - begun)
            engine.advance(now, lambda _: 4 * HOUR)
            firing = {(one.rule, one.labels.get("feature", "")): one for one in store.alerts.open()}
            told += [
                f"window {window - 1}: {rule} {feature} - {firing[rule, feature].note}"
                for rule, feature in sorted(firing.keys() - known)
            ]
            told += [
                f"window {window - 1}: {rule} {feature} over"
                for rule, feature in sorted(known - firing.keys())
            ]
            known = set(firing)
    first, median = took[0], float(np.median(took[1:]))
    return [
        *told,
        f"first look, {25} windows: {first:.2f} s; a window that closed: {median:.2f} s (median), "
        f"{max(took[1:]):.2f} s (worst); nothing closed: {np.median(idle):.3f} s",
    ]


def false_alarms(windows: int, rows: int) -> dict[str, float]:
    """Return how often a window without a fault is out of line, at a budget of 1 in 100 windows."""
    rng = np.random.default_rng(7)
    drawn = {
        "latency": lambda busy: rng.lognormal(0.05 * (busy - 1), 0.5, rng.poisson(rows * busy) + 1),
        "status": lambda busy: rng.choice(
            np.array(["ok", "error"], object), rng.poisson(rows * busy) + 1, p=[0.98, 0.02]
        ),
        "assessment/correctness": lambda busy: rng.choice(
            np.array(["yes", "no"], object), rng.poisson(rows * busy) + 1, p=[0.85, 0.15]
        ),
    }
    found = {}
    for feature, draw in drawn.items():
        columns = [draw(1.0 + 0.5 * np.sin((window - 9) / 24 * 2 * np.pi)) for window in range(windows + 24)]
        alarms = sum(
            judge_feature(
                feature,
                columns[place],
                columns[place - 24 : place],
                window=HOUR,
                alarm_budget="1 in 100 windows",
                effect_floor=0.1 / 3 if feature == "status" else 0.1,
                share=1.0,
            ).drifted
            for place in range(24, windows + 24)
        )
        found[feature] = alarms / windows
    return found


def main(arguments: list[str] | None = None) -> None:
    """Measure, and print."""
    from mlflow import MlflowClient

    from mirante.tracking.server import start_server

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--windows", type=int, default=96)
    parser.add_argument("--traces", type=int, default=10_000)
    parser.add_argument("--quiet", type=int, default=300, help="windows without a fault that are judged")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder, start_server(Path(folder)) as server:
        client = MlflowClient(server.uri)
        experiment = client.create_experiment("assistant")
        begun = time.perf_counter()
        ids = write(f"sqlite:///{folder}/mlflow.db", experiment, requests(options.windows, options.traces))
        print(f"{len(ids)} traces written in {time.perf_counter() - begun:.0f} s")
        for line in watch(server, Path(folder), "assistant", options.windows):
            print(line)
    for rows in (20, 100):
        said = ", ".join(f"{name} {share:.1%}" for name, share in false_alarms(options.quiet, rows).items())
        print(f"false alarms of {options.quiet} windows of about {rows} traces, budget 1 in 100: {said}")


if __name__ == "__main__":
    main()
