"""The pages inside MLflow's server: a Flask blueprint over the same table of routes.

MLflow's server stands in front of it, with its check of the Host header and, where it is on, its login. Flask
comes with MLflow's server and is imported when the blueprint is made.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mirante.errors import need
from mirante.web.exchange import Answer, Asked
from mirante.web.security import HEADERS, Guard, Head

if TYPE_CHECKING:
    from flask import Blueprint, Request, Response

    from mirante.web.site import Site

__all__ = ["Reader", "make_blueprint"]

_METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"]


@dataclass(frozen=True, slots=True)
class Reader:
    """Who reads, where MLflow's server asked for a login.

    Parameters
    ----------
    name : str
        The user's name.
    is_admin : bool
        Whether the user is an administrator of MLflow.
    """

    name: str
    is_admin: bool


def make_blueprint(
    site: Callable[[], Site], prefix: str, reader: Callable[[], Reader] | None = None
) -> Blueprint:
    """Return the pages as a blueprint.

    Parameters
    ----------
    site : callable
        Gives the pages' site, at each request.
    prefix : str
        Where they hang, such as ``/mirante``.
    reader : callable, optional
        Gives who has logged in. With it MLflow's login stands in the place of the page's token, and what is
        done in the registry with Mirante's own login is for administrators to decide.

    Returns
    -------
    Blueprint
        For the Flask application of MLflow's server.

    Raises
    ------
    MissingDependencyError
        If Flask is not installed.
    """
    need("flask", extra="mlflow")
    from flask import Blueprint, request

    blueprint = Blueprint("mirante", __name__, url_prefix=prefix)

    @blueprint.route("/", defaults={"path": ""}, methods=_METHODS)
    @blueprint.route("/<path:path>", methods=_METHODS)
    def page(path: str) -> Response:
        return _as_flask(_answered(site(), request, prefix, f"/{path}", None if reader is None else reader()))

    @blueprint.after_request
    def protect(response: Response) -> Response:
        for name, value in HEADERS:
            response.headers[name.decode()] = value.decode()
        return response

    return blueprint


def _answered(site: Site, request: Request, prefix: str, path: str, reader: Reader | None) -> Answer:
    from mirante.web.routes import answer  # half a second, at the first page instead of at MLflow's start

    base = request.script_root + prefix
    guard = Guard(
        clock=lambda: site.clock().timestamp(),
        sessions=site.sessions if reader is None else None,
        read_only=site.read_only,
        brake=site.brake,
    )
    headers = {name.lower(): value for name, value in request.headers.items()}
    raw = [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]
    query_string = request.query_string.decode("latin-1")
    head = Head(request.method, path, query_string, raw, base, request.remote_addr or "")
    refusal = guard.refusal(head)
    if refusal is not None:
        return refusal
    body = request.stream.read(guard.max_body + 1)
    if len(body) > guard.max_body:
        return guard.too_large(head)
    user, decides = ("", True) if reader is None else (reader.name, reader.is_admin)
    query = site.query(path, query_string, headers, base=base, user=user, decides=decides)
    return answer(site, Asked(request.method, query, headers, body, secure=request.is_secure))


def _as_flask(made: Answer) -> Response:
    from flask import Response

    return Response(made.body, made.status, dict(made.headers))
