"""The overview: one card for each subject, what needs a person first; by name, by state, page by page."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from mirante.web.pages.alertlist import alerts_shown
from mirante.web.pages.query import Query
from mirante.web.pages.render import render
from mirante.web.pages.states import URGENCY, cards_of, standings

if TYPE_CHECKING:
    from mirante.store import AlertRow, Store
    from mirante.web.pages.states import Standing

__all__ = ["overview"]

_NEWEST = 5
_PER_PAGE = 60
_SEARCH_FROM = 12  # with fewer cards they are seen faster than looked for


def overview(store: Store, query: Query, tasks: Mapping[str, Any] | None = None) -> str:
    """Return the overview as HTML.

    Parameters
    ----------
    store : Store
        What is shown.
    query : Query
        ``find`` (a part of the name) and ``state`` narrow it; ``cards`` is the page.
    tasks : mapping, optional
        What the service says of its tasks, as in ``/healthz``; by default what it last wrote of them.
    """
    alerts: defaultdict[str, list[AlertRow]] = defaultdict(list)
    for alert in store.alerts.open():
        alerts[alert.subject].append(alert)
    # experiments have a page of their own, and are here while they need somebody
    every = [
        one for one in standings(store, alerts, query, tasks=tasks) if one.kind != "experiment" or one.alerts
    ]
    named = _named(every, query.get("find"))
    counts = Counter(one.state for one in named)
    state = query.get("state") if query.get("state") in URGENCY else ""
    wanted = [one for one in named if not state or one.state == state]
    shown, page, pages = query.cut(wanted, "cards", _PER_PAGE)
    return render(
        "overview.html",
        query,
        cards=cards_of(store, shown, query),
        empty=not every,
        search=len(every) >= _SEARCH_FROM or bool(query.get("find")),
        state=state,
        counts=[(one, counts[one]) for one in URGENCY if counts[one] or one == state],
        found=len(named),
        page=page,
        pages=pages,
        newest=alerts_shown(store, store.alerts.list(limit=_NEWEST), query, {}),
        firing=sum(one.state == "firing" for found in alerts.values() for one in found),
    )


def _named(every: list[Standing], text: str) -> list[Standing]:
    """Return the subjects with a text in their names; upper and lower case are alike."""
    wanted = text.strip().casefold()
    return [one for one in every if wanted in one.subject.casefold()]
