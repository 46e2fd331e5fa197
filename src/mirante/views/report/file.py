"""The report as one HTML file."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import numpy as np

from mirante.i18n import Translator, format_number, translator
from mirante.views.figures import Line, metric_figure
from mirante.views.page import Cell, Chart, Column, Table, chart_of, filled_rows, render, write_page
from mirante.views.report.experiment import ExperimentReport, RunRow
from mirante.views.words import moment, number

__all__ = ["write_report"]

_RUNS_SHOWN = 500
_METRICS_SHOWN = 200
_CHARTS = 6
_RUN_METRICS = 4


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
        metrics=_metric_table(report, _),
        runs=_run_table(report, _, timezone),
    )
    return write_page(html, path)


def _lead(report: ExperimentReport, _: Translator) -> str:
    if not report.total_runs:
        return _("The experiment has no runs yet.")
    runs = _.n("%(n)s run", "%(n)s runs", report.total_runs)
    text = _(
        "%(runs)s: %(good)s successful, %(bad)s failed",
        runs=runs,
        good=report.successful_runs,
        bad=report.failed_runs,
    )
    rest = report.total_runs - report.successful_runs - report.failed_runs
    return text + (_(", %(n)s running, scheduled or killed.", n=rest) if rest else ".")


def _varies(report: ExperimentReport, name: str) -> bool:
    """Tell whether there is a better and a worse; of equal values a direction says nothing."""
    return report.best_metrics[name] != report.worst_metrics[name]


def _leading(report: ExperimentReport) -> list[str]:
    """Return metrics, those that most runs have first."""
    return sorted(report.best_metrics, key=lambda name: (-report.metric_counts[name], name))


def _metric_table(report: ExperimentReport, _: Translator) -> Table | None:
    names = _leading(report)
    only_odd = [name for name in report.not_finite if name not in report.best_metrics]
    if not names and not only_odd:
        return None
    head = [
        Column(_("metric"), wide=True),
        Column(_("better")),
        *(Column(text, number=True) for text in (_("mean"), _("best"), _("worst"), _("runs"))),
    ]
    run_names = {run.run_id: run.name for run in report.runs}
    better = {"lower": _("lower"), "higher": _("higher")}
    rows = []
    for name in names[:_METRICS_SHOWN]:
        odd = report.not_finite.get(name, 0)
        left_out = _.n("%(n)s value is not finite", "%(n)s values are not finite", odd) if odd else ""
        best, worst = (
            Cell(number(values[name], "", _.locale), run_names.get(runs[name], runs[name]))
            for values, runs in (
                (report.best_metrics, report.best_runs),
                (report.worst_metrics, report.worst_runs),
            )
        )
        mean = Cell(number(report.average_metrics[name], "", _.locale))
        count = Cell(format_number(report.metric_counts[name], _.locale, digits=0))
        which = Cell(better[report.directions[name]] if _varies(report, name) else "–")
        rows.append([Cell(name, left_out), which, mean, best, worst, count])
    for name in only_odd[: max(_METRICS_SHOWN - len(rows), 0)]:
        none = [Cell("–")] * 3
        rows.append(
            [Cell(name, _("no finite value")), Cell(better[report.directions[name]]), *none, Cell("0")]
        )
    total = len(names) + len(only_odd)
    note = _("%(shown)s of %(total)s metrics.", shown=len(rows), total=total) if len(rows) < total else ""
    return Table(head, rows, note)


def _run_table(report: ExperimentReport, _: Translator, timezone: str) -> Table | None:
    if not report.runs:
        return None
    metrics = _leading(report)[:_RUN_METRICS]
    head = [
        Column(_("run"), wide=True),
        Column(_("status")),
        Column(_("started")),
        *(Column(name, number=True) for name in metrics),
    ]
    rows = [_run_cells(run, metrics, _, timezone) for run in report.runs[:_RUNS_SHOWN]]
    note = ""
    if report.total_runs > _RUNS_SHOWN:
        note = _("The newest %(shown)s of %(total)s runs.", shown=_RUNS_SHOWN, total=report.total_runs)
    return Table(head, rows, note)


def _run_cells(run: RunRow, metrics: list[str], _: Translator, timezone: str) -> list[Cell]:
    words = {
        "FINISHED": (_("finished"), "ok"),
        "FAILED": (_("failed"), "critical"),
        "KILLED": (_("killed"), "warning"),
        "RUNNING": (_("running"), "notice"),
        "SCHEDULED": (_("scheduled"), "notice"),
    }
    word, level = words.get(run.status, (run.status, "none"))
    return [
        Cell(run.name, run.run_id),
        Cell(word, level=level),
        Cell(moment(run.started, timezone, _.locale) if run.started else "–"),
        *(Cell(number(run.metrics.get(name, float("nan")), "", _.locale)) for name in metrics),
    ]


def _charts(report: ExperimentReport, _: Translator, timezone: str) -> list[Chart]:
    """Draw the metrics that most runs have over the runs' start; one run alone is no chart."""
    runs = [run for run in reversed(report.runs) if run.started is not None]
    if len(runs) < 2:
        return []
    times = np.array(
        [run.started.replace(tzinfo=None) for run in runs if run.started], dtype="datetime64[us]"
    )
    order = np.argsort(times, kind="stable")
    charts: list[Chart] = []
    better = {"lower": _("lower is better"), "higher": _("higher is better")}
    for name in _leading(report)[:_CHARTS]:
        values = np.array([run.metrics.get(name, np.nan) for run in runs], dtype=np.float64)
        title = f"{name} ({better[report.directions[name]]})" if _varies(report, name) else name
        figure = metric_figure(
            [Line(name, times[order], values[order])], title=title, timezone=timezone, locale=_.locale
        )
        figure.update_traces(mode="markers", marker={"size": 7, "opacity": 0.7})
        caption = _(
            "Best %(best)s, mean %(mean)s, worst %(worst)s; one point for each run at its start.",
            best=number(report.best_metrics[name], "", _.locale),
            mean=number(report.average_metrics[name], "", _.locale),
            worst=number(report.worst_metrics[name], "", _.locale),
        )
        charts.append(chart_of(figure, len(charts) + 1, title, caption=caption))
    return filled_rows(charts)
