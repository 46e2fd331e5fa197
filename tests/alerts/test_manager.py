"""AlertManager: one notice per change, whatever fails."""

from __future__ import annotations

import math
import time

import pytest

from mirante.alerts.manager import AlertManager
from mirante.alerts.rules import AlertRule
from mirante.alerts.sending import AlertSystem
from mirante.errors import ConfigError, DeliveryError, InputError
from tests.doubles.slack import Answer, SlackDouble
from tests.doubles.smtp import PASSWORD, USER, mail_server
from tests.doubles.tls import Certificate


class Recording:
    """An alert system that writes down what it is asked to send, and fails when told to."""

    def __init__(self) -> None:
        self.recipients = ("ops@example.org",)
        self.sent: list[tuple[str, str]] = []
        self.fail: dict[str, Exception] = {}

    def send_email_alert(self, subject: str, message: str, recipients: object) -> None:
        assert recipients == self.recipients
        self._send("email", f"{subject}\n{message}")

    def send_slack_alert(self, message: str) -> None:
        self._send("slack", message)

    def _send(self, channel: str, text: str) -> None:
        if channel in self.fail:
            raise self.fail[channel]
        self.sent.append((channel, text))


def rule(
    name: str = "high_cpu", condition: object = "cpu_percent > 90", severity: str = "critical"
) -> AlertRule:
    return AlertRule(name, condition, "CPU at {cpu_percent}%", severity)


def manager(*rules: AlertRule) -> tuple[AlertManager, Recording]:
    system = Recording()
    made = AlertManager(system, log=False)
    for each in rules:
        made.add_rule(each)
    return made, system


def test_the_reference_way(slack: SlackDouble, certificate: Certificate) -> None:
    with mail_server(certificate.server(), login=True) as box:
        config = {
            "smtp_server": f"127.0.0.1:{box.port}",
            "smtp_user": USER,
            "smtp_password": PASSWORD,
            "sender": "mirante@example.org",
            "recipients": ["ops@example.org"],
            "slack_webhook_url": slack.url,
            "locale": "pt_BR",
        }
        made = AlertManager(AlertSystem(config, tls_context=certificate.client()), log=False)
        made.add_rule(rule(condition=lambda metrics: metrics["cpu_percent"] > 90))
        first = made.evaluate_rules({"cpu_percent": 97.25})
        again = made.evaluate_rules({"cpu_percent": 98.0})
    assert {(s.rule, s.channel, s.state) for s in first.sent} == {
        ("high_cpu", "email", "firing"),
        ("high_cpu", "slack", "firing"),
    }
    assert not first.failed
    assert (again.sent, again.firing) == ((), ("high_cpu",))
    assert box.messages[0]["Subject"] == "Alerta Crítico: high_cpu"
    assert "CPU at 97.25%" in box.messages[0].get_body(("plain",)).get_content()
    assert len(slack.requests) == 1
    assert slack.requests[0].json["text"] == "Alerta Crítico: high_cpu\nCPU at 97.25%"


def test_only_critical_goes_to_mail() -> None:
    made, system = manager(rule("a"), rule("b", severity="warning"), rule("c", severity="info"))
    made.evaluate_rules({"cpu_percent": 95})
    assert sorted(channel for channel, _text in system.sent) == ["email", "slack", "slack", "slack"]


def test_one_notice_per_change_not_per_call() -> None:
    made, system = manager(rule(severity="warning"))
    for value in (95, 96, 50, 40, 97):
        made.evaluate_rules({"cpu_percent": value})
    assert [text.splitlines()[0] for _channel, text in system.sent] == [
        "Warning: high_cpu",
        "Resolved: high_cpu",
        "Warning: high_cpu",
    ]


def test_a_missing_metric_stops_nothing() -> None:
    lost = AlertRule("lost", lambda m: m["nowhere"] > 1, "x")
    made, system = manager(lost, rule("text", "nowhere > 1"), rule(severity="info"))
    result = made.evaluate_rules({"cpu_percent": 95})
    assert result.unknown == {"lost": "nowhere", "text": "nowhere"}
    assert result.firing == ("high_cpu",)
    assert len(system.sent) == 1


def test_a_condition_that_raises_is_reported_and_stops_nothing() -> None:
    made, _system = manager(AlertRule("broken", lambda m: 1 / 0, "x"), rule(severity="info"))
    result = made.evaluate_rules({"cpu_percent": 95})
    assert result.errors == {"broken": "ZeroDivisionError: division by zero"}
    assert result.firing == ("high_cpu",)


