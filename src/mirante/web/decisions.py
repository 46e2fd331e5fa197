"""The forms by which a person decides on a page: a plain POST, and back to the page that it came from."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from mirante.alerts.actions.deciding import UnknownProposalError, approve, reject, undo
from mirante.errors import InputError
from mirante.monitors.acceptance import ask_to_accept
from mirante.web.exchange import Answer, Asked, html_answer, redirect
from mirante.web.pages import error_page
from mirante.web.pages.query import parse_time, zone_of
from mirante.web.security import safe_next
from mirante.web.site import Site

__all__ = ["accept_windows", "decide_proposal"]

_DECISIONS = {"approve": approve, "reject": reject, "undo": undo}


def decide_proposal(site: Site, asked: Asked) -> Answer:
    """Approve, reject or undo a proposal."""

    def work(fields: dict[str, str]) -> None:
        chosen = _DECISIONS.get(fields.get("decision", ""))
        if chosen is None:
            raise InputError("the form has no decision; choose approve, reject or undo")
        who, why = fields.get("author", ""), fields.get("reason", "")
        chosen(site.store, asked.parts["id"], author=who, reason=why, now=asked.query.now)

    return _decided(asked, work)


def accept_windows(site: Site, asked: Asked) -> Answer:
    """Ask that a range of windows becomes the new normal."""

    def work(fields: dict[str, str]) -> None:
        ask_to_accept(
            site.store,
            fields.get("subject", ""),
            _moment(fields, "since"),
            _moment(fields, "until"),
            author=fields.get("author", ""),
            reason=fields.get("reason", ""),
            now=asked.query.now,
        )

    return _decided(asked, work)


def _moment(fields: dict[str, str], name: str) -> datetime:
    text, zone = fields.get(name, ""), fields.get("zone", "")
    time = parse_time(text, zone)
    if time is None:
        raise InputError(f"{text!r} is no time; give one such as 2026-01-31T14:00:00Z")
    if zone_of(zone) is None:
        raise InputError(f"{zone[:60]!r} is no time zone that is known here; give times in UTC")
    return time


def _decided(asked: Asked, work: Callable[[dict[str, str]], None]) -> Answer:
    if not asked.query.decides:
        reason = "this is done with Mirante's own login in MLflow; ask an administrator of MLflow to decide"
        return _refused(asked, 403, reason)
    try:
        work(asked.fields)
    except UnknownProposalError as error:
        return _refused(asked, 404, str(error))
    except ValueError as error:
        return _refused(asked, 409, str(error))
    target = asked.fields.get("next", "")
    return redirect(safe_next(target, asked.query.base + "/") if target else asked.query.url("/alerts"))


def _refused(asked: Asked, status: int, reason: str) -> Answer:
    return html_answer(error_page(asked.query, status=status, reason=reason), status=status)
