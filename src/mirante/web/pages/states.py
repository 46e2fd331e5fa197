"""What state a subject is in, why in one sentence, and how urgently it needs a person."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np
from markupsafe import Markup

from mirante.i18n import Translator, translator
from mirante.readings import split_subject
from mirante.web.pages.query import Query
from mirante.web.pages.render import number, percent
from mirante.web.pages.sparkline import sparkline

if TYPE_CHECKING:
    from mirante.readings import Reading
    from mirante.store import AlertRow, Series, Store, SubjectRow

__all__ = ["URGENCY", "Card", "card_of", "name_of", "severity_state"]

URGENCY: Mapping[str, int] = MappingProxyType({"critical": 0, "warning": 1, "nodata": 2, "ok": 3})
_SEVERITIES: Mapping[str, str] = MappingProxyType({"critical": "critical", "warning": "warning"})
_SPARKS = ("drift_share", "system_cpu_percent", "predictions")
_SPANS = {"host": timedelta(hours=6)}
_POINTS = 90
_HOST = ("system_cpu_percent", "system_memory_percent", "system_disk_percent")
_MODEL = ("predictions", "drift_share", "drift_detected", "drift_effect")


@dataclass(frozen=True, slots=True)
class Card:
    """One subject on the overview.

    Parameters
    ----------
    subject, kind, name, badge : str
        The subject and its parts; the badge is a model's alias.
    state : str
        ``critical``, ``warning``, ``nodata`` or ``ok``.
    reason, detail : str
        Why, in one sentence; and the verdict behind an alert.
    alerts : int
        Open alerts, pending ones included.
    last : datetime
        Time of its newest reading.
    since : datetime or None
        When the worst open alert fired.
    spark, spark_label, spark_value : str
        The line, what it shows, and its last value.
    """

    subject: str
    kind: str
    name: str
    badge: str
    state: str
    reason: str
    detail: str
    alerts: int
    last: datetime
    since: datetime | None
    spark: Markup
    spark_label: str
    spark_value: str


def name_of(subject: str) -> str:
    """Return a subject's name for people: without its kind.

    Examples
    --------
    >>> name_of("model/m@champion"), name_of("host/web-1")
    ('m@champion', 'web-1')
    """
    _, name, alias = split_subject(subject)
    return f"{name}@{alias}" if alias else name


def severity_state(severity: str) -> str:
    """Return the state that a firing alert of a severity puts its subject in.

    Examples
    --------
    >>> severity_state("critical"), severity_state("info")
    ('critical', 'ok')
    """
    return _SEVERITIES.get(severity, "ok")


def card_of(store: Store, row: SubjectRow, alerts: Sequence[AlertRow], query: Query) -> Card:
    """Return the card of one subject.

    Parameters
    ----------
    store : Store
        Where its readings are.
    row : SubjectRow
        The subject.
    alerts : sequence of AlertRow
        Its open alerts.
    query : Query
        Gives the language and the moment.
    """
    _ = translator(query.locale)
    kind, name, badge = split_subject(row.subject)
    series = _spark_series(store, row, kind)
    worst = min((a for a in alerts if a.state == "firing"), key=_need, default=None)
    last = _last_data(row, series, kind)
    if worst is not None:
        state, reason = severity_state(worst.severity), worst.summary or worst.rule
    elif not query.historic and _is_stale(last, series, query.now):
        state, reason = "nodata", _("Nothing has come in for too long.")
    else:
        state, reason = "ok", _calm_reason(store, row.subject, kind, _, query.locale)
    label, value = _spark_words(series, _, query.locale)
    return Card(
        subject=row.subject, kind=kind, name=name, badge=badge, state=state, reason=reason,
        detail=worst.note if worst is not None else "", alerts=len(alerts),
        last=last, since=worst.fired_at if worst is not None else None,
        spark=_spark(series, label), spark_label=label, spark_value=value,
    )  # fmt: skip


def _last_data(row: SubjectRow, series: Series | None, kind: str) -> datetime:
    """Return the time of the newest data; a model's counters are stamped with the moment of counting."""
    if kind != "model" or series is None:
        return row.last_time
    newest: datetime = series.times[-1].item()
    return newest.replace(tzinfo=UTC)


