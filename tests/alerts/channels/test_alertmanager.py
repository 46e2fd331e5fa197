"""A real Alertmanager takes our alerts, and shows them to its own amtool."""

from __future__ import annotations

import asyncio
import json
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from pydantic import SecretStr

from mirante.alerts.channels.alertmanager import AlertmanagerChannel, posted_alerts
from mirante.alerts.channels.base import Notice, NoticeAlert
from mirante.tracking.server import free_port
from tests.doubles.slack import Answer, SlackDouble
from tests.tools import require_tool

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
CONFIG = "route: {receiver: none}\nreceivers: [{name: none}]\n"


@pytest.fixture(scope="module")
def alertmanager(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    program, folder, port = require_tool("alertmanager"), tmp_path_factory.mktemp("am"), free_port()
    (folder / "alertmanager.yml").write_text(CONFIG)
    address = f"http://127.0.0.1:{port}"
    process = subprocess.Popen(
        [
            program,
            f"--config.file={folder / 'alertmanager.yml'}",
            f"--storage.path={folder / 'data'}",
            f"--web.listen-address=127.0.0.1:{port}",
            "--cluster.listen-address=",
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        _wait(address, process)
        yield address
    finally:
        process.terminate()
        process.wait(10)


def _wait(address: str, process: subprocess.Popen[bytes]) -> None:
    for _ in range(300):
        assert process.poll() is None, "Alertmanager ended"
        try:
            with urllib.request.urlopen(f"{address}/-/ready", timeout=1):
                return
        except OSError:
            time.sleep(0.1)
    pytest.fail("Alertmanager is not ready after 30 s")


def alerts(address: str) -> list[dict]:
    told = subprocess.run(
        [require_tool("amtool"), f"--alertmanager.url={address}", "alert", "query", "-o", "json"],
        capture_output=True,
        check=True,
    )
    return json.loads(told.stdout)


def notice(state: str, now: datetime, **labels: str) -> Notice:
    alert = NoticeAlert(
        state,
        "CPU at 97%",
        labels,
        97.0,
        since=now - timedelta(minutes=5),
        until=now if state == "resolved" else None,
        note="since noon",
        threshold="system_cpu_percent > 90",
    )
    return Notice(
        "4f2a",
        "first_firing",
        "critical",
        "Critical alert: CPU at 97%",
        (alert,),
        {"page": "http://127.0.0.1:8765/alerts?rule=high_cpu"},
        created_at=now,
        rule="high_cpu",
    )


def test_it_fires_and_resolves(alertmanager: str) -> None:
    now = datetime.now(UTC)
    channel = AlertmanagerChannel(SecretStr(f"{alertmanager}/"))
    asyncio.run(channel.deliver(notice("firing", now, host="web-1")))
    asyncio.run(channel.deliver(notice("firing", now, host="web-1")))  # again: the same alert
    (alert,) = alerts(alertmanager)
    assert alert["labels"] == {"alertname": "high_cpu", "severity": "critical", "host": "web-1"}
    assert alert["annotations"]["summary"] == "CPU at 97%"
    assert alert["annotations"]["note"] == "since noon"
    assert alert["generatorURL"] == "http://127.0.0.1:8765/alerts?rule=high_cpu"
    assert alert["startsAt"][:19] == (now - timedelta(minutes=5)).isoformat()[:19]
    assert alert["endsAt"][:10] == (now + timedelta(days=2)).date().isoformat()
    asyncio.run(channel.deliver(notice("resolved", datetime.now(UTC), host="web-1")))
    assert alerts(alertmanager) == []


def test_hostile_names_are_taken(alertmanager: str) -> None:
    evil = '"><img src=x onerror=alert(1)> {{7*7}} \r\n\x00 \u202e \ud800 ' + "x" * 3_000
    now = datetime.now(UTC)
    channel = AlertmanagerChannel(SecretStr(alertmanager))
    told = notice("firing", now, **{evil: evil, "1st": "a", "a-b": "c", "a.b": "d", "empty": ""})
    asyncio.run(channel.deliver(told))
    (alert,) = alerts(alertmanager)
    assert {alert["labels"][name] for name in ("_1st", "a_b", "a_b_")} == {"a", "c", "d"}
    asyncio.run(
        channel.deliver(Notice("1", "channel_failed", "warning", evil, (NoticeAlert("message", evil),)))
    )
    assert len(alerts(alertmanager)) == 2


def test_times_are_in_order_and_links_are_links() -> None:
    late = NoticeAlert("resolved", "x", since=NOW, until=NOW - timedelta(hours=2))  # the clock was set back
    (alert,) = posted_alerts(
        Notice("1", "resolved", "info", "x", (late,), {"a": "javascript:alert(1)", "b": "no link"}),
        NOW,
        timedelta(days=2),
    )
    assert alert["startsAt"] <= alert["endsAt"]
    assert "generatorURL" not in alert


def test_authorization_and_path(slack: SlackDouble) -> None:
    slack.always = Answer()
    for address in (slack.url, f"{slack.url}/", f"{slack.url}/api/v2/alerts"):
        channel = AlertmanagerChannel(SecretStr(address), authorization=SecretStr("Bearer hunter2"))
        asyncio.run(channel.deliver(notice("firing", NOW)))
    assert {request.path for request in slack.requests} == {
        slack.url.partition(str(slack.port))[2] + "/api/v2/alerts"
    }
    assert slack.requests[0].headers["authorization"] == "Bearer hunter2"
    assert "hunter2" not in repr(channel)
