"""The alerts page: what fires, what is about to, what is over, and who was told."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mirante.web.pages.alertlist import ShownAlert, alerts_shown, notices_by_alert
from mirante.web.pages.proposals import proposals_shown
from mirante.web.pages.query import Query
from mirante.web.pages.render import render
from mirante.web.pages.states import URGENCY, name_of, severity_state

if TYPE_CHECKING:
    from mirante.store import AlertRow, Store

__all__ = ["alerts_page"]

_PER_PAGE = 50
_MOST = 2_000


def alerts_page(store: Store, query: Query) -> str:
    """Return the alerts page as HTML.

    Parameters
    ----------
    store : Store
        What is shown.
    query : Query
        ``subject``, ``severity`` and ``rule`` narrow it; ``page`` of those that are over.
    """
    subject = query.get("subject")
    found = store.alerts.list(subject=subject or None, limit=_MOST)
    severities = sorted({alert.severity for alert in found}, key=_rank)
    rules = sorted({alert.rule for alert in found})
    wanted = [alert for alert in found if _fits(alert, query)]
    over = [alert for alert in wanted if alert.state == "resolved"]
    pages = max(1, -(-len(over) // _PER_PAGE))
    asked = query.get("page")
    page = min(max(int(asked), 1), pages) if asked.isdecimal() and len(asked) < 9 else 1
    notices = notices_by_alert(store)

    def shown(alerts: list[AlertRow]) -> list[ShownAlert]:
        return alerts_shown(store, alerts, query, notices)

    return render(
        "alerts.html",
        query,
        firing=shown(sorted((a for a in wanted if a.state == "firing"), key=lambda a: _rank(a.severity))),
        pending=shown([alert for alert in wanted if alert.state == "pending"]),
        recent=shown(over[(page - 1) * _PER_PAGE : page * _PER_PAGE]),
        over=len(over),
        page=page,
        pages=pages,
        severities=severities,
        rules=rules,
        subjects=[(row.subject, name_of(row.subject)) for row in store.readings.subjects()],
        held=len([row for row in store.silences.list(since=query.now) if row.starts_at <= query.now]),
        proposals=proposals_shown(store, query),
        filtered=any(query.get(name) for name in ("subject", "severity", "rule")),
    )


def _fits(alert: AlertRow, query: Query) -> bool:
    return all(
        not query.get(name) or query.get(name) == getattr(alert, name) for name in ("severity", "rule")
    )


def _rank(severity: str) -> tuple[int, str]:
    return URGENCY[severity_state(severity)], severity
