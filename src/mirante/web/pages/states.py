"""What state a subject is in, why in one sentence, and how urgently it needs a person."""

from __future__ import annotations

import re
import shlex
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from statistics import median
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
from markupsafe import Markup

from mirante.i18n import Translator, translator
from mirante.readings import split_subject, subject_of
from mirante.web.pages.query import Query
from mirante.web.pages.render import number, percent
from mirante.web.pages.sparkline import sparkline
from mirante.web.reported import reported_health

if TYPE_CHECKING:
    from mirante.store import AlertRow, Series, Store

__all__ = ["URGENCY", "Card", "Standing", "card_of", "cards_of", "name_of", "severity_state", "standings"]

URGENCY: Mapping[str, int] = MappingProxyType(
    {"critical": 0, "warning": 1, "nodata": 2, "waiting": 3, "ok": 4}
)
_SEVERITIES: Mapping[str, str] = MappingProxyType({"critical": "critical", "warning": "warning"})
_VOLUMES = ("predictions", "table_rows")
_SPARKS = ("drift_share", "system_cpu_percent", *_VOLUMES)
_WINDOWED = ("model", "table")  # the kinds of subjects that are judged by windows
_POINTS = 90
_FEW = 5  # readings that tell a subject's rhythm
_HOST = ("system_cpu_percent", "system_memory_percent", "system_disk_percent")
_PLAIN = (*_VOLUMES, "drift_share", *_HOST)
_DRIFT = ("drift_detected", "drift_effect")
_PATIENCE = timedelta(minutes=5)  # for the word "silent", which no card uses
_ERROR_NAME = re.compile(r"^\w+Error: ")


@dataclass(frozen=True, slots=True)
class Standing:
    """How one subject stands: little enough to be known of all subjects at once.

    Parameters
    ----------
    subject, kind, name, badge : str
        The subject and its parts; the badge is a model's alias.
    state : str
        ``critical``, ``warning``, ``nodata``, ``waiting`` (a model or table of which no window was judged
        yet) or ``ok``.
    alerts, pending : int
        Alerts that fire, and those whose condition has not been true for long enough.
    worst : AlertRow or None
        The one that puts it in its state.
    last : datetime or None
        Time of its newest data.
    spark : Series or None
        The last readings of what its line shows.
    failing : tuple of str
        Of a model or table why it cannot be watched; of the monitor the names of its tasks that fail.
    bare : bool
        Whether the model's version has no baseline.
    """

    subject: str
    kind: str
    name: str
    badge: str
    state: str
    alerts: int
    pending: int
    worst: AlertRow | None
    last: datetime | None
    spark: Series | None
    failing: tuple[str, ...] = ()
    bare: bool = False


@dataclass(frozen=True, slots=True)
class Card:
    """One subject on the overview.

    Parameters
    ----------
    subject, kind, name, badge : str
        The subject and its parts; the badge is a model's alias.
    state : str
        ``critical``, ``warning``, ``nodata``, ``waiting`` or ``ok``.
    reason, detail : str
        Why, in one sentence; and the verdict behind an alert.
    alerts, pending : int
        Alerts that fire, and those that may come to.
    last : datetime or None
        Time of its newest reading; None while a model has none of its windows.
    since : datetime or None
        When the worst open alert fired.
    spark, spark_label, spark_value : str
        The line, what it shows, and its last value.
    lacks : str
        Of a model whose version has no baseline what that means, and the command that makes one.
    """

    subject: str
    kind: str
    name: str
    badge: str
    state: str
    reason: str
    detail: str
    alerts: int
    pending: int
    last: datetime | None
    since: datetime | None
    spark: Markup
    spark_label: str
    spark_value: str
    lacks: str = ""


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


