"""The login: the form for the token, and the cookie that stands for it afterwards."""

from __future__ import annotations

from mirante.web.exchange import Answer, Asked, html_answer, redirect, with_cookie
from mirante.web.pages import login_page
from mirante.web.security import safe_next
from mirante.web.sessions import COOKIE
from mirante.web.site import Site

__all__ = ["log_in", "show_login"]


def show_login(site: Site, asked: Asked) -> Answer:
    """Return the form; without a token, or once logged in, lead on to the page that was wanted."""
    target = safe_next(asked.query.get("next"), asked.query.base + "/")
    now = site.clock().timestamp()
    if site.sessions is None or site.sessions.in_cookies(asked.headers.get("cookie", ""), now):
        return redirect(target)
    return _form(asked, target)


def log_in(site: Site, asked: Asked) -> Answer:
    """Check a token and give a cookie."""
    target = safe_next(asked.fields.get("next", ""), asked.query.base + "/")
    now = site.clock().timestamp()
    if site.sessions is None:
        return redirect(target)
    if site.limit.blocked(now):
        return _form(asked, target, status=429, wait=True)
    if not site.sessions.is_token(asked.fields.get("token", "").strip()):
        site.limit.failed(now)
        return _form(asked, target, status=401, wrong=True)
    cookie = site.sessions.issue(now)
    return with_cookie(
        redirect(target).with_headers(cache_control="no-store"),
        asked,
        COOKIE,
        cookie,
        seconds=site.sessions.seconds,
    )


def _form(asked: Asked, target: str, *, status: int = 200, wrong: bool = False, wait: bool = False) -> Answer:
    html = login_page(asked.query, target=target, wrong=wrong, wait=wait)
    return html_answer(html, status=status).with_headers(cache_control="no-store")
