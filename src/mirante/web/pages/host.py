"""The page of a host, and of every other subject that is no model."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mirante.web.pages.alertlist import alerts_shown
from mirante.web.pages.charts import host_charts, marks_for, other_charts
from mirante.web.pages.model import find_subject
from mirante.web.pages.query import Query, TimeRange
from mirante.web.pages.render import render
from mirante.web.pages.states import card_of

if TYPE_CHECKING:
    from mirante.store import Store

__all__ = ["host_page"]

_SHOWN_ALERTS = 8
_SHOWN_READINGS = 200


def host_page(store: Store, subject: str, query: Query) -> str:
    """Return the page of a host, an experiment, a table or of Mirante itself as HTML.

    Parameters
    ----------
    store : Store
        What is shown.
    subject : str
        ``host/<name>`` and the like.
    query : Query
        ``range`` or ``since`` and ``until``.

    Raises
    ------
    UnknownPageError
        If the store does not know the subject.
    """
    known = find_subject(store, subject)
    span = TimeRange.of(query, known.first_time, known.last_time, default="24h")
    alerts = store.alerts.list(subject=subject, limit=500)
    alive = [alert for alert in alerts if alert.state != "resolved"]
    marks = marks_for(store, subject, alerts, span)
    latest = store.readings.latest(subject=subject)
    drawn = (
        host_charts(store, subject, span, marks, query)
        if subject.startswith("host/")
        else other_charts(store, subject, list(dict.fromkeys(one.name for one in latest)), span, marks, query)
    )
    over = [alert for alert in alerts if alert.state == "resolved"]
    return render(
        "host.html",
        query,
        subject=subject,
        card=card_of(store, subject, alive, query),
        span=span,
        spans=TimeRange.names(),
        alerts=alerts_shown(store, [*alive, *over][:_SHOWN_ALERTS], query, {}),
        charts=drawn,
        latest=latest[:_SHOWN_READINGS],
    )
