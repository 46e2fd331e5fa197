"""Mail through a real SMTP server."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from datetime import UTC, datetime
from email.header import decode_header, make_header
from email.utils import parsedate_to_datetime

import pytest
from pydantic import SecretStr

from mirante.alerts.channels.base import Notice, NoticeAlert
from mirante.alerts.channels.email import EmailChannel, check_addresses, server_and_port
from mirante.errors import ConfigError, DeliveryError
from tests.doubles.smtp import PASSWORD, USER, mail_server, silent_server
from tests.doubles.tls import Certificate, make_certificate

NOW = datetime(2013, 2, 8, 23, 30, tzinfo=UTC)
ALERT = NoticeAlert(
    "firing",
    "Atraso: 51% dos voos",
    {"model": "nyc-flight-delay", "feature": "dep_delay"},
    0.51,
    None,
    "missing_ratio > 0.3",
    NOW,
    None,
    "dep_delay: 3 % -> 51 %",
)
NOTICE = Notice(
    "a1b2c3",
    "first_firing",
    "critical",
    "Alerta Crítico: faltam valores em dep_delay",
    (ALERT,),
    {"page": "http://127.0.0.1:8765/x?a=1&b=2", "bad": "javascript:alert(1)"},
    locale="pt_BR",
)


def channel(port: int, certificate: Certificate | None, **changes: object) -> EmailChannel:
    settings: dict = {
        "user": USER,
        "password": SecretStr(PASSWORD),
        "sender": "mirante@example.org",
        "tls_context": certificate.client() if certificate else None,
        "clock": lambda: NOW,
    }
    return EmailChannel(
        f"127.0.0.1:{port}", ["ops@example.org", "ana@example.org"], **{**settings, **changes}
    )


def send(to: EmailChannel, notice: Notice = NOTICE) -> None:
    asyncio.run(to.deliver(notice))


def test_alerta_critico_arrives_whole(certificate: Certificate) -> None:
    with mail_server(certificate.server(), login=True) as box:
        send(channel(box.port, certificate))
    assert box.logins == [(USER, PASSWORD)]
    assert box.tls == [True]
    assert box.recipients == [["ops@example.org", "ana@example.org"]]
    (message,) = box.messages
    assert message["Subject"] == "Alerta Crítico: faltam valores em dep_delay"
    assert message["From"] == "mirante@example.org"
    assert message["To"] == "ops@example.org, ana@example.org"
    assert parsedate_to_datetime(message["Date"]) == NOW
    assert message["Message-ID"] == "<a1b2c3@example.org>"
    assert message.get_content_type() == "multipart/alternative"
    text = message.get_body(("plain",)).get_content()
    assert "Atraso: 51% dos voos" in text
    assert "dep_delay: 3 % -> 51 %" in text
    assert "missing_ratio > 0.3" in text
    page = message.get_body(("html",)).get_content()
    assert "Alerta Crítico" in page
    assert "missing_ratio &gt; 0.3" in page
    assert 'href="http://127.0.0.1:8765/x?a=1&amp;b=2"' in page
    assert "javascript:" not in page


def test_the_mail_is_ascii_on_the_wire_with_short_lines(certificate: Certificate) -> None:
    long = Notice(
        "1", "message", "info", "Alerta Crítico: " + "á" * 400, (NoticeAlert("message", "é" * 5000),)
    )
    with mail_server(certificate.server()) as box:
        send(channel(box.port, certificate, user=None, password=None), long)
    (raw,) = box.raw
    assert raw.isascii()
    assert max(map(len, raw.split(b"\r\n"))) <= 998
    header = raw.split(b"\r\n\r\n")[0].replace(b"\r\n", b"")
    subject = (
        header[header.index(b"Subject:") :].split(b"From:")[0].removeprefix(b"Subject:").decode().strip()
    )
    assert str(make_header(decode_header(subject))).startswith("Alerta Crítico: áá")


@pytest.mark.parametrize(
    "name",
    [
        "a\r\nBcc: thief@example.org",
        "a\nX-Evil: 1\n\nbody",
        "nul\x00 esc\x1b[31m",
        "\u202egnp.exe",
        "lone \ud800 surrogate",
        "\u2028Bcc: x@example.org",
    ],
)
def test_header_injection_is_cleaned(certificate: Certificate, name: str) -> None:
    hostile = Notice(
        "1\r\nX: 1", "message", "info", name, (NoticeAlert("firing", name, {"model": name}),), {name: name}
    )
    with mail_server(certificate.server()) as box:
        send(channel(box.port, certificate, user=None, password=None), hostile)
    (message,) = box.messages
    own = ["Subject", "From", "To", "Date", "Message-ID", "List-Id", "Auto-Submitted"]
    assert sorted(message.keys()) == sorted([*own, "MIME-Version", "Content-Type"])
    assert box.recipients == [["ops@example.org", "ana@example.org"]]


def test_markup_is_escaped_in_html(certificate: Certificate) -> None:
    evil = '"><img src=x onerror=alert(1)>'
    notice = Notice("1", "message", "info", evil, (NoticeAlert("firing", evil, {"model": evil}, note=evil),))
    with mail_server(certificate.server()) as box:
        send(channel(box.port, certificate, user=None, password=None), notice)
    assert "<img" not in box.messages[0].get_body(("html",)).get_content()


@pytest.mark.parametrize(
    ("answer", "retry"),
    [
        ("421 closing", True),
        ("450 busy", True),
        ("451 try later", True),
        ("452 full", True),
        ("550 no", False),
        ("554 no", False),
    ],
)
def test_answers_to_data(certificate: Certificate, answer: str, retry: bool) -> None:
    with mail_server(certificate.server()) as box:
        box.on_data = [answer]
        with pytest.raises(DeliveryError, match=answer[:3]) as caught:
            send(channel(box.port, certificate, user=None, password=None))
    assert caught.value.retry is retry


@pytest.mark.parametrize(("answer", "retry"), [("451 greylisted", True), ("550 nobody", False)])
def test_answers_to_recipients(certificate: Certificate, answer: str, retry: bool) -> None:
    with mail_server(certificate.server()) as box:
        box.on_recipient = {"ops@example.org": answer, "ana@example.org": answer}
        with pytest.raises(DeliveryError, match=rf"ops@example\.org: {answer[:3]}") as caught:
            send(channel(box.port, certificate, user=None, password=None))
    assert caught.value.retry is retry


def test_one_refused_recipient_is_told_and_not_sent_twice_to_the_other(certificate: Certificate) -> None:
    with mail_server(certificate.server()) as box:
        box.on_recipient = {"ana@example.org": "550 nobody"}
        with pytest.raises(DeliveryError, match=r"not to all: ana@example\.org") as caught:
            send(channel(box.port, certificate, user=None, password=None))
    assert caught.value.retry is False
    assert box.recipients == [["ops@example.org"]]


def test_a_wrong_password_is_final_and_never_shown(certificate: Certificate) -> None:
    with mail_server(certificate.server(), login=True) as box:
        start = time.monotonic()
        with pytest.raises(DeliveryError, match="535") as caught:
            send(channel(box.port, certificate, password=SecretStr("wrong-secret-wrong")))
    assert time.monotonic() - start < 5
    assert caught.value.retry is False
    assert "wrong-secret-wrong" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_a_silent_server_ends_at_the_deadline() -> None:
    with silent_server() as port:
        start = time.monotonic()
        with pytest.raises(DeliveryError, match=r"within 0.5 s|Timeout") as caught:
            send(channel(port, None, timeout=0.5))
    assert time.monotonic() - start < 2
    assert caught.value.retry is True


def test_nobody_listens(free_port: int) -> None:
    with pytest.raises(DeliveryError, match=f"127.0.0.1:{free_port}") as caught:
        send(channel(free_port, None))
    assert caught.value.retry is True


def test_a_certificate_of_strangers_is_refused(certificate: Certificate) -> None:
    refused = pytest.raises(DeliveryError, match="certificate")
    with mail_server(certificate.server(), login=True) as box, refused as caught:
        send(channel(box.port, None))
    assert caught.value.retry is False
    assert not box.logins
    assert not box.raw


def test_a_certificate_for_another_name_is_refused(tmp_path) -> None:
    other = make_certificate(tmp_path, host="elsewhere.example.org", address="10.0.0.1")
    refused = pytest.raises(DeliveryError, match="certificate")
    with mail_server(other.server(), login=True) as box, refused:
        send(channel(box.port, other))
    assert not box.logins


def test_a_server_without_starttls_gets_no_password() -> None:
    with mail_server() as box, pytest.raises(DeliveryError, match="STARTTLS") as caught:
        send(channel(box.port, None))
    assert caught.value.retry is False
    assert not box.logins
    assert not box.raw


def test_in_the_clear_only_when_told(certificate: Certificate) -> None:
    with mail_server() as box:
        send(channel(box.port, None, tls="none", user=None, password=None))
    assert box.tls == [False]
    with pytest.raises(ConfigError, match="in the clear"):
        EmailChannel("smtp.example.org", "a@example.org", user="u", password=SecretStr("p"), tls="none")


def test_ca_file_is_trusted(certificate: Certificate) -> None:
    with mail_server(certificate.server()) as box:
        send(channel(box.port, None, ca_file=str(certificate.certificate), user=None, password=None))
    assert len(box.raw) == 1
    with pytest.raises(ConfigError, match="smtp_ca_file"):
        EmailChannel("h", "a@example.org", ca_file="/nowhere.pem")


def test_the_sender_has_a_default() -> None:
    assert "ana@example.org" in repr(EmailChannel("h", "ana@example.org"))
    with pytest.raises(ConfigError, match="smtp_password"):
        EmailChannel("h", "a@example.org", user="u")


@pytest.mark.parametrize("bad", ["", "no-at", "a@b\r\nBcc: c@d", "a b@c", "<a@b>", "a@b,c@d", 7])
def test_wrong_addresses(bad: object) -> None:
    with pytest.raises(ConfigError, match="recipients"):
        check_addresses([bad])


@pytest.mark.parametrize("bad", ["", "h:0", "h:99999", "h:x", "http://h", "a b", "h\r\nx"])
def test_wrong_servers(bad: str) -> None:
    with pytest.raises(ConfigError, match="smtp_"):
        server_and_port(bad)


def test_an_incident_is_one_conversation(certificate: Certificate) -> None:
    with mail_server(certificate.server()) as box:
        to = channel(box.port, certificate, user=None, password=None)
        send(to, replace(NOTICE, id="first", thread="first"))
        send(to, replace(NOTICE, id="second", thread="first", reason="resolved"))
        send(to, replace(NOTICE, id="evil", thread="x>\r\nBcc: a@b.c"))
    first, second, evil = box.messages
    assert first["Message-ID"] == "<first@example.org>"
    assert first["In-Reply-To"] is None
    assert second["In-Reply-To"] == second["References"] == "<first@example.org>"
    assert {mail["List-Id"] for mail in box.messages} == {"Mirante <alerts.mirante.example.org>"}
    assert evil["References"] == "<xBccabc@example.org>"
    assert evil["Bcc"] is None


def test_who_was_refused_for_now_is_tried_again_alone(certificate: Certificate) -> None:
    with mail_server(certificate.server()) as box:
        to = channel(box.port, certificate, user=None, password=None)
        box.on_recipient = {"ana@example.org": "450 greylisted"}
        with pytest.raises(DeliveryError, match=r"not to all: ana@example\.org") as caught:
            send(to)
        assert caught.value.retry is True
        box.on_recipient = {"ana@example.org": "550 unknown", "ops@example.org": "250 OK"}
        with pytest.raises(DeliveryError) as caught:
            send(to)
        assert caught.value.retry is False
        box.on_recipient = {}
        send(to, replace(NOTICE, id="next"))
    assert box.recipients == [["ops@example.org"], ["ops@example.org", "ana@example.org"]]


def test_the_command_is_code_in_the_html_and_safe(certificate: Certificate) -> None:
    with mail_server(certificate.server()) as box:
        send(
            channel(box.port, certificate, user=None, password=None),
            replace(NOTICE, silence='mirante alerts silence --alert 1 --comment "<b>"'),
        )
    (message,) = box.messages
    told = (
        "<p>Para silenciar: <code>mirante alerts silence --alert 1 --comment &quot;&lt;b&gt;&quot;</code></p>"
    )
    assert told in message.get_body(("html",)).get_content()
    assert "Para silenciar: mirante alerts" in message.get_body(("plain",)).get_content()
