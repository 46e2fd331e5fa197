"""The report as Markdown and as CSV: names from outside stay text in both."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from mirante.durations import format_duration

if TYPE_CHECKING:
    import pandas as pd

    from mirante.views.report.experiment import ExperimentReport

__all__ = ["asked_lines", "csv_text", "format_seconds", "markdown", "markdown_cell", "markdown_table"]

_RUNS = 50
_CERTAIN = 0.05
_METRICS = 200
_GAPS = {
    "no_dataset": "logged no data set",
    "no_commit": "name no git commit",
    "dirty_git": "ran with changes that no commit has",
    "no_signature": "models have no signature",
}
_CAUTIONS = {
    "few_runs": "fewer than 100 runs",
    "explains_little": "all parameters together explain little",
    "correlated_params": "some parameters go together, so each may stand for another",
}


def csv_text(frame: pd.DataFrame) -> str:
    """Return a table as CSV in which no spreadsheet finds a formula.

    Parameters
    ----------
    frame : pandas.DataFrame
        An apostrophe comes before texts and names of columns that begin as formulas do; numbers stay.

    Examples
    --------
    >>> import pandas as pd
    >>> print(csv_text(pd.DataFrame({"=a": ["=1+1", "b"], "n": [-1.5, 2.0]})), end="")
    "'=a","n"
    "'=1+1",-1.5
    "b",2
    """
    import pyarrow as pa
    import pyarrow.csv

    from mirante.inference_log.export import escaped

    names = [str(name) for name in frame.columns]
    arrays = [_arrow(frame.iloc[:, place]) for place in range(len(names))]
    out = io.BytesIO()
    pyarrow.csv.write_csv(escaped(pa.table(arrays, names=names)), out)
    return out.getvalue().decode("utf-8")


def _arrow(column: pd.Series) -> Any:
    import pandas as pd
    import pyarrow as pa

    if isinstance(column.dtype, pd.DatetimeTZDtype):
        return pa.array(column.dt.tz_convert(None).to_numpy(), pa.timestamp("ms", "UTC"))
    if pd.api.types.is_numeric_dtype(column.dtype):
        return pa.array(column.to_numpy(), from_pandas=True)
    return pa.array([None if pd.isna(one) else str(one) for one in column], pa.string())


def markdown_cell(text: str) -> str:
    r"""Return text that stays inside its cell: no row end, no markup, no HTML.

    Examples
    --------
    >>> markdown_cell("a|b <script>")
    'a\\|b &lt;script&gt;'
    """
    flat = " ".join(str(text).split())
    for character in "\\`*_[]<>|#":
        flat = flat.replace(character, f"\\{character}")
    return flat.replace("\\<", "&lt;").replace("\\>", "&gt;")


def markdown_table(heads: Sequence[str], rows: Sequence[Sequence[str]], *, texts: int = 1) -> list[str]:
    """Return the lines of a table whose first `texts` columns are texts and the others numbers."""
    bars = ["---" if place < texts else "---:" for place in range(len(heads))]
    return [
        f"| {' | '.join(heads)} |",
        f"|{'|'.join(bars)}|",
        *(f"| {' | '.join(row)} |" for row in rows),
        "",
    ]


def markdown(report: ExperimentReport) -> str:
    """Return a report as Markdown, in English.

    Parameters
    ----------
    report : ExperimentReport
        Its 200 leading metrics and its newest 50 runs are in it.
    """
    lines = [
        f"# {markdown_cell(report.experiment_name)}",
        "",
        f"{report.total_runs} runs: {report.successful_runs} successful, {report.failed_runs} failed.",
        *([_nested(report)] if report.nested_runs else ()),
        "",
        *asked_lines(report),
        *_metrics(report),
        *_failures(report),
        *_params(report),
        *_condition(report),
        *_runs(report),
    ]
    return "\n".join(lines).rstrip() + "\n"


def _nested(report: ExperimentReport) -> str:
    have = "run has" if report.nested_runs == 1 else "runs have"
    return f"{report.nested_runs} {have} a parent; parents and children all count."


def asked_lines(report: ExperimentReport) -> Iterator[str]:
    """Yield which runs were asked for, where it was not all of them."""
    if report.since or report.until or report.filter_string:
        parts = [
            f"started since {report.since.isoformat()}" if report.since else "",
            f"before {report.until.isoformat()}" if report.until else "",
            markdown_cell(report.filter_string),
        ]
        yield f"Only runs: {', '.join(part for part in parts if part)}."
        yield ""


def _metrics(report: ExperimentReport) -> list[str]:
    leading = report.leading()
    if not leading:
        return []
    best = {one.best_run for one in leading[:_METRICS]}
    names = report.names_of(best)
    rows = [
        [
            markdown_cell(one.name),
            one.direction if one.varies else "–",
            *(f"{value:.6g}" for value in (one.mean, one.best, one.worst)),
            f"{one.count} ({one.not_finite} not finite)" if one.not_finite else str(one.count),
            "–" if one.trend is None or one.trend.verdict == "none" else one.trend.verdict,
            _run(names.get(one.best_run) or one.best_run, one.best_link),
        ]
        for one in leading[:_METRICS]
    ]
    heads = ("metric", "better", "mean", "best", "worst", "runs", "over time", "best run")
    lines = markdown_table(heads, rows, texts=2)
    if len(leading) > _METRICS:
        lines += [f"{_METRICS} of {len(leading)} metrics, those that most runs have.", ""]
    return lines


def _run(run: str, link: str) -> str:
    return f"[{markdown_cell(run)}]({link.replace(')', '%29')})" if link else markdown_cell(run)


def _failures(report: ExperimentReport) -> list[str]:
    lines = []
    if report.failed_runs and len(report.periods) > 1:
        moved = (
            "That changed over time by more than chance."
            if report.failure_trend_p_value <= _CERTAIN
            else "Chance explains how that moved over time."
        )
        lines = [f"{report.failure_share:.1%} of the runs that ended failed. {moved}", ""]
    if not report.common_causes:
        return lines
    rows = [
        [
            one.kind,
            markdown_cell(one.key),
            "not given" if one.missing else markdown_cell(one.value[:80]),
            f"{one.failed} of {one.runs}",
            f"{one.lift:.3g}",
            f"{one.p_value:.2g}",
        ]
        for one in report.common_causes
    ]
    return [
        *lines,
        f"What failed runs have in common, of {report.values_tried} values that were looked at:",
        "",
        *markdown_table(("where", "key", "value", "failed", "lift", "p"), rows, texts=3),
    ]


def _params(report: ExperimentReport) -> list[str]:
    lines: list[str] = []
    for one in report.importances:
        cautions = "; ".join(_CAUTIONS[name] for name in one.cautions)
        known = f", R² on runs not seen {one.explained:.2f}" if one.explained == one.explained else ""
        lines += [
            f"Parameters that {markdown_cell(one.metric)} goes with ({one.runs} finished runs{known}); "
            f"that is no proof of cause.{f' Caution: {cautions}.' if cautions else ''}",
            "",
        ]
        rows = [
            [
                markdown_cell(param.param),
                f"{param.rho:+.2f}" if param.kind == "number" else f"{param.strength:.2f}",
                f"{param.p_value:.2g}",
                "–" if param.forest != param.forest else f"{param.forest:.2f}",
            ]
            for param in one.params[:10]
        ]
        lines += markdown_table(("parameter", "rank correlation", "p", "forest"), rows)
    return lines


def _condition(report: ExperimentReport) -> list[str]:
    lines = [
        f"- {gap.runs} of {gap.of} {'' if gap.kind == 'no_signature' else 'finished runs '}{_GAPS[gap.kind]}"
        for gap in report.gaps
        if gap.runs
    ]
    lines += [
        f"- {markdown_cell(run.name)} ({markdown_cell(run.run_id)}) says it is running; its last sign of "
        f"life was {run.last_sign.isoformat(sep=' ', timespec='seconds') if run.last_sign else 'never'}"
        for run in report.stale_runs[:_RUNS]
    ]
    lines += [
        f"- {status.lower()}: {one.runs} runs took {format_seconds(one.median)} (median), "
        f"{format_seconds(one.p95)} (95 %), {format_seconds(one.longest)} at most"
        for status, one in report.durations.items()
    ]
    return [*lines, ""] if lines else []


def format_seconds(seconds: float) -> str:
    """Return a length of time, short.

    Examples
    --------
    >>> format_seconds(0.25), format_seconds(5400)
    ('0.25s', '1h30m')
    """
    from datetime import timedelta

    return f"{seconds:.2g}s" if seconds < 10 else format_duration(timedelta(seconds=round(seconds)))


def _runs(report: ExperimentReport) -> list[str]:
    if not report.total_runs:
        return []
    rows = [
        [
            markdown_cell(run.name),
            markdown_cell(run.status),
            run.started.isoformat(sep=" ", timespec="seconds") if run.started else "",
            markdown_cell(run.run_id),
        ]
        for run in report.runs[:_RUNS]
    ]
    return markdown_table(("run", "status", "started", "id"), rows, texts=4)
