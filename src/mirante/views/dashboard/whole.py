"""The dashboard file of a whole store: every subject's state, charts, open and past alerts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

from mirante.i18n import Translator, format_number, translator
from mirante.views.dashboard.sections import Fact, SubjectCharts
from mirante.views.page import Cell, Chart, Column, Table, render, write_page
from mirante.views.summary import LEVELS, kind_and_name, severity_level, summarise
from mirante.views.words import moment

if TYPE_CHECKING:
    from mirante.store import AlertRow, Store, SubjectRow

__all__ = ["write_dashboard"]

_PAST_ALERTS = 2_000
_ROWS_SHOWN = 300
_ROWS_OPEN = 12


@dataclass(frozen=True, slots=True)
class _Panel:
    title: str
    table: Table | None
    sentence: str = ""
    more: Table | None = None
    more_title: str = ""


@dataclass(frozen=True, slots=True)
class _Section:
    """One subject on the page."""

    id: str
    name: str
    level: str
    word: str
    sentence: str
    span: str
    facts: Sequence[Fact]
    charts: Sequence[Chart]
    open: _Panel | None
    past: _Panel


def write_dashboard(
    store: Store,
    path: str | Path,
    *,
    title: str = "Mirante",
    locale: str = "en",
    timezone: str = "UTC",
    subjects: Sequence[str] | None = None,
    now: datetime | None = None,
) -> Path:
    """Write what a store knows as one HTML file that opens without network, and reads without JavaScript.

    Parameters
    ----------
    store : Store
        Where readings, windows, events and alerts are.
    path : path
        The file; an existing one is replaced as a whole, missing folders are made.
    title : str
        Heading of the page.
    locale : str, default "en"
        Language of the page.
    timezone : str, default "UTC"
        IANA name of the clock on axes and in sentences.
    subjects : sequence of str, optional
        Only these; all when not given.
    now : datetime, optional
        When the page is written; the present when not given.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    InputError
        If the place cannot be written.
    """
    _ = translator(locale)
    rows = [row for row in store.readings.subjects() if subjects is None or row.subject in subjects]
    open_alerts, numbers = store.alerts.open(), count(1)
    sections = [_section(store, row, open_alerts, _, timezone, numbers) for row in rows]
    sections.sort(key=lambda one: (LEVELS.index(one.level), one.name))
    html = render(
        "store.html",
        title=title,
        charts=[chart for one in sections for chart in one.charts],
        locale=_.locale,
        now=now,
        lead=_lead(sections, _, timezone),
        subjects=sections,
    )
    return write_page(html, path)


def _lead(sections: Sequence[_Section], _: Translator, timezone: str) -> str:
    bad = sum(one.level in {"critical", "warning"} for one in sections)
    watched = _.n("%(n)s subject is watched", "%(n)s subjects are watched", len(sections))
    state = _.n("%(n)s needs a person", "%(n)s need a person", bad) if bad else _("none needs a person")
    return _(
        "%(watched)s, %(state)s. Times are in %(timezone)s.", watched=watched, state=state, timezone=timezone
    )


def _section(
    store: Store,
    row: SubjectRow,
    open_alerts: Sequence[AlertRow],
    _: Translator,
    timezone: str,
    numbers: count[int],
) -> _Section:
    summary = summarise(store, row, open_alerts, _, timezone=timezone)
    past = store.alerts.list(subject=row.subject, states=["resolved"], limit=_PAST_ALERTS)
    charts = SubjectCharts(store, row.subject, [*summary.open_alerts, *past], _, timezone, numbers)
    kind, name = kind_and_name(row.subject, _)
    first, last = (moment(time, timezone, _.locale) for time in (row.first_time, row.last_time))
    now_open = _alert_table(summary.open_alerts, _, timezone)
    return _Section(
        id=f"subject-{next(numbers)}",
        name=f"{kind} {name}",
        level=summary.level,
        word=summary.word,
        sentence=summary.sentence,
        span=_("Readings from %(first)s to %(last)s", first=first, last=last),
        facts=charts.facts(),
        charts=charts.all(),
        open=_Panel(_("Open alerts"), now_open) if now_open else None,
        past=_past_panel(past, _, timezone),
    )


def _past_panel(past: Sequence[AlertRow], _: Translator, timezone: str) -> _Panel:
    """Show few alerts one by one; of many show how often each rule fired for what, and the list on demand."""
    title = _("Past alerts")
    if not past:
        return _Panel(title, None, _("No alert has fired and gone."))
    shown = past[:_ROWS_SHOWN]
    note = _("The newest %(n)s; the store has more.", n=_ROWS_SHOWN) if len(past) > _ROWS_SHOWN else ""
    each = _alert_table(shown, _, timezone, note)
    if len(past) <= _ROWS_OPEN:
        return _Panel(title, each)
    groups: dict[tuple[str, str], list[AlertRow]] = {}
    for alert in past:
        groups.setdefault((alert.rule, _about(alert)), []).append(alert)
    head = [
        Column(_("severity")),
        Column(_("rule")),
        Column(_("times"), number=True),
        Column(_("first")),
        Column(_("last")),
        Column(_("what was said last"), wide=True),
    ]
    rows = []
    for (rule, about), alerts in sorted(groups.items(), key=lambda pair: -len(pair[1])):
        newest, oldest = alerts[0], alerts[-1]
        first, last = (moment(one.active_at, timezone, _.locale) for one in (oldest, newest))
        count_cell = Cell(format_number(len(alerts), _.locale, digits=0))
        said = newest.note or newest.summary
        rows.append([_badge(newest, _), Cell(rule, about), count_cell, Cell(first), Cell(last), Cell(said)])
    return _Panel(title, Table(head, rows), more=each, more_title=_("Each of them"))


def _alert_table(alerts: Sequence[AlertRow], _: Translator, timezone: str, note: str = "") -> Table | None:
    if not alerts:
        return None
    head = [
        Column(_("severity")),
        Column(_("rule")),
        Column(_("what"), wide=True),
        Column(_("since")),
        Column(_("until")),
    ]
    return Table(head, [_alert_row(alert, _, timezone) for alert in alerts], note)


def _alert_row(alert: AlertRow, _: Translator, timezone: str) -> list[Cell]:
    state = {"pending": _("pending"), "firing": _("firing"), "resolved": ""}[alert.state]
    until = moment(alert.resolved_at, timezone, _.locale) if alert.resolved_at else state
    return [
        _badge(alert, _),
        Cell(alert.rule, _about(alert)),
        Cell(alert.summary or alert.note or alert.rule, alert.note if alert.summary else ""),
        Cell(moment(alert.active_at, timezone, _.locale)),
        Cell(until),
    ]


def _about(alert: AlertRow) -> str:
    """Return what an alert is about beyond its subject: the feature, mostly."""
    shared = {"model", "alias", "version", "host", "experiment", "table"}
    return ", ".join(value for key, value in sorted(alert.labels.items()) if key not in shared)


def _badge(alert: AlertRow, _: Translator) -> Cell:
    words = {"critical": _("critical"), "warning": _("warning"), "info": _("info"), "error": _("error")}
    return Cell(words.get(alert.severity, alert.severity), level=severity_level(alert.severity))
