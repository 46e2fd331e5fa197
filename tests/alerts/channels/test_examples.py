"""The examples of docs/channels.md are configs, and each type of channel has one."""

from __future__ import annotations

import re
from pathlib import Path

from mirante.alerts.channels.config import CHANNELS, build_channels
from mirante.alerts.config import AlertsConfig
from mirante.alerts.heartbeat import build_heartbeat
from mirante.yaml_file import checked, parse_yaml

PAGE = Path(__file__).parents[3] / "docs" / "channels.md"
ENVIRON = {
    "SMTP_PASSWORD": "hunter2",
    "SLACK_WEBHOOK_URL": "https://hooks.slack.com/services/T/B/x",
    "HOOK_URL": "https://hook.example.org/",
    "HOOK_SECRET": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
    "APPRISE_URL": "json://127.0.0.1/",
    "HEARTBEAT_URL": "https://hc.example.org/ping",
}


def examples() -> list[AlertsConfig]:
    blocks = re.findall(r"^```yaml\nalerts:\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.M | re.S)
    return [checked(AlertsConfig, parse_yaml(block, source="channels.md")) for block in blocks]


def test_each_type_has_an_example_that_is_built() -> None:
    types = [channel.type for example in examples() for channel in example.channels.values()]
    assert sorted(types) == sorted(CHANNELS)
    for example in examples():
        assert build_channels(example.channels, environ=ENVIRON).keys() == example.channels.keys()


def test_the_heartbeat_too() -> None:
    (config,) = [example.heartbeat for example in examples() if example.heartbeat is not None]
    assert repr(build_heartbeat(config, environ=ENVIRON)) == "Heartbeat(***)"
