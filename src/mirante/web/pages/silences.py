"""The pages of silences: which hold, which are to come, which are over; and the form that makes them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, time, timedelta, tzinfo
from typing import TYPE_CHECKING

from mirante.alerts.grouping import routing_labels
from mirante.alerts.matchers import Matchers
from mirante.alerts.people.acknowledging import no_alert
from mirante.alerts.people.matchertext import format_matchers, matchers_of, parse_matchers
from mirante.alerts.people.silencing import SilenceOrder, silence_state
from mirante.durations import format_duration
from mirante.errors import InputError, MiranteError
from mirante.i18n import translator
from mirante.web.pages.alertlist import ShownAlert, alerts_shown
from mirante.web.pages.query import Query, UnknownPageError, parse_time, zone_of
from mirante.web.pages.render import render

if TYPE_CHECKING:
    from mirante.store import AlertRow, SilenceRow, Store

__all__ = ["QUICK", "silence_form", "silence_order", "silences_page"]

QUICK = ("1h", "4h", "1d", "tomorrow")
"""The lengths to choose from; the last one ends at nine in the morning of the next day."""

_MORNING = time(9)
_MOST = 300
_MOST_HELD = 20


@dataclass(frozen=True, slots=True)
class ShownSilence:
    """A silence ready for a template.

    Parameters
    ----------
    row : SilenceRow
        The silence itself.
    state : str
        ``holding``, ``coming`` or ``over``.
    matchers : list of str
        A line for each.
    held : int
        Open alerts that it is about.
    """

    row: SilenceRow
    state: str
    matchers: list[str]
    held: int


def silences_page(store: Store, query: Query, *, fault: str = "") -> str:
    """Return the list of silences as HTML.

    Parameters
    ----------
    store : Store
        Where they are.
    query : Query
        Gives the language and the moment.
    fault : str
        Why what somebody just tried was refused; shown as plain text.
    """
    labels = [routing_labels(alert) for alert in store.alerts.open()]
    shown = [
        ShownSilence(
            row,
            silence_state(row, query.now),
            format_matchers(row.matchers),
            _count(row.matchers, labels) if row.ends_at > query.now else 0,
        )
        for row in store.silences.list(limit=_MOST)
    ]
    groups = [
        (state, [one for one in shown if one.state == state]) for state in ("holding", "coming", "over")
    ]
    return render("silences.html", query, groups=groups, fault=fault)


def silence_form(
    store: Store,
    query: Query,
    *,
    silence_id: str = "",
    given: Mapping[str, str] | None = None,
    fault: str = "",
) -> str:
    """Return the form for a silence as HTML.

    Parameters
    ----------
    store : Store
        Where silences and alerts are.
    query : Query
        Its ``alert`` names an alert whose labels fill the form.
    silence_id : str
        The silence that is changed; empty for a new one.
    given : mapping of str to str, optional
        What was sent, to be shown again.
    fault : str
        Why it was refused; shown as plain text.

    Raises
    ------
    UnknownPageError
        If there is no such alert or silence.
    """
    fields = dict(given) if given is not None else _prefilled(store, query, silence_id)
    held: list[ShownAlert] | None = None
    held_count = 0
    if fields.get("matchers") and not fault:
        try:
            meant = _meant(parse_matchers(fields["matchers"].splitlines()), store.alerts.open())
            held, held_count = alerts_shown(store, meant[:_MOST_HELD], query, {}), len(meant)
        except MiranteError as error:
            fault = str(error) if given is not None else fault
    return render(
        "silence.html",
        query,
        silence_id=silence_id,
        fields={
            name: fields.get(name, "")
            for name in ("matchers", "author", "comment", "quick", "lasting", "starts")
        },
        zone=fields.get("zone") or "UTC",
        quick=QUICK,
        alert_id=fields.get("alert", query.get("alert")),
        held=held,
        held_count=held_count,
        fault=fault,
    )


def silence_order(fields: Mapping[str, str], now: datetime, *, locale: str = "en") -> SilenceOrder:
    """Return what the fields of the form ask for.

    Parameters
    ----------
    fields : mapping of str to str
        ``matchers`` (a line each), ``author``, ``comment``; ``starts`` (now when empty), on the clock of
        ``zone`` (UTC when empty); ``quick``, one of the lengths to choose from, or else ``lasting``.
    now : datetime
        The present.
    locale : str
        Language of what is said against them.

    Raises
    ------
    InputError
        If a line is no matcher, the time zone is not known, or the calendar has no morning after the start.

    Examples
    --------
    >>> from datetime import UTC
    >>> night = datetime(2013, 2, 9, 3, tzinfo=UTC)
    >>> asked = {"matchers": "host=web-1", "author": "ana", "comment": "disk", "lasting": "2h"}
    >>> silence_order(asked, night).lasting
    '2h'
    >>> silence_order({**asked, "quick": "tomorrow", "zone": "America/New_York"}, night).ends_at.isoformat()
    '2013-02-09T09:00:00-05:00'
    """
    _ = translator(locale)
    matchers = parse_matchers(fields.get("matchers", "").splitlines(), locale=locale)
    name, quick = fields.get("zone", ""), fields.get("quick", "")
    zone = zone_of(name)
    if zone is None:
        raise InputError(_("%(name)s is no time zone that is known here; use UTC", name=repr(name[:60])))
    starts = parse_time(fields.get("starts", ""), name)
    until_morning = quick == "tomorrow"
    morning = _next_morning(max(starts or now, now), zone) if until_morning else None
    if until_morning and morning is None:
        raise InputError(_("the calendar ends before nine o'clock of the day after; give an earlier start"))
    return SilenceOrder(
        matchers,
        fields.get("author", ""),
        fields.get("comment", ""),
        starts_at=starts,
        ends_at=morning,
        lasting="" if until_morning else quick if quick in QUICK else fields.get("lasting", ""),
    )


def _next_morning(start: datetime, zone: tzinfo) -> datetime | None:
    """Return nine o'clock of the day after a moment's, on the clock of a zone; None after the year 9999."""
    try:
        return datetime.combine(start.astimezone(zone).date() + timedelta(days=1), _MORNING, zone)
    except OverflowError:
        return None


def _prefilled(store: Store, query: Query, silence_id: str) -> dict[str, str]:
    fields = {"author": query.author, "lasting": "2h", "quick": QUICK[0]}
    if silence_id:
        row = store.silences.get(silence_id)
        if row is None:
            raise UnknownPageError(f"there is no silence {silence_id[:80]!r}")
        return {**fields, "quick": "", **_of_silence(row, query.now)}
    if query.get("alert"):
        alert = store.alerts.get(query.get("alert"))
        if alert is None:
            raise UnknownPageError(no_alert(query.get("alert"), query.locale))
        return {**fields, "matchers": "\n".join(format_matchers(matchers_of(alert)))}
    return fields


def _of_silence(row: SilenceRow, now: datetime) -> dict[str, str]:
    coming = row.starts_at > now
    rest = max(row.ends_at - (row.starts_at if coming else now), timedelta(minutes=1))
    return {
        "matchers": "\n".join(format_matchers(row.matchers)),
        "comment": row.comment,
        "starts": f"{row.starts_at:%Y-%m-%dT%H:%M}" if coming else "",
        "lasting": format_duration(timedelta(minutes=round(rest.total_seconds() / 60))),
    }


def _count(matchers: Mapping[str, str], alerts: list[dict[str, str]]) -> int:
    compiled = Matchers.of(matchers)
    return sum(compiled.accept(labels) for labels in alerts)


def _meant(matchers: Mapping[str, str], alerts: list[AlertRow]) -> list[AlertRow]:
    compiled = Matchers.of(matchers)
    return [alert for alert in alerts if compiled.accept(routing_labels(alert))]
