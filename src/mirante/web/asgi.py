"""The web application: pages, API, static files, metrics and health behind the security middleware."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import partial
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from fastapi import FastAPI, Request, Response
from fastapi.exception_handlers import http_exception_handler
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, HTMLResponse, JSONResponse, PlainTextResponse, RedirectResponse
from starlette.exceptions import HTTPException
from starlette.middleware.gzip import GZipMiddleware

import mirante
from mirante.errors import ConfigError, NotFoundError, StoreError
from mirante.i18n import normal_locale
from mirante.web.api.models import METRICS_UNREADY, UNREADY
from mirante.web.api.rules import Ruling
from mirante.web.api.v1 import make_router
from mirante.web.decisions import add_decisions
from mirante.web.pages import (
    Query,
    UnknownPageError,
    alerts_page,
    error_page,
    host_page,
    login_page,
    model_page,
    overview,
    status_line,
)
from mirante.web.pages.render import static_version
from mirante.web.people import add_people_pages, author_of
from mirante.web.security import Security, check_bind, safe_next
from mirante.web.sessions import COOKIE, LoginLimit, Sessions

if TYPE_CHECKING:
    from mirante.store import Store
    from mirante.web.config import WebConfig

__all__ = ["create_app"]

_ANY_ADDRESS = frozenset({"0.0.0.0", "::", ""})  # noqa: S104  compared with, never bound
_STATIC: Mapping[str, str] = {
    "favicon.svg": "image/svg+xml",
    "htmx.min.js": "text/javascript",
    "mirante.js": "text/javascript",
    "plotly.min.js": "text/javascript",
    "style.css": "text/css",
    "theme.js": "text/javascript",
    "tokens.css": "text/css",
}
_YEAR = 31_536_000
_PAGE_ETAG = re.compile(r'data-etag="([0-9a-f]+)"')

Health = Callable[[], Mapping[str, Any]]
MakeQuery = Callable[[Request], Query]


def _utc_now() -> datetime:
    return datetime.now(UTC)


def create_app(
    store: Store,
    *,
    config: WebConfig,
    health: Health | None = None,
    locale: str = "en",
    historic: bool = False,
    clock: Callable[[], datetime] = _utc_now,
    ruling: Ruling | None = None,
) -> Security:
    """Return the ASGI application.

    Parameters
    ----------
    store : Store
        All that is shown; the application meets the service through it alone.
    config : WebConfig
        Address, token and allowed host names.
    health : callable, optional
        What the service says of itself, for ``/healthz`` and the line at the foot.
    locale : str
        Language of readers whose browser asks for none that there is.
    historic : bool
        Whether the data is a replay of the past, so that old data does not mean "no data".
    clock : callable
        The present, aware.
    ruling : Ruling, optional
        The rules and routes of the service, for the API.

    Returns
    -------
    Security
        An ASGI application; it stands in front of everything, also of the answers to failures.

    Raises
    ------
    ConfigError
        If others can reach the address and there is no good token.
    """
    token = config.secret()
    check_bind(config.host, token)
    sessions = None if token is None else Sessions(token)
    app = FastAPI(
        title="Mirante",
        version=mirante.__version__,
        description="What the monitoring system knows, what people say to it and decide, and labels in.",
        openapi_url="/api/v1/openapi.json",
        redirect_slashes=False,  # such a redirect would name the host as the request did
        docs_url=None,  # FastAPI's own documentation pages load scripts from a CDN
        redoc_url=None,
    )
    app.add_middleware(GZipMiddleware, minimum_size=2_000, compresslevel=4)
    query = partial(_query, locale=locale, historic=historic, clock=clock, read_only=config.read_only)
    checked = partial(_health, store, health)
    _add_pages(app, store, query, checked)
    add_people_pages(app, store, query, _page)
    _add_machine_routes(app, store, checked)
    _add_login(app, sessions, query, clock)
    _add_failures(app, query)
    add_decisions(app, store, query, clock)
    app.include_router(make_router(store, clock, ruling or Ruling()))
    own_name = () if config.host in _ANY_ADDRESS else (config.host,)
    return Security(
        app,
        clock=lambda: clock().timestamp(),
        allowed_hosts=(*config.allowed_hosts, *own_name),
        sessions=sessions,
        read_only=config.read_only,
    )


def _query(
    request: Request, *, locale: str, historic: bool, clock: Callable[[], datetime], read_only: bool
) -> Query:
    values = dict(request.query_params)
    return Query(
        values,
        now=clock(),
        path=request.url.path.removeprefix(request.scope.get("root_path", "")) or "/",
        locale=_locale(values.get("lang", ""), request.headers.get("accept-language", ""), locale),
        base=request.scope.get("root_path", ""),
        historic=historic,
        author=author_of(request),
        read_only=read_only,
    )


def _locale(asked: str, accepted: str, default: str) -> str:
    """Take what the address asks for, else the first language of the browser that there is."""
    wishes = [wish.partition(";")[0].strip() for wish in accepted[:200].split(",")]
    for wish in (asked, *wishes, default):
        try:
            return normal_locale(wish)
        except ConfigError:
            continue
    return "en"


def _page(request: Request, html: str, *, status: int = 200) -> Response:
    """Answer with a page, or with 304 where the reader has the very same one."""
    found = _PAGE_ETAG.search(html)
    headers = {"cache-control": "private, no-cache", "vary": "Accept-Language, Cookie"}
    if found is not None and status == 200:
        headers["etag"] = f'"{found[1]}"'
        known = request.headers.get("if-none-match", "")
        if found[1] in {tag.strip().removeprefix("W/").strip('"') for tag in known.split(",")}:
            return Response(status_code=304, headers=headers)
    return HTMLResponse(html.encode("utf-8", "replace"), status_code=status, headers=headers)


def _add_pages(app: FastAPI, store: Store, query: MakeQuery, health: Callable[[], dict[str, Any]]) -> None:
    @app.get("/", include_in_schema=False)
    def root(request: Request) -> Response:
        return _page(request, overview(store, query(request)))

    @app.get("/model", include_in_schema=False)
    def model(request: Request, subject: str = "") -> Response:
        return _page(request, model_page(store, subject, query(request)))

    @app.get("/host", include_in_schema=False)
    def host(request: Request, subject: str = "") -> Response:
        return _page(request, host_page(store, subject, query(request)))

    @app.get("/alerts", include_in_schema=False)
    def alerts(request: Request) -> Response:
        return _page(request, alerts_page(store, query(request)))

    @app.get("/status", include_in_schema=False)
    def status(request: Request) -> Response:
        return _page(request, status_line(health(), query(request)))


def _add_machine_routes(app: FastAPI, store: Store, health: Callable[[], dict[str, Any]]) -> None:
    @app.get(
        "/healthz",
        tags=["service"],
        summary="Whether the service is well",
        response_class=JSONResponse,
        responses=UNREADY,
    )
    def healthz() -> JSONResponse:
        found = health()
        return JSONResponse(found, status_code=200 if found["store"] == "ok" else 503)

    @app.get(
        "/metrics",
        tags=["service"],
        summary="Readings for Prometheus",
        response_class=PlainTextResponse,
        responses=METRICS_UNREADY,
    )
    def metrics() -> Response:
        from mirante.sinks.prometheus import render

        return Response(render(store), media_type="text/plain; version=0.0.4; charset=utf-8")

    @app.get("/static/{name}", include_in_schema=False)
    def static(name: str, v: str = "") -> Response:
        if name not in _STATIC:  # a literal table: no path of a request ever reaches the disk
            raise HTTPException(404)
        caching = f"public, max-age={_YEAR}, immutable" if v == static_version(name) else "no-cache"
        return FileResponse(_static_path(name), media_type=_STATIC[name], headers={"cache-control": caching})

    @app.get("/favicon.ico", include_in_schema=False)
    def favicon() -> Response:
        return FileResponse(_static_path("favicon.svg"), media_type="image/svg+xml")


def _static_path(name: str) -> Path:
    if name == "plotly.min.js":
        return Path(str(files("plotly") / "package_data" / name))
    return Path(str(files("mirante.web") / "static" / name))


def _health(store: Store, health: Health | None) -> dict[str, Any]:
    said = dict(health()) if health is not None else {"status": "ok"}
    try:
        return {**said, "store": "ok", "notices_owed": store.outbox.owed()}
    except StoreError:
        # The reason may hold the store's address: it is in the log, not on a page that anybody may ask for.
        return {**said, "status": "failed", "store": "does not answer"}


def _add_login(
    app: FastAPI, sessions: Sessions | None, query: MakeQuery, clock: Callable[[], datetime]
) -> None:
    limit = LoginLimit()

    @app.get("/login", include_in_schema=False)
    def form(request: Request, next: str = "/") -> Response:  # noqa: A002  the usual name of the parameter
        target = safe_next(next)
        known = sessions is None or sessions.in_cookies(
            request.headers.get("cookie", ""), clock().timestamp()
        )
        return (
            RedirectResponse(target, 303)
            if known
            else _login(request, login_page(query(request), target=target))
        )

    @app.post("/login", include_in_schema=False)
    async def login(request: Request) -> Response:
        fields = _fields(await request.body())
        target = safe_next(fields.get("next", ["/"])[0])
        now = clock().timestamp()
        if sessions is None:
            return RedirectResponse(target, 303)
        if limit.blocked(now):
            return _login(request, login_page(query(request), target=target, wait=True), status=429)
        if not sessions.is_token(fields.get("token", [""])[0].strip()):
            limit.failed(now)
            return _login(request, login_page(query(request), target=target, wrong=True), status=401)
        answer = RedirectResponse(target, 303, {"cache-control": "no-store"})
        answer.set_cookie(
            COOKIE,
            sessions.issue(now),
            max_age=sessions.seconds,
            httponly=True,
            samesite="strict",
            secure=request.url.scheme == "https",
        )
        return answer


def _fields(body: bytes) -> dict[str, list[str]]:
    try:
        return parse_qs(body.decode("utf-8", "replace"), max_num_fields=10)
    except ValueError:  # more fields than the form has
        return {}


def _login(request: Request, html: str, *, status: int = 200) -> Response:
    answer = _page(request, html, status=status)
    answer.headers["cache-control"] = "no-store"
    return answer


def _add_failures(app: FastAPI, query: MakeQuery) -> None:
    @app.exception_handler(UnknownPageError)
    @app.exception_handler(NotFoundError)  # the API answers these itself
    async def unknown(request: Request, error: UnknownPageError | NotFoundError) -> Response:
        return _page(request, error_page(query(request), status=404, reason=str(error)), status=404)

    @app.exception_handler(StoreError)
    async def no_store(request: Request, error: StoreError) -> Response:  # noqa: ARG001  the handler's signature
        if request.url.path.startswith("/api/"):
            return JSONResponse({"detail": "the store does not answer"}, status_code=503)
        if request.url.path == "/metrics":
            return PlainTextResponse("the store does not answer", status_code=503)
        return _page(request, error_page(query(request), status=503), status=503)

    @app.exception_handler(RequestValidationError)
    async def not_understood(request: Request, error: RequestValidationError) -> Response:  # noqa: ARG001  as above
        # Without the input that FastAPI repeats: NaN in it cannot be written, and it may be a megabyte.
        detail = [{key: fault[key] for key in ("type", "loc", "msg")} for fault in error.errors()]
        return JSONResponse({"detail": detail}, status_code=422)

    @app.exception_handler(HTTPException)
    async def http_error(request: Request, error: HTTPException) -> Response:
        if request.url.path.startswith(("/api/", "/static/")):
            return await http_exception_handler(request, error)
        return _page(request, error_page(query(request), status=error.status_code), status=error.status_code)