@pytest.mark.parametrize(
    "condition", ["cpu_percent > 90", lambda m: m["cpu_percent"] > 90, lambda m: m.get("cpu_percent") > 90]
)
def test_nan_neither_fires_nor_resolves(condition: object) -> None:
    made, system = manager(rule(condition=condition, severity="info"))
    assert made.evaluate_rules({"cpu_percent": math.nan}).unknown == {"high_cpu": "cpu_percent"}
    made.evaluate_rules({"cpu_percent": 95})
    result = made.evaluate_rules({"cpu_percent": math.nan})
    assert result.firing == ("high_cpu",)
    assert len(system.sent) == 1


def test_of_very_many_that_wait_the_oldest_are_given_up_and_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mirante.alerts.manager._MOST_OWED", 3)
    made, system = manager(rule(severity="info"))
    system.fail["slack"] = DeliveryError("503 later", retry=True)
    for value in (95, 10, 96):
        assert all(failure.retry for failure in made.evaluate_rules({"cpu_percent": value}).failed)
    failed = made.evaluate_rules({"cpu_percent": 10}).failed
    assert [(f.state, f.error) for f in failed if not f.retry] == [
        ("firing", "given up, since more than 3 notices wait: 503 later")
    ]
    system.fail.clear()
    sent = made.evaluate_rules({"cpu_percent": 10}).sent
    assert [each.state for each in sent] == ["resolved", "firing", "resolved"]


def test_a_failing_channel_stops_neither_the_other_nor_the_next_rule() -> None:
    made, system = manager(rule("a"), rule("b"))
    system.fail["email"] = DeliveryError("535 no", retry=False)
    result = made.evaluate_rules({"cpu_percent": 95})
    assert [(s.rule, s.channel) for s in result.sent] == [("a", "slack"), ("b", "slack")]
    assert [(f.rule, f.channel, f.error, f.retry) for f in result.failed] == [
        ("a", "email", "535 no", False),
        ("b", "email", "535 no", False),
    ]
    assert not made.evaluate_rules({"cpu_percent": 95}).failed


def test_what_may_still_be_delivered_is_tried_again() -> None:
    made, system = manager(rule("a", severity="info"), rule("b", severity="info"))
    system.fail["slack"] = DeliveryError("500", retry=True)
    first = made.evaluate_rules({"cpu_percent": 95})
    assert [f.retry for f in first.failed] == [True, True]
    del system.fail["slack"]
    second = made.evaluate_rules({"cpu_percent": 95})
    assert [s.rule for s in second.sent] == ["a", "b"]
    assert not made.evaluate_rules({"cpu_percent": 95}).sent


def test_a_dead_channel_costs_one_deadline_not_one_per_rule(slack: SlackDouble) -> None:
    slack.always = Answer(kind="hang")
    made = AlertManager(AlertSystem({"slack_webhook_url": slack.url}, timeout=0.4), log=False)
    for index in range(8):
        made.add_rule(rule(f"r{index}", severity="info"))
    start = time.monotonic()
    result = made.evaluate_rules({"cpu_percent": 95})
    assert time.monotonic() - start < 2
    assert len(result.failed) == 8


def test_settings_that_are_missing_are_in_the_result() -> None:
    made = AlertManager(AlertSystem({}), log=False)
    made.add_rule(rule())
    result = made.evaluate_rules({"cpu_percent": 95})
    assert {f.channel: f.error.split("'")[1] for f in result.failed} == {
        "email": "smtp_server",
        "slack": "slack_webhook_url",
    }


def test_any_exception_of_a_callers_own_system_is_reported() -> None:
    made, system = manager(rule("a"), rule("b"))
    system.fail["slack"] = RuntimeError("boom")
    result = made.evaluate_rules({"cpu_percent": 95})
    assert [f.error for f in result.failed] == ["RuntimeError: boom"] * 2
    assert len(result.sent) == 2


def test_twins_and_strangers_are_refused() -> None:
    made, _system = manager(rule())
    with pytest.raises(ConfigError, match="already"):
        made.add_rule(rule())
    with pytest.raises(ConfigError, match="AlertRule"):
        made.add_rule("cpu > 1")  # type: ignore[arg-type]  # that is the point
    with pytest.raises(InputError, match="mapping"):
        made.evaluate_rules([1])  # type: ignore[arg-type]  # that is the point


def test_each_firing_is_one_small_run_in_mlflow(mlflow_server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from mlflow import MlflowClient

    monkeypatch.setenv("MLFLOW_TRACKING_URI", mlflow_server)
    made = AlertManager(Recording())
    made.add_rule(rule("cpu_in_mlflow"))
    for value in (95, 96, 97):
        made.evaluate_rules({"cpu_percent": value})
    client = MlflowClient(mlflow_server)
    experiments = [e.experiment_id for e in client.search_experiments()]
    runs = client.search_runs(experiments, "params.`alert.name` = 'cpu_in_mlflow'")
    assert [run.data.params["alert.severity"] for run in runs] == ["critical"]
