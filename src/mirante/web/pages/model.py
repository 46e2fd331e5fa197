"""The page of a model or table: its state, its charts, one feature against its baseline, its windows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from mirante.tracking.links import version_link
from mirante.web.pages.alertlist import alerts_shown
from mirante.web.pages.charts import heat_chart, marks_for, model_charts
from mirante.web.pages.compare import Comparison, compare, window_key
from mirante.web.pages.estimates import estimate_charts
from mirante.web.pages.query import Query, TimeRange, UnknownPageError
from mirante.web.pages.realised import window_performance
from mirante.web.pages.render import render, window_name
from mirante.web.pages.slices import of_slice, slices_shown
from mirante.web.pages.states import URGENCY, card_of, severity_state
from mirante.web.pages.strangest import strangest_rows
from mirante.web.pages.versus import versus
from mirante.web.pages.windowtable import shared_starts, window_table

if TYPE_CHECKING:
    from mirante.store import AlertRow, Store, SubjectRow, VersionRow, WindowRow

__all__ = ["find_subject", "model_page"]

_SHOWN_ALERTS = 6
_MOST_CHOICES = 200
_MOMENT = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Choice:
    """A window that can be chosen.

    Parameters
    ----------
    key : str
        What the query calls it.
    start : datetime
        When it begins.
    name : str
        Of its day, if it has one.
    version : str
        Where several versions have a window of that time; empty else.
    drifted, chosen : bool
        Whether anything drifted at that time, and whether it is the one that is shown.
    """

    key: str
    start: datetime
    name: str
    version: str
    drifted: bool
    chosen: bool


def find_subject(store: Store, subject: str) -> SubjectRow:
    """Return what the store knows of a subject.

    Raises
    ------
    UnknownPageError
        If it knows nothing, or no subject is named.
    """
    if not subject:
        raise UnknownPageError("the address names no subject; the overview lists those that there are")
    for row in store.readings.subjects([subject]):
        return row
    raise UnknownPageError(f"the store has no readings of {subject!r}; the overview lists what it has")


def model_page(store: Store, subject: str, query: Query, tasks: Mapping[str, Any] | None = None) -> str:
    """Return the page of a model or a table as HTML.

    Parameters
    ----------
    store : Store
        What is shown.
    subject : str
        ``model/<name>@<alias>`` or ``table/<name>``.
    query : Query
        ``range`` or ``since`` and ``until``; ``feature`` and ``window`` of the comparison; ``slice``;
        ``page`` of the table.
    tasks : mapping, optional
        What the service says of its tasks, as in ``/healthz``; by default what it last wrote of them.

    Raises
    ------
    UnknownPageError
        If the store does not know the subject.
    """
    from mirante.views.figures import draw_marks

    known = find_subject(store, subject)
    versions = store.windows.versions(subject)
    span = _span(known, versions, query)
    windows = _closed(store, subject, span)
    near = windows or _closed(store, subject, None)
    alerts = store.alerts.list(subject=subject, limit=1_000)
    marks = marks_for(store, subject, alerts, span)
    drifted = _drifted(store, subject, near)
    comparison = compare(store, subject, near, drifted, query)
    card = card_of(store, subject, _open(alerts), query, tasks)
    drawn = draw_marks(marks, locale=query.locale)
    slices = slices_shown(store, subject, windows, query, told=comparison.window if comparison else None)
    estimates = estimate_charts(store, subject, span, drawn, query)
    return render(
        "model.html",
        query,
        subject=subject,
        card=card,
        versions=_versions(card.name, versions, query) if card.kind == "model" else [],
        span=span,
        spans=TimeRange.names(),
        alerts=alerts_shown(store, _to_show(alerts, span), query, {}),
        alert_count=sum(_within(alert, span) for alert in alerts),
        charts=[*estimates.values(), *model_charts(store, subject, span, drawn, query, without=estimates)],
        heat=heat_chart(store, subject, span, windows, marks, query),
        slices=slices,
        of_slice=of_slice(store, slices, comparison.window, query) if slices and comparison else [],
        versus=versus(store, subject, span, query),
        comparison=comparison,
        choices=_choices(windows, comparison, drifted),
        realised=window_performance(comparison.window, query) if comparison else None,
        strangest=strangest_rows(comparison.window, query.locale) if comparison else [],
        several_versions=len({row.version for row in windows}) > 1,
        **window_table(store, windows, comparison, query),
    )


def _closed(store: Store, subject: str, span: TimeRange | None) -> list[WindowRow]:
    """Return closed windows without their verdicts: those of a year of fifty columns are 30 MB of JSON."""
    since, until = (None, None) if span is None else (span.since, span.until)
    rows = store.windows.list(subject, since=since, until=until, with_verdicts=False)
    return [row for row in rows if row.closed]


def _span(known: SubjectRow, versions: Sequence[VersionRow], query: Query) -> TimeRange:
    if not versions:
        return TimeRange.of(query, known.first_time, known.last_time, default="all")
    first, last = min(one.first for one in versions), max(one.last for one in versions)
    return TimeRange.of(query, first, last, default="1y")


def _open(alerts: Sequence[AlertRow]) -> list[AlertRow]:
    return [alert for alert in alerts if alert.state != "resolved"]


def _when(alert: AlertRow) -> datetime:
    return alert.reading_time or alert.fired_at or alert.active_at


def _within(alert: AlertRow, span: TimeRange) -> bool:
    """Return whether an alert is of this time: it began in it, or what it last saw is in it."""
    return any(span.since <= time < span.until for time in (alert.active_at, _when(alert)))


def _to_show(alerts: Sequence[AlertRow], span: TimeRange) -> list[AlertRow]:
    """Firing ones, pending ones, then the newest of those that are over."""
    over = [alert for alert in alerts if alert.state == "resolved" and _within(alert, span)]
    alive = sorted(_open(alerts), key=lambda alert: (alert.state, URGENCY[severity_state(alert.severity)]))
    return [*alive, *over][:_SHOWN_ALERTS]


def _drifted(store: Store, subject: str, windows: Sequence[WindowRow]) -> set[tuple[datetime, str]]:
    """Return starts and versions of windows that have a drifted column: readings say it in a few bytes."""
    if not windows:
        return set()
    until = windows[-1].start + _MOMENT
    since = windows[0].start
    shares = store.readings.series(
        "drift_share", subject=subject, since=since, until=until, above=0.0, slices=False
    )
    return {
        (time.replace(tzinfo=UTC), one.labels.get("version", ""))
        for one in shares
        for time in one.times.tolist()
    }


def _choices(
    windows: Sequence[WindowRow], comparison: Comparison | None, drifted: set[tuple[datetime, str]]
) -> list[Choice]:
    """Return the windows that can be compared, newest first; the chosen one may lie outside of the range."""
    newest = list(reversed(windows[-_MOST_CHOICES:]))
    if comparison is None:
        return []
    chosen = comparison.window
    known = {(row.start, row.version) for row in newest}
    rows = newest if (chosen.start, chosen.version) in known else [chosen, *newest]
    shared = shared_starts(rows)
    # all of them are cut on the clock of the chosen one
    clock = {"timezone": chosen.verdicts.get("timezone")}
    return [
        Choice(
            key=window_key(row, alone=row.start not in shared),
            start=row.start,
            name=window_name(replace(row, verdicts=clock)),
            version=row.version if row.start in shared else "",
            drifted=(row.start, row.version) in drifted,
            chosen=(row.start, row.version) == (chosen.start, chosen.version),
        )
        for row in rows
    ]


def _versions(model: str, versions: Sequence[VersionRow], query: Query) -> list[tuple[str, str]]:
    """Return the versions that served, newest first, each with its address in MLflow, which may be empty."""
    found = [row.version for row in versions]
    return [(one, version_link(query.mlflow, model, one) if query.mlflow else "") for one in found]
