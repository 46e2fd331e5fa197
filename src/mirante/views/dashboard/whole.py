"""The dashboard file of a whole store: every subject's state, charts, alerts and windows.

It holds aggregates and never a row. Its size is bounded: so many subjects, lines, points and table rows, and
a sentence on the page for what was left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

from mirante.i18n import Translator, format_number, translator
from mirante.views.dashboard.panels import PAST_ALERTS, Panel, open_panel, past_panel, windows_panel
from mirante.views.dashboard.sections import Fact, SubjectCharts
from mirante.views.page import Chart, render, write_page
from mirante.views.summary import LEVELS, Summary, kind_and_name, summarise
from mirante.views.words import moment

if TYPE_CHECKING:
    from mirante.store import Store, SubjectRow

__all__ = ["write_dashboard"]

_SUBJECTS = 20  # with charts; the others have a card
_CARDS = 200
_POINTS = 120_000  # of all lines together, of which a subject has about 40
_LINES_OF_ONE = 40
_MOST_POINTS, _LEAST_POINTS = 2_000, 120


@dataclass(frozen=True, slots=True)
class _Card:
    """One subject at the head of the page."""

    id: str
    row: SubjectRow
    summary: Summary
    name: str
    span: str

    @property
    def level(self) -> str:
        return self.summary.level


@dataclass(frozen=True, slots=True)
class _Section:
    """One subject with its charts and tables."""

    card: _Card
    facts: Sequence[Fact]
    charts: Sequence[Chart]
    open: Panel | None
    panels: Sequence[Panel]
    thinned: bool


@dataclass(frozen=True, slots=True)
class _View:
    """What all subjects of the page share."""

    translate: Translator
    timezone: str
    since: datetime | None
    until: datetime | None


def write_dashboard(
    store: Store,
    path: str | Path,
    *,
    title: str = "Mirante",
    locale: str = "en",
    timezone: str = "UTC",
    subjects: Sequence[str] | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
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
    since, until : datetime, optional
        Half-open interval of what is drawn and listed; the state of each subject is always the present one.
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
    view = _View(_, timezone, since, until)
    rows = [row for row in store.readings.subjects() if subjects is None or row.subject in subjects]
    cards, numbers = _cards(store, rows, view), count(1)
    drawn = cards[:_SUBJECTS]
    points = min(_MOST_POINTS, max(_LEAST_POINTS, _POINTS // (_LINES_OF_ONE * max(1, len(drawn)))))
    sections = [_section(store, card, view, numbers, points) for card in drawn]
    html = render(
        "store.html",
        title=title,
        charts=[chart for one in sections for chart in one.charts],
        locale=_.locale,
        now=now,
        lead=_lead(cards, view),
        cards=cards[:_CARDS],
        sections=sections,
        left_out=_left_out(cards, sections, points, _),
    )
    return write_page(html, path)


def _cards(store: Store, rows: Sequence[SubjectRow], view: _View) -> list[_Card]:
    """Return a card of each subject, what needs a person first."""
    _, open_alerts, cards = view.translate, store.alerts.open(), []
    for number, row in enumerate(rows, 1):
        summary = summarise(store, row, open_alerts, _, timezone=view.timezone)
        kind, name = kind_and_name(row.subject, _)
        first, last = (moment(time, view.timezone, _.locale) for time in (row.first_time, row.last_time))
        span = _("Readings from %(first)s to %(last)s", first=first, last=last)
        cards.append(_Card(f"subject-{number}", row, summary, f"{kind} {name}", span))
    return sorted(cards, key=lambda one: (LEVELS.index(one.level), one.name))


def _lead(cards: Sequence[_Card], view: _View) -> str:
    _ = view.translate
    bad = sum(one.level in {"critical", "warning"} for one in cards)
    watched = _.n("%(n)s subject is watched", "%(n)s subjects are watched", len(cards))
    state = _.n("%(n)s needs a person", "%(n)s need a person", bad) if bad else _("none needs a person")
    lead = _(
        "%(watched)s, %(state)s. Times are in %(timezone)s.",
        watched=watched,
        state=state,
        timezone=view.timezone,
    )
    since, until = (
        None if time is None else moment(time, view.timezone, _.locale) for time in (view.since, view.until)
    )
    if since and until:
        shown = _("Shown is the time from %(since)s to %(until)s.", since=since, until=until)
    elif since:
        shown = _("Shown is the time from %(since)s on.", since=since)
    elif until:
        shown = _("Shown is the time until %(until)s.", until=until)
    else:
        return lead
    return f"{lead} {shown}"


def _section(store: Store, card: _Card, view: _View, numbers: count[int], points: int) -> _Section:
    _, subject, timezone = view.translate, card.row.subject, view.timezone
    since, until = view.since, view.until
    past = store.alerts.list(
        subject=subject, states=["resolved"], since=since, until=until, limit=PAST_ALERTS
    )
    alive = card.summary.open_alerts
    charts = SubjectCharts(
        store, subject, [*alive, *past], _, timezone, numbers, since=since, until=until, points=points
    )
    windows = windows_panel(store.windows.list(subject, since=since, until=until), _, timezone)
    return _Section(
        card=card,
        facts=charts.facts(),
        charts=charts.all(),
        open=open_panel(alive, _, timezone),
        panels=[panel for panel in (past_panel(past, _, timezone), windows) if panel is not None],
        thinned=charts.thinned,
    )


def _left_out(cards: Sequence[_Card], sections: Sequence[_Section], points: int, _: Translator) -> list[str]:
    """Say what the bounds of the page left out; nothing where it shows all."""

    def said(count: int) -> str:
        return format_number(count, _.locale, digits=0)

    out = []
    without = len(cards) - len(sections)
    if without:
        out.append(
            _(
                "%(n)s subjects have no charts here: the %(shown)s that need a person most have. "
                "Name the others to see them.",
                n=said(without),
                shown=said(len(sections)),
            )
        )
    if len(cards) > _CARDS:
        out.append(_("%(n)s subjects are not listed.", n=said(len(cards) - _CARDS)))
    if any(one.thinned for one in sections):
        out.append(
            _(
                "Of each line about %(n)s points are drawn; the highest and the lowest of each stretch "
                "are among them.",
                n=said(points),
            )
        )
    return out
