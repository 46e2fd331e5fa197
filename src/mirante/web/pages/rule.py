"""The page of one rule: what it says, what it sees, and when it would have fired."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from markupsafe import Markup

from mirante.alerts.evaluation.history import Clock
from mirante.alerts.past import Firing, Past, replay_past
from mirante.alerts.rules.limits import Limit, limits_of
from mirante.alerts.tracing import trace
from mirante.i18n import translator
from mirante.readings import SOURCE_UP, unit_of
from mirante.web.pages.alertlist import alerts_shown
from mirante.web.pages.query import Query, UnknownPageError
from mirante.web.pages.render import measured, render
from mirante.web.pages.rules import rule_url, shown_rules
from mirante.web.pages.strip import strip

if TYPE_CHECKING:
    from mirante.alerts.rules import Rule
    from mirante.readings import Reading
    from mirante.store import Store
    from mirante.web.kept import Kept
    from mirante.web.ruling import Ruling

__all__ = ["Preview", "SeenValue", "rule_page"]

_DAYS = ("7", "30", "90")
_MOST_VALUES, _MOST_STRIPS, _MOST_FIRINGS, _MOST_ALERTS = 50, 12, 100, 8
_MOST_READINGS = 150_000  # about a second of work
_GRID = timedelta(minutes=5)
_SIGNS = {"<": "<", "<=": "≤", ">": ">", ">=": "≥", "==": "=", "!=": "≠"}


@dataclass(frozen=True, slots=True)
class SeenValue:
    """A reading that a rule looks at; `over` when it is on the side that its part of the rule asks for."""

    reading: Reading
    limits: str
    over: bool


@dataclass(frozen=True, slots=True)
class StripRow:
    """One alert's past: its labels, the strip, how often it fired and for how long."""

    labels: list[tuple[str, str]]
    picture: Markup
    count: int
    lasted: timedelta


@dataclass(frozen=True, slots=True)
class Preview:
    """When a rule would have fired.

    Parameters
    ----------
    since, until : datetime
        The stretch that was looked at.
    error : str
        Why it could not be; empty when it could.
    rows : list of StripRow
        The alerts that fired longest.
    alerts : int
        How many alerts fired at all.
    firings : list of Firing
        Newest first, the newest hundred.
    count : int
        How many there were.
    cut : bool
        Whether the stretch is shorter than was asked for, because there are too many readings.
    """

    since: datetime
    until: datetime
    error: str
    rows: list[StripRow]
    alerts: int
    firings: list[Firing]
    count: int
    cut: bool


def rule_page(store: Store, name: str, query: Query, ruling: Ruling, kept: Kept) -> str:
    """Return the page of one rule as HTML.

    Parameters
    ----------
    store : Store
        Where readings and alerts are.
    name : str
        The rule's.
    query : Query
        ``days`` is the length of the preview: 7, 30 or 90.
    ruling : Ruling
        The rules and routes of the service.
    kept : Kept
        Keeps previews, which cost up to a second.

    Raises
    ------
    UnknownPageError
        If there is no such rule.
    """
    rule = next((one for one in ruling.rules() if one.name == name), None)
    if rule is None:
        raise UnknownPageError(f"there is no rule {name[:80]!r}")
    query = replace(query, path=rule_url(replace(query, values={}, base=""), name))
    (shown,) = shown_rules(store, [rule], query)
    days = query.get("days") if query.get("days") in _DAYS else _DAYS[0]
    latest = store.readings.latest(names=rule.expression.metrics)
    seen = _seen(rule, latest, query.locale)
    alerts = [alert for alert in store.alerts.open() if alert.rule == rule.name]
    return render(
        "rule.html",
        query,
        shown=shown,
        rule=rule,
        channels=_channels(rule, ruling),
        values=seen[:_MOST_VALUES],
        left_out=max(0, len(seen) - _MOST_VALUES),
        parts=len({one.place for one in limits_of(rule.expression.tree)}),
        alerts=alerts_shown(store, alerts[:_MOST_ALERTS], query, {}),
        alert_count=len(alerts),
        days=days,
        choices=_DAYS,
        preview=None
        if SOURCE_UP in rule.expression.metrics
        else _preview(store, rule, latest, int(days), query, ruling, kept),
        error=ruling.error(),
    )