def standings(
    store: Store,
    alerts: Mapping[str, Sequence[AlertRow]],
    query: Query,
    *,
    only: str | None = None,
    tasks: Mapping[str, Any] | None = None,
) -> list[Standing]:
    """Return how all subjects stand, what needs a person first; more subjects do not mean more queries.

    Parameters
    ----------
    store : Store
        Where their readings are.
    alerts : mapping of str to sequence of AlertRow
        The open alerts of each subject that has any.
    query : Query
        Gives the moment.
    only : str, optional
        Not more than this subject.
    tasks : mapping, optional
        What the service says of its tasks, as in ``/healthz``; by default what it last wrote of them.
    """
    subjects = store.readings.subject_names() if only is None else [only]
    bare = _without_baseline(store, only)
    sparks = _few_of_each(store, subjects, bare, every=only is None)
    lasts = {subject: _time_of(series) for subject, series in sparks.items()}
    others = [
        subject for subject in subjects if split_subject(subject)[0] not in _WINDOWED or subject not in sparks
    ]
    # a model's counters are stamped with the moment of counting, and say nothing about its data
    lasts |= {row.subject: row.last_time for row in store.readings.subjects(others)}
    # nor is a counter what a model's line is about
    lineless = [
        subject
        for subject in others
        if subject not in sparks and split_subject(subject)[0] not in (*_WINDOWED, "monitor")
    ]
    if lineless:
        firsts = store.readings.recent(subjects=lineless, points=_FEW, oldest_only=True)
        sparks |= {one.subject: one for one in firsts}
    known = [subject for subject in subjects if subject in lasts]
    trouble = _trouble(store, query, tasks)
    found = [
        _standing(one, lasts[one], sparks.get(one), alerts.get(one, ()), query, trouble, bare=one in bare)
        for one in known
    ]
    return sorted(
        found, key=lambda one: (URGENCY[one.state], -one.alerts, one.kind == "monitor", one.subject)
    )


def cards_of(store: Store, standing: Sequence[Standing], query: Query) -> list[Card]:
    """Return the cards of subjects; the number of queries does not grow with them.

    Parameters
    ----------
    store : Store
        Where their readings are.
    standing : sequence of Standing
        How they stand.
    query : Query
        Gives the language.
    """
    _ = translator(query.locale)
    lines = _whole_sparks(store, standing)
    calm = [one for one in standing if one.state == "ok" and one.worst is None]
    newest = _newest_readings(store, calm)
    return [
        _card(one, lines.get(one.subject), newest.get(one.subject, []), _, query.locale) for one in standing
    ]


def card_of(
    store: Store,
    subject: str,
    alerts: Sequence[AlertRow],
    query: Query,
    tasks: Mapping[str, Any] | None = None,
) -> Card:
    """Return the card of one subject.

    Parameters
    ----------
    store : Store
        Where its readings are.
    subject : str
        The subject.
    alerts : sequence of AlertRow
        Its open alerts.
    query : Query
        Gives the language and the moment.
    tasks : mapping, optional
        As for `standings`.
    """
    standing = standings(store, {subject: alerts}, query, only=subject, tasks=tasks)
    (card,) = cards_of(store, standing, query)
    return card


def _without_baseline(store: Store, only: str | None) -> set[str]:
    """Return the models whose version has no baseline."""
    found = store.readings.latest(subject=only, names=["baseline_missing"])
    return {subject_of(one.labels) for one in found if one.value == 1}


def _few_of_each(
    store: Store, subjects: Sequence[str], bare: Collection[str], *, every: bool
) -> dict[str, Series]:
    """Return the last few readings of what each subject's line shows; in `bare` nothing is judged."""
    best = [name for name in _SPARKS if name not in _VOLUMES]
    found = _best_sparks(
        store.readings.recent(best, subjects=None if every else subjects, points=_FEW, slices=False)
    )
    # what drifted is said of a version that the alias left
    found = {subject: series for subject, series in found.items() if subject not in bare}
    # nearly all models have the share of drifted columns; without it they may have predictions
    rest = [one for one in subjects if one not in found and split_subject(one)[0] in _WINDOWED]
    return found | _best_sparks(
        store.readings.recent(_VOLUMES, subjects=rest, points=_FEW, slices=False) if rest else []
    )


def _best_sparks(found: Sequence[Series]) -> dict[str, Series]:
    """Choose a series for each subject: of the best name the one that goes on, the serving version's."""
    best: dict[str, Series] = {}
    for one in found:
        old = best.get(one.subject)
        if old is None or _rank(one) < _rank(old):
            best[one.subject] = one
    return best


def _rank(series: Series) -> tuple[int, int]:
    return _SPARKS.index(series.name), -int(series.times[-1].astype(np.int64))


def _time_of(series: Series) -> datetime:
    newest: datetime = series.times[-1].item()
    return newest.replace(tzinfo=UTC)


