"""Host, Origin, token, size and headers, each with the request that must be refused."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from mirante.errors import ConfigError
from mirante.store import Store
from mirante.web.asgi import create_app
from mirante.web.config import WebConfig
from mirante.web.security import check_bind, is_loopback, safe_next
from mirante.web.sessions import COOKIE
from tests.web.conftest import NOW, TOKEN, Client

LABELS = json.dumps({"model": "m", "ids": ["a"], "values": [1]}).encode()
JSON = {"content_type": "application/json"}


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.4", "example.org", ""])
def test_an_address_that_others_reach_needs_a_good_token(host: str):
    with pytest.raises(ConfigError, match="no token"):
        check_bind(host, None)
    with pytest.raises(ConfigError, match="at least 16"):
        check_bind(host, "short")
    check_bind(host, "x" * 16)


def test_short_token_itself_is_not_in_the_error():
    with pytest.raises(ConfigError) as caught:
        check_bind("0.0.0.0", "hunter2")
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "localhost", "::1", "[::1]"])
def test_loopback_needs_none(host: str):
    assert is_loopback(host)
    check_bind(host, None)


def test_application_refuses_an_open_bind(empty_store: Store):
    with pytest.raises(ConfigError, match="no token"):
        create_app(empty_store, config=WebConfig(host="0.0.0.0"))


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "localhost.evil.example",
        "127.0.0.1.evil.example",
        "",
        None,
        "[::1",
        "127.0.0.1@evil.example:80/",
    ],
)
def test_unknown_host_names_are_refused(client: Client, host: str | None):
    assert client.get("/", host=host).status == 421


@pytest.mark.parametrize("host", ["127.0.0.1:8765", "localhost", "LOCALHOST:1", "[::1]:8765", "localhost."])
def test_own_host_names_are_served(client: Client, host: str):
    assert client.get("/login", host=host).status == 303


def test_configured_host_name_is_served(guarded: Client):
    assert guarded.get("/login", host="mirante.example:443").status == 200
    assert guarded.get("/login", host="other.example").status == 421


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"origin": "http://["},
        {"origin": "http://127.0.0.1:9999"},
        {"origin": "http://127.0.0.1:8765.evil.example"},
        {"sec_fetch_site": "cross-site"},
        {"sec_fetch_site": "same-site"},
    ],
)
def test_writes_from_other_sites_are_refused(client: Client, store: Store, headers: dict[str, str]):
    before = store.labels.count("m")
    assert client("POST", "/api/v1/labels", body=LABELS, **JSON, **headers).status == 403
    assert store.labels.count("m") == before


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", None]
)
def test_writes_to_the_api_are_json(client: Client, kind: str | None):
    assert client("POST", "/api/v1/labels", body=LABELS, content_type=kind).status == 415


def test_reads_need_the_token_once_there_is_one(guarded: Client):
    for target in (
        "/",
        "/alerts",
        "/metrics",
        "/healthz",
        "/api/v1/subjects",
        "/api/v1/openapi.json",
        "/nope",
    ):
        answer = guarded.get(target, accept="application/json")
        assert (answer.status, "Bearer" in answer.headers["www-authenticate"]) == (401, True), target
        assert guarded.get(target, authorization=f"Bearer {TOKEN}").status in (200, 404), target
        assert guarded.get(target, accept="*/*", authorization="Bearer wrong").status == 401
        assert guarded.get(target, accept="*/*", authorization=f"Basic {TOKEN}").status == 401


def test_a_browser_is_sent_to_the_login_and_back(guarded: Client):
    asked = guarded.get("/model?subject=a%26b")
    assert asked.status == 303
    assert asked.headers["location"] == "/login?next=%2Fmodel%3Fsubject%3Da%2526b"
    form = guarded.get(asked.headers["location"])
    assert 'value="/model?subject=a%26b"' in form.text
    body = f"next=%2Falerts&token={TOKEN}".encode()
    done = guarded("POST", "/login", body=body, origin="http://127.0.0.1:8765")
    assert (done.status, done.headers["location"]) == (303, "/alerts")
    cookie = done.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie
    assert TOKEN not in cookie
    assert guarded.get("/", cookie=cookie.split(";")[0]).status == 200
    assert guarded.get("/", cookie=f"{COOKIE}=9999999999.{'0' * 64}").status == 303


def test_a_link_from_a_mail_is_asked_once_more_from_here(guarded: Client):
    answer = guarded.get('/alerts?x="><script>', sec_fetch_site="cross-site")
    assert answer.status == 200
    assert 'content="0;url=/login?next=%2Falerts' in answer.text
    assert "<script" not in answer.text


def test_polling_without_a_login_is_401_and_no_redirect(guarded: Client):
    assert guarded.get("/", hx_request="true").status == 401


def test_wrong_tokens_are_slowed_down(guarded: Client):
    tries = [guarded("POST", "/login", body=b"token=guess").status for _ in range(12)]
    assert tries == [401] * 10 + [429] * 2
    assert guarded("POST", "/login", body=f"token={TOKEN}".encode()).status == 429


def test_login_from_another_site_is_refused(guarded: Client):
    answer = guarded("POST", "/login", body=f"token={TOKEN}".encode(), origin="https://evil.example")
    assert answer.status == 403


def test_large_bodies_are_refused_said_or_unsaid(client: Client):
    assert client("POST", "/api/v1/labels", **JSON, content_length="99999999999").status == 413
    assert client("POST", "/api/v1/labels", **JSON, content_length="-1").status == 413
    parts = [b"x" * 2**20] * 9
    assert client("POST", "/api/v1/labels", body=parts, **JSON).status == 413


@pytest.mark.parametrize(
    "target",
    [
        "/",
        "/alerts",
        "/nope",
        "/static/style.css",
        "/static/../config.py",
        "/metrics",
        "/healthz",
        "/api/v1/alerts/x",
        "/model",
    ],
)
def test_every_answer_carries_the_headers(client: Client, guarded: Client, target: str):
    answers = [
        client.get(target),
        client.get(target, host="evil"),
        guarded.get(target),
        client("POST", target),
    ]
    for answer in answers:
        assert (
            "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:"
            in answer.headers["content-security-policy"]
        )
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["x-frame-options"] == "SAMEORIGIN"
        assert answer.headers["referrer-policy"] == "same-origin"


def test_a_failing_page_carries_the_headers_too(store: Store):
    app = create_app(store, config=WebConfig(), health=lambda: 1 / 0, clock=lambda: NOW)
    sent: list[Any] = []

    async def receive() -> Any:
        return {"type": "http.request", "body": b""}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": "GET",
        "path": "/healthz",
        "query_string": b"",
        "headers": [(b"host", b"localhost")],
    }
    with pytest.raises(ZeroDivisionError):
        asyncio.run(app(scope, receive, send))
    assert sent[0]["status"] == 500
    assert b"content-security-policy" in dict(sent[0]["headers"])


def test_websockets_are_closed(client: Client):
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    asyncio.run(client.app({"type": "websocket", "path": "/", "headers": []}, None, send))
    assert sent == [{"type": "websocket.close", "code": 1008}]


@pytest.mark.parametrize(
    "target", ["//evil", "https://evil", "/\\evil", "javascript:1", "", "/a\r\nSet-Cookie: x", "/ x"]
)
def test_nobody_is_led_away_after_the_login(target: str):
    assert safe_next(target) == "/"


def test_a_delete_without_a_body_needs_no_content_type(client: Client):
    target = "/api/v1/silences/none?author=ana"
    assert client("DELETE", target).status == 404
    assert client("DELETE", target, body=b"a=b", content_type="text/plain").status == 415
    assert client("PUT", target, body=b"{}").status == 415
    assert client("DELETE", target, origin="https://evil.example").status == 403


def test_a_page_that_only_shows_still_lets_people_log_in(store: Store):
    config = WebConfig(host="0.0.0.0", token=TOKEN, read_only=True)
    shows = Client(create_app(store, config=config, clock=lambda: NOW))
    kind = {"content_type": "application/x-www-form-urlencoded"}
    assert shows("POST", "/login", body=f"token={TOKEN}".encode(), **kind).status == 303
    refused = shows("POST", "/api/v1/labels", body=LABELS, authorization=f"Bearer {TOKEN}", **JSON)
    assert (refused.status, "web.read_only" in refused.text) == (403, True)
