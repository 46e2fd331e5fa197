"""An hour without MLflow in 36 seconds: the whole service and its loops, by a clock 100 times as fast."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from mirante.readings import Reading
from mirante.tracking.server import free_port, start_server
from tests.doubles.slack import Answer, SlackDouble, slack_double
from tests.faults.fast_service import racing_service

SPEED = 100.0
WAITS = timedelta(minutes=10)
# An interval here is one or two seconds of the world: what takes a busy machine a second is not silence.
CONFIG = """
host: {{enabled: false}}
web: {{port: 0}}
evaluation_interval: 2m
mlflow: {{tracking_uri: "{server}", interval: 3m}}
alerts:
  default_rules: false
  rules:
    - {{name: before, when: drift_share > 0.5}}
    - {{name: no_data, when: source_up == 0}}
    - {{name: mlflow_server_down, when: mlflow_server_up == 0, for: 10m, severity: critical}}
  channels: {{hook: {{type: webhook, url_file: url}}}}
"""


def until(true: Callable[[], bool], seconds: float) -> None:
    """Wait in the world's time."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it did not come to that"
        time.sleep(0.05)


def told(double: SlackDouble) -> list[tuple[str, str]]:
    """Return the rule and the state of each alert that was told of, in the order of arrival."""
    notices = [json.loads(request.body)["data"] for request in double.requests]
    return [(notice["rule"], alert["state"]) for notice in notices for alert in notice["alerts"]]


@pytest.mark.server
def test_mlflow_is_killed_and_comes_back_after_an_hour(tmp_path: Path) -> None:
    port = free_port()
    before, down = ("before", "firing"), ("mlflow_server_down", "firing")
    up = ("mlflow_server_down", "resolved")
    with slack_double() as double, start_server(tmp_path / "mlflow", port=port) as server:
        double.always = Answer()
        (tmp_path / "url").write_text(double.url)
        with racing_service(tmp_path, CONFIG.format(server=server.uri), SPEED) as running:

            def job(now: datetime) -> None:
                share = Reading("drift_share", 0.9, now, {"experiment": "7"})
                running.parts.store.readings.write([share])

            running.every(timedelta(minutes=2), job)
            until(lambda: before in told(double), 30)
            killed = running.clock()
            server.kill()
            time.sleep(3600 / SPEED)
            gone = told(double)
            with start_server(tmp_path / "mlflow", port=port):
                back = running.clock()
                until(lambda: up in told(double), 60)
                time.sleep(600 / SPEED)  # and nothing more comes
            assert running.service.work is not None
            failures = running.service.work.scheduler.states["rules"].failures
            store = running.parts.store
            rows = {row.rule: row for row in store.alerts.list() if row.fired_at is not None}
            (series,) = store.readings.series("mlflow_server_up")
    minutes = (back - killed) / timedelta(minutes=1)
    fired = (rows["mlflow_server_down"].fired_at - killed) / timedelta(minutes=1)
    print(f"MLflow away for {minutes:.0f} minutes: fired after {fired:.0f}; told {told(double)}")
    assert gone == [before, down]
    assert told(double) == [before, down, up]
    assert rows.keys() == {"before", "mlflow_server_down"}
    assert rows["mlflow_server_down"].fired_at - rows["mlflow_server_down"].active_at >= WAITS
    assert rows["mlflow_server_down"].active_at >= killed
    assert rows["mlflow_server_down"].resolved_at >= killed + timedelta(hours=1)
    assert rows["before"].resolved_at is None
    assert 0.0 in series.values
    assert failures == 0
