"""The alerts page: what fires, what is about to, what is over, and who was told."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mirante.alerts.people.silencing import silence_state
from mirante.web.pages.alertlist import ShownAlert, alerts_shown
from mirante.web.pages.proposals import proposals_shown
from mirante.web.pages.query import Query
from mirante.web.pages.render import render
from mirante.web.pages.states import URGENCY, name_of, severity_state

if TYPE_CHECKING:
    from mirante.store import AlertRow, SilenceRow, Store

__all__ = ["alerts_page"]

_PAGES = (("firing", 50), ("pending", 50), ("page", 50))  # parameter of the address, alerts on a page
_MOST = 1_000  # of those that are over


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
    alive = [alert for alert in store.alerts.open() if subject in ("", alert.subject)]
    newest = store.alerts.list(subject=subject or None, limit=_MOST)
    found = alive + [alert for alert in newest if alert.state == "resolved"]
    severities = sorted({alert.severity for alert in found}, key=_rank)
    rules = sorted({alert.rule for alert in found})
    wanted = [alert for alert in found if _fits(alert, query)]
    firing = sorted((a for a in wanted if a.state == "firing"), key=lambda alert: _rank(alert.severity))
    pending = [alert for alert in wanted if alert.state == "pending"]
    over = [alert for alert in wanted if alert.state == "resolved"]
    silences = store.silences.list(since=query.now)
    parts = _parts(store, query, (firing, pending, over), silences)
    return render(
        "alerts.html",
        query,
        **dict(zip(("firing", "pending", "recent"), parts, strict=True)),
        severities=severities,
        rules=rules,
        subjects=[(one, name_of(one)) for one in store.readings.subject_names()],
        held=sum(silence_state(row, query.now) == "holding" for row in silences),
        proposals=proposals_shown(store, query),
        filtered=any(query.get(name) for name in ("subject", "severity", "rule")),
    )


def _parts(
    store: Store, query: Query, lists: Sequence[list[AlertRow]], silences: Sequence[SilenceRow]
) -> list[_Part]:
    """Return a page of each list; what the store knows of their alerts is asked once for all."""
    cuts = [query.cut(alerts, *place) for alerts, place in zip(lists, _PAGES, strict=True)]
    rows = [row for chosen, _, _ in cuts for row in chosen]
    notices = store.outbox.about([row.id for row in rows])
    shown = {alert.row.id: alert for alert in alerts_shown(store, rows, query, notices, silences)}
    return [
        _Part([shown[row.id] for row in chosen], len(alerts), page, pages)
        for alerts, (chosen, page, pages) in zip(lists, cuts, strict=True)
    ]


def _fits(alert: AlertRow, query: Query) -> bool:
    return all(
        not query.get(name) or query.get(name) == getattr(alert, name) for name in ("severity", "rule")
    )


def _rank(severity: str) -> tuple[int, str]:
    return URGENCY[severity_state(severity)], severity
