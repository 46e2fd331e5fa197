"""The tables of the report's page."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mirante.i18n import Translator, format_number
from mirante.tracking.links import run_link
from mirante.tracking.runs.columns import utc_moment
from mirante.views.page import Cell, Column, Table
from mirante.views.report.condition import Gap
from mirante.views.report.experiment import ExperimentReport
from mirante.views.report.importance import Importance, ParamImportance
from mirante.views.report.metrics import MetricSummary
from mirante.views.report.text import format_seconds
from mirante.views.words import moment, number, significant

__all__ = [
    "cause_table",
    "duration_table",
    "gap_table",
    "metric_table",
    "param_sections",
    "run_table",
    "stale_table",
    "status_cell",
]

_RUNS_SHOWN = 500
_METRICS_SHOWN = 200
_STALE_SHOWN = 50
_RUN_METRICS = 4
_PARAMS_SHOWN = 10
_LONGEST = 120


def metric_table(report: ExperimentReport, _: Translator) -> Table | None:
    """Return the metrics, those that most runs have first; None without any."""
    found = list(report.metrics.values())
    if not found:
        return None
    head = [
        Column(_("metric"), wide=True),
        Column(_("better")),
        *(Column(text, number=True) for text in (_("mean"), _("median"), _("spread"), _("best"), _("worst"))),
        Column(_("over time")),
        Column(_("runs"), number=True),
    ]
    shown = found[:_METRICS_SHOWN]
    names = report.names_of({run for one in shown for run in (one.best_run, one.worst_run)})
    rows = [_metric_cells(one, names, _) for one in shown]
    note = _("%(shown)s of %(total)s metrics.", shown=len(rows), total=len(found))
    return Table(head, rows, note if len(rows) < len(found) else "")


def _metric_cells(one: MetricSummary, names: dict[str, str], _: Translator) -> list[Cell]:
    better = {"lower": _("lower"), "higher": _("higher")}[one.direction]
    if not one.count:
        none = [Cell("–")] * 5
        return [Cell(one.name, _("no finite value")), Cell(better), *none, Cell("–"), Cell("0")]
    left_out = ""
    if one.not_finite:
        left_out = _.n("%(n)s value is not finite", "%(n)s values are not finite", one.not_finite)
    trend = {"better": (_("gets better"), "ok"), "worse": (_("gets worse"), "warning")}
    word, level = trend.get(one.trend.verdict if one.trend else "", ("–", ""))
    varies = one.varies  # of equal values a direction says nothing
    origin = _("not by its name") if one.direction_from == "unknown" and varies else ""
    return [
        Cell(one.name, left_out),
        Cell(better if varies else "–", origin),
        *(Cell(number(value, "", _.locale)) for value in (one.mean, one.median, one.std)),
        Cell(number(one.best, "", _.locale), names.get(one.best_run, one.best_run), link=one.best_link),
        Cell(number(one.worst, "", _.locale), names.get(one.worst_run, one.worst_run), link=one.worst_link),
        Cell(word, level=level),
        Cell(format_number(one.count, _.locale, digits=0)),
    ]


def cause_table(report: ExperimentReport, _: Translator) -> Table | None:
    """Return what failed runs have in common; None where nothing was looked at."""
    if not report.values_tried:
        return None
    head = [
        Column(_("value"), wide=True),
        Column(_("where")),
        *(Column(text, number=True) for text in (_("failed"), _("of them"), _("times as often"), "p")),
    ]
    where = {"param": _("parameter"), "tag": _("tag")}
    rows = [
        [
            Cell(
                f"{one.key[:_LONGEST]} = {one.value[:_LONGEST]}" if not one.missing else one.key,
                _("not given") if one.missing else "",
            ),
            Cell(where[one.kind]),
            Cell(_("%(bad)s of %(all)s", bad=one.failed, all=one.runs)),
            Cell(number(one.share, "share", _.locale)),
            Cell(number(one.lift, "", _.locale)),
            Cell(significant(one.p_value, 2, _.locale)),
        ]
        for one in report.common_causes
    ]
    note = _(
        "%(n)s values of parameters and tags were looked at; p is of Fisher's exact test, corrected for all "
        "of them (Benjamini and Hochberg). What failed runs have in common need not be why they failed.",
        n=report.values_tried,
    )
    return Table(head, rows, note)


def param_sections(report: ExperimentReport, _: Translator) -> list[tuple[str, str, Table]]:
    """Return title, sentence and table of the parameters of each leading metric."""
    return [
        (one.metric, _params_told(one, _), _param_table(one.params[:_PARAMS_SHOWN], _))
        for one in report.importances
    ]


def _params_told(one: Importance, _: Translator) -> str:
    parts = [_.n("%(n)s finished run has it.", "%(n)s finished runs have it.", one.runs)]
    if np.isfinite(one.explained):
        parts.append(
            _(
                "A small forest explains %(share)s of its variance in runs that it did not see.",
                share=number(max(one.explained, 0.0), "share", _.locale),
            )
        )
    cautions = {
        "few_runs": _("There are few runs: take it as a hint."),
        "explains_little": _("That is little: the parameters say hardly anything about it."),
        "correlated_params": _("Some parameters go together, so that each may stand for another."),
    }
    return " ".join([*parts, *(cautions[name] for name in one.cautions)])


def _param_table(params: Sequence[ParamImportance], _: Translator) -> Table:
    head = [
        Column(_("parameter"), wide=True),
        *(
            Column(text, number=True)
            for text in (_("rank correlation"), "p", _("loss when shuffled"), _("runs"))
        ),
    ]
    rows = [
        [
            Cell(one.param),
            Cell(
                number(one.rho if one.kind == "number" else one.strength, "", _.locale),
                "" if one.kind == "number" else _("share explained by its values"),
            ),
            Cell(significant(one.p_value, 2, _.locale)),
            Cell(number(one.forest, "", _.locale)),
            Cell(format_number(one.runs, _.locale, digits=0)),
        ]
        for one in params
    ]
    return Table(head, rows)


def duration_table(report: ExperimentReport, _: Translator) -> Table | None:
    """Return how long runs took, by status."""
    if not report.durations:
        return None
    head = [
        Column(_("status")),
        *(Column(text, number=True) for text in (_("runs"), _("median"), _("95 % within"), _("longest"))),
    ]
    names = report.names_of({one.longest_run for one in report.durations.values()})
    rows = [
        [
            status_cell(status, _),
            Cell(format_number(one.runs, _.locale, digits=0)),
            Cell(format_seconds(one.median)),
            Cell(format_seconds(one.p95)),
            Cell(
                format_seconds(one.longest),
                names.get(one.longest_run, one.longest_run),
                link=_page(report, one.longest_run),
            ),
        ]
        for status, one in report.durations.items()
    ]
    return Table(head, rows)


def stale_table(report: ExperimentReport, _: Translator, timezone: str) -> Table | None:
    """Return the runs that say they are running and gave no sign of life."""
    if not report.stale_runs:
        return None
    head = [Column(_("run"), wide=True), Column(_("last sign of life"))]
    rows = [
        [
            Cell(one.name, one.run_id, link=one.link),
            Cell(moment(one.last_sign, timezone, _.locale) if one.last_sign else "–"),
        ]
        for one in report.stale_runs[:_STALE_SHOWN]
    ]
    total = len(report.stale_runs)
    note = _("%(shown)s of %(total)s runs.", shown=len(rows), total=total) if len(rows) < total else ""
    return Table(head, rows, note)


def gap_table(report: ExperimentReport, _: Translator) -> Table | None:
    """Return what is missing to make finished runs again; None where nothing was looked at."""
    found = [one for one in report.gaps if one.of]
    if not found:
        return None
    head = [Column(_("missing"), wide=True), Column(_("runs"), number=True), Column(_("such as"), wide=True)]
    return Table(head, [_gap_cells(report, one, _) for one in found])


def _gap_cells(report: ExperimentReport, one: Gap, _: Translator) -> list[Cell]:
    words = {
        "no_dataset": (_("No data set"), _("no input was logged")),
        "no_commit": (_("No git commit"), _("the code is not known")),
        "dirty_git": (_("Dirty git"), _("the code had changes that no commit has")),
        "no_signature": (_("No signature"), _("of the newest models that were logged")),
    }
    first = one.examples[0] if one.examples else ""
    example = Cell(report.names_of({first}).get(first, first) or "–", first, link=_page(report, first))
    return [Cell(*words[one.kind]), Cell(_("%(bad)s of %(all)s", bad=one.runs, all=one.of)), example]


def run_table(report: ExperimentReport, _: Translator, timezone: str) -> Table | None:
    """Return the newest runs with the metrics that most runs have."""
    if not report.total_runs:
        return None
    metrics = [one.name for one in report.leading(_RUN_METRICS)]
    head = [
        Column(_("run"), wide=True),
        Column(_("status")),
        Column(_("started")),
        *(Column(name, number=True) for name in metrics),
    ]
    columns = report.columns
    count = len(columns)
    values = [columns.metrics[name].dense(count) for name in metrics]
    rows = []
    for row in range(count - 1, max(count - 1 - _RUNS_SHOWN, -1), -1):
        run, started = columns.run_ids[row], utc_moment(columns.started[row])
        rows.append(
            [
                Cell(columns.names[row], run, link=_page(report, run)),
                status_cell(columns.statuses[row], _),
                Cell(moment(started, timezone, _.locale) if started else "–"),
                *(Cell(number(one[row], "", _.locale)) for one in values),
            ]
        )
    note = ""
    if report.total_runs > _RUNS_SHOWN:
        note = _("The newest %(shown)s of %(total)s runs.", shown=_RUNS_SHOWN, total=report.total_runs)
    return Table(head, rows, note)


def _page(report: ExperimentReport, run: str) -> str:
    home = report.link.partition("/#/")[0]
    return run_link(home, report.experiment_id, run) if home and run else ""


def status_cell(status: str, _: Translator) -> Cell:
    """Return a run's status as a badge."""
    words = {
        "FINISHED": (_("finished"), "ok"),
        "FAILED": (_("failed"), "critical"),
        "KILLED": (_("killed"), "warning"),
        "RUNNING": (_("running"), "notice"),
        "SCHEDULED": (_("scheduled"), "notice"),
    }
    word, level = words.get(status, (status, "none"))
    return Cell(word, level=level)
