"""AlertSystem: mail and Slack at once, through real servers."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest

from mirante.alerts.sending import AlertSystem
from mirante.errors import ConfigError, DeliveryError, InputError, MiranteWarning
from tests.doubles.slack import Answer, SlackDouble
from tests.doubles.smtp import PASSWORD, USER, mail_server, silent_server
from tests.doubles.tls import Certificate


def config(port: int, **more: object) -> dict:
    return {
        "smtp_server": "127.0.0.1",
        "smtp_port": port,
        "smtp_user": USER,
        "smtp_password": PASSWORD,
        "sender": "mirante@example.org",
        "recipients": ["ops@example.org"],
        **more,
    }


def test_mail_with_a_non_ascii_subject(certificate: Certificate) -> None:
    with mail_server(certificate.server(), login=True) as box:
        system = AlertSystem(config(box.port), tls_context=certificate.client())
        system.send_email_alert(
            "Alerta Crítico: CPU", "Está em 97%.\nAgora.", ["ana@example.org", "ops@example.org"]
        )
    (message,) = box.messages
    assert message["Subject"] == "Alerta Crítico: CPU"
    assert all(message[name] for name in ("From", "To", "Date", "Message-ID"))
    assert box.recipients == [["ana@example.org", "ops@example.org"]]
    assert "Está em 97%.\nAgora." in message.get_body(("plain",)).get_content().replace("\r\n", "\n")


def test_host_and_port_in_one(certificate: Certificate) -> None:
    with mail_server(certificate.server(), login=True) as box:
        settings = config(
            box.port, smtp_server=f"127.0.0.1:{box.port}", smtp_ca_file=str(certificate.certificate)
        )
        del settings["smtp_port"]
        AlertSystem(settings).send_email_alert("a\r\nBcc: x@example.org", "b")
    assert box.messages[0]["Subject"] == "a Bcc: x@example.org"
    assert box.messages[0]["Bcc"] is None
    assert box.recipients == [["ops@example.org"]]


def test_slack(slack: SlackDouble) -> None:
    AlertSystem({"slack_webhook_url": slack.url}).send_slack_alert("Drift <!channel>\nin age & fare")
    message = slack.requests[0].json
    assert message["blocks"][0]["text"]["text"] == "Drift <!channel>"  # plain_text: shown, never a ping
    assert message["blocks"][1]["text"]["text"] == "in age &amp; fare"
    assert message["text"] == "Drift &lt;!channel&gt;\nin age &amp; fare"


def test_a_long_message_is_said_in_full(slack: SlackDouble) -> None:
    AlertSystem({"slack_webhook_url": slack.url}).send_slack_alert("x" * 1000)
    assert "x" * 900 in slack.requests[0].json["blocks"][1]["text"]["text"]


def test_they_work_inside_a_running_loop(slack: SlackDouble, certificate: Certificate) -> None:
    async def notebook() -> None:
        system.send_slack_alert("hello")
        system.send_email_alert("hello", "you")

    with mail_server(certificate.server(), login=True) as box:
        settings = config(box.port, slack_webhook_url=slack.url)
        system = AlertSystem(settings, tls_context=certificate.client())
        asyncio.run(notebook())
        assert (len(box.raw), len(slack.requests)) == (1, 1)


def test_a_refusal_by_slack_is_never_success(slack: SlackDouble) -> None:
    slack.script = [Answer(500, b"rollup_error")]
    with pytest.raises(DeliveryError, match="500 rollup_error"):
        AlertSystem({"slack_webhook_url": slack.url}).send_slack_alert("hello")


def test_both_have_a_deadline(slack: SlackDouble) -> None:
    slack.script = [Answer(kind="hang")]
    with silent_server() as port:
        system = AlertSystem(config(port, slack_webhook_url=slack.url), timeout=0.5)
        start = time.monotonic()
        with pytest.raises(DeliveryError, match="Slack"):
            system.send_slack_alert("hello")
        with pytest.raises(DeliveryError, match="mail server"):
            system.send_email_alert("hello", "you")
    assert time.monotonic() - start < 4


@pytest.mark.parametrize(
    ("given", "call", "key"),
    [
        ({}, lambda s: s.send_slack_alert("x"), "slack_webhook_url"),
        ({}, lambda s: s.send_email_alert("x", "y", ["a@example.org"]), "smtp_server"),
        ({"smtp_server": "h"}, lambda s: s.send_email_alert("x", "y"), "recipients"),
        ({"smtp_server": "h"}, lambda s: s.send_email_alert("x", "y", []), "recipients"),
    ],
)
def test_a_missing_key_is_named(given: dict, call, key: str) -> None:
    with pytest.raises(ConfigError, match=key):
        call(AlertSystem(given))


@pytest.mark.parametrize(
    ("wrong", "key"),
    [
        ({"smtp_password": None}, "smtp_password"),
        ({"smtp_port": "many"}, "smtp_port"),
        ({"smtp_port": 0}, "smtp_port"),
        ({"recipients": ["nobody"]}, "recipients"),
        ({"smtp_server": "http://x"}, "smtp_server"),
        ({"smtp_password": "env:NO_SUCH_VARIABLE"}, "NO_SUCH_VARIABLE"),
        ({"smtp_password_file": "/nowhere"}, "smtp_password"),
        ({"slack_webhook_url": "secretsecret"}, "Slack"),
        ({"smtp_password": 7}, "smtp_password"),
        ({"locale": "tlh"}, "tlh"),
    ],
)
def test_wrong_values_are_found_when_it_is_made(wrong: dict, key: str) -> None:
    with pytest.raises(ConfigError, match=key) as caught:
        AlertSystem(config(587, **wrong))
    assert "secretsecret" not in str(caught.value)
    assert PASSWORD not in str(caught.value)


def test_a_key_that_means_nothing_is_told_without_its_value() -> None:
    with pytest.warns(
        MiranteWarning, match="mean nothing: smpt_password; known are locale, .*smtp_pass"
    ) as told:
        AlertSystem({"smpt_password": "hunter2", "locale": "en"})
    assert "hunter2" not in str(told[0].message)


def test_config_must_be_a_mapping() -> None:
    with pytest.raises(ConfigError, match="list"):
        AlertSystem([])  # type: ignore[arg-type]  # that is the point


def test_an_empty_message_to_slack() -> None:
    with pytest.raises(InputError):
        AlertSystem({"slack_webhook_url": "http://127.0.0.1:9/x"}).send_slack_alert(" \n")


def test_secrets_from_file_and_environment(
    tmp_path: Path, slack: SlackDouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = tmp_path / "webhook"
    secret.write_text(f"{slack.url}\n")
    AlertSystem({"slack_webhook_url_file": str(secret)}).send_slack_alert("one")
    monkeypatch.setenv("HOOK", slack.url)
    system = AlertSystem({"slack_webhook_url": "env:HOOK"})
    system.send_slack_alert("two")
    assert len(slack.requests) == 2
    assert "secretsecret" not in repr(system)
