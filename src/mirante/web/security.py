"""What stands between the network and the page: Host, Origin, token, body size, headers.

`Guard` decides, and knows no web framework; `Security` is it as pure ASGI, which costs nothing measurable.
The order is: Host, size, Origin, content type, token; every answer, also a refusal, carries the headers.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from dataclasses import dataclass, field, replace
from ipaddress import ip_address
from typing import Any
from urllib.parse import SplitResult, quote, urlsplit

from mirante.errors import ConfigError
from mirante.web.bodies import GoneError, SlowError, TooLargeError, replay, whole_body
from mirante.web.exchange import Answer, redirect
from mirante.web.sessions import LoginLimits, Sessions

__all__ = [
    "AGENTS",
    "CSP",
    "HEADERS",
    "LARGEST_WEBHOOK",
    "LOOPBACK_NAMES",
    "MOST_BODY",
    "WEBHOOK",
    "Guard",
    "Head",
    "Security",
    "check_bind",
    "is_loopback",
    "safe_next",
]

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
LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})
WEBHOOK = "/api/v1/mlflow/webhook"
"""Where MLflow sends its webhooks; their signature stands in the place of the token."""

AGENTS = "/api/v1/agents/"
"""What agents on other hosts ask for begins so; their token opens nothing else."""

MOST_BODY = 8 * 2**20
"""Bytes that the body of a request may have."""
LARGEST_WEBHOOK = 2**20
"""So many bytes one may have, since it is read before its signature is known."""

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


def check_bind(host: str, token: str | None, key: str = "web.token") -> None:
    """Refuse an address that others can reach when there is no token, or only a short one.

    Parameters
    ----------
    host : str
        The address to bind.
    token : str or None
        What readers must present.
    key : str
        Where it is given, for the message.

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
            f"{key} has {len(token)} characters; an address that others can reach needs at least "
            f"{_SHORTEST_TOKEN}: python -c 'import secrets; print(secrets.token_urlsafe(32))' makes one"
        )


def safe_next(target: str, home: str = "/") -> str:
    """Return where to go after the login or a form: a path of this site, never another site.

    Parameters
    ----------
    target : str
        Where the reader asks to go.
    home : str
        Where to go instead when that is no path.

    Examples
    --------
    >>> safe_next("/alerts?state=firing"), safe_next("//evil.example"), safe_next("https://evil", "/x/")
    ('/alerts?state=firing', '/', '/x/')
    """
    if not target.startswith("/") or target.startswith(("//", "/\\")) or any(ord(c) < 33 for c in target):
        return home
    return target


@dataclass(frozen=True, slots=True)
class Head:
    """A request without its body.

    Parameters
    ----------
    method, path, query_string : str
        The path is that below `base`.
    headers : sequence of pairs of bytes
        Names in lower case.
    base : str
        Where the pages hang, such as ``/mirante``.
    client : str
        Address of whoever asks.

    Examples
    --------
    >>> Head("GET", "/", "", [(b"host", b"a"), (b"host", b"b"), (b"accept", b"*/*")]).one("accept")
    '*/*'
    """

    method: str
    path: str
    query_string: str
    headers: Sequence[tuple[bytes, bytes]]
    base: str = ""
    client: str = ""

    def one(self, name: str) -> str | None:
        """Return the value of a header; None when it is missing or there twice."""
        found = [value for key, value in self.headers if key == name.encode()]
        # Two Host or Origin headers are an attack on whoever reads the other one: read neither.
        return found[0].decode("latin-1") if len(found) == 1 else None


