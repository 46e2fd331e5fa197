"""The alerts part of the config."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from mirante.alerts.channels.base import Notice
from mirante.alerts.channels.config import build_channels
from mirante.alerts.channels.console import ConsoleChannel
from mirante.alerts.channels.email import EmailChannel
from mirante.alerts.channels.slack import SlackChannel
from mirante.alerts.config import AlertsConfig, build_routes, build_rules
from mirante.errors import ConfigError
from mirante.yaml_file import checked, parse_yaml
from tests.doubles.slack import SlackDouble

TEXT = """
channels:
  console: {type: console}
  mail:
    type: email
    smtp_server: smtp.example.org:587
    smtp_user: mirante
    smtp_password: env:SMTP_PASSWORD
    sender: mirante@example.org
    recipients: [ops@example.org]
  slack:
    type: slack
    webhook_url: env:SLACK_WEBHOOK_URL
routes:
  channels: [console]
  routes:
    - match: {severity: critical}
      channels: [mail, slack]
      continue: true
    - match: {model: "~nyc-.*"}
      channels: [slack]
rules:
  - {name: high_cpu, when: system_cpu_percent > 50}
  - {name: own, when: drift_share > 0.3, for: 5m}
"""


def config(text: str) -> AlertsConfig:
    return checked(AlertsConfig, parse_yaml(text, source="mirante.yaml"))


def test_everything_is_built(slack: SlackDouble) -> None:
    made = config(TEXT)
    environ = {"SMTP_PASSWORD": "hunter2", "SLACK_WEBHOOK_URL": slack.url}
    channels = build_channels(made.channels, environ=environ)
    assert [type(channel) for channel in channels.values()] == [ConsoleChannel, EmailChannel, SlackChannel]
    asyncio.run(channels["slack"].deliver(Notice("1", "message", "info", "Hello")))
    assert len(slack.requests) == 1
    assert "hunter2" not in repr(made) + repr(channels)
    assert "secretsecret" not in repr(made) + repr(channels)


def test_routes() -> None:
    routes = build_routes(config(TEXT))
    assert routes.channels_for({"severity": "info"}) == ("console",)
    assert routes.channels_for({"severity": "critical"}) == ("mail", "slack")
    assert routes.channels_for({"severity": "critical", "model": "nyc-x"}) == ("mail", "slack")
    assert routes.channels_for({"severity": "info", "model": "nyc-x"}) == ("slack",)
    every = build_routes(config("channels: {a: {type: console}, b: {type: console}}"))
    assert every.channels_for({}) == ("a", "b")


def test_own_rules_replace_and_follow_the_default_ones(tmp_path: Path) -> None:
    rules = {rule.name: rule for rule in build_rules(config(TEXT))}
    assert rules["high_cpu"].when == "system_cpu_percent > 50"
    assert {"own", "feature_drift"} <= rules.keys()
    (tmp_path / "rules.yaml").write_text("rules: [{name: a, when: x > 1}]")
    only = config("rules: rules.yaml\ndefault_rules: false")
    assert [rule.name for rule in build_rules(only, base=tmp_path)] == ["a"]
    with pytest.raises(ConfigError, match=r"rules\.yaml"):
        build_rules(only, base=tmp_path / "elsewhere")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (
            "channels:\n  x: {type: pigeon}",
            "line 2: channels.x: 'type' 'pigeon' is not known; write one of 'alertmanager', 'apprise'",
        ),
        ("channels:\n  x: {}", "line 2: channels.x"),
        ("channels:\n  x:\n    type: slack", "line 2: channels.x: "),
        (
            "channels:\n  x:\n    type: slack\n    url: y\n    webhook_url: z",
            "line 4: channels.x.url: is no known key",
        ),
        (
            "channels:\n  x:\n    type: email\n    recipients: [nobody]",
            "line 4: channels.x.recipients: recipients is no mail address",
        ),
        ("channels:\n  x:\n    type: email\n    recipients: [a@b]", "channels.x.smtp_server: is missing"),
        ("routes:\n  channels: [gone]", "routes name 'gone'; there are these channels: none"),
        ("channels: {a: {type: console}}\nroutes:\n  match: {a: '~('}", "line 3: routes.match"),
        ("rules:\n  - name: a\n    when: x >", "line 3: rules[0].when: column"),
        ("loacle: en", "line 1: loacle: is no known key"),
    ],
)
def test_errors_name_line_and_key(text: str, says: str) -> None:
    with pytest.raises(ConfigError) as caught:
        config(text)
    assert says in str(caught.value)


def test_no_secret_in_errors() -> None:
    with pytest.raises(ConfigError) as caught:
        config(
            "channels:\n  x: {type: slack, webhook_url: secretsecret, webhook_url_file: f, a: secretsecret2}"
        )
    assert "secretsecret" not in str(caught.value).replace("secretsecret2", "")
    made = config(
        "channels: {x: {type: slack, webhook_url: secretsecret}, y: {type: slack, webhook_url: 'env:NO'}}"
    )
    with pytest.raises(ConfigError) as caught:
        build_channels(made.channels, environ={})
    assert "secretsecret" not in str(caught.value)
    assert "channels.x: " in str(caught.value)
    assert "'NO'" in str(caught.value)


def test_a_wrong_rule_is_told_once() -> None:
    with pytest.raises(ConfigError) as caught:
        config("rules:\n  - name: a\n    when: x > 1\n    severity: loud")
    assert str(caught.value).splitlines() == [
        "mirante.yaml, line 4: rules[0].severity: "
        "got \"loud\"; input should be 'info', 'warning' or 'critical'"
    ]


def test_two_rules_of_one_name_are_refused() -> None:
    rules = [{"name": "a", "when": "x > 1"}, {"name": "a", "when": "x > 2"}]
    with pytest.raises(ValueError, match="'a' is the name of two rules"):
        AlertsConfig.model_validate({"rules": rules})
