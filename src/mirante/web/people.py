"""What people do on the pages: acknowledge, silence, change, end. Plain forms: post, then back to a page.

A write is guarded as every other one is: see `mirante.web.security`.
"""

from __future__ import annotations

from dataclasses import replace
from urllib.parse import quote

from mirante.alerts.people.acknowledging import acknowledge, take_back
from mirante.alerts.people.silencing import add_silence, change_silence, end_silence
from mirante.errors import ConflictError, InputError
from mirante.web.exchange import Answer, Asked, html_answer, redirect, with_cookie
from mirante.web.pages import alert_page, silence_form, silences_page
from mirante.web.pages.silences import silence_order
from mirante.web.security import safe_next
from mirante.web.site import AUTHOR_COOKIE, Site

__all__ = [
    "change_one_silence",
    "end_one_silence",
    "give_alert_back",
    "make_silence",
    "show_alert",
    "show_new_silence",
    "show_silence",
    "show_silences",
    "take_alert",
]

_REFUSED = (ConflictError, InputError)


def show_alert(site: Site, asked: Asked) -> Answer:
    """Return the page of one alert."""
    return html_answer(alert_page(site.store, asked.parts["id"], asked.query))


def take_alert(site: Site, asked: Asked) -> Answer:
    """Write that somebody has an alert in hand."""
    fields, alert = asked.fields, asked.parts["id"]
    try:
        acknowledge(
            site.store, alert, author=fields.get("author", ""), note=fields.get("note", ""),
            now=asked.query.now, take_over=bool(fields.get("take_over")), locale=asked.query.locale,
        )  # fmt: skip
    except _REFUSED as error:
        return _alert_refused(site, asked, error)
    return _back(asked, f"/alerts/{alert}")


def give_alert_back(site: Site, asked: Asked) -> Answer:
    """Write that nobody has an alert in hand any more."""
    author, alert = asked.fields.get("author", ""), asked.parts["id"]
    try:
        take_back(site.store, alert, author=author, now=asked.query.now, locale=asked.query.locale)
    except _REFUSED as error:
        return _alert_refused(site, asked, error)
    return _back(asked, f"/alerts/{alert}")


def show_silences(site: Site, asked: Asked) -> Answer:
    """Return the page of all silences."""
    return html_answer(silences_page(site.store, asked.query))


def show_new_silence(site: Site, asked: Asked) -> Answer:
    """Return the form for a new silence."""
    return html_answer(silence_form(site.store, asked.query))


def show_silence(site: Site, asked: Asked) -> Answer:
    """Return the form that changes a silence."""
    return html_answer(silence_form(site.store, asked.query, silence_id=asked.parts["id"]))


def make_silence(site: Site, asked: Asked) -> Answer:
    """Write a new silence, or show which alerts it would be about."""
    return _save(site, asked, "")


def change_one_silence(site: Site, asked: Asked) -> Answer:
    """Write a change of a silence."""
    return _save(site, asked, asked.parts["id"])


def end_one_silence(site: Site, asked: Asked) -> Answer:
    """End a silence now."""
    query = asked.query
    try:
        end_silence(
            site.store, asked.parts["id"], asked.fields.get("author", ""), query.now, locale=query.locale
        )
    except _REFUSED as error:
        html = silences_page(site.store, replace(query, path="/silences"), fault=str(error))
        return html_answer(html, status=_status(error))
    return _back(asked, "/silences")


def _save(site: Site, asked: Asked, silence_id: str) -> Answer:
    query, fields = asked.query, asked.fields
    try:
        order = silence_order(fields, query.now, locale=query.locale)
        if fields.get("preview"):
            return html_answer(silence_form(site.store, query, silence_id=silence_id, given=fields))
        if silence_id:
            change_silence(site.store, silence_id, order, query.now, locale=query.locale)
        else:
            add_silence(site.store, order, query.now, locale=query.locale)
    except _REFUSED as error:
        html = silence_form(site.store, query, silence_id=silence_id, given=fields, fault=str(error))
        return html_answer(html, status=_status(error))
    return _back(asked, "/silences")


def _alert_refused(site: Site, asked: Asked, error: Exception) -> Answer:
    alert = asked.parts["id"]
    query = replace(asked.query, path=f"/alerts/{quote(alert, safe='')}")
    return html_answer(alert_page(site.store, alert, query, fault=str(error)), status=_status(error))


def _status(error: Exception) -> int:
    return 409 if isinstance(error, ConflictError) else 422


def _back(asked: Asked, default: str) -> Answer:
    """Go back to where the form was, and remember the name for the next one."""
    target = asked.fields.get("next", "")
    home = asked.query.base + "/"
    answer = redirect(safe_next(target, home) if target else asked.query.url(default))
    author = asked.fields.get("author", "").strip()[:200]
    if not author:
        return answer
    return with_cookie(answer, asked, AUTHOR_COOKIE, quote(author.encode("utf-8", "replace"), safe=""))
