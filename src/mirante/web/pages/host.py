"""The page of a host, and of every other subject that is no model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from mirante.web.pages.alertlist import alerts_shown
from mirante.web.pages.charts import marks_for, other_charts
from mirante.web.pages.drawing import ChartGroup
from mirante.web.pages.hostcharts import host_charts
from mirante.web.pages.model import find_subject
from mirante.web.pages.query import Query, TimeRange
from mirante.web.pages.render import render
from mirante.web.pages.states import card_of

if TYPE_CHECKING:
    from mirante.readings import Reading
    from mirante.store import Store

__all__ = ["host_page"]

_SHOWN_ALERTS = 8
_SHOWN_READINGS = 200
_AGENT_TROUBLE = ("agent_counting_failing", "agent_outdated")


def host_page(store: Store, subject: str, query: Query, tasks: Mapping[str, Any] | None = None) -> str:
    """Return the page of a host, an experiment, a table or of Mirante itself as HTML.

    Parameters
    ----------
    store : Store
        What is shown.
    subject : str
        ``host/<name>`` and the like.
    query : Query
        ``range`` or ``since`` and ``until``.
    tasks : mapping, optional
        What the service says of its tasks, as in ``/healthz``; by default what it last wrote of them.

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
    over = [alert for alert in alerts if alert.state == "resolved"]
    return render(
        "host.html",
        query,
        subject=subject,
        card=card_of(store, subject, alive, query, tasks),
        span=span,
        spans=TimeRange.names(),
        alerts=alerts_shown(store, [*alive, *over][:_SHOWN_ALERTS], query, {}),
        groups=_groups(store, subject, latest, span, marks, query),
        busiest=_ranked(latest, "system_process_cpu_percent"),
        largest=_ranked(latest, "system_process_memory_bytes"),
        agent=store.agents.get(subject.removeprefix("host/")) if subject.startswith("host/") else None,
        agent_notes=[
            one.note for one in latest if one.name in _AGENT_TROUBLE and one.value == 1 and one.note
        ],
        latest=[one for one in latest if "rank" not in one.labels][:_SHOWN_READINGS],
    )


def _groups(
    store: Store,
    subject: str,
    latest: Sequence[Reading],
    span: TimeRange,
    marks: Sequence[Any],
    query: Query,
) -> list[ChartGroup]:
    if subject.startswith("host/"):
        return host_charts(store, subject, span, marks, query)
    names = list(dict.fromkeys(one.name for one in latest))
    charts = other_charts(store, subject, names, span, marks, query)
    return [ChartGroup("", charts)] if charts else []


def _ranked(latest: Sequence[Reading], name: str) -> list[Reading]:
    """Return a list of processes as it was last seen; a rank that is older belongs to another list."""
    found = [one for one in latest if one.name == name]
    newest = max((one.time for one in found), default=None)
    return sorted((one for one in found if one.time == newest), key=lambda one: -one.value)
