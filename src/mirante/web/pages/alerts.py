"""The alerts page: what fires, what is about to, what is over, and who was told."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mirante.web.pages.alertlist import ShownAlert, alerts_shown
from mirante.web.pages.proposals import proposals_shown
from mirante.web.pages.query import Query
from mirante.web.pages.render import render
from mirante.web.pages.states import URGENCY, name_of, severity_state

if TYPE_CHECKING:
    from mirante.store import AlertRow, Store

__all__ = ["alerts_page"]

_PER_PAGE = 50
_OPEN_PER_PAGE = 100
_MOST = 2_000


@dataclass(frozen=True, slots=True)
class _Part:
    """One page of one list of alerts.

    Parameters
    ----------
    alerts : list of ShownAlert
        Those of the page.
    count : int
        How many the list has.
    page, pages : int
        Which page it is, and of how many.
    """

    alerts: list[ShownAlert]
    count: int
    page: int
    pages: int


def alerts_page(store: Store, query: Query) -> str:
    """Return the alerts page as HTML.

    Parameters
    ----------
    store : Store
        What is shown.
    query : Query
        ``subject``, ``severity`` and ``rule`` narrow it; ``firing``, ``pending`` and ``page`` are the pages
        of those that fire, that are about to, and that are over.
    """
    subject = query.get("subject")
    found = store.alerts.list(subject=subject or None, limit=_MOST)
    severities = sorted({alert.severity for alert in found}, key=_rank)
    rules = sorted({alert.rule for alert in found})
    wanted = [alert for alert in found if _fits(alert, query)]
    firing = sorted((a for a in wanted if a.state == "firing"), key=lambda alert: _rank(alert.severity))
    pending = [alert for alert in wanted if alert.state == "pending"]
    over = [alert for alert in wanted if alert.state == "resolved"]
    return render(
        "alerts.html",
        query,
        firing=_part(store, query, firing, "firing", _OPEN_PER_PAGE),
        pending=_part(store, query, pending, "pending", _OPEN_PER_PAGE),
        recent=_part(store, query, over, "page", _PER_PAGE),
        severities=severities,
        rules=rules,
        subjects=[(row.subject, name_of(row.subject)) for row in store.readings.subjects()],
        held=len([row for row in store.silences.list(since=query.now) if row.starts_at <= query.now]),
        proposals=proposals_shown(store, query),
        filtered=any(query.get(name) for name in ("subject", "severity", "rule")),
    )


def _part(store: Store, query: Query, alerts: list[AlertRow], parameter: str, size: int) -> _Part:
    """Return the page of a list that a parameter of the address asks for; the nearest that there is."""
    pages = max(1, -(-len(alerts) // size))
    asked = query.get(parameter)
    page = min(max(int(asked), 1), pages) if asked.isdecimal() and len(asked) < 9 else 1
    chosen = alerts[(page - 1) * size : page * size]
    notices = store.outbox.about([alert.id for alert in chosen])
    return _Part(alerts_shown(store, chosen, query, notices), len(alerts), page, pages)


def _fits(alert: AlertRow, query: Query) -> bool:
    return all(
        not query.get(name) or query.get(name) == getattr(alert, name) for name in ("severity", "rule")
    )


def _rank(severity: str) -> tuple[int, str]:
    return URGENCY[severity_state(severity)], severity
