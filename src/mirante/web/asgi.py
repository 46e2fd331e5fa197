"""The web application: pages, API, static files, metrics and health behind the security middleware."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

import structlog
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.middleware.gzip import GZipMiddleware

import mirante
from mirante.errors import StoreError
from mirante.web.api.v1 import make_router
from mirante.web.exchange import Asked
from mirante.web.routes import answer
from mirante.web.ruling import Ruling
from mirante.web.security import LOOPBACK_NAMES, WEBHOOK, Guard, Head, Security, check_bind
from mirante.web.sessions import Sessions
from mirante.web.site import Site, utc_now
from mirante.web.webhooks import Webhooks

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

    from mirante.capture.recorders import Recorders
    from mirante.store import Store
    from mirante.web.config import WebConfig

__all__ = ["create_app"]

_log = structlog.get_logger("mirante.web")
_ANY_ADDRESS = frozenset({"0.0.0.0", "::", ""})  # noqa: S104  compared with, never bound

Health = Callable[[], Mapping[str, Any]]


def create_app(
    store: Store,
    *,
    config: WebConfig,
    health: Health | None = None,
    locale: str = "en",
    historic: bool = False,
    clock: Callable[[], datetime] = utc_now,
    ruling: Ruling | None = None,
    mlflow: str = "",
    recorders: Recorders | None = None,
    webhook_secret: str | None = None,
    own_host: str = "",
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
        The rules and routes of the service, for the API and the pages of rules.
    mlflow : str
        Address of MLflow's pages, for links.
    recorders : Recorders, optional
        Where predictions go that come over the API.
    webhook_secret : str, optional
        What MLflow signs its webhooks with; without it none are taken.
    own_host : str
        What the service calls the host that it reads itself, which no agent may be called; empty without one.

    Returns
    -------
    Security
        An ASGI application; it stands in front of everything, also of the answers to failures.

    Raises
    ------
    ConfigError
        If others can reach the address and there is no good token.
    """
    token, agent_token = config.secret(), config.agent_secret()
    check_bind(config.host, token)
    if agent_token is not None:
        check_bind(config.host, agent_token, "web.agent_token")
    sessions = None if token is None else Sessions(token)
    ruling = ruling or Ruling()
    site = Site(store, health, locale, historic, config.read_only, clock, sessions, mlflow, ruling)
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
    app.include_router(make_router(store, clock, ruling, recorders, own_host))
    _add_webhooks(app, Webhooks(store, lambda: clock().timestamp(), webhook_secret))
    _add_failures(app)
    app.router.default = _Pages(site)  # what is no address of the API
    own_name = frozenset() if config.host in _ANY_ADDRESS else frozenset({config.host})
    hosts = {host.lower().strip("[]") for host in (*config.allowed_hosts, *own_name)}
    return Security(
        app,
        Guard(
            clock=lambda: clock().timestamp(),
            hosts=LOOPBACK_NAMES | hosts,
            sessions=sessions,
            read_only=config.read_only,
            agents=None if agent_token is None else Sessions(agent_token),
        ),
    )


class _Pages:
    """The table of pages as an ASGI application."""

    def __init__(self, site: Site) -> None:
        self._site = site

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        if scope["path"].startswith("/api/"):
            raise HTTPException(404)
        asked = Asked(
            request.method,
            self._site.query(scope["path"], request.url.query, request.headers),
            headers=request.headers,
            body=await request.body(),
            secure=request.url.scheme == "https",
        )
        made = await run_in_threadpool(answer, self._site, asked)
        response = Response(made.body, made.status, dict(made.headers))
        await response(scope, receive, send)


def _add_webhooks(app: FastAPI, webhooks: Webhooks) -> None:
    """Add the address for MLflow, which is no part of the API: its form is MLflow's."""

    @app.post(WEBHOOK, include_in_schema=False)
    async def webhook(request: Request) -> Response:
        head = Head("POST", WEBHOOK, "", request.headers.raw)
        made = await run_in_threadpool(
            webhooks.take,
            head.one("x-mlflow-signature"),
            head.one("x-mlflow-delivery-id"),
            head.one("x-mlflow-timestamp"),
            await request.body(),
        )
        return Response(made.body, made.status, dict(made.headers))


def _add_failures(app: FastAPI) -> None:
    @app.exception_handler(StoreError)
    async def no_store(request: Request, error: StoreError) -> Response:
        _log.warning("the store does not answer", path=request.url.path, error=str(error))
        return JSONResponse({"detail": "the store does not answer"}, status_code=503)

    @app.exception_handler(RequestValidationError)
    async def not_understood(request: Request, error: RequestValidationError) -> Response:  # noqa: ARG001  the handler's signature
        # Without the input that FastAPI repeats: NaN in it cannot be written, and it may be a megabyte.
        detail = [{key: fault[key] for key in ("type", "loc", "msg")} for fault in error.errors()]
        return JSONResponse({"detail": detail}, status_code=422)
