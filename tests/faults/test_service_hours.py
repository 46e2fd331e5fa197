"""Hours of a service: a real MLflow server goes away, sources fall silent, the clock is set."""

from __future__ import annotations

import json
from collections import Counter
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from mirante.readings import Reading
from mirante.tracking.server import free_port, start_server
from tests.app.test_service import register
from tests.doubles.slack import Answer, SlackDouble, slack_double
from tests.faults.fast_service import FastService, fast_service

HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
CONFIG = """
host: {{name: web-1}}
mlflow: {{tracking_uri: "{server}"}}
models: [{{model: {name}, log: rows, interval: 30s}}]
alerts:
  default_rules: true
  rules:
    - {{name: before, when: drift_share > 0.5}}
    - {{name: slow_to_fire, when: prediction_latency_seconds_p99 > 5, for: 10m}}
    - {{name: high_cpu, when: system_cpu_percent > 1000}}
    - {{name: high_memory, when: system_memory_percent > 1000}}
    - {{name: disk_filling, when: system_disk_percent > 1000}}
    - {{name: disk_full, when: system_disk_percent > 1000}}
    - {{name: slow_predictions, when: prediction_latency_seconds_p99 > 1000}}
    - {{name: wide_drift, when: drift_share > 1000}}
  channels: {{hook: {{type: webhook, url_file: url}}}}
"""
NO_SERVER = CONFIG.replace('mlflow: {{tracking_uri: "{server}"}}', "mlflow: {{enabled: false}}").replace(
    "models: [{{model: {name}, log: rows, interval: 30s}}]\n", ""
)
JOB = {"experiment": "7"}


def told(double: SlackDouble) -> Counter[tuple[str, str]]:
    """Count what arrived: the rule and the state of each alert in each notice."""
    found: Counter[tuple[str, str]] = Counter()
    for request in double.requests:
        notice = json.loads(request.body)["data"]
        found.update((notice["rule"], alert["state"]) for alert in notice["alerts"])
    return found


def write(running: FastService, name: str, value: float) -> None:
    running.parts.store.readings.write([Reading(name, value, running.clock, JOB)])


def keep_writing(running: FastService, length: timedelta, **values: float) -> None:
    end = running.uptime + length.total_seconds()
    while running.uptime < end:
        for name, value in values.items():
            write(running, name, value)
        running.run_for(timedelta(seconds=15))


@pytest.mark.server
def test_mlflow_is_away_for_an_hour(tmp_path: Path) -> None:
    port = free_port()
    with slack_double() as double, capture_logs() as lines:
        double.always = Answer()
        (tmp_path / "url").write_text(double.url)
        with ExitStack() as stack:
            with start_server(tmp_path / "mlflow", port=port) as server:
                _, name, _ = register(server.uri)
                text = CONFIG.format(server=server.uri, name=name)
                running = stack.enter_context(fast_service(tmp_path, text))
                keep_writing(running, 5 * MINUTE, drift_share=0.9)
                assert told(double) == {("before", "firing"): 1}
            before, said = told(double), len(lines)
            keep_writing(running, HOUR, drift_share=0.9)
            gone = told(double) - before
            per_hour = len(lines) - said
            with start_server(tmp_path / "mlflow", port=port):
                keep_writing(running, 15 * MINUTE, drift_share=0.9)
            after = told(double) - before
            states = {row.rule: row.state for row in running.parts.store.alerts.open()}
    print(f"MLflow away for an hour: {dict(gone)}, then {dict(after - gone)}; {per_hour} log lines")
    assert gone == {("mlflow_server_down", "firing"): 1}
    assert after - gone == {("mlflow_server_down", "resolved"): 1}
    assert per_hour <= 10, "each trouble is said once, not at each try"
    assert states["before"] == "firing"


def test_a_source_is_silent_for_an_hour(tmp_path: Path) -> None:
    with slack_double() as double:
        double.always = Answer()
        (tmp_path / "url").write_text(double.url)
        with fast_service(tmp_path, NO_SERVER.format()) as running:
            keep_writing(running, 5 * MINUTE, drift_share=0.9)
            before = told(double)
            assert before == {("before", "firing"): 1}
            running.stopped = {"host"}
            running.run_for(HOUR)  # the host and the experiment: two sources
            gone = told(double) - before
            running.stopped = set()
            keep_writing(running, 15 * MINUTE, drift_share=0.9)
            after = told(double) - before
    print(f"two sources silent for an hour: {dict(gone)}, then {dict(after - gone)}")
    assert gone == {("no_data", "firing"): 2}
    assert after - gone == {("no_data", "resolved"): 2}


@pytest.mark.parametrize("by", [HOUR, -2 * HOUR], ids=["forth", "back"])
def test_the_clock_is_set_while_it_runs(tmp_path: Path, by: timedelta) -> None:
    with slack_double() as double:
        double.always = Answer()
        (tmp_path / "url").write_text(double.url)
        with fast_service(tmp_path, NO_SERVER.format()) as running:
            values = {"drift_share": 0.9, "prediction_latency_seconds_p99": 9.0}
            keep_writing(running, 7 * MINUTE, **values)
            before = told(double)
            assert before == {("before", "firing"): 1}
            (fired,) = [row for row in running.parts.store.alerts.open() if row.state == "firing"]
            running.set_clock(by)
            keep_writing(running, 2 * MINUTE, **values)
            assert told(double) == before, "nothing fires early, and nothing is told again"
            keep_writing(running, 3 * MINUTE, **values)
            assert told(double) - before == {("slow_to_fire", "firing"): 1}, "its ten minutes are over"
            (still,) = [row for row in running.parts.store.alerts.open() if row.rule == "before"]
            assert (still.id, still.active_at) == (fired.id, fired.active_at)
            keep_writing(running, 7 * MINUTE, drift_share=0.1, prediction_latency_seconds_p99=1.0)
            assert told(double) - before == {
                ("slow_to_fire", "firing"): 1,
                ("slow_to_fire", "resolved"): 1,
                ("before", "resolved"): 1,
            }, "what comes after the clock was set is heard"


def test_the_clock_is_set_when_the_rules_have_looked_at_it_already(tmp_path: Path) -> None:
    with slack_double() as double:
        double.always = Answer()
        (tmp_path / "url").write_text(double.url)
        with fast_service(tmp_path, NO_SERVER.format()) as running:
            keep_writing(running, 7 * MINUTE, drift_share=0.9)
            assert told(double) == {("before", "firing"): 1}
            (rules,) = (task for task in running.work.scheduler._tasks if task.name == "rules")
            before = running.clock
            running.set_clock(24 * HOUR)
            rules.run(before)
            keep_writing(running, 2 * MINUTE, drift_share=0.9)
            assert told(double) == {("before", "firing"): 1}, "no reminder of what was told a minute ago"
