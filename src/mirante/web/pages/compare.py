"""One feature's baseline against one window, with the verdict's sentence and the numbers behind it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from mirante.alerts.evidence import slices_of
from mirante.i18n import translator
from mirante.views.verdicts import column_verdicts, drifted_columns
from mirante.web.pages.charts import Chart, chart_of
from mirante.web.pages.query import Query, parse_time
from mirante.web.pages.render import number, percent

if TYPE_CHECKING:
    from mirante.store import BaselineRow, Store, WindowRow

__all__ = ["Comparison", "compare", "window_key"]

_LONGEST = 40
_TRIES = 50  # windows that are read in search of one with verdicts


@dataclass(frozen=True, slots=True)
class Comparison:
    """A feature in a window beside its baseline.

    Parameters
    ----------
    feature : str
        The feature, or ``prediction``.
    window : WindowRow
        The window.
    features : list of str
        What else can be looked at: what drifted in this window first.
    chart : Chart or None
        The picture; None when a profile is missing.
    verdict : str
        ``drift`` or ``calm``.
    missing : bool
        Whether more values are missing than in the baseline.
    sentences : list of str
        The verdict in words.
    slices : list of str
        The slices of the window's rows in which the feature moved, in words.
    facts : list of (str, str)
        Names and values for the table.
    """

    feature: str
    window: WindowRow
    features: list[str]
    chart: Chart | None
    verdict: str
    missing: bool
    sentences: list[str]
    slices: list[str]
    facts: list[tuple[str, str]]


def window_key(row: WindowRow, *, alone: bool) -> str:
    """Return what a query's ``window`` calls a window: its start, and its version where there are others.

    Parameters
    ----------
    row : WindowRow
        The window.
    alone : bool
        Whether no other version has a window of that time.
    """
    return f"{row.start:%Y-%m-%dT%H:%M:%SZ}{'' if alone else f'@{row.version}'}"


def compare(
    store: Store,
    subject: str,
    windows: Sequence[WindowRow],
    drifted: Collection[tuple[datetime, str]],
    query: Query,
) -> Comparison | None:
    """Return the comparison that a query asks for, or the most telling one.

    Parameters
    ----------
    store : Store
        Where the profiles are.
    subject : str
        The model.
    windows : sequence of WindowRow
        Judged windows in the order of time, as a page shows them; their verdicts are not looked at.
    drifted : collection of (datetime, str)
        Starts and versions of those that have a drifted column.
    query : Query
        ``feature`` and ``window`` (a time in it, or a `window_key`); without them the newest window that
        drifted, and in it the feature that moved most.
    """
    moment, _, version = query.get("window").partition("@")
    row = _window(store, subject, windows, drifted, parse_time(moment), version or None)
    if row is None:
        return None
    columns = column_verdicts(row)
    order = [name for name, _ in drifted_columns(row)]
    features = [*order, *sorted(columns.keys() - set(order))]
    if not features:
        return None
    feature = query.get("feature")
    feature = feature if feature in columns else features[0]
    verdict = columns[feature]
    state = "drift" if verdict.get("drifted") else "calm"
    missing = bool(verdict.get("missing_detected"))
    told = [verdict.get("sentence"), verdict.get("missing_sentence") if missing else None]
    sentences = [str(text) for text in told if text]
    base = store.baselines.get(subject, row.version)
    chart = _chart(base, row, feature, query)
    slices = [sentence for column, sentence in slices_of(row) if column == feature]
    facts = _facts(verdict, query, row.version, None if base is None else base.rows)
    return Comparison(feature, row, features, chart, state, missing, sentences, slices, facts)


def _window(
    store: Store,
    subject: str,
    windows: Sequence[WindowRow],
    drifted: Collection[tuple[datetime, str]],
    asked: datetime | None,
    version: str | None = None,
) -> WindowRow | None:
    if asked is not None:
        exact = store.windows.get(subject, asked, version=version)
        if exact is not None and column_verdicts(exact):
            return exact
        # A link may point outside of the range, and a click at a moment inside of a window.
        earlier = [row for row in windows if row.start <= asked]
        found = _first_judged(store, earlier or store.windows.list(subject, until=asked, limit=_TRIES))
        if found is not None:
            return found
    return _first_judged(
        store, [row for row in windows if (row.start, row.version) in drifted]
    ) or _first_judged(store, windows)


def _first_judged(store: Store, windows: Sequence[WindowRow]) -> WindowRow | None:
    """Return the newest window that has verdicts, with them; one without rows has none."""
    filled = [row for row in windows if row.rows][-_TRIES:]
    for row in reversed(filled):
        found = store.windows.get(row.subject, row.start, version=row.version)
        if found is not None and column_verdicts(found):
            return found
    return None


def _chart(base: BaselineRow | None, window: WindowRow, feature: str, query: Query) -> Chart | None:
    from mirante.profiles import TableProfile
    from mirante.views.figures import distribution_draft

    if base is None or not window.profile or not base.profile:
        return None
    then = TableProfile.from_bytes(base.profile).columns.get(feature)
    now = TableProfile.from_bytes(window.profile).columns.get(feature)
    if then is None or now is None:
        return None
    _ = translator(query.locale)
    title = _("%(feature)s: baseline and window", feature=feature)
    return chart_of("compare", title, distribution_draft(then, now, title=title, locale=query.locale))


def _facts(verdict: Mapping[str, Any], query: Query, version: str, rows: int | None) -> list[tuple[str, str]]:
    _ = translator(query.locale)

    def value(name: str) -> float | None:
        found = verdict.get(name)
        return float(found) if isinstance(found, int | float) else None

    score = str(verdict.get("score") or "")
    shown = [
        (_("Model version"), version if len(version) <= _LONGEST else f"{version[:_LONGEST]}…"),
        (_("Size of the shift"), number(value("effect"), query.locale, digits=3)),
        (f"{_('Score')} ({score})" if score else _("Score"), number(value("value"), query.locale, digits=3)),
        (_("Threshold"), number(value("threshold"), query.locale, digits=3)),
        (_("p-value"), number(value("p_value"), query.locale, digits=3)),
        (_("Rows in the baseline"), number(rows, query.locale)),
        # those of like days, or of the windows before, and without missing values: what the verdict is from
        (_("Rows that it is compared with"), number(value("n_baseline"), query.locale)),
        (_("Rows in the window"), number(value("n_window"), query.locale)),
        (_("Smallest shift that could be seen"), number(value("smallest_effect"), query.locale, digits=3)),
        (_("Missing values"), percent(value("missing_ratio"), query.locale)),
        (_("New categories"), percent(value("new_category_ratio"), query.locale)),
    ]
    return [(name, text) for name, text in shown if text != "–"]