def _channels(rule: Rule, ruling: Ruling) -> list[str]:
    """Return where its alerts go, as far as that can be known without a reading's labels."""
    labels = {**rule.expression.where.equalities, **rule.labels, "rule": rule.name, "severity": rule.severity}
    return list(dict.fromkeys(place.channel for place in trace(ruling.routes, labels)))


def _seen(rule: Rule, latest: Sequence[Reading], locale: str) -> list[SeenValue]:
    """Return what the rule looks at, by labels; first those for which most of its parts hold."""
    limits: dict[str, list[Limit]] = {}
    for limit in limits_of(rule.expression.tree):
        column = rule.expression.tree.columns[limit.place]
        if not column.function:  # a mean's limit says nothing about one reading
            limits.setdefault(column.metric, []).append(limit)
    where = rule.expression.where
    seen = []
    for reading in latest:
        if where.may_accept(reading.labels):
            own = limits.get(reading.name, [])
            unit = unit_of(reading.name)
            text = ", ".join(f"{_SIGNS[one.op]} {measured(one.number, unit, locale)}" for one in own)
            over = bool(own) and all(one.holds(reading.value) for one in own)
            seen.append(SeenValue(reading, text, over))
    held: dict[tuple[tuple[str, str], ...], int] = {}  # what has the same labels stands together
    for one in seen:
        held[one.reading.key[1]] = held.get(one.reading.key[1], 0) + one.over
    return sorted(seen, key=lambda one: (-held[one.reading.key[1]], one.reading.key[1], one.reading.name))


def _preview(
    store: Store,
    rule: Rule,
    latest: Sequence[Reading],
    days: int,
    query: Query,
    ruling: Ruling,
    kept: Kept,
) -> Preview:
    until = _until(latest, query.now)
    key = "preview", rule.name, rule.when, str(rule.where), rule.for_, rule.keep_firing_for, rule.on_missing
    clock = Clock(until - timedelta(days=days), until, ruling.interval)

    def make() -> Past:
        return replay_past([rule], store, ruling.stale_after(), clock, most=_MOST_READINGS)

    past = kept.get((*key, rule.summary, str(rule.labels), days, until), make)
    fired = past.fired.get(rule.name, [])
    by_labels: dict[tuple[tuple[str, str], ...], list[Firing]] = {}
    for one in fired:
        by_labels.setdefault(tuple(sorted(one.labels.items())), []).append(one)
    since = past.since or clock.since
    rows = [_row(labels, those, since, until, rule, query) for labels, those in by_labels.items()]
    rows.sort(key=lambda row: (-row.lasted, row.labels))
    newest = sorted(fired, key=lambda one: one.fired_at or one.active_at, reverse=True)
    return Preview(
        since,
        until,
        past.errors.get(rule.name, ""),
        rows[:_MOST_STRIPS],
        len(rows),
        newest[:_MOST_FIRINGS],
        len(fired),
        since > clock.since,
    )


def _until(latest: Sequence[Reading], now: datetime) -> datetime:
    """Return the end of the preview, which holds still for minutes: now, or a day after the last data."""
    last = max((reading.time for reading in latest), default=now)
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    return epoch + (min(now, last + timedelta(days=1)) - epoch) // _GRID * _GRID


def _row(
    labels: tuple[tuple[str, str], ...],
    firings: Sequence[Firing],
    since: datetime,
    until: datetime,
    rule: Rule,
    query: Query,
) -> StripRow:
    _ = translator(query.locale)
    text = _.n("would have fired %(n)s time", "would have fired %(n)s times", len(firings))
    own: Mapping[str, str] = rule.labels
    lasted = sum(((one.ended_at or until) - (one.fired_at or until) for one in firings), timedelta())
    picture = strip(firings, since, until, text, severity=rule.severity)
    return StripRow([pair for pair in labels if pair[0] not in own], picture, len(firings), lasted)
