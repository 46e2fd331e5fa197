"""The overview: one card for each subject, what needs a person first."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING

from mirante.web.pages.alertlist import alerts_shown
from mirante.web.pages.query import Query
from mirante.web.pages.render import render
from mirante.web.pages.states import URGENCY, card_of

if TYPE_CHECKING:
    from mirante.store import AlertRow, Store

__all__ = ["overview"]

_NEWEST = 5


def overview(store: Store, query: Query) -> str:
    """Return the overview as HTML.

    Parameters
    ----------
    store : Store
        What is shown.
    query : Query
        What was asked for.
    """
    alerts: defaultdict[str, list[AlertRow]] = defaultdict(list)
    for alert in store.alerts.open():
        alerts[alert.subject].append(alert)
    cards = [card_of(store, row, alerts[row.subject], query) for row in store.readings.subjects()]
    cards.sort(key=lambda card: (URGENCY[card.state], -card.alerts, card.kind == "monitor", card.subject))
    counts = Counter(card.state for card in cards)
    return render(
        "overview.html",
        query,
        cards=cards,
        counts=[(state, counts[state]) for state in URGENCY if counts[state]],
        newest=alerts_shown(store, store.alerts.list(limit=_NEWEST), query, {}),
        firing=sum(one.state == "firing" for found in alerts.values() for one in found),
    )
