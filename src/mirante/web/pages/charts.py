"""The charts of a page: which readings stand together, under which title, with which marks."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from mirante.i18n import translator
from mirante.readings import unit_of
from mirante.web.pages.query import Query, TimeRange

if TYPE_CHECKING:
    from mirante.store import AlertRow, Series, Store, WindowRow
    from mirante.views.figures import Band, Draft, DrawnMarks

__all__ = [
    "ENDS",
    "Chart",
    "chart_of",
    "heat_chart",
    "marks_for",
    "model_charts",
    "other_charts",
    "realised_bands",
    "thinned_series",
]

ENDS = ("lower", "upper")
"""What the names of readings end in that are the ends of an interval."""

_POINTS = 800  # a chart is 500 pixels wide, and a month of hours stays whole
_POINTS_OF_MANY = 400  # where up to six lines share a chart
_MOST_ROWS = 40
_MOST_FEATURES = 6
_MOST_METRICS, _LONGEST_NAME = 12, 60
_MOST_CHARTS = 12
_LATENCY = tuple(f"prediction_latency_seconds_{q}" for q in ("p50", "p95", "p99"))
_SHARES = ("performance_accuracy", "performance_roc_auc")
_LOSSES = ("performance_log_loss", "performance_brier")
_ERRORS = ("performance_mae", "performance_rmse")


@dataclass(frozen=True, slots=True)
class Chart:
    """One figure on a page.

    Parameters
    ----------
    key : str
        Its id; the page's script finds its place by it.
    title : str
        For those who do not see it.
    figure : str
        The figure as JSON.
    height : int
        In pixels, so that the page does not jump when it is drawn.
    wide : bool
        Whether it takes the whole width.
    data : mapping
        Attributes for the script.
    """

    key: str
    title: str
    figure: str
    height: int
    wide: bool = False
    data: dict[str, str] = field(default_factory=dict)


def chart_of(key: str, title: str, draft: Draft, *, wide: bool = False, **data: str) -> Chart:
    """Return a figure as a chart of a page."""
    return Chart(key, title, draft.json(), draft.height, wide, data)


def marks_for(store: Store, subject: str, alerts: Sequence[AlertRow], span: TimeRange) -> list[Any]:
    """Return what is marked on every chart of a subject: its events and the alerts that fired."""
    from mirante.views.figures import marks_of_alerts

    # The engine writes an event for each firing too: one mark is enough. What people and routes do with
    # alerts is told beside each alert.
    told = ("alert", "silence", "notice")
    other = store.events.list(subject, since=span.since, until=span.until, without=told)
    fired = [mark for mark in marks_of_alerts(alerts) if span.since <= mark.time < span.until]
    return [*other, *fired]


def model_charts(
    store: Store,
    subject: str,
    span: TimeRange,
    marks: DrawnMarks,
    query: Query,
    *,
    without: Collection[str] = (),
) -> list[Chart]:
    """Return the charts of a model or table but for the heat map, without some readings and empty charts."""
    _ = translator(query.locale)
    plan = [
        ("predictions", _("Predictions per window"), ("predictions",), _("rows")),
        ("rows", _("Rows per window"), ("table_rows",), _("rows")),
        ("performance", _("Performance"), _SHARES, ""),
        ("loss", _("Loss"), _LOSSES, ""),
        ("error", _("Error of the predictions"), _ERRORS, ""),
        ("latency", _("Latency"), _LATENCY, "seconds"),
        ("outliers", _("Share of outliers"), ("outlier_ratio",), "share"),
    ]
    charts = []
    wanted = [name for _key, _title, names, _unit in plan for name in names if name not in without]
    ends = [f"{name}_{end}" for name in wanted if name.startswith("performance_") for end in ENDS]
    every = thinned_series(store, subject, [*wanted, *ends], span)
    for key, title, names, unit in plan:
        found = [one for one in every if one.name in names]
        if found:
            zero, ordered = key != "performance", _in_order(found, names)
            bands = realised_bands(ordered, every)
            charts.append(_metric(key, title, ordered, unit, marks, query, zero=zero, bands=bands))
    for place, one in enumerate(thinned_series(store, subject, ["custom_metric"], span, most=_MOST_METRICS)):
        title = _("Metric %(name)s", name=one.labels.get("metric", "")[:_LONGEST_NAME])
        charts.append(_metric(f"metric-{place}", title, [one], "", marks, query, zero=False))
    for key, title, name in (
        ("missing", _("Share of missing values"), "missing_ratio"),
        ("range", _("Share of values outside the baseline's range"), "out_of_range_ratio"),
    ):
        shares = _worst(thinned_series(store, subject, [name], span, most=_MOST_FEATURES))
        if shares:
            charts.append(_metric(key, title, shares, "share", marks, query, zero=True))
    # counted while the last window is still open
    span = span if span.name == "custom" else replace(span, until=max(span.until, query.now))
    for key, title, name in (
        ("violations", _("Rows that broke the signature"), "signature_violations_total"),
        ("errors", _("Requests answered with an error"), "prediction_errors_total"),
    ):
        counted = _worst(thinned_series(store, subject, [name], span, most=_MOST_FEATURES))
        if counted:
            charts.append(_metric(key, title, counted, "", marks, query, zero=True))
    return charts


def heat_chart(
    store: Store,
    subject: str,
    span: TimeRange,
    windows: Sequence[WindowRow],
    marks: Sequence[Any],
    query: Query,
) -> Chart | None:
    """Return the heat map of features by windows; None where nothing has been judged.

    Where there are too many windows, the database brings those of some hours, of a day or of weeks together.
    """
    import json

    from mirante.views.figures import heatmap_draft, plain, pool_step

    _ = translator(query.locale)
    step = pool_step(np.array([row.start.replace(tzinfo=None) for row in windows], dtype="datetime64[us]"))

    def readings(name: str, above: float | None = None) -> list[Series]:
        about: dict[str, Any] = {"subject": subject, "until": span.until, "above": above, "slices": False}
        if step is None:
            return store.readings.series(name, since=span.since, **about)
        since = windows[0].start.replace(hour=0, minute=0, second=0, microsecond=0)
        return store.readings.highest([name], since=since, step=step, **about)

    effects = readings("drift_effect")
    if not effects:
        return None
    verdicts = readings("drift_detected", above=0.0)  # few windows drift, and the others are not marked
    title = _("Drift: features by windows")
    draft = heatmap_draft(
        effects, verdicts, title=title, events=marks, pooled=step, features=_MOST_ROWS, locale=query.locale,
        explained=True,
    )  # fmt: skip
    # what stands at the axis is cut and escaped: a click on it must lead to the true name
    rows = {plain(name, 40): name for name in (one.labels.get("feature", "") for one in effects)}
    data = {"rows": json.dumps(rows)} | ({"step": str(int(step.total_seconds()))} if step else {})
    most = draft.data[0].get("zmax") if draft.data else None
    return chart_of("heat", title, draft, wide=True, **data, **({"most": f"{most:.2g}"} if most else {}))


def other_charts(
    store: Store, subject: str, names: Sequence[str], span: TimeRange, marks: Sequence[Any], query: Query
) -> list[Chart]:
    """Return one chart for each of the first names of readings that any other subject has in this time."""
    from mirante.views.figures import draw_marks

    drawn = draw_marks(marks, locale=query.locale)
    charts: list[Chart] = []
    for name in names:
        found = thinned_series(store, subject, [name], span, most=_MOST_FEATURES)
        if not found:
            continue
        unit = unit_of(name)
        title = name.replace("_", " ").capitalize().replace("Mlflow", "MLflow")
        charts.append(_metric(f"r{len(charts)}", title, _worst(found), unit, drawn, query, zero=True))
        if len(charts) == _MOST_CHARTS:
            break
    return charts


def thinned_series(
    store: Store, subject: str, names: Sequence[str], span: TimeRange, *, most: int | None = None
) -> list[Series]:
    """Return series of all rows with as many points as a chart can show; at most `most` of them."""
    points = _POINTS if most is None else _POINTS_OF_MANY
    return store.readings.thinned(
        names, subject=subject, since=span.since, until=span.until, points=points, most=most, slices=False
    )


def _metric(
    key: str,
    title: str,
    series: Sequence[Any],
    unit: str,
    marks: DrawnMarks,
    query: Query,
    *,
    zero: bool,
    bands: Sequence[Band] = (),
) -> Chart:
    from mirante.views.figures import Line, metric_draft

    # "performance accuracy" in a chart called Performance says a word twice
    short = [
        Line(one.name.removeprefix("performance_"), one.times, one.values, one.labels, one.notes)
        for one in series
    ]
    draft = metric_draft(
        short, title=title, unit=unit, events=marks, zero=zero, locale=query.locale, bands=bands
    )
    return chart_of(key, title, draft)


def realised_bands(lines: Sequence[Series], every: Sequence[Series], first: int = 0) -> list[Band]:
    """Return the intervals of realised measures as bands of their lines.

    Parameters
    ----------
    lines : sequence of Series
        Of the measures, as they will be drawn.
    every : sequence of Series
        Among which are the ends of their intervals.
    first : int, default 0
        How many lines are drawn before them.
    """
    from mirante.views.figures import Band

    known = {(one.name, tuple(sorted(one.labels.items()))): one for one in every}
    bands = []
    drawn = [one for one in lines if np.any(np.isfinite(one.values))]
    for place, one in enumerate(drawn):
        labels = tuple(sorted(one.labels.items()))
        lower, upper = (known.get((f"{one.name}_{end}", labels)) for end in ENDS)
        if lower is not None and upper is not None:
            bands.append(Band(first + place, lower, upper))
    return bands


def _in_order(found: Sequence[Series], names: Sequence[str]) -> list[Series]:
    return sorted(found, key=lambda one: names.index(one.name))


def _worst(found: Sequence[Series]) -> list[Series]:
    """Keep the few series that reached highest: a chart with fifty lines says nothing."""
    peaks = [(float(np.nanmax(one.values)), one) for one in found if np.any(np.isfinite(one.values))]
    peaks.sort(key=lambda pair: -pair[0])
    return [one for peak, one in peaks[:_MOST_FEATURES] if peak > 0] or [one for _, one in peaks[:1]]
