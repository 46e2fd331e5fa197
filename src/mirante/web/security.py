"""What stands between the network and the page: Host, Origin, token, body size, headers.

Pure ASGI, so it costs nothing measurable and works in front of any application. The order is: Host, size,
Origin, content type, token; every answer, also a refusal, carries the headers.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from ipaddress import ip_address
from typing import Any
from urllib.parse import SplitResult, quote, urlsplit

from mirante.errors import ConfigError
from mirante.web.bodies import GoneError, SlowError, TooLargeError, replay, whole_body
from mirante.web.sessions import LoginLimits, Sessions

__all__ = ["CSP", "HEADERS", "Security", "check_bind", "is_loopback", "safe_next"]

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

CSP = (
    "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; "
    "object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'self'"
)
HEADERS: tuple[tuple[bytes, bytes], ...] = (
    (b"content-security-policy", CSP.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"SAMEORIGIN"),
    (b"referrer-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
)
_LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})
_READS = frozenset({"GET", "HEAD", "OPTIONS"})
_OPEN_PATHS = ("/login", "/static/", "/favicon.ico")
_SHORTEST_TOKEN = 16
_LONGEST_ADDRESS = 8_192


def is_loopback(host: str) -> bool:
    """Return whether an address can be reached from this machine only.

    Examples
    --------
    >>> is_loopback("127.0.0.1"), is_loopback("::1"), is_loopback("0.0.0.0"), is_loopback("example.org")
    (True, True, False, False)
    """
    if host == "localhost":
        return True
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def check_bind(host: str, token: str | None) -> None:
    """Refuse an address that others can reach when there is no token, or only a short one.

    Parameters
    ----------
    host : str
        The address to bind.
    token : str or None
        What readers must present.

    Raises
    ------
    ConfigError
        If the address is not loopback and the token is missing or shorter than 16 characters.

    Examples
    --------
    >>> check_bind("127.0.0.1", None)
    """
    if is_loopback(host):
        return
    if token is None:
        raise ConfigError(
            f"web.host is {host!r}, which others can reach, and there is no token; "
            "set web.token_file (or web.token), or bind 127.0.0.1"
        )
    if len(token) < _SHORTEST_TOKEN:
        raise ConfigError(
            f"the token has {len(token)} characters; an address that others can reach needs at least "
            f"{_SHORTEST_TOKEN}: python -c 'import secrets; print(secrets.token_urlsafe(32))' makes one"
        )


def safe_next(target: str) -> str:
    """Return where to go after the login: a path of ours, never another site.

    Examples
    --------
    >>> safe_next("/alerts?state=firing"), safe_next("//evil.example"), safe_next("https://evil.example")
    ('/alerts?state=firing', '/', '/')
    """
    if not target.startswith("/") or target.startswith(("//", "/\\")) or any(ord(c) < 33 for c in target):
        return "/"
    return target


class Security:
    """ASGI middleware: see the module's first lines.

    Parameters
    ----------
    app : ASGI application
        What is guarded.
    allowed_hosts : iterable of str
        Host names that may be asked for, beside loopback's.
    sessions : Sessions, optional
        Checks token and cookie; None means that everybody who can connect may read.
    clock : callable
        Seconds since 1970.
    max_body : int
        Largest request body in bytes.
    read_only : bool
        Whether every write but the login is refused.
    patience : float
        Seconds in which a body has to come.
    """

    def __init__(
        self,
        app: App,
        *,
        clock: Callable[[], float],
        allowed_hosts: Iterable[str] = (),
        sessions: Sessions | None = None,
        max_body: int = 8 * 2**20,
        read_only: bool = False,
        patience: float = 30.0,
    ) -> None:
        self._patience = patience
        self._brake = LoginLimits()
        self._app = app
        self._clock = clock
        self._hosts = _LOOPBACK_NAMES | {host.lower().strip("[]") for host in allowed_hosts}
        self._sessions = sessions
        self._max_body = max_body
        self._read_only = read_only

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, refuse, or hand on one request."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":  # we serve no websocket: closing before accepting is a 403
            await send({"type": "websocket.close", "code": 1008})
            return
        headers = _Headers(scope)
        guarded = _with_headers(send)
        refusal = self._refusal(scope, headers)
        if refusal is not None:
            await _answer(guarded, *_in_its_kind(refusal, scope))
            return
        if scope["method"] == "HEAD":  # what GET says, without its body
            scope, guarded = {**scope, "method": "GET"}, _without_body(guarded)
        elif scope["method"] not in _READS:
            try:
                receive = replay(await whole_body(receive, self._max_body, self._patience), receive)
            except GoneError:
                return
            except TooLargeError:
                await _answer(guarded, *_in_its_kind(self._too_large(), scope))
                return
            except SlowError:
                slow = _text(408, f"The body did not come within {self._patience:g} seconds.")
                await _answer(guarded, *_in_its_kind(slow, scope))
                return
        await self._app(scope, receive, guarded)

    def _too_large(self) -> _Refusal:
        return _text(413, f"The body may have at most {self._max_body} bytes.")

    def _refusal(self, scope: Scope, headers: _Headers) -> _Refusal | None:
        host = headers.one("host")
        if host is None or _hostname(host) not in self._hosts:
            return _text(421, "This host name is not served here; add it to web.allowed_hosts.")
        if len(scope["path"]) + len(scope.get("query_string", b"")) > _LONGEST_ADDRESS:
            return _text(414, f"The address may have at most {_LONGEST_ADDRESS} characters.")
        length = headers.one("content-length")
        if length is not None and (not length.isdecimal() or int(length) > self._max_body):
            return self._too_large()
        if scope["method"] not in _READS:
            refusal = _bad_write(scope, headers, host)
            if refusal is not None:
                return refusal
            if self._read_only and scope["path"] != "/login":
                return _text(403, "This page only shows; web.read_only is set.")
        if self._sessions is None or scope["path"].startswith(_OPEN_PATHS):
            return None
        scheme, _, given = (headers.one("authorization") or "").partition(" ")
        if scheme.lower() == "bearer":
            asking = (scope.get("client") or ("",))[0]
            if self._brake.blocked(asking, self._clock()):
                status, body, more = _text(429, "Too many wrong tokens from this address; wait a minute.")
                return status, body, [*more, (b"retry-after", b"60")]
            known = self._sessions.is_token(given.strip())
            if not known:
                self._brake.failed(asking, self._clock())
        else:
            known = self._sessions.in_cookies(headers.one("cookie") or "", self._clock())
        return None if known else _ask_for_token(scope, headers)


_Refusal = tuple[int, bytes, list[tuple[bytes, bytes]]]


class _Headers:
    def __init__(self, scope: Scope) -> None:
        self._all: list[tuple[bytes, bytes]] = scope["headers"]

    def one(self, name: str) -> str | None:
        found = [value for key, value in self._all if key == name.encode()]
        # Two Host or Origin headers are an attack on whoever reads the other one: read neither.
        return found[0].decode("latin-1") if len(found) == 1 else None


def _address(url: str) -> SplitResult:
    try:
        return urlsplit(url)
    except ValueError:  # such as "http://[": equal to nothing that is served
        return urlsplit("")


def _hostname(host: str) -> str:
    return (_address(f"//{host}").hostname or "").rstrip(".").lower()


def _bad_write(scope: Scope, headers: _Headers, host: str) -> _Refusal | None:
    """Say why a write is refused; a browser always sends Origin with a write from another site."""
    origin = headers.one("origin")
    if origin is not None and _address(origin).netloc.lower() != host.lower():
        return _text(403, "A write must come from this site's own pages.")
    if (headers.one("sec-fetch-site") or "none") not in {"none", "same-origin"}:
        return _text(403, "A write must come from this site's own pages.")
    if (headers.one("content-encoding") or "identity").lower() != "identity":
        # Nothing here unpacks a body, so that a small one cannot become a large one.
        return _text(415, "Send the body as it is, without a content encoding.")
    kind = (headers.one("content-type") or "").partition(";")[0].strip().lower()
    # A form cannot send DELETE, and a script of another site must ask first: without a body it needs no kind.
    bare = scope["method"] == "DELETE" and not kind
    if scope["path"].startswith("/api/") and kind != "application/json" and not bare:
        return _text(415, "Writes to the API are application/json.")
    return None


def _ask_for_token(scope: Scope, headers: _Headers) -> _Refusal:
    wants_page = scope["method"] == "GET" and "text/html" in (headers.one("accept") or "")
    if not wants_page or headers.one("hx-request"):
        challenge = [(b"www-authenticate", b'Bearer realm="mirante"')]
        return (
            401,
            b'{"detail":"a token is needed: Authorization: Bearer ..."}',
            [*challenge, _kind("application/json")],
        )
    query = scope.get("query_string", b"").decode("latin-1")
    login = "/login?next=" + quote(scope["path"] + (f"?{query}" if query else ""), safe="")
    if headers.one("sec-fetch-site") == "cross-site":
        # A link in a mail: SameSite=Strict keeps the cookie from the first request, so ask again from here.
        page = f'<!doctype html><meta http-equiv="refresh" content="0;url={login}"><title>Mirante</title>'
        return 200, page.encode(), [_kind("text/html; charset=utf-8"), (b"cache-control", b"no-store")]
    return 303, b"", [(b"location", login.encode())]


def _kind(value: str) -> tuple[bytes, bytes]:
    return b"content-type", value.encode()


def _text(status: int, message: str) -> _Refusal:
    return status, message.encode(), [_kind("text/plain; charset=utf-8")]


def _in_its_kind(refusal: _Refusal, scope: Scope) -> _Refusal:
    """Say it in JSON where a program asked, as the API's document promises."""
    status, body, headers = refusal
    if not scope["path"].startswith("/api/") or (b"content-type", b"application/json") in headers:
        return refusal
    text = json.dumps({"detail": body.decode()}).encode()
    return (
        status,
        text,
        [_kind("application/json"), *(pair for pair in headers if pair[0] != b"content-type")],
    )


async def _answer(send: Send, status: int, body: bytes, headers: list[tuple[bytes, bytes]]) -> None:
    length = (b"content-length", str(len(body)).encode())
    await send({"type": "http.response.start", "status": status, "headers": [*headers, length]})
    await send({"type": "http.response.body", "body": body})


def _without_body(send: Send) -> Send:
    async def bare(message: Message) -> None:
        await send({**message, "body": b""} if message["type"] == "http.response.body" else message)

    return bare


def _with_headers(send: Send) -> Send:
    async def guarded(message: Message) -> None:
        if message["type"] == "http.response.start":
            ours = {name for name, _ in HEADERS}
            kept = [(name, value) for name, value in message.get("headers", []) if name.lower() not in ours]
            message = {**message, "headers": [*kept, *HEADERS]}
        await send(message)

    return guarded
