from datetime import UTC, datetime

from prometheus_client import CollectorRegistry, generate_latest

from mirante.sinks.prometheus.alerting import Alerting
from mirante.store import AlertRow

T0 = datetime(2013, 2, 8, tzinfo=UTC)


def text(alerts=(), notices=()):
    registry = CollectorRegistry()
    registry.register(Alerting(alerts, notices))
    lines = generate_latest(registry).decode().splitlines()
    return [line for line in lines if not line.startswith("#")]


def alert(rule, state, severity="warning"):
    return AlertRow(rule + state, rule, {}, "host/a", severity, state, T0)


def test_nothing_makes_no_family():
    assert text() == []


def test_alerts_are_counted_by_rule_severity_and_state():
    alerts = [
        alert("a", "firing"),
        alert("a", "firing"),
        alert("a", "pending"),
        alert('"}\n', "firing", "critical"),
    ]
    assert text(alerts) == [
        'mirante_alerts{rule="\\"}\\n",severity="critical",state="firing"} 1.0',
        'mirante_alerts{rule="a",severity="warning",state="firing"} 2.0',
        'mirante_alerts{rule="a",severity="warning",state="pending"} 1.0',
    ]


def test_notices_are_counted_by_channel_and_outcome():
    notices = [
        ("chat", "dead", 1, 9),
        ("chat", "delivered", 5, 6),
        ("chat", "owed", 2, 3),
        ("chat", "sending", 1, 1),
        ("mail", "delivered", 1, 1),
    ]
    assert text(notices=notices) == [
        'mirante_notifications_total{channel="chat",outcome="dead"} 1.0',
        'mirante_notifications_total{channel="chat",outcome="delivered"} 5.0',
        'mirante_notifications_total{channel="mail",outcome="delivered"} 1.0',
        'mirante_notification_attempts_total{channel="chat"} 19.0',
        'mirante_notification_attempts_total{channel="mail"} 1.0',
        'mirante_notices_owed{channel="chat"} 3.0',
    ]
