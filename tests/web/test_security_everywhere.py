"""Every address with every way to ask it, and every parameter with what means harm."""

from __future__ import annotations

import gzip
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest
from fastapi import FastAPI

from mirante.store import Store
from mirante.web.asgi import create_app
from mirante.web.config import WebConfig
from mirante.web.security import CSP
from mirante.web.sessions import COOKIE, Sessions
from tests.web.conftest import HOST, MODEL, NOW, TOKEN, Client

ALERT = f"{1:032x}"
JSON = {"accept": "application/json"}
WANTED = {
    "content-security-policy": CSP,
    "x-content-type-options": "nosniff",
    "x-frame-options": "SAMEORIGIN",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}
PAGES = (
    "/", "/alerts", f"/alerts/{ALERT}", "/silences", "/silences/new", f"/model?subject={MODEL}",
    f"/host?subject={HOST}", "/status", "/login",
)  # fmt: skip
OTHERS = (
    "/metrics", "/healthz", "/favicon.ico", "/static/style.css", "/static/none.css", "/api/v1/subjects",
    "/api/v1/alerts", "/api/v1/alerts/none", "/api/v1/readings?limit=0", "/api/v1/openapi.json", "/nope",
    "/model?subject=none", "/proposals/none", "/silences/none",
)  # fmt: skip
METHODS = ("GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE", "TRACE", "PROPFIND", "G\u00cbT")


def routes(app: Any) -> list[Any]:
    inner = app._app
    assert isinstance(inner, FastAPI)
    return [route for route in inner.routes if hasattr(route, "methods")]


def test_the_lists_name_every_route(client: Client):
    """A new route that nobody put to the tests below is found here."""
    asked = {target.partition("?")[0] for target in (*PAGES, *OTHERS)}
    left = [
        route.path
        for route in routes(client.app)
        if "GET" in route.methods
        and not route.path.startswith("/api/v1/")  # drawn from their document: test_api_contract.py
        and not any(route.path_regex.match(target) for target in asked)
    ]
    assert left == []


@pytest.mark.parametrize("target", [*PAGES, *OTHERS])
def test_every_answer_to_every_method_carries_the_headers(client: Client, guarded: Client, target: str):
    login = {"authorization": f"Bearer {TOKEN}"}
    etag = client.get(target).headers.get("etag", '"x"')
    answers = {
        **{method: client(method, target) for method in METHODS},
        "304": client.get(target, if_none_match=etag),
        "refused host": client.get(target, host="evil.example"),
        "no token": guarded.get(target, accept="application/json"),
        "to the login": guarded.get(target, sec_fetch_site="cross-site"),
        "with a token": guarded.get(target, **login),
        "from elsewhere": client("POST", target, origin="https://evil.example"),
        "too long": client("POST", target, content_length="99999999999"),
        "compressed": client.get(target, accept_encoding="gzip"),
    }
    for how, answer in answers.items():
        assert {name: answer.headers.get(name) for name in WANTED} == WANTED, how
        assert answer.status < 500, (how, answer.status)
        assert "server" not in answer.headers
        assert "access-control-allow-origin" not in answer.headers, how
    for method in ("PUT", "PATCH", "TRACE", "PROPFIND", "OPTIONS"):
        assert answers[method].status in (404, 405, 415), method
    assert answers["HEAD"].body == b""


@pytest.mark.parametrize(
    "target", ["/", "/alerts", "/metrics", "/healthz", "/static/style.css", "/favicon.ico"]
)
def test_head_is_get_without_a_body(client: Client, target: str):
    got, head = client.get(target), client("HEAD", target, content_length=None)
    assert (head.status, head.body) == (got.status, b"")
    for name in ("content-type", "etag", "cache-control"):
        assert head.headers.get(name) == got.headers.get(name), name


# --- Host and Origin


@pytest.mark.parametrize("target", ["/", "/api/v1/subjects", "/metrics", "/static/style.css", "/login"])
@pytest.mark.parametrize("host", ["evil.example", "evil.example:8765", "127.0.0.1.nip.io", "169.254.169.254"])
def test_a_name_that_was_bound_to_this_address_is_refused(client: Client, target: str, host: str):
    """DNS rebinding: the browser believes that it talks to evil.example, and says so."""
    assert client.get(target, host=host).status == 421
    assert client.get(target, host=host, x_forwarded_host="127.0.0.1:8765").status == 421
    assert client.get(target, host=host, forwarded="host=127.0.0.1").status == 421


