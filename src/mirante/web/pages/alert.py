"""The page of one alert: what it is, who has it in hand, what happened to it and who was told."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from mirante.alerts.channels.texts import link_name
from mirante.alerts.people.acknowledging import no_alert
from mirante.alerts.people.timeline import timeline
from mirante.web.pages.alertlist import alerts_shown
from mirante.web.pages.query import Query, UnknownPageError
from mirante.web.pages.render import render
from mirante.web.pages.rules import rule_url

if TYPE_CHECKING:
    from mirante.store import AlertRow, NoticeRow, Store

__all__ = ["alert_page"]

_OWN_PAGES = frozenset({"alert", "alerts", "subject"})


def alert_page(store: Store, alert_id: str, query: Query, *, fault: str = "") -> str:
    """Return the page of one alert as HTML.

    Parameters
    ----------
    store : Store
        Where it is.
    alert_id : str
        The alert.
    query : Query
        Gives the language and the moment.
    fault : str
        Why what somebody just tried was refused; shown as plain text.

    Raises
    ------
    UnknownPageError
        If there is no such alert.
    """
    row = store.alerts.get(alert_id)
    if row is None:
        raise UnknownPageError(no_alert(alert_id, query.locale))
    (shown,) = alerts_shown(store, [row], query, {})
    moments = timeline(store, row, query.now)
    notices = [moment.notice for moment in moments if moment.notice is not None]
    rule = query.rule(row.rule)
    notices.sort(key=lambda notice: (notice.created_at, notice.id), reverse=True)
    return render(
        "alert.html",
        query,
        alert=shown,
        row=row,
        labels=sorted(row.labels.items()),
        rule=rule,
        rule_address="" if rule is None else rule_url(query, rule.name),
        threshold=_threshold(row, notices) or ("" if rule is None else rule.when),
        links=_links(notices, query.locale),
        moments=moments[::-1],
        fault=fault,
    )


def _threshold(row: AlertRow, notices: list[NoticeRow]) -> str:
    """Return the rule's condition: only notices remember it."""
    for notice in notices:
        for alert in _mappings(notice.payload.get("alerts")):
            if alert.get("labels") == dict(row.labels) and isinstance(alert.get("threshold"), str):
                return str(alert["threshold"])
    return ""


def _links(notices: list[NoticeRow], locale: str) -> list[tuple[str, str]]:
    """Return the links of the newest notice that has any, but for those to this page and its neighbours."""
    for notice in notices:
        (links,) = _mappings([notice.payload.get("links")]) or [{}]
        found = [
            (link_name(str(key), locale), str(address))
            for key, address in links.items()
            if key not in _OWN_PAGES and _is_web(str(address))
        ]
        if found:
            return found
    return []


def _mappings(value: Any) -> list[Mapping[str, Any]]:
    return [one for one in value if isinstance(one, Mapping)] if isinstance(value, list) else []


def _is_web(address: str) -> bool:
    """Say whether an address is a page: one such as ``javascript:…`` must not become a link."""
    try:
        return urlsplit(address).scheme in {"http", "https"}
    except ValueError:
        return False
