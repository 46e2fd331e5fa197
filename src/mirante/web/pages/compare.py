"""One feature's baseline against one window, with the verdict's sentence and the numbers behind it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from mirante.i18n import translator
from mirante.views.verdicts import column_verdicts, drifted_columns
from mirante.web.pages.charts import Chart, chart_of
from mirante.web.pages.query import Query, parse_time
from mirante.web.pages.render import number, percent

if TYPE_CHECKING:
    from mirante.store import Store, WindowRow

__all__ = ["Comparison", "compare"]


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
    facts: list[tuple[str, str]]


def compare(store: Store, subject: str, windows: Sequence[WindowRow], query: Query) -> Comparison | None:
    """Return the comparison that a query asks for, or the most telling one.

    Parameters
    ----------
    store : Store
        Where the profiles are.
    subject : str
        The model.
    windows : sequence of WindowRow
        Judged windows in the order of time, as a page shows them.
    query : Query
        ``feature`` and ``window`` (a time in it); without them the newest window that drifted, and in it
        the feature that moved most.
    """
    asked = parse_time(query.get("window"))
    row = _window(store, subject, windows, asked)
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
    chart = _chart(store, subject, row, feature, query)
    return Comparison(feature, row, features, chart, state, missing, sentences, _facts(verdict, query))


def _window(
    store: Store, subject: str, windows: Sequence[WindowRow], asked: datetime | None
) -> WindowRow | None:
    if asked is not None:
        # A link may point outside of the range, and a click at a moment inside of a window.
        earlier = [row for row in windows if row.start <= asked] or store.windows.list(subject, until=asked)[
            -1:
        ]
        exact = store.windows.get(subject, asked)
        if exact is not None and column_verdicts(exact):
            return exact
        earlier = [row for row in earlier if column_verdicts(row)]
        if earlier:
            return earlier[-1]
    judged = [row for row in windows if column_verdicts(row)]
    drifted = [row for row in judged if row.verdicts.get("drifted")]
    return (drifted or judged)[-1] if judged else None


def _chart(store: Store, subject: str, window: WindowRow, feature: str, query: Query) -> Chart | None:
    from mirante.profiles import TableProfile
    from mirante.views.figures import distribution_figure

    full = store.windows.get(subject, window.start, version=window.version)
    base = store.baselines.get(subject, window.version)
    if full is None or base is None or not full.profile or not base.profile:
        return None
    then = TableProfile.from_bytes(base.profile).columns.get(feature)
    now = TableProfile.from_bytes(full.profile).columns.get(feature)
    if then is None or now is None:
        return None
    _ = translator(query.locale)
    title = _("%(feature)s: baseline and window", feature=feature)
    return chart_of("compare", title, distribution_figure(then, now, title=title, locale=query.locale))


def _facts(verdict: Mapping[str, Any], query: Query) -> list[tuple[str, str]]:
    _ = translator(query.locale)

    def value(name: str) -> float | None:
        found = verdict.get(name)
        return float(found) if isinstance(found, int | float) else None

    score = str(verdict.get("score") or "")
    shown = [
        (_("Size of the shift"), number(value("effect"), query.locale, digits=3)),
        (f"{_('Score')} ({score})" if score else _("Score"), number(value("value"), query.locale, digits=3)),
        (_("Threshold"), number(value("threshold"), query.locale, digits=3)),
        (_("p-value"), number(value("p_value"), query.locale, digits=3)),
        (_("Rows in the baseline"), number(value("n_baseline"), query.locale)),
        (_("Rows in the window"), number(value("n_window"), query.locale)),
        (_("Smallest shift that could be seen"), number(value("smallest_effect"), query.locale, digits=3)),
        (_("Missing values"), percent(value("missing_ratio"), query.locale)),
        (_("New categories"), percent(value("new_category_ratio"), query.locale)),
    ]
    return [(name, text) for name, text in shown if text != "–"]