def test_forwarded_names_change_nothing(guarded: Client):
    plain = guarded.get("/alerts")
    told = guarded.get(
        "/alerts", x_forwarded_host="evil.example", x_forwarded_proto="https", forwarded="host=e"
    )
    assert (told.status, told.headers["location"]) == (plain.status, plain.headers["location"])
    assert "evil" not in guarded.get("/login", x_forwarded_host="evil.example").text


FORMS = (
    "/login", f"/alerts/{ALERT}/acknowledge", f"/alerts/{ALERT}/give-back", "/silences/new", "/silences/x",
    "/silences/x/end", "/proposals/x", "/baselines",
)  # fmt: skip


def test_the_forms_are_all_there(client: Client):
    posts = [route for route in routes(client.app) if "POST" in route.methods]
    left = [
        route.path
        for route in posts
        if not route.path.startswith("/api/") and not any(route.path_regex.match(target) for target in FORMS)
    ]
    assert left == []


@pytest.mark.parametrize("target", FORMS)
@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"origin": "http://127.0.0.1:8765.evil.example"},
        {"sec_fetch_site": "cross-site"},
        {"sec_fetch_site": "same-site"},
        {"origin": "http://127.0.0.1:8765", "sec_fetch_site": "cross-site"},
    ],
)
def test_forms_from_other_sites_are_refused(client: Client, target: str, headers: dict[str, str]):
    kind = "application/x-www-form-urlencoded"
    assert client("POST", target, body=b"author=a", content_type=kind, **headers).status == 403


# --- the login


def test_the_cookie_is_for_this_site_and_no_script(guarded: Client):
    answer = guarded("POST", "/login", body=f"token={TOKEN}".encode())
    cookie = {part.strip().lower() for part in answer.headers["set-cookie"].split(";")}
    assert {"httponly", "samesite=strict", "path=/"} <= cookie
    assert not any(part.startswith("domain") for part in cookie)
    assert TOKEN not in answer.headers["set-cookie"]
    assert answer.headers["cache-control"] == "no-store"


def test_a_cookie_that_somebody_else_chose_is_never_taken_up(guarded: Client):
    """Session fixation: what a login hands out depends on nothing that the request brought."""
    chosen = f"{COOKIE}=9999999999.{'0' * 64}"
    answer = guarded("POST", "/login", body=f"token={TOKEN}".encode(), cookie=chosen)
    assert "9999999999" not in answer.headers["set-cookie"]
    assert guarded.get("/", cookie=chosen).status == 303
    mine = answer.headers["set-cookie"].split(";")[0]
    assert guarded.get("/", cookie=mine).status == 200
    assert guarded.get("/", cookie=f"{chosen}; {mine}").status in (200, 303)


@pytest.mark.parametrize(
    "spoiled", ["\u00e9", "1.", ".", "1.\u0661", f"{'9' * 5000}.x", "-1.0", "1e9.0", '"']
)
def test_spoiled_cookies_are_no_login_and_no_failure(guarded: Client, spoiled: str):
    assert guarded.get("/", cookie=f"{COOKIE}={spoiled}").status == 303
    assert not Sessions(TOKEN).valid(spoiled, 0.0)


def test_tokens_and_signatures_are_compared_in_constant_time(monkeypatch: pytest.MonkeyPatch):
    from mirante.web import sessions

    seen: list[tuple[bytes, bytes]] = []
    real = sessions.hmac.compare_digest
    monkeypatch.setattr(
        sessions.hmac, "compare_digest", lambda one, other: seen.append((one, other)) or real(one, other)
    )
    checks = Sessions(TOKEN)
    assert not checks.is_token("guess")
    assert checks.valid(checks.issue(0), 1.0)
    assert len(seen) == 2


def test_guessing_is_braked_in_the_header_too(guarded: Client):
    tries = [
        guarded.get("/api/v1/subjects", authorization=f"Bearer guess{n}", **JSON).status for n in range(40)
    ]
    assert tries[:10] == [401] * 10
    assert tries[-1] == 429
    assert (
        guarded.get("/api/v1/subjects", authorization="Bearer x", **JSON).headers["retry-after"].isdecimal()
    )


def test_one_who_guesses_does_not_lock_the_others_out(guarded: Client):
    done = guarded("POST", "/login", body=f"token={TOKEN}".encode())
    cookie = done.headers["set-cookie"].split(";")[0]
    for n in range(40):
        guarded.get("/api/v1/subjects", authorization=f"Bearer guess{n}")
    assert guarded.get("/api/v1/subjects", cookie=cookie).status == 200
    guarded.address = "192.0.2.7"
    assert guarded.get("/api/v1/subjects", authorization=f"Bearer {TOKEN}").status == 200