def _need(alert: AlertRow) -> tuple[int, float]:
    """Worst first; of equals the one that has lasted longest."""
    return URGENCY[severity_state(alert.severity)], alert.active_at.timestamp()


def _spark_series(store: Store, row: SubjectRow, kind: str) -> Series | None:
    since = row.last_time - _SPANS.get(kind, timedelta(days=_POINTS))
    found = store.readings.series(_SPARKS, subject=row.subject, since=since)
    found = found or (store.readings.series(subject=row.subject, since=since) if kind != "monitor" else [])
    return min(found, key=lambda one: _SPARKS.index(one.name) if one.name in _SPARKS else 9, default=None)


def _spark(series: Series | None, label: str) -> Markup:
    if series is None:
        return Markup("")
    top = {"drift_share": 0.5, "system_cpu_percent": 100.0}.get(series.name)
    return sparkline(series.values[-_POINTS:], label, top=top)


def _spark_words(series: Series | None, _: Translator, locale: str) -> tuple[str, str]:
    if series is None:
        return "", ""
    value = float(series.values[-1])
    if series.name == "drift_share":
        return _("Columns drifted"), percent(value, locale)
    if series.name == "system_cpu_percent":
        return _("CPU in use"), percent(value / 100, locale)
    label = _("Predictions per window") if series.name == "predictions" else series.name.replace("_", " ")
    return label, number(value, locale)


def _is_stale(last: datetime, series: Series | None, now: datetime) -> bool:
    """Three times its own rhythm without anything, and never less than a quarter of an hour."""
    rhythm = timedelta(minutes=5)
    if series is not None and len(series.times) > 1:
        micros = float(np.median(np.diff(series.times) / np.timedelta64(1, "us")))
        rhythm = max(rhythm, timedelta(microseconds=micros))
    return now - last > 3 * rhythm


def _calm_reason(store: Store, subject: str, kind: str, _: Translator, locale: str) -> str:
    if kind == "model":
        return _model_reason(store.readings.latest(subject=subject, names=_MODEL), _, locale)
    if kind == "host":
        last = {one.name: one.value for one in store.readings.latest(subject=subject, names=_HOST)}
        if len(last) == len(_HOST):
            cpu, memory, disk = (percent(last[name] / 100, locale) for name in _HOST)
            return _("CPU %(cpu)s, memory %(memory)s, disk %(disk)s.", cpu=cpu, memory=memory, disk=disk)
    if kind == "monitor":
        tasks = store.readings.latest(subject=subject, names=["monitor_task_failing"])
        failing = sorted({one.labels.get("task", "") for one in tasks if one.value})
        return _("Tasks that fail: %(names)s", names=", ".join(failing)) if failing else _("All tasks run.")
    return _("No open alert.")


def _model_reason(latest: Sequence[Reading], _: Translator, locale: str) -> str:
    """Speak of the newest window of the version that served it."""
    newest = max((one.time for one in latest), default=None)
    last = [one for one in latest if one.time == newest]
    rows = [one.value for one in last if one.name == "predictions"]
    if not last:
        return _("No window has been judged yet.")
    if rows and not sum(rows):
        return _("No predictions in the last window.")
    drifted = [one for one in last if one.name == "drift_detected" and one.value == 1]
    if not drifted:
        total = number(sum(rows), locale) if rows else "?"
        return _("Nothing drifted in the last window (%(rows)s rows).", rows=total)
    effect = {one.labels.get("feature"): one.value for one in last if one.name == "drift_effect"}
    worst = max(drifted, key=lambda one: effect.get(one.labels.get("feature"), 0.0))
    head = _.n(
        "%(n)s column drifted in the last window.", "%(n)s columns drifted in the last window.", len(drifted)
    )
    return f"{head} {worst.note}".strip()
