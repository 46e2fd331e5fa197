"""From a config file to what arrives: a real mail server with STARTTLS and AUTH, and Slack's double."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from mirante.app.build import build
from mirante.app.settings import load_settings
from mirante.readings import Reading
from tests.doubles.slack import Answer, slack_double
from tests.doubles.smtp import PASSWORD, USER, mail_server
from tests.doubles.tls import make_certificate

CONFIG = """
locale: pt_BR
alerts:
  channels:
    mail:
      type: email
      smtp_server: localhost:{port}
      smtp_user: {user}
      smtp_password_file: password
      smtp_ca_file: {ca}
      sender: mirante@example.org
      recipients: [ops@example.org]
    chat: {{type: slack, webhook_url_file: url}}
  routes:
    channels: [chat]
    group_wait: 0s
    routes:
      - {{match: {{severity: critical}}, channels: [mail, chat]}}
"""


@pytest.fixture
def doubles(tmp_path):
    certificate = make_certificate(tmp_path)
    with mail_server(certificate.server(), login=True) as mail, slack_double() as slack:
        (tmp_path / "password").write_text(PASSWORD)
        (tmp_path / "url").write_text(slack.url)
        text = CONFIG.format(port=mail.port, user=USER, ca=certificate.certificate)
        (tmp_path / "mirante.yaml").write_text(text, encoding="utf-8")
        yield mail, slack


def fire(parts, severity_reading):
    now = datetime.now(UTC)
    name, value = severity_reading
    for moment in (now, now + timedelta(minutes=6)):  # the host rules want it for five minutes
        parts.store.readings.write([Reading(name, value, moment, {"host": "web-1"})])
        parts.engine.advance(moment, lambda _: timedelta(hours=1))
    return datetime.now(UTC)  # notices are owed from the present on


def test_a_critical_alert_arrives_by_mail_and_in_slack_in_portuguese(tmp_path, doubles):
    mail, slack = doubles
    with build(load_settings(tmp_path / "mirante.yaml", environ={})) as parts:
        now = fire(parts, ("system_cpu_percent", 97.0))
        asyncio.run(parts.outbox.run_once(now))
        assert [notice.status for notice in parts.store.outbox.list()] == ["delivered", "delivered"]
    (message,) = mail.messages
    assert message["Subject"] == "Alerta Crítico: CPU em 97% em web-1"
    assert message["To"] == "ops@example.org"
    assert mail.tls == [True]
    (request,) = slack.requests
    assert "Alerta Crítico" in request.json["text"]


def test_a_warning_goes_to_slack_alone(tmp_path, doubles):
    mail, slack = doubles
    with build(load_settings(tmp_path / "mirante.yaml", environ={})) as parts:
        now = fire(parts, ("system_disk_percent", 90.0))
        asyncio.run(parts.outbox.run_once(now))
    assert mail.messages == []
    assert len(slack.requests) == 1


def test_what_slack_refuses_for_now_stays_owed_and_says_why(tmp_path, doubles):
    mail, slack = doubles
    slack.script.append(Answer(429, b"", {"Retry-After": "30"}))
    with build(load_settings(tmp_path / "mirante.yaml", environ={})) as parts:
        now = fire(parts, ("system_cpu_percent", 97.0))
        asyncio.run(parts.outbox.run_once(now))
        status = {notice.channel: (notice.status, notice.error) for notice in parts.store.outbox.list()}
        assert status["mail"] == ("delivered", None)
        assert status["chat"][0] == "owed"
        assert "429" in status["chat"][1]
        asyncio.run(parts.outbox.run_once(now + timedelta(seconds=20)))
        assert len(slack.requests) == 1  # not before Slack asked for it
        asyncio.run(parts.outbox.run_once(now + timedelta(seconds=40)))
        assert len(slack.requests) == 2
        assert parts.store.outbox.owed() == 0
    assert len(mail.messages) == 1
