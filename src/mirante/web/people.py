"""What people do on the pages: acknowledge, silence, change, end. Plain forms: post, then back to a page.

A write is guarded as every other one is: see `mirante.web.security`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Protocol
from urllib.parse import parse_qs, quote, unquote

from fastapi import Depends, FastAPI, Request, Response
from fastapi.responses import RedirectResponse

from mirante.alerts.people.acknowledging import acknowledge, take_back
from mirante.alerts.people.silencing import add_silence, change_silence, end_silence
from mirante.errors import ConflictError, InputError
from mirante.web.pages import Query, alert_page, silence_form, silences_page
from mirante.web.pages.silences import silence_order
from mirante.web.security import safe_next

if TYPE_CHECKING:
    from mirante.store import Store

__all__ = ["add_people_pages", "author_of"]

_AUTHOR = "mirante_author"
_YEAR = 31_536_000
_MOST_FIELDS = 30
_REFUSED = (ConflictError, InputError)

MakeQuery = Callable[[Request], Query]


class MakePage(Protocol):
    """Makes an answer of HTML."""

    def __call__(self, request: Request, html: str, *, status: int = 200) -> Response:
        """Return the answer."""


def author_of(request: Request) -> str:
    """Return who the reader said to be when they last wrote something here."""
    return unquote(request.cookies.get(_AUTHOR, ""))[:200]


async def _sent(request: Request) -> dict[str, str]:
    """Return the fields of a form; one that is given twice counts as the last."""
    text = (await request.body()).decode("utf-8", "replace")
    try:
        found = parse_qs(text, keep_blank_values=True, max_num_fields=_MOST_FIELDS)
    except ValueError:
        return {}
    # browsers send line ends as CR LF
    return {name: values[-1].replace("\r\n", "\n") for name, values in found.items()}


_Fields = Annotated[dict[str, str], Depends(_sent)]


def add_people_pages(app: FastAPI, store: Store, query: MakeQuery, page: MakePage) -> None:
    """Add the pages of one alert and of silences, and what their forms send.

    Parameters
    ----------
    app : FastAPI
        Where they go.
    store : Store
        What is shown and written.
    query : callable
        Makes a query of a request.
    page : callable
        Makes an answer of HTML.
    """
    _add_alert(app, store, query, page)
    _add_silence_pages(app, store, query, page)
    _add_silence_forms(app, store, query, page)


def _status(error: Exception) -> int:
    return 409 if isinstance(error, ConflictError) else 422


def _back(request: Request, fields: dict[str, str], default: str) -> Response:
    """Go back to where the form was, and remember the name for the next one."""
    answer = RedirectResponse(safe_next(fields.get("next", "")) if fields.get("next") else default, 303)
    author = fields.get("author", "").strip()[:200]
    if author:
        answer.set_cookie(
            _AUTHOR,
            quote(author.encode("utf-8", "replace"), safe=""),
            max_age=_YEAR,
            httponly=True,
            samesite="strict",
            secure=request.url.scheme == "https",
        )
    return answer


def _add_alert(app: FastAPI, store: Store, query: MakeQuery, page: MakePage) -> None:
    def refused(request: Request, alert_id: str, error: Exception) -> Response:
        asked = replace(query(request), path=f"/alerts/{quote(alert_id, safe='')}")
        return page(request, alert_page(store, alert_id, asked, fault=str(error)), status=_status(error))

    @app.get("/alerts/{id}", include_in_schema=False)
    def show(request: Request, id: str) -> Response:  # noqa: A002  the address' name for it
        return page(request, alert_page(store, id, query(request)))

    @app.post("/alerts/{id}/acknowledge", include_in_schema=False)
    def take(request: Request, id: str, fields: _Fields) -> Response:  # noqa: A002  the address' name for it
        asked = query(request)
        try:
            acknowledge(
                store, id, author=fields.get("author", ""), note=fields.get("note", ""), now=asked.now,
                take_over=bool(fields.get("take_over")), locale=asked.locale,
            )  # fmt: skip
        except _REFUSED as error:
            return refused(request, id, error)
        return _back(request, fields, asked.url(f"/alerts/{id}"))

    @app.post("/alerts/{id}/give-back", include_in_schema=False)
    def give_back(request: Request, id: str, fields: _Fields) -> Response:  # noqa: A002  the address' name for it
        asked = query(request)
        try:
            take_back(store, id, author=fields.get("author", ""), now=asked.now, locale=asked.locale)
        except _REFUSED as error:
            return refused(request, id, error)
        return _back(request, fields, asked.url(f"/alerts/{id}"))


def _add_silence_pages(app: FastAPI, store: Store, query: MakeQuery, page: MakePage) -> None:
    @app.get("/silences", include_in_schema=False)
    def silences(request: Request) -> Response:
        return page(request, silences_page(store, query(request)))

    @app.get("/silences/new", include_in_schema=False)
    def new(request: Request) -> Response:
        return page(request, silence_form(store, query(request)))

    @app.get("/silences/{id}", include_in_schema=False)
    def edit(request: Request, id: str) -> Response:  # noqa: A002  the address' name for it
        return page(request, silence_form(store, query(request), silence_id=id))


def _add_silence_forms(app: FastAPI, store: Store, query: MakeQuery, page: MakePage) -> None:
    def save(request: Request, silence_id: str, fields: dict[str, str]) -> Response:
        asked = query(request)
        try:
            order = silence_order(fields, locale=asked.locale)
            if fields.get("preview"):
                return page(request, silence_form(store, asked, silence_id=silence_id, given=fields))
            if silence_id:
                change_silence(store, silence_id, order, asked.now, locale=asked.locale)
            else:
                add_silence(store, order, asked.now, locale=asked.locale)
        except _REFUSED as error:
            html = silence_form(store, asked, silence_id=silence_id, given=fields, fault=str(error))
            return page(request, html, status=_status(error))
        return _back(request, fields, asked.url("/silences"))

    @app.post("/silences/new", include_in_schema=False)
    def make(request: Request, fields: _Fields) -> Response:
        return save(request, "", fields)

    @app.post("/silences/{id}", include_in_schema=False)
    def change(request: Request, id: str, fields: _Fields) -> Response:  # noqa: A002  the address' name for it
        return save(request, id, fields)

    @app.post("/silences/{id}/end", include_in_schema=False)
    def end(request: Request, id: str, fields: _Fields) -> Response:  # noqa: A002  the address' name for it
        asked = query(request)
        try:
            end_silence(store, id, fields.get("author", ""), asked.now, locale=asked.locale)
        except _REFUSED as error:
            html = silences_page(store, replace(asked, path="/silences"), fault=str(error))
            return page(request, html, status=_status(error))
        return _back(request, fields, asked.url("/silences"))
