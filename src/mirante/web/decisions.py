"""The forms by which a person decides on a page: a plain POST, and back to the page that it came from."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING
from urllib.parse import parse_qs

from fastapi import FastAPI, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse
from starlette.concurrency import run_in_threadpool

from mirante.alerts.actions.deciding import UnknownProposalError, approve, reject, undo
from mirante.errors import InputError
from mirante.monitors.acceptance import ask_to_accept
from mirante.web.pages import Query, error_page
from mirante.web.pages.query import parse_time
from mirante.web.security import safe_next

if TYPE_CHECKING:
    from mirante.store import Store

__all__ = ["add_decisions"]

_DECISIONS = {"approve": approve, "reject": reject, "undo": undo}
_MOST_FIELDS = 10


def add_decisions(
    app: FastAPI, store: Store, query: Callable[[Request], Query], clock: Callable[[], datetime]
) -> None:
    """Add the two forms: a decision about a proposal, and a range that is the new normal.

    Parameters
    ----------
    app : FastAPI
        The page's application; what stands before it has checked where the request comes from.
    store : Store
        Where decisions go.
    query : callable
        Gives the reader's language.
    clock : callable
        The present, aware.
    """

    @app.post("/proposals/{id}", include_in_schema=False)
    async def decide(request: Request, id: str) -> Response:  # noqa: A002  the address' name for it
        def work(fields: dict[str, str]) -> None:
            chosen = _DECISIONS.get(fields.get("decision", ""))
            if chosen is None:
                raise InputError("the form has no decision; choose approve, reject or undo")
            chosen(store, id, author=fields.get("author", ""), reason=fields.get("reason", ""), now=clock())

        return await _answer(request, query(request), work)

    @app.post("/baselines", include_in_schema=False)
    async def accept(request: Request) -> Response:
        def work(fields: dict[str, str]) -> None:
            ask_to_accept(
                store,
                fields.get("subject", ""),
                _moment(fields, "since"),
                _moment(fields, "until"),
                author=fields.get("author", ""),
                reason=fields.get("reason", ""),
                now=clock(),
            )

        return await _answer(request, query(request), work)


def _moment(fields: dict[str, str], name: str) -> datetime:
    time = parse_time(fields.get(name, ""))
    if time is None:
        raise InputError(f"{fields.get(name, '')!r} is no time; give one such as 2026-01-31T14:00:00Z")
    return time


async def _answer(request: Request, query: Query, work: Callable[[dict[str, str]], None]) -> Response:
    body = (await request.body()).decode("utf-8", "replace")
    try:
        found = parse_qs(body, keep_blank_values=True, max_num_fields=_MOST_FIELDS)
        await run_in_threadpool(work, {name: values[0] for name, values in found.items()})
    except UnknownProposalError as error:
        return _refused(query, 404, error)
    except ValueError as error:  # what we refuse, and a form with too many fields
        return _refused(query, 409, error)
    return RedirectResponse(safe_next(found.get("next", ["/alerts"])[0]), 303)


def _refused(query: Query, status: int, error: ValueError) -> Response:
    html = error_page(query, status=status, reason=str(error))
    return HTMLResponse(html.encode("utf-8", "replace"), status_code=status)
