"""The tables of one subject on the dashboard file: alerts that are open, alerts that are over, windows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mirante.i18n import Translator, format_number
from mirante.readings import split_subject
from mirante.views.page import Cell, Column, Table
from mirante.views.summary import severity_level
from mirante.views.verdicts import drifted_columns, missing_columns, performance_of
from mirante.views.words import moment, number

if TYPE_CHECKING:
    from mirante.store import AlertRow, WindowRow

__all__ = ["PAST_ALERTS", "Panel", "open_panel", "past_panel", "windows_panel"]

PAST_ALERTS = 2_000
_ROWS_SHOWN = 300
_ROWS_OPEN = 12
_WINDOWS_SHOWN = 400
_COLUMNS_NAMED = 3


@dataclass(frozen=True, slots=True)
class Panel:
    """A table with its heading; a longer one stands folded below.

    Parameters
    ----------
    title : str
        The heading.
    table : Table, optional
        What is seen at once.
    sentence : str
        Stands where there is no table.
    more : Table, optional
        What opens on demand.
    more_title : str
        Its heading.
    """

    title: str
    table: Table | None
    sentence: str = ""
    more: Table | None = None
    more_title: str = ""


def open_panel(alerts: Sequence[AlertRow], _: Translator, timezone: str) -> Panel | None:
    """Return the alerts that are pending or firing; None when there are none."""
    return Panel(_("Open alerts"), _alert_table(alerts, _, timezone)) if alerts else None


def past_panel(past: Sequence[AlertRow], _: Translator, timezone: str) -> Panel:
    """Show few alerts one by one; of many show how often each rule fired for what, and the list on demand."""
    title = _("Past alerts")
    if not past:
        return Panel(title, None, _("No alert has fired and gone."))
    shown = past[:_ROWS_SHOWN]
    note = _("The newest %(n)s; the store has more.", n=_ROWS_SHOWN) if len(past) > _ROWS_SHOWN else ""
    each = _alert_table(shown, _, timezone, note)
    if len(past) <= _ROWS_OPEN:
        return Panel(title, each)
    return Panel(title, _by_rule(past, _, timezone), more=each, more_title=_("Each of them"))


def _by_rule(past: Sequence[AlertRow], _: Translator, timezone: str) -> Table:
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
    note = _("The newest %(n)s; the store has more.", n=_ROWS_SHOWN) if len(rows) > _ROWS_SHOWN else ""
    return Table(head, rows[:_ROWS_SHOWN], note)


def _alert_table(alerts: Sequence[AlertRow], _: Translator, timezone: str, note: str = "") -> Table:
    head = [
        Column(_("severity")),
        Column(_("rule")),
        Column(_("what"), wide=True),
        Column(_("since")),
        Column(_("until")),
    ]
    if len(alerts) > _ROWS_SHOWN:
        note = _("The newest %(n)s; the store has more.", n=_ROWS_SHOWN)
    return Table(head, [_alert_row(alert, _, timezone) for alert in alerts[:_ROWS_SHOWN]], note)


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
    shared = {"model", "alias", "version", "host", "experiment", "table", "registry"}
    return ", ".join(value for key, value in sorted(alert.labels.items()) if key not in shared)


def _badge(alert: AlertRow, _: Translator) -> Cell:
    words = {"critical": _("critical"), "warning": _("warning"), "info": _("info"), "error": _("error")}
    return Cell(words.get(alert.severity, alert.severity), level=severity_level(alert.severity))


def windows_panel(windows: Sequence[WindowRow], _: Translator, timezone: str) -> Panel | None:
    """Return the judged windows, newest first; None without any.

    Parameters
    ----------
    windows : sequence of WindowRow
        In the order of time; open ones are left out.
    _ : Translator
        The reader's language.
    timezone : str
        The clock to tell moments by.
    """
    newest = [row for row in reversed(windows) if row.closed]
    if not newest:
        return None
    shown, open_ = newest[:_WINDOWS_SHOWN], newest[:_ROWS_OPEN]
    names = {"accuracy": _("Accuracy"), "log_loss": _("Log loss"), "mae": "MAE", "rmse": "RMSE"}
    known = {name for row in shown for name in performance_of(row)}
    measures = {name: title for name, title in names.items() if name in known}
    timed = split_subject(shown[0].subject)[0] != "table"  # tables have neither latencies nor versions
    head = [
        Column(_("Window from")),
        Column(_("Rows"), number=True),
        Column(_("Drifted, missing"), wide=True),
        Column(_("Outliers"), number=True),
        *([Column(_("Latency p95"), number=True)] if timed else []),
        *(Column(title, number=True) for title in measures.values()),
    ]
    left = len(newest) - len(shown)
    note = _("The newest %(n)s of %(total)s.", n=len(shown), total=len(newest)) if left else ""
    lines = [_window_row(row, list(measures), _, timezone, timed=timed) for row in shown]
    title = _("Windows")
    if len(newest) <= len(open_):
        return Panel(title, Table(head, lines))
    first = _("The newest %(n)s of %(total)s.", n=len(open_), total=len(newest))
    return Panel(
        title,
        Table(head, lines[: len(open_)], first),
        more=Table(head, lines[len(open_) :], note),
        more_title=_("Earlier windows"),
    )


def _window_row(
    row: WindowRow, measures: Sequence[str], _: Translator, timezone: str, *, timed: bool
) -> list[Cell]:
    drifted = [name for name, _verdict in drifted_columns(row)]
    rest = f" +{len(drifted) - _COLUMNS_NAMED}" if len(drifted) > _COLUMNS_NAMED else ""
    missing = ", ".join(missing_columns(row)[:_COLUMNS_NAMED])
    outliers, latency = row.verdicts.get("outliers"), row.verdicts.get("latency")
    ratio = outliers / row.rows if isinstance(outliers, int | float) and row.rows else None
    p95 = latency.get("p95") if isinstance(latency, dict) else None
    found = performance_of(row)
    return [
        Cell(moment(row.start, timezone, _.locale), f"{_('version')} {row.version}" if timed else ""),
        Cell(format_number(row.rows, _.locale, digits=0)),
        Cell(", ".join(drifted[:_COLUMNS_NAMED]) + rest or "–", missing and f"{_('missing:')} {missing}"),
        _figure(ratio, "share", _),
        *([_figure(p95, "seconds", _)] if timed else []),
        *(_figure(found.get(name), "", _) for name in measures),
    ]


def _figure(value: object, unit: str, _: Translator) -> Cell:
    return Cell(number(float(value), unit, _.locale) if isinstance(value, int | float) else "–")