@pytest.mark.parametrize(
    "target",
    [
        "//evil.example", "/\\evil.example", "https://evil.example", "/%5cevil.example", "///evil.example",
        "/\t/evil.example", "\\/evil.example", "javascript:alert(1)", "/a\r\nSet-Cookie: x=1", "/a%0d%0aX: y",
        "/\u2028x", "/\u00e9",
    ],
)  # fmt: skip
def test_the_login_leads_nowhere_else(client: Client, guarded: Client, target: str):
    asked = quote(target, safe="")
    answers = [
        client.get(f"/login?next={asked}"),
        guarded("POST", "/login", body=f"token={TOKEN}&next={asked}".encode()),
    ]
    for answer in answers:
        place = answer.headers["location"]
        assert answer.status == 303
        assert re.fullmatch(r"/(?![/\\])[!-~]*", place), place
        assert "\\" not in place
        assert set(answer.headers) - {"set-cookie", "x"} == set(answer.headers) - {"set-cookie"}


# --- files


@pytest.mark.parametrize(
    "name",
    [
        "../asgi.py", "..%2fasgi.py", "%2e%2e/asgi.py", "%2e%2e%2fasgi.py", "..%5casgi.py", "..%252fasgi.py",
        "....//asgi.py", "/etc/passwd", "%2fetc%2fpasswd", "style.css%00.js", "style.css/", "STYLE.CSS",
        "style.css/../../asgi.py", ".", "..", "%c0%ae%c0%ae/asgi.py", "C:%5cwindows", "style.css::$DATA",
        "x" * 10_000,
    ],
)  # fmt: skip
def test_no_path_leads_out_of_the_static_files(client: Client, name: str):
    answer = client.get(f"/static/{name}")
    assert answer.status in (404, 414), name
    assert b"create_app" not in answer.body
    assert b"root:" not in answer.body


# --- what is sent back

EVIL = {
    "tag": '"><img src=x onerror=alert(1)>',
    "single": "'><svg/onload=alert(1)>",
    "template": "{{7*7}}{% for x in ().__class__.__base__.__subclasses__() %}{{x}}{% endfor %}",
    "script": "</script><script>alert(1)</script>",
    "turned": "\u202egnp.exe\u2066",
    "nul": "a\0b",
    "lines": "a\r\nSet-Cookie: evil=1\r\n\r\n<script>alert(1)</script>",
    "lone": "%ED%A0%80",
    "number": "9" * 400,
}
PARAMETERS = ("subject", "range", "since", "until", "feature", "window", "page", "lang", "state", "rule",
              "severity", "alert", "next", "v", "q", "x")  # fmt: skip
SHOWN = ("/", "/alerts", f"/alerts/{ALERT}", "/silences", "/silences/new", "/model",
         f"/model?subject={MODEL}", "/host", f"/host?subject={HOST}", "/status", "/login",
         "/nope")  # fmt: skip
LIVE = re.compile(rb"<img src=x|<svg/onload|<script>alert|49\{%|<class '", re.I)


def harmless(answer: Any, where: str) -> None:
    assert answer.status < 500, where
    assert "evil=1" not in answer.headers.get("set-cookie", ""), where
    for name, value in answer.headers.items():
        assert not re.search(r"[\r\n\0]", name + value), where
    if "text/html" in answer.headers.get("content-type", ""):
        assert not LIVE.search(answer.body), where
        # what a form sends back stays as it was given, and shows nothing by itself
        seen = re.sub(r'value="[^"]*"|<textarea\b.*?</textarea>', "", answer.text, flags=re.S)
        assert not re.search("[\u202e\u2066\0]", seen), where


@pytest.mark.parametrize("name", EVIL)
@pytest.mark.parametrize("page", SHOWN)
def test_what_a_parameter_says_stays_a_text(client: Client, page: str, name: str):
    text = EVIL[name] if name == "lone" else quote(EVIL[name], safe="")
    glue = "&" if "?" in page else "?"
    every = "&".join(f"{key}={text}" for key in PARAMETERS if f"{key}=" not in page)
    harmless(client.get(f"{page}{glue}{every}"), f"{page}: all at once")


