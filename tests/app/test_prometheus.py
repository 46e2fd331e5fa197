"""The examples for Prometheus, and the whole way: our service scraped by a real Prometheus with our rules."""

from __future__ import annotations

import json
import re
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from mirante.cli import main
from mirante.readings import Reading
from mirante.store import AlertRow, Store
from tests.app.test_service import service
from tests.tools import require_tool

EXAMPLES = Path(__file__).parents[2] / "examples" / "prometheus"
TICK = timedelta(seconds=2)
SCRAPE = timedelta(milliseconds=250)
CONFIG = """\
host: {enabled: false}
evaluation_interval: 2s
web: {port: 0}
alerts:
  default_rules: false
  rules: rules.yaml
"""
RULES = """\
rules:
- name: busy
  when: system_cpu_percent > 90 and not system_memory_percent < 50
  where: {host: "~web.*"}
  for: 4s
  severity: critical
  summary: "CPU at {{ $value }} on {{ $labels.host }}"
"""


def export(folder: Path, *arguments: str) -> None:
    done = CliRunner().invoke(
        main, ["rules", "export", *arguments, "-o", str(folder / "rules" / "mirante.yml")]
    )
    assert done.exit_code == 0, done.output


def test_promtool_and_amtool_accept_the_examples(tmp_path: Path) -> None:
    shutil.copytree(EXAMPLES, tmp_path, dirs_exist_ok=True)
    (tmp_path / "rules").mkdir()
    export(tmp_path)
    for command in (
        [require_tool("promtool"), "check", "config", "prometheus.yml"],
        [require_tool("amtool"), "check-config", "alertmanager.yml"],
    ):
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
    assert (
        "rules found"
        in subprocess.run(
            [require_tool("promtool"), "check", "rules", "rules/mirante.yml"],
            cwd=tmp_path,
            capture_output=True,
            text=True,
        ).stdout
    )


@contextmanager
def prometheus(folder: Path, target: str) -> Iterator[str]:
    """Start Prometheus with the example's config, made quick and pointed at us; gives its address."""
    config = yaml.safe_load((EXAMPLES / "prometheus.yml").read_text())
    config["global"] = {"scrape_interval": "250ms", "scrape_timeout": "250ms", "evaluation_interval": "2s"}
    config["scrape_configs"][0]["static_configs"] = [{"targets": [target]}]
    del config["alerting"]
    (folder / "prometheus.yml").write_text(yaml.safe_dump(config))
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    process = subprocess.Popen(
        [
            require_tool("prometheus"), "--config.file=prometheus.yml", "--storage.tsdb.path=data",
            f"--web.listen-address=127.0.0.1:{port}", "--log.level=warn",
        ],
        cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT,
    )  # fmt: skip
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait()


def asked(address: str, path: str) -> list[dict[str, object]]:
    """Return what Prometheus answers; nothing while it starts."""
    try:
        with urllib.request.urlopen(f"{address}/api/v1/{path}", timeout=10) as answer:
            data = json.load(answer)["data"]
    except (urllib.error.URLError, ConnectionError):
        return []
    found = data.get("alerts", data.get("activeTargets", []))
    return list(found)


def until(check, seconds=60.0):
    end = time.monotonic() + seconds
    while not (found := check()):
        assert time.monotonic() < end, "it did not come true in time"
        time.sleep(0.05)
    return found


def write(store: Store, cpu: float) -> None:
    now = datetime.now(UTC)
    for host in ("web-1", "db-1"):
        store.readings.write(
            [
                Reading("system_cpu_percent", cpu, now, {"host": host}),
                Reading("system_memory_percent", 60, now, {"host": host}),
            ]
        )


@pytest.mark.prometheus
def test_prometheus_fires_within_one_tick_of_ours(tmp_path: Path) -> None:
    require_tool("prometheus")
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules.yaml").write_text(RULES)
    with service(tmp_path, CONFIG) as (address, _process, _lines):
        export(tmp_path, "-c", str(tmp_path / "mirante.yaml"))
        target = re.sub("http://|/$", "", address)
        with Store(f"sqlite:///{tmp_path}/mirante.db") as store, prometheus(tmp_path, target) as other:
            write(store, 10.0)
            until(lambda: [t for t in asked(other, "targets") if t["health"] == "up"])
            write(store, 95.5)
            ours: AlertRow = until(
                lambda: next((a for a in store.alerts.open() if a.state == "firing"), None)
            )
            (theirs,) = until(lambda: [a for a in asked(other, "alerts") if a["state"] == "firing"])
            assert [alert.labels for alert in store.alerts.open()] == [{"host": "web-1"}]
            assert theirs["labels"] == {
                "alertname": "busy", "host": "web-1", "severity": "critical",
                "instance": target, "job": "mirante",
            }  # fmt: skip
            assert theirs["annotations"] == {"summary": ours.summary} == {"summary": "CPU at 95.5 on web-1"}
            active = datetime.fromisoformat(str(theirs["activeAt"]))
            print(f"theirs after ours: {(active - ours.active_at).total_seconds():+.3f} s")
            assert abs(active - ours.active_at) <= TICK + SCRAPE  # both fire 4 s later, in whole ticks
            write(store, 10.0)
            until(lambda: not store.alerts.open())
            until(lambda: not asked(other, "alerts"))