@dataclass(frozen=True, slots=True)
class Guard:
    """Decides what is refused before any page is made; the same in front of every web framework.

    Parameters
    ----------
    clock : callable
        Seconds since 1970.
    hosts : frozenset of str, optional
        Host names that may be asked for; None where the server around the pages checks them.
    sessions : Sessions, optional
        Checks token and cookie; None means that everybody who can connect may read.
    max_body : int
        Largest request body in bytes.
    read_only : bool
        Whether every write but the login is refused.
    brake : LoginLimits
        Counts wrong tokens.
    agents : Sessions, optional
        Checks the token of agents, which opens `AGENTS` alone.
    """

    clock: Callable[[], float]
    hosts: frozenset[str] | None = None
    sessions: Sessions | None = None
    max_body: int = MOST_BODY
    read_only: bool = False
    brake: LoginLimits = field(default_factory=LoginLimits)
    agents: Sessions | None = None

    def refusal(self, head: Head) -> Answer | None:
        """Return the answer to a request that goes no further; None when it may."""
        found = self._refusal(head)
        return None if found is None else _in_its_kind(found, head)

    def too_large(self, head: Head) -> Answer:
        """Return the answer to a body that is too large."""
        return _in_its_kind(_text(413, f"The body may have at most {self.most(head)} bytes."), head)

    def most(self, head: Head) -> int:
        """Return how many bytes the body of a request may have."""
        return min(self.max_body, LARGEST_WEBHOOK) if _is_webhook(head) else self.max_body

    def _refusal(self, head: Head) -> Answer | None:
        host = head.one("host")
        if host is None or (self.hosts is not None and _hostname(host) not in self.hosts):
            return _text(421, "This host name is not served here; add it to web.allowed_hosts.")
        if len(head.path) + len(head.query_string) > _LONGEST_ADDRESS:
            return _text(414, f"The address may have at most {_LONGEST_ADDRESS} characters.")
        length = head.one("content-length")
        if length is not None and (not length.isdecimal() or int(length) > self.most(head)):
            return self.too_large(head)
        if head.method not in _READS:
            refusal = _bad_write(head, host)
            if refusal is not None:
                return refusal
            if self.read_only and head.path != "/login" and not _is_webhook(head):
                return _text(403, "This page only shows; web.read_only is set.")
        if self.sessions is None or head.path.startswith(_OPEN_PATHS) or _is_webhook(head):
            return None
        return self._stranger(head, self.sessions)

    def _stranger(self, head: Head, sessions: Sessions) -> Answer | None:
        """Return the answer to whoever brings no token and no cookie that is good."""
        scheme, _, given = (head.one("authorization") or "").partition(" ")
        now = self.clock()
        if scheme.lower() != "bearer":
            known = sessions.in_cookies(head.one("cookie") or "", now)
            return None if known else _ask_for_token(head)
        if self.brake.blocked(head.client, now):
            wait = _text(429, "Too many wrong tokens from this address; wait a minute.")
            return wait.with_headers(retry_after="60")
        if sessions.is_token(given.strip()) or self._is_agent(head, given.strip()):
            return None
        self.brake.failed(head.client, now)
        return _ask_for_token(head)

    def _is_agent(self, head: Head, token: str) -> bool:
        return self.agents is not None and head.path.startswith(AGENTS) and self.agents.is_token(token)


class Security:
    """ASGI middleware: see the module's first lines.

    Parameters
    ----------
    app : ASGI application
        What is guarded.
    guard : Guard
        Decides what is refused.
    patience : float
        Seconds in which a body has to come.
    """

    def __init__(self, app: App, guard: Guard, *, patience: float = 30.0) -> None:
        self._patience = patience
        self._app = app
        self._guard = guard

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, refuse, or hand on one request."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":  # we serve no websocket: closing before accepting is a 403
            await send({"type": "websocket.close", "code": 1008})
            return
        guarded = _with_headers(send)
        query_string = scope.get("query_string", b"").decode("latin-1")
        client = (scope.get("client") or ("",))[0]
        head = Head(scope["method"], scope["path"], query_string, scope["headers"], client=client)
        refusal = self._guard.refusal(head)
        if refusal is not None:
            await _send(guarded, refusal)
            return
        if scope["method"] == "HEAD":  # what GET says, without its body
            scope, guarded = {**scope, "method": "GET"}, _without_body(guarded)
        elif scope["method"] not in _READS:
            try:
                receive = replay(await whole_body(receive, self._guard.most(head), self._patience), receive)
            except GoneError:
                return
            except TooLargeError:
                await _send(guarded, self._guard.too_large(head))
                return
            except SlowError:
                slow = _text(408, f"The body did not come within {self._patience:g} seconds.")
                await _send(guarded, _in_its_kind(slow, head))
                return
        await self._app(scope, receive, guarded)


