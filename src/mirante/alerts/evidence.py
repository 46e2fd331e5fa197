"""What else is known when an alert is told: what moved in its window, in which slices; the performance."""

from __future__ import annotations

import math
import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, TypeAlias
from urllib.parse import quote, urlencode

from mirante.alerts.channels.texts import moment_text
from mirante.alerts.units import measure_text
from mirante.errors import StoreError
from mirante.i18n import Translator, translator
from mirante.readings import SLICE, split_subject
from mirante.store import AlertRow, Store, WindowRow
from mirante.tracking.links import run_link, version_link

__all__ = [
    "Evidence",
    "Window",
    "alert_links",
    "gather",
    "page_links",
    "silence_command",
    "slices_of",
    "subject_link",
    "windows_of",
]

_MOST_MOVED, _MOST_SLICES, _MOST_ALERTS, _BEFORE = 5, 3, 20, 30
_WITH_WINDOWS = ("model/", "table/")
_MEASURES = ("roc_auc", "accuracy", "r2", "mae", "rmse", "log_loss", "brier")


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the window behind an alert says.

    Parameters
    ----------
    moved : tuple of str
        The sentences of the features that moved in it, the strongest first, at most five, and how many more.
    slices : tuple of (str, str)
        Slices of the rows in which features moved: the feature and a sentence, at most three.
    window : (datetime, datetime), optional
        Where it begins and ends.
    performance : str
        Its realised performance beside that of the windows before, as far as labels are in; else empty.
    """

    moved: tuple[str, ...] = ()
    slices: tuple[tuple[str, str], ...] = ()
    performance: str = ""
    window: tuple[datetime, datetime] | None = None


Window: TypeAlias = tuple[str, datetime, str | None]  # subject, start and version


def gather(
    store: Store, alerts: Sequence[AlertRow], locale: str, known: dict[Window, Evidence] | None = None
) -> list[Evidence]:
    """Return what is known beside each of some alerts.

    Parameters
    ----------
    store : Store
        Has the windows. If it cannot be read, nothing is known: an alert is told all the same.
    alerts : sequence of AlertRow
        Those of models and tables whose reading's time is a window's start; of others nothing is known, and
        of all but the first twenty only their window.
    locale : str
        Of the words.
    known : dict, optional
        What was gathered already, by window; what is found is put in. One window is told to several channels
        and by several rules.
    """
    _ = translator(locale)
    known = {} if known is None else known
    found = [Evidence()] * len(alerts)
    for place, alert in enumerate(alerts[:_MOST_ALERTS]):
        time, version = alert.reading_time, alert.labels.get("version")
        if time is None or not alert.subject.startswith(_WITH_WINDOWS):
            continue
        key = (alert.subject, time, version)
        if key not in known:
            rows = _windows(store, *key)
            known[key] = _evidence(rows, _) if rows else Evidence()
        found[place] = _own(known[key], alert.labels)
    try:
        windows = windows_of(store, alerts)
    except StoreError:
        return found
    return [replace(one, window=window) for one, window in zip(found, windows, strict=True)]


def windows_of(store: Store, alerts: Sequence[AlertRow]) -> list[tuple[datetime, datetime] | None]:
    """Return the window that each of some alerts is about: where it begins and ends.

    Parameters
    ----------
    store : Store
        Has the windows.
    alerts : sequence of AlertRow
        An alert of a model or a table is about a window where the reading behind its value stands at the
        start of one.

    Returns
    -------
    list of (datetime, datetime) or None
        In the order of `alerts`; None for those that are about no window.
    """
    starts: dict[str, set[datetime]] = {}
    for alert in alerts:
        if alert.reading_time is not None and alert.subject.startswith(_WITH_WINDOWS):
            starts.setdefault(alert.subject, set()).add(alert.reading_time)
    ends = {subject: store.windows.ends(subject, asked) for subject, asked in starts.items()}
    largest = {
        subject: {start: end for (start, _version), end in known.items()} for subject, known in ends.items()
    }
    found: list[tuple[datetime, datetime] | None] = []
    for alert in alerts:
        time, version = alert.reading_time, alert.labels.get("version")
        if time is None or alert.subject not in ends:
            found.append(None)
            continue
        if version is None:
            end = largest[alert.subject].get(time)
        else:
            end = ends[alert.subject].get((time, version))
        found.append(None if end is None else (time, end))
    return found


def _evidence(rows: list[WindowRow], _: Translator) -> Evidence:
    return Evidence(_moved(rows[-1], _), slices_of(rows[-1]), _performance(rows, _))


def _own(evidence: Evidence, labels: Mapping[str, str]) -> Evidence:
    """Leave out what an alert about one feature has in its note, and what is of others or of all rows."""
    if SLICE in labels:
        return Evidence()
    feature = labels.get("feature")
    if feature is None:
        return evidence
    return replace(evidence, moved=(), slices=tuple(one for one in evidence.slices if one[0] == feature))


def _windows(store: Store, subject: str, start: datetime, version: str | None) -> list[WindowRow]:
    """Return a closed window after those before it; none without it."""
    try:
        window = store.windows.get(subject, start, version=version)
        if window is None or not window.closed:
            return []
        earliest = start - _BEFORE * (window.end - window.start)
        rows = store.windows.list(subject, since=earliest, until=start)
    except StoreError:
        return []
    return [*(row for row in rows if row.closed and row.version == window.version), window]


def _moved(window: WindowRow, _: Translator) -> tuple[str, ...]:
    columns = window.verdicts.get("columns")
    if not isinstance(columns, Mapping):
        return ()
    found = [
        (float(column.get("effect") or 0.0), str(column["sentence"]))
        for column in columns.values()
        if isinstance(column, Mapping) and column.get("drifted") and column.get("sentence")
    ]
    told = [sentence for _effect, sentence in sorted(found, key=lambda pair: -pair[0])]
    left = len(told) - _MOST_MOVED
    more = [_.n("and %(n)s more feature", "and %(n)s more features", left)] if left > 0 else []
    return (*told[:_MOST_MOVED], *more)


def slices_of(window: WindowRow) -> tuple[tuple[str, str], ...]:
    """Return the slices of the rows in which a window's features moved.

    Parameters
    ----------
    window : WindowRow
        As the store has it.

    Returns
    -------
    tuple of (str, str)
        Feature and sentence, at most three; none for a window without drift.

    Examples
    --------
    >>> from datetime import UTC
    >>> day = datetime(2013, 2, 8, tzinfo=UTC)
    >>> kept = {"slices": [{"column": "delay", "sentence": "delay moved mainly where carrier = EV."}]}
    >>> slices_of(WindowRow("model/churn@champion", "3", day, day, rows=9, closed=True, verdicts=kept))
    (('delay', 'delay moved mainly where carrier = EV.'),)
    """
    found = window.verdicts.get("slices")
    if not isinstance(found, list):
        return ()
    known = [one for one in found if isinstance(one, Mapping) and one.get("sentence")]
    return tuple((str(one.get("column")), str(one["sentence"])) for one in known[:_MOST_SLICES])


def _performance(windows: list[WindowRow], _: Translator) -> str:
    """Compare the last window whose labels are in with the mean of those before it."""
    measured = [(row, figures) for row in windows if (figures := _figures(row))]
    if not measured:
        return ""
    row, last = measured[-1]
    measure = next((name for name in _MEASURES if name in last), None)
    if measure is None:
        return ""
    earlier = [figures[measure] for _row, figures in measured[:-1] if measure in figures]
    told = {
        "measure": measure,
        "value": measure_text(f"performance_{measure}", last[measure], _.locale),
        "window": moment_text(row.start),
    }
    if not earlier:
        return _("%(measure)s was %(value)s in the window of %(window)s", **told)
    usual = measure_text(f"performance_{measure}", sum(earlier) / len(earlier), _.locale)
    return _(
        "%(measure)s was %(value)s in the window of %(window)s, and %(usual)s before", **told, usual=usual
    )


def _figures(row: WindowRow) -> dict[str, float]:
    found: Any = row.verdicts.get("performance")
    if not isinstance(found, Mapping):
        return {}
    return {str(k): float(v) for k, v in found.items() if isinstance(v, int | float) and math.isfinite(v)}


def alert_links(alert: AlertRow, *, page: str = "", mlflow: str = "") -> dict[str, str]:
    """Return links to what an alert is about, by the keys that `link_name` has words for.

    Parameters
    ----------
    alert : AlertRow
        The alert.
    page, mlflow : str
        Addresses of Mirante's page and of MLflow's; without one its links are left out.

    Examples
    --------
    >>> from datetime import UTC, datetime
    >>> labels = {"model": "churn", "version": "3"}
    >>> alert = AlertRow("1", "drift", labels, "model/churn@champion", "info", "firing", datetime.now(UTC))
    >>> links = alert_links(alert, page="http://127.0.0.1:8765/", mlflow="http://127.0.0.1:5000")
    >>> list(links), links["alert"]
    (['alert', 'subject', 'model_version'], 'http://127.0.0.1:8765/alerts/1')
    >>> links["model_version"]
    'http://127.0.0.1:5000/#/models/churn/versions/3'
    """
    links = {}
    kind = split_subject(alert.subject)[0]
    if page:
        base = page.rstrip("/")
        links["alert"] = f"{base}/alerts/{quote(alert.id, safe='')}"
        if kind in ("model", "table", "host", "experiment"):
            links["subject"] = subject_link(page, alert.subject)
    if mlflow:
        model, version = (
            alert.labels.get("model") or alert.labels.get("registered_model"),
            alert.labels.get("version"),
        )
        if model and version:
            links["model_version"] = version_link(mlflow, model, version)
        run, experiment = alert.labels.get("run_id"), alert.labels.get("experiment_id")
        if run and experiment:
            links["run"] = run_link(mlflow, experiment, run)
    return links


def subject_link(page: str, subject: str) -> str:
    """Return the address of a model's, a table's or a host's page.

    Parameters
    ----------
    page : str
        Address of Mirante's page.
    subject : str
        ``model/<name>@<alias>``, ``table/<name>``, ``host/<name>`` or ``experiment/<name>``.

    Examples
    --------
    >>> subject_link("https://mirante.example.org/", "model/churn@champion")
    'https://mirante.example.org/model?subject=model%2Fchurn%40champion'
    """
    return f"{page.rstrip('/')}/{split_subject(subject)[0]}?{urlencode({'subject': subject})}"


def page_links(page: str, subject: str = "") -> dict[str, str]:
    """Return the link of a notice about several alerts: to the page of all, or of those of one subject.

    Examples
    --------
    >>> page_links("http://127.0.0.1:8765"), page_links("")
    ({'alerts': 'http://127.0.0.1:8765/alerts'}, {})
    >>> page_links("http://127.0.0.1:8765", "host/web-1")["alerts"]
    'http://127.0.0.1:8765/alerts?subject=host%2Fweb-1'
    """
    if not page:
        return {}
    query = f"?{urlencode({'subject': subject})}" if subject else ""
    return {"alerts": f"{page.rstrip('/')}/alerts{query}"}


def silence_command(alerts: Sequence[AlertRow], config: str = "") -> str:
    """Return the command that silences some alerts for two hours, safe to paste into a shell.

    Parameters
    ----------
    alerts : sequence of AlertRow
        One is named by its id, several by the rule that they have in common.
    config : str
        The config of the service, where the command would not find it by itself.

    Returns
    -------
    str
        Empty where there is no such rule, or its name is nothing for a shell.

    Examples
    --------
    >>> from datetime import UTC, datetime
    >>> alert = AlertRow("4f2a", "high_cpu", {}, "host/web-1", "info", "firing", datetime.now(UTC))
    >>> silence_command([alert])
    'mirante alerts silence --alert 4f2a --for 2h --comment "..."'
    >>> silence_command([alert, alert])
    'mirante alerts silence rule=high_cpu --for 2h --comment "..."'
    >>> silence_command([alert], "/srv/mirante.yaml")
    'mirante alerts silence -c /srv/mirante.yaml --alert 4f2a --for 2h --comment "..."'
    """
    rules = {alert.rule for alert in alerts}
    if len(alerts) == 1:
        which = f"--alert {alerts[0].id}"
    elif len(rules) == 1 and re.fullmatch(r"[A-Za-z0-9_.-]+", rule := rules.pop()):
        which = f"rule={rule}"
    else:
        return ""
    if config:
        which = f"-c {shlex.quote(config)} {which}"
    return f'mirante alerts silence {which} --for 2h --comment "..."'
