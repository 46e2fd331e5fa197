"""A report, or a comparison, as the kind of file that its name asks for."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from mirante.errors import InputError
from mirante.i18n import Translator, format_number, translator
from mirante.views.page import Cell, Column, Table, render, write_page
from mirante.views.report.compare import ExperimentComparison, MetricComparison
from mirante.views.report.experiment import ExperimentReport
from mirante.views.report.file import asked_for, write_report
from mirante.views.report.text import format_seconds
from mirante.views.words import number, significant

__all__ = ["KINDS", "check_kind", "write_comparison", "write_output"]

KINDS = (".html", ".md", ".json", ".csv")
_METRICS_SHOWN = 200


def write_output(
    found: ExperimentReport | ExperimentComparison,
    path: str | Path,
    *,
    locale: str = "en",
    timezone: str = "UTC",
    now: datetime | None = None,
) -> Path:
    """Write a report, or a comparison, as HTML, Markdown, JSON or CSV.

    Parameters
    ----------
    found : ExperimentReport or ExperimentComparison
        What is written.
    path : path
        Its ending says the kind: ``.html``, ``.md``, ``.json`` or ``.csv``.
    locale, timezone, now
        As in `write_report`, for HTML; the other kinds are in English and UTC.

    Returns
    -------
    Path
        The file, written whole or not at all.

    Raises
    ------
    InputError
        If the ending is another one, or the place cannot be written.
    """
    kind = check_kind(path)
    if kind == ".html":
        if isinstance(found, ExperimentComparison):
            return write_comparison(found, path, locale=locale, timezone=timezone, now=now)
        return write_report(found, path, locale=locale, timezone=timezone, now=now)
    if kind == ".csv":
        return write_page(found.to_csv(), path)
    return write_page(found.to_json() if kind == ".json" else found.to_markdown(), path)


def check_kind(path: str | Path) -> str:
    """Return the ending of a file that a report can be written to.

    Raises
    ------
    InputError
        If it is another one.

    Examples
    --------
    >>> check_kind("runs.CSV")
    '.csv'
    """
    kind = Path(path).suffix.lower()
    kind = {".htm": ".html", ".markdown": ".md"}.get(kind, kind)
    if kind not in KINDS:
        raise InputError(f"{path} ends with {kind or 'nothing'}; a report is {', '.join(KINDS)}")
    return kind


def write_comparison(
    found: ExperimentComparison,
    path: str | Path,
    *,
    locale: str = "en",
    timezone: str = "UTC",
    now: datetime | None = None,
) -> Path:
    """Write a comparison of experiments as one HTML file that opens without network.

    Parameters
    ----------
    found : ExperimentComparison
        From `compare_reports`.
    path : path
        The file.
    locale : str, default "en"
        Language of the page.
    timezone : str, default "UTC"
        IANA name of the clock that moments are told by.
    now : datetime, optional
        When the page is written; the present when not given.

    Raises
    ------
    InputError
        If the place cannot be written.
    """
    _ = translator(locale)
    total = sum(one.total_runs for one in found.reports)
    html = render(
        "experiments.html",
        title=_("Experiments compared"),
        charts=(),
        locale=_.locale,
        now=now,
        lead=_(
            "%(n)s experiments, %(runs)s runs",
            n=len(found.reports),
            runs=format_number(total, _.locale, digits=0),
        ),
        asked=asked_for(found.reports[0], _, timezone),
        experiments=_experiment_table(found, _),
        metrics=_metric_table(found, _),
    )
    return write_page(html, path)


def _experiment_table(found: ExperimentComparison, _: Translator) -> Table:
    numbers = (_("runs"), _("failed"), _("median time"), _("without a sign of life"))
    head = [Column(_("experiment"), wide=True), *(Column(text, number=True) for text in numbers)]
    rows = []
    for one in found.reports:
        finished = one.durations.get("FINISHED")
        rows.append(
            [
                Cell(one.experiment_name, one.experiment_id, link=one.link),
                Cell(format_number(one.total_runs, _.locale, digits=0)),
                Cell(number(one.failure_share, "share", _.locale)),
                Cell(format_seconds(finished.median) if finished else "–"),
                Cell(format_number(len(one.stale_runs), _.locale, digits=0)),
            ]
        )
    return Table(head, rows)


def _metric_table(found: ExperimentComparison, _: Translator) -> Table | None:
    if not found.metrics:
        return None
    head = [
        Column(_("metric"), wide=True),
        Column(_("better")),
        *(Column(one.experiment_name, number=True) for one in found.reports),
        Column("p", number=True),
    ]
    rows = [_metric_cells(one, _) for one in found.metrics[:_METRICS_SHOWN]]
    note = _(
        "Best value of each experiment, and its median below. p says whether chance explains that their "
        "values differ (Kruskal and Wallis), corrected for all metrics."
    )
    if len(found.metrics) > len(rows):
        more = _("%(shown)s of %(total)s metrics.", shown=len(rows), total=len(found.metrics))
        note = f"{more} {note}"
    return Table(head, rows, note)


def _metric_cells(one: MetricComparison, _: Translator) -> list[Cell]:
    better = {"lower": _("lower"), "higher": _("higher")}[one.direction]
    cells = []
    for place, best in enumerate(one.bests):
        median = number(one.medians[place], "", _.locale)
        said = _("best; median %(median)s", median=median)
        words = said if place == one.best else _("median %(median)s", median=median)
        cells.append(Cell(number(best, "", _.locale), words if one.counts[place] else ""))
    return [
        Cell(one.name),
        Cell(better),
        *cells,
        Cell(significant(one.p_value, 2, _.locale)),
    ]