def _is_webhook(head: Head) -> bool:
    return head.method == "POST" and head.path == WEBHOOK


def _address(url: str) -> SplitResult:
    try:
        return urlsplit(url)
    except ValueError:  # such as "http://[": equal to nothing that is served
        return urlsplit("")


def _hostname(host: str) -> str:
    return (_address(f"//{host}").hostname or "").rstrip(".").lower()


def _bad_write(head: Head, host: str) -> Answer | None:
    """Say why a write is refused; a browser always sends Origin with a write from another site."""
    origin = head.one("origin")
    if origin is not None and _address(origin).netloc.lower() != host.lower():
        return _text(403, "A write must come from this site's own pages.")
    if (head.one("sec-fetch-site") or "none") not in {"none", "same-origin"}:
        return _text(403, "A write must come from this site's own pages.")
    if (head.one("content-encoding") or "identity").lower() != "identity":
        # Nothing here unpacks a body, so that a small one cannot become a large one.
        return _text(415, "Send the body as it is, without a content encoding.")
    kind = (head.one("content-type") or "").partition(";")[0].strip().lower()
    # A form cannot send DELETE, and a script of another site must ask first: without a body it needs no kind.
    bare = head.method == "DELETE" and not kind
    if head.path.startswith("/api/") and kind != "application/json" and not bare:
        return _text(415, "Writes to the API are application/json.")
    return None


def _ask_for_token(head: Head) -> Answer:
    wants_page = head.method == "GET" and "text/html" in (head.one("accept") or "")
    if not wants_page or head.one("hx-request"):
        detail = b'{"detail":"a token is needed: Authorization: Bearer ..."}'
        return Answer(
            401, detail, (("www-authenticate", 'Bearer realm="mirante"'), _kind("application/json"))
        )
    here = head.base + head.path + (f"?{head.query_string}" if head.query_string else "")
    login = f"{quote(head.base)}/login?next={quote(here, safe='')}"
    if head.one("sec-fetch-site") == "cross-site":
        # A link in a mail: SameSite=Strict keeps the cookie from the first request, so ask again from here.
        page = f'<!doctype html><meta http-equiv="refresh" content="0;url={login}"><title>Mirante</title>'
        return Answer(200, page.encode(), (_kind("text/html; charset=utf-8"), ("cache-control", "no-store")))
    return redirect(login)


def _kind(value: str) -> tuple[str, str]:
    return "content-type", value


def _text(status: int, message: str) -> Answer:
    return Answer(status, message.encode(), (_kind("text/plain; charset=utf-8"),))


def _in_its_kind(refusal: Answer, head: Head) -> Answer:
    """Say it in JSON where a program asked, as the API's document promises."""
    if not head.path.startswith("/api/") or refusal.header("content-type") == "application/json":
        return refusal
    text = json.dumps({"detail": refusal.body.decode()}).encode()
    return replace(refusal, body=text).with_headers(content_type="application/json")


async def _send(send: Send, answer: Answer) -> None:
    headers = [(name.encode(), value.encode("latin-1")) for name, value in answer.headers]
    length = (b"content-length", str(len(answer.body)).encode())
    await send({"type": "http.response.start", "status": answer.status, "headers": [*headers, length]})
    await send({"type": "http.response.body", "body": answer.body})


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