def _trouble(store: Store, query: Query, tasks: Mapping[str, Any] | None) -> dict[str, str]:
    """Return the tasks that fail, and why: what the line at the foot of the page says too."""
    if tasks is None:
        tasks = reported_health(store, query.now, _PATIENCE)["tasks"]
    errors = {name: str(said.get("error") or "") for name, said in tasks.items()}
    return {name: _ERROR_NAME.sub("", error.strip()) for name, error in errors.items() if error}


def _standing(
    subject: str,
    last: datetime,
    spark: Series | None,
    alerts: Sequence[AlertRow],
    query: Query,
    trouble: Mapping[str, str],
    *,
    bare: bool = False,
) -> Standing:
    kind, name, badge = split_subject(subject)
    firing = [alert for alert in alerts if alert.state == "firing"]
    worst = min(firing, key=_need, default=None)
    failing: tuple[str, ...] = ()
    if kind == "monitor":
        failing = tuple(sorted(trouble))
    elif kind in _WINDOWED and subject in trouble and not query.historic:
        failing = (trouble[subject],)
    unjudged = kind in _WINDOWED and spark is None
    if worst is not None and severity_state(worst.severity) != "ok":
        state = severity_state(worst.severity)
    elif failing:
        state, worst = "warning", None
    elif unjudged:
        state = "waiting"
    else:
        stale = worst is None and not query.historic and _is_stale(last, spark, query.now)
        state = "nodata" if stale else "ok"
    return Standing(
        subject=subject, kind=kind, name=name, badge=badge, state=state, alerts=len(firing),
        pending=len(alerts) - len(firing), worst=worst, last=None if unjudged else last, spark=spark,
        failing=failing, bare=bare,
    )  # fmt: skip


def _card(one: Standing, line: Series | None, newest: Sequence[Series], _: Translator, locale: str) -> Card:
    if one.worst is not None:
        reason = one.worst.summary or one.worst.rule
    elif one.failing and one.kind in _WINDOWED:
        reason = _("cannot be watched: %(why)s", why=one.failing[0])
    elif one.failing:
        reason = _("Tasks that fail: %(names)s", names=", ".join(one.failing))
    elif one.state == "waiting" and one.kind == "table":
        reason = _(
            "No window has been judged yet. It waits for rows, and for the windows that are its baseline."
        )
    elif one.state == "waiting":
        reason = _(
            "No window has been judged yet. It waits for recorded predictions, and for the end of the first "
            "window with any."
        )
    elif one.state == "nodata":
        reason = _("Nothing has come in for too long.")
    else:
        reason = _calm_reason(one, newest, _, locale)
    label, value = _spark_words(line, _, locale)
    return Card(
        subject=one.subject, kind=one.kind, name=one.name, badge=one.badge, state=one.state, reason=reason,
        detail=one.worst.note if one.worst is not None else "", alerts=one.alerts, pending=one.pending,
        last=one.last, since=one.worst.fired_at if one.worst is not None else None,
        spark=_spark(line, label), spark_label=label, spark_value=value,
        lacks=_what_it_lacks(one, _) if one.bare and not one.failing else "",
    )  # fmt: skip


def _what_it_lacks(one: Standing, _: Translator) -> str:
    command = f"mirante baseline create {shlex.quote(f'models:/{one.name}@{one.badge}')}"
    return _(
        "Its version has no baseline. Predictions, latency and errors are counted; drift, missing values, "
        "outliers and performance need one: %(command)s",
        command=command,
    )


def _whole_sparks(store: Store, standing: Sequence[Standing]) -> dict[str, Series]:
    """Return the lines of some subjects in their full length."""
    sparks = {one.subject: one.spark.name for one in standing if one.spark is not None}
    named = [subject for subject, name in sparks.items() if name in _SPARKS]
    bare = [subject for subject, name in sparks.items() if name not in _SPARKS]
    names = [name for name in _SPARKS if name in sparks.values()]
    wanted = store.readings.recent(names, subjects=named, points=_POINTS, slices=False)
    found = _best_sparks([series for series in wanted if series.name == sparks[series.subject]])
    others = store.readings.recent(subjects=bare, points=_POINTS, oldest_only=True)
    return {**found, **{one.subject: one for one in others}}


