"""Addresses, waits and redaction; tests/conformance/test_http_faults.py has what can go wrong."""

from __future__ import annotations

import asyncio
import ssl
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest
from pydantic import SecretStr

from mirante.alerts.channels.http import Endpoint, retry_after
from mirante.errors import ConfigError, DeliveryError
from tests.doubles.slack import Answer, SlackDouble
from tests.doubles.tls import Certificate

NOON = datetime(2013, 2, 8, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        (None, None),
        ("", None),
        ("0", 0.0),
        ("7", 7.0),
        ("1.5", 1.5),
        ("999999", 3600.0),
        ("-3", None),
        ("soon", None),
        ("Fri, 08 Feb 2013 12:00:30 GMT", 30.0),
        ("Fri, 08 Feb 2013 12:00:30 -0000", 30.0),
        ("Fri, 08 Feb 2013 11:00:00 GMT", None),
        ("Fri, 08 Feb 2033 11:00:00 GMT", 3600.0),
        ("Fri, 99 Feb 2013 11:00:00 GMT", None),
    ],
)
def test_retry_after(text: str | None, seconds: float | None) -> None:
    assert retry_after(text, NOON) == seconds


@pytest.mark.parametrize(
    "bad", ["", "host/x", "ftp://x/y", "https://user:pw@host/x", "https://h/\nx", "file:///etc"]
)
def test_wrong_addresses_are_refused_without_being_shown(bad: str) -> None:
    with pytest.raises(ConfigError, match="url is not of the form") as caught:
        Endpoint("it", SecretStr(bad))
    assert not bad or bad not in str(caught.value)


def test_what_is_hidden() -> None:
    endpoint = Endpoint(
        "it", SecretStr("https://h/hook/abcdefgh12?token=tok%2Fsecret9"), secrets=[SecretStr("Bearer xyz")]
    )
    said = endpoint.hide("hook abcdefgh12 tok%2Fsecret9 tok/secret9 Bearer xyz\r\nhttps://h/hook/abcdefgh12")
    assert said == "hook *** *** *** *** https://h/hook/***"
    assert "abcdefgh12" not in repr(endpoint)


def test_a_good_answer(slack: SlackDouble) -> None:
    slack.always = Answer(202, b"x" * 200_000, {"X-Y": "z"})
    answer = asyncio.run(Endpoint("it", SecretStr(slack.url)).call(b"{}", {"A": "b"}))
    assert (answer.status, len(answer.body), answer.headers["x-y"]) == (202, 65536, "z")
    (request,) = slack.requests
    assert (request.body, request.headers["a"]) == (b"{}", "b")


def test_what_is_packed_is_not_unpacked(slack: SlackDouble) -> None:
    slack.always = Answer(200, b"\x1f\x8b not gzip", {"Content-Encoding": "gzip"})
    assert asyncio.run(Endpoint("it", SecretStr(slack.url)).call()).body.startswith(b"\x1f\x8b")


def test_no_proxy_of_the_environment_is_asked(
    slack: SlackDouble, monkeypatch: pytest.MonkeyPatch, free_port: int
) -> None:
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{free_port}")
    monkeypatch.setenv("NO_PROXY", "")
    slack.always = Answer()
    asyncio.run(Endpoint("it", SecretStr(slack.url)).call())
    assert len(slack.requests) == 1


def test_a_bad_certificate_is_final(certificate: Certificate, tmp_path: Path) -> None:
    server = HTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler)
    server.socket = certificate.server().wrap_socket(server.socket, server_side=True)
    server.handle_error = lambda *_: None  # type: ignore[method-assign]  # the refusal is what is tested
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        with pytest.raises(DeliveryError, match="Certificate") as caught:
            asyncio.run(Endpoint("it", SecretStr(f"https://127.0.0.1:{server.server_port}/")).call())
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
    assert caught.value.retry is False
    assert ssl.SSLError.__name__ not in repr(caught.value.__cause__)


def test_an_address_that_no_client_takes_is_final() -> None:
    with pytest.raises(DeliveryError) as caught:
        asyncio.run(Endpoint("it", SecretStr("http://[half/secretsecret")).call())
    assert caught.value.retry is False
    assert "secretsecret" not in str(caught.value)
