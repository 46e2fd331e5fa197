"""The heartbeat: called, and no harm when it fails."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from pydantic import SecretStr, ValidationError
from structlog.testing import capture_logs

from mirante.alerts.heartbeat import Heartbeat, HeartbeatConfig, build_heartbeat
from mirante.errors import ConfigError
from tests.doubles.slack import Answer, SlackDouble


def test_it_calls_its_address(slack: SlackDouble) -> None:
    slack.always = Answer()
    assert Heartbeat(SecretStr(slack.url)).beat()
    (request,) = slack.requests
    assert request.path in slack.url
    assert request.body == b""


@pytest.mark.parametrize(
    "answer", [Answer(500), Answer(404), Answer(kind="hang"), Answer(307, b"", {"Location": "/"})]
)
def test_a_failure_is_logged_once_and_harms_nobody(slack: SlackDouble, answer: Answer) -> None:
    slack.always = answer
    heartbeat = Heartbeat(SecretStr(slack.url), timeout=0.3)
    with capture_logs() as logs:
        assert not heartbeat.beat()
        assert heartbeat.trouble
        assert "secretsecret" not in heartbeat.trouble
        assert not heartbeat.beat()
        slack.always = Answer()
        assert heartbeat.beat()
        assert heartbeat.trouble == ""
        assert heartbeat.beat()
    assert [entry["event"] for entry in logs] == ["heartbeat failed", "heartbeat works again"]
    assert "secretsecret" not in str(logs) + repr(heartbeat)


def test_config(tmp_path: Path, slack: SlackDouble) -> None:
    slack.always = Answer()
    (tmp_path / "url").write_text(f"{slack.url}\n")
    config = HeartbeatConfig.model_validate({"url_file": "url", "every": "30s"})
    assert config.every == timedelta(seconds=30)
    assert build_heartbeat(config, base=tmp_path).beat()
    assert build_heartbeat(HeartbeatConfig(url="env:HC"), environ={"HC": slack.url}).beat()
    for wrong in ({}, {"url": "a", "url_file": "b"}, {"url": "a", "every": 30}, {"url": "a", "every": "0s"}):
        with pytest.raises((ValidationError, ConfigError)):
            HeartbeatConfig.model_validate(wrong)
    with pytest.raises(ConfigError) as caught:
        build_heartbeat(HeartbeatConfig(url="secretsecret"))
    assert "secretsecret" not in str(caught.value)