def _newest_readings(store: Store, calm: Sequence[Standing]) -> dict[str, list[Series]]:
    """Return the newest readings that a sentence about each of some subjects needs."""
    moved = [one.subject for one in calm if one.kind in _WINDOWED and not _is_quiet(one)]
    found = store.readings.recent(_PLAIN, subjects=[one.subject for one in calm], points=1, slices=False)
    found += store.readings.recent(_DRIFT, subjects=moved, points=1, slices=False)
    newest: dict[str, list[Series]] = {}
    for one in found:
        newest.setdefault(one.subject, []).append(one)
    return newest


def _is_quiet(one: Standing) -> bool:
    """Say whether the last window is known to be without drift: then its columns need not be looked at."""
    return one.spark is not None and one.spark.name == "drift_share" and one.spark.values[-1] == 0


def _need(alert: AlertRow) -> tuple[int, float]:
    """Worst first; of equals the one that has lasted longest."""
    return URGENCY[severity_state(alert.severity)], alert.active_at.timestamp()


def _spark(series: Series | None, label: str) -> Markup:
    if series is None:
        return Markup("")
    top = {"drift_share": 0.5, "system_cpu_percent": 100.0}.get(series.name)
    return sparkline(series.values, label, top=top)


def _spark_words(series: Series | None, _: Translator, locale: str) -> tuple[str, str]:
    if series is None:
        return "", ""
    value = float(series.values[-1])
    if series.name == "drift_share":
        return _("Columns drifted"), percent(value, locale)
    if series.name == "system_cpu_percent":
        return _("CPU in use"), percent(value / 100, locale)
    named = {
        "predictions": _("Predictions per window"),
        "table_rows": _("Rows per window"),
        "traces": _("Requests per window"),
    }
    status = series.labels.get("status", "")
    if (series.name, status) == ("mlflow_experiment_runs", "running"):
        return _("Running"), number(value, locale)
    if series.name == "traces":
        return f"{named['traces']} ({status})", number(value, locale)
    label = named.get(series.name) or series.name.replace("_", " ")
    return label, number(value, locale)


def _is_stale(last: datetime, series: Series | None, now: datetime) -> bool:
    """Three times its own rhythm without anything, and never less than a quarter of an hour."""
    rhythm = timedelta(minutes=5)
    if series is not None and len(series.times) > 1:
        rhythm = max(rhythm, timedelta(microseconds=median(np.diff(series.times).astype(np.int64).tolist())))
    return now - last > 3 * rhythm


def _calm_reason(one: Standing, newest: Sequence[Series], _: Translator, locale: str) -> str:
    kind = one.kind
    if kind in _WINDOWED:
        return _window_reason(one, newest, _, locale)
    if kind == "host":
        last = {one.name: float(one.values[-1]) for one in newest if one.name in _HOST}
        if len(last) == len(_HOST):
            cpu, memory, disk = (percent(last[name] / 100, locale) for name in _HOST)
            return _("CPU %(cpu)s, memory %(memory)s, disk %(disk)s.", cpu=cpu, memory=memory, disk=disk)
    if kind == "monitor":
        return _("All tasks run.")
    return _("No open alert.")


def _window_reason(standing: Standing, latest: Sequence[Series], _: Translator, locale: str) -> str:
    """Speak of the newest window of the version that served it."""
    newest = max((one.times[-1] for one in latest), default=None)
    last = [one for one in latest if one.times[-1] == newest]
    rows = [float(one.values[-1]) for one in last if one.name in _VOLUMES]
    if rows and not sum(rows):
        return (
            _("No rows in the last window.")
            if standing.kind == "table"
            else _("No predictions in the last window.")
        )
    if standing.bare:
        return _("%(rows)s predictions in the last window.", rows=number(sum(rows), locale))
    drifted = [one for one in last if one.name == "drift_detected" and one.values[-1] == 1]
    if not drifted:
        if not rows:
            return _("Nothing drifted in the last window.")
        total = number(sum(rows), locale)
        return _("Nothing drifted in the last window (%(rows)s rows).", rows=total)
    effect = {one.labels.get("feature"): one.values[-1] for one in last if one.name == "drift_effect"}
    worst = max(drifted, key=lambda one: effect.get(one.labels.get("feature"), 0.0))
    head = _.n(
        "%(n)s column drifted in the last window.", "%(n)s columns drifted in the last window.", len(drifted)
    )
    return f"{head} {worst.notes[-1]}".strip()