@pytest.mark.parametrize("name", EVIL)
@pytest.mark.parametrize("path", ["/{}", "/alerts/{}", "/silences/{}", "/api/v1/alerts/{}", "/static/{}"])
def test_what_a_path_says_stays_a_text(client: Client, path: str, name: str):
    text = EVIL[name] if name == "lone" else quote(EVIL[name], safe="")
    harmless(client.get(path.format(text)), path)


@pytest.mark.parametrize("name", EVIL)
@pytest.mark.parametrize("target", FORMS)
def test_what_a_form_says_stays_a_text(store_copy: Client, target: str, name: str):
    fields = ("author", "comment", "reason", "note", "next", "duration", "matchers", "decision",
              "subject", "since", "until", "token", "starts_at", "ends_at", "preview", "rule", "name",
              "value", "zone", "quick", "starts", "lasting")  # fmt: skip
    text = EVIL[name] if name == "lone" else quote(EVIL[name], safe="")
    body = "&".join(f"{field}={text}" for field in fields[:10]).encode()
    harmless(store_copy("POST", target, body=body), target)
    harmless(store_copy("POST", target, body="&".join(f"{f}={text}" for f in fields).encode()), target)


@pytest.fixture(scope="module")
def store_copy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """A page whose store may be written."""
    from tests.web.conftest import _fill_alerts

    with Store(f"sqlite:///{tmp_path_factory.mktemp('written')}/m.db") as store:
        _fill_alerts(store)
        yield Client(create_app(store, config=WebConfig(), clock=lambda: NOW))


# --- size


@pytest.mark.parametrize(
    "target", ["/", "/model", "/alerts", "/api/v1/readings", "/login", "/static/style.css"]
)
def test_long_addresses_are_refused_before_they_are_read(client: Client, target: str):
    for query in ("subject=" + "x" * 10_000, "&".join(f"a{n}=1" for n in range(5_000))):
        answer = client.get(f"{target}?{query}")
        assert answer.status == 414
        assert len(answer.body) < 500
    assert client.get("/" + "a" * 10_000).status == 414
    assert client.get(f"{target}?subject=" + "x" * 4_000).status < 500


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "GZIP, identity"])
@pytest.mark.parametrize("target", ["/api/v1/labels", "/login", "/silences/new"])
def test_nothing_that_was_packed_is_unpacked(client: Client, target: str, encoding: str):
    bomb = gzip.compress(b"0" * 10_000_000)
    answer = client("POST", target, body=bomb, content_type="application/json", content_encoding=encoding)
    assert answer.status == 415


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[" * 100_000, b"\xff\xfe", b'{"model": "\\ud800", "ids": ["a"], "values": [1]}', b"null",
     b'{"model": "m", "ids": ["a"], "values": [1e999]}',
     b'{"model": "m\\u0000", "ids": ["a"], "values": [1]}',
     b'{"a":' * 5_000, b"=&=&;;%%%"],
)  # fmt: skip
@pytest.mark.parametrize(
    "target", ["/api/v1/labels", "/api/v1/silences", "/api/v1/routes/test", "/silences/new"]
)
def test_malformed_bodies_are_no_failure(store_copy: Client, target: str, body: bytes):
    answer = store_copy("POST", target, body=body, content_type="application/json")
    assert answer.status < 500, answer.text


def test_a_body_that_stops_half_way_is_given_up(client: Client):
    import asyncio

    sent: list[Any] = []

    async def receive() -> Any:
        if sent:
            await asyncio.Event().wait()
        sent.append("asked")
        return {"type": "http.request", "body": b"{", "more_body": True}

    answers: list[Any] = []

    async def send(message: Any) -> None:
        answers.append(message)

    client.app._patience = 0.05
    scope = {
        "type": "http", "method": "POST", "path": "/api/v1/labels", "query_string": b"",
        "headers": [(b"host", b"localhost"), (b"content-type", b"application/json")],
    }  # fmt: skip
    asyncio.run(asyncio.wait_for(client.app(scope, receive, send), 5))
    assert answers[0]["status"] == 408


def test_a_client_that_goes_away_in_its_body_ends_the_request(client: Client):
    import asyncio

    messages = [{"type": "http.request", "body": b"{", "more_body": True}, {"type": "http.disconnect"}]
    answers: list[Any] = []

    async def receive() -> Any:
        return messages.pop(0)

    async def send(message: Any) -> None:
        answers.append(message)

    scope = {
        "type": "http", "method": "POST", "path": "/api/v1/labels", "query_string": b"",
        "headers": [(b"host", b"localhost"), (b"content-type", b"application/json")],
    }  # fmt: skip
    asyncio.run(client.app(scope, receive, send))
    assert answers == []
