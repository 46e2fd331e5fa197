"""The report as one HTML file."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import numpy as np

from mirante.i18n import Translator, translator
from mirante.views.figures import Line, metric_figure
from mirante.views.page import Chart, chart_of, filled_rows, render, write_page
from mirante.views.report.experiment import ExperimentReport
from mirante.views.report.metrics import MetricSummary
from mirante.views.report.tables import (
    cause_table,
    duration_table,
    gap_table,
    metric_table,
    param_sections,
    run_table,
    stale_table,
)
from mirante.views.words import moment, number

__all__ = ["asked_for", "write_report"]

_CHARTS = 6
_CERTAIN = 0.05


def write_report(
    report: ExperimentReport,
    path: str | Path,
    *,
    locale: str = "en",
    timezone: str = "UTC",
    now: datetime | None = None,
) -> Path:
    """Write a report as one HTML file that opens without network, and reads without JavaScript.

    Parameters
    ----------
    report : ExperimentReport
        From `MLflowReport.generate_experiment_report`.
    path : path
        The file; an existing one is replaced as a whole, missing folders are made.
    locale : str, default "en"
        Language of the page.
    timezone : str, default "UTC"
        IANA name of the clock that moments are told by.
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
    html = render(
        "report.html",
        title=_("Experiment %(name)s", name=report.experiment_name),
        charts=_charts(report, _, timezone),
        locale=_.locale,
        now=now,
        lead=_lead(report, _),
        asked=asked_for(report, _, timezone),
        link=report.link,
        metrics=metric_table(report, _),
        causes=cause_table(report, _),
        params=param_sections(report, _),
        durations=duration_table(report, _),
        stale=stale_table(report, _, timezone),
        gaps=gap_table(report, _),
        runs=run_table(report, _, timezone),
    )
    return write_page(html, path)


def _lead(report: ExperimentReport, _: Translator) -> str:
    if not report.total_runs:
        return _("The experiment has no such runs.") if report.asked else _("The experiment has no runs yet.")
    runs = _.n("%(n)s run", "%(n)s runs", report.total_runs)
    text = _(
        "%(runs)s: %(good)s successful, %(bad)s failed",
        runs=runs,
        good=report.successful_runs,
        bad=report.failed_runs,
    )
    rest = report.total_runs - report.successful_runs - report.failed_runs
    text += _(", %(n)s running, scheduled or killed.", n=rest) if rest else "."
    if report.nested_runs:
        nested = _.n(
            "%(n)s run has a parent; parents and children all count.",
            "%(n)s runs have a parent; parents and children all count.",
            report.nested_runs,
        )
        text = f"{text} {nested}"
    return text


def asked_for(report: ExperimentReport, _: Translator, timezone: str) -> str:
    """Say which runs were asked for, where it was not all of them."""
    parts = []
    if report.since is not None:
        parts.append(_("started from %(time)s on", time=moment(report.since, timezone, _.locale)))
    if report.until is not None:
        parts.append(_("started before %(time)s", time=moment(report.until, timezone, _.locale)))
    if report.filter_string:
        parts.append(report.filter_string)
    return _("Only runs: %(which)s", which="; ".join(parts)) if parts else ""


def _charts(report: ExperimentReport, _: Translator, timezone: str) -> list[Chart]:
    """Draw failures over time and the metrics that most runs have; one run alone is no chart."""
    charts: list[Chart] = []
    failures = _failure_chart(report, _, timezone)
    if failures is not None:
        charts.append(failures)
    if np.sum(~np.isnat(report.columns.started)) < 2:
        return filled_rows(charts)
    for one in [one for one in report.leading() if one.varies][:_CHARTS]:
        charts.append(_metric_chart(report, one, len(charts) + 1, _, timezone))
    return filled_rows(charts)


def _failure_chart(report: ExperimentReport, _: Translator, timezone: str) -> Chart | None:
    if not report.failed_runs or len(report.periods) < 2:
        return None
    times = np.array([one.start.replace(tzinfo=None) for one in report.periods], dtype="datetime64[us]")
    shares = np.array([one.share for one in report.periods])
    title = _("Share of runs that failed")
    figure = metric_figure(
        [Line(title, times, shares)], title=title, unit="share", zero=True, timezone=timezone, locale=_.locale
    )
    figure.update_traces(mode="markers+lines", marker={"size": 6})
    moves = report.failure_trend_p_value <= _CERTAIN
    caption = _(
        "%(share)s of the runs that ended failed. %(trend)s",
        share=number(report.failure_share, "share", _.locale),
        trend=_("That changed over time by more than chance.")
        if moves
        else _("Chance explains how that moved over time."),
    )
    return chart_of(figure, 1, title, caption=caption)


def _metric_chart(
    report: ExperimentReport, one: MetricSummary, place: int, _: Translator, timezone: str
) -> Chart:
    columns = report.columns
    metric = columns.metrics[one.name]
    kept = ~np.isnat(columns.started[metric.rows]) & np.isfinite(metric.values)
    times, values = columns.started[metric.rows[kept]].astype("datetime64[us]"), metric.values[kept]
    better = {"lower": _("lower is better"), "higher": _("higher is better")}
    title = f"{one.name} ({better[one.direction]})" if one.varies else one.name
    figure = metric_figure([Line(one.name, times, values)], title=title, timezone=timezone, locale=_.locale)
    figure.update_traces(mode="markers", marker={"size": 7 if len(values) < 500 else 4, "opacity": 0.7})
    caption = _(
        "Best %(best)s, mean %(mean)s, worst %(worst)s; one point for each run at its start.",
        best=number(one.best, "", _.locale),
        mean=number(one.mean, "", _.locale),
        worst=number(one.worst, "", _.locale),
    )
    if one.trend is not None and one.trend.verdict != "none":
        told = {"better": _("It gets better"), "worse": _("It gets worse")}[one.trend.verdict]
        moved = _(
            "%(what)s: median %(first)s in the oldest quarter of the runs, %(last)s in the newest.",
            what=told,
            first=number(one.trend.first, "", _.locale),
            last=number(one.trend.last, "", _.locale),
        )
        caption = f"{caption} {moved}"
    return chart_of(figure, place, title, caption=caption)
