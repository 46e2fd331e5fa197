"""What a report holds: the reference keys, and beside them the runs that they came from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from datetime import datetime
from typing import TYPE_CHECKING, Any

from mirante.notebook import html_result, html_table
from mirante.views.report.directions import Direction

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["ExperimentReport", "RunRow"]

_MARKDOWN_RUNS = 50


@dataclass(frozen=True, slots=True)
class RunRow:
    """One run.

    Parameters
    ----------
    run_id, name, status : str
        As MLflow has them.
    started, ended : datetime or None
        UTC.
    metrics : mapping of str to float
        The last value of each; NaN and infinite as they are.
    params : mapping of str to str
        As logged.
    """

    run_id: str
    name: str
    status: str
    started: datetime | None
    ended: datetime | None
    metrics: Mapping[str, float]
    params: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class ExperimentReport(Mapping[str, Any]):
    """An experiment in numbers; a mapping of its field names.

    Parameters
    ----------
    experiment_id, experiment_name : str
        Which experiment.
    total_runs : int
        All runs that are not deleted.
    successful_runs : int
        Those that are FINISHED.
    failed_runs : int
        Those that are FAILED; killed, running and scheduled runs are in `runs_by_status`.
    average_metrics : mapping of str to float
        Mean over all runs that have a finite value; a metric without any has no entry here.
    best_metrics, worst_metrics : mapping of str to float
        The best and the worst finite value, by `directions`: of a loss the best is the least.
    best_runs, worst_runs : mapping of str to str
        The run that has it; the oldest of equals.
    directions : mapping of str to str
        ``lower`` or ``higher`` is better.
    metric_counts : mapping of str to int
        In how many runs a metric has a finite value.
    not_finite : mapping of str to int
        In how many runs it is NaN or infinite; those values are left out of everything above.
    runs_by_status : mapping of str to int
        Status to number of runs.
    runs : sequence of RunRow
        Newest first.

    Examples
    --------
    >>> report = ExperimentReport("1", "flights", total_runs=0)
    >>> report["total_runs"], report["average_metrics"], "best_metrics" in report
    (0, {}, True)
    """

    experiment_id: str
    experiment_name: str
    total_runs: int
    successful_runs: int = 0
    failed_runs: int = 0
    average_metrics: Mapping[str, float] = field(default_factory=dict)
    best_metrics: Mapping[str, float] = field(default_factory=dict)
    worst_metrics: Mapping[str, float] = field(default_factory=dict)
    best_runs: Mapping[str, str] = field(default_factory=dict)
    worst_runs: Mapping[str, str] = field(default_factory=dict)
    directions: Mapping[str, Direction] = field(default_factory=dict)
    metric_counts: Mapping[str, int] = field(default_factory=dict)
    not_finite: Mapping[str, int] = field(default_factory=dict)
    runs_by_status: Mapping[str, int] = field(default_factory=dict)
    runs: Sequence[RunRow] = ()

    def __getitem__(self, key: str) -> Any:
        if key not in set(self):
            raise KeyError(key)
        return getattr(self, key)

    def __iter__(self) -> Iterator[str]:
        return (one.name for one in fields(self))

    def __len__(self) -> int:
        return len(fields(self))

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain dicts and lists; times are ISO texts, so JSON takes it."""
        out = {name: dict(value) if isinstance(value, Mapping) else value for name, value in self.items()}
        out["runs"] = [
            asdict(run)
            | {
                "started": run.started.isoformat() if run.started else None,
                "ended": run.ended.isoformat() if run.ended else None,
            }
            for run in self.runs
        ]
        return out

    def to_frame(self) -> pd.DataFrame:
        """Return one row for each run: columns ``metrics.…`` hold floats, ``params.…`` hold text."""
        import pandas as pd

        rows = [
            {
                "run_id": run.run_id,
                "name": run.name,
                "status": run.status,
                "started": run.started,
                "ended": run.ended,
            }
            | {f"metrics.{key}": value for key, value in run.metrics.items()}
            | {f"params.{key}": value for key, value in run.params.items()}
            for run in self.runs
        ]
        return pd.DataFrame(rows, columns=None if rows else ["run_id", "name", "status", "started", "ended"])

    def _repr_html_(self) -> str:
        """Return the counts and the metrics for a notebook, every text escaped."""
        heads = ("metric", "better", "mean", "best", "worst", "runs")
        rows = [
            (
                name,
                self.directions[name],
                *(f"{m[name]:.6g}" for m in (self.average_metrics, self.best_metrics, self.worst_metrics)),
                str(self.metric_counts[name]),
            )
            for name in sorted(self.best_metrics)
        ]
        counts = f"{self.total_runs} runs: {self.successful_runs} successful, {self.failed_runs} failed"
        return html_result(f"{self.experiment_name}: {counts}.", html_table(heads, rows))

    def to_markdown(self) -> str:
        """Return the report as Markdown: the counts, the metrics, the newest 50 runs."""
        lines = [
            f"# {_cell(self.experiment_name)}",
            "",
            f"{self.total_runs} runs: {self.successful_runs} successful, {self.failed_runs} failed.",
            "",
        ]
        if self.best_metrics:
            lines += ["| metric | better | mean | best | worst | runs |", "|---|---|---:|---:|---:|---:|"]
            for name in sorted(self.best_metrics):
                figures = (self.average_metrics[name], self.best_metrics[name], self.worst_metrics[name])
                shown = " | ".join(f"{value:.6g}" for value in figures)
                lines.append(
                    f"| {_cell(name)} | {self.directions[name]} | {shown} | {self.metric_counts[name]} |"
                )
            lines.append("")
        if self.runs:
            lines += ["| run | status | started | id |", "|---|---|---|---|"]
            for run in self.runs[:_MARKDOWN_RUNS]:
                started = run.started.isoformat(sep=" ", timespec="seconds") if run.started else ""
                lines.append(f"| {_cell(run.name)} | {run.status} | {started} | {run.run_id} |")
        return "\n".join(lines).rstrip() + "\n"


def _cell(text: str) -> str:
    """Return text that stays inside its cell: no row end, no markup, no HTML."""
    flat = " ".join(str(text).split())
    for character in "\\`*_[]<>|#":
        flat = flat.replace(character, f"\\{character}")
    return flat.replace("\\<", "&lt;").replace("\\>", "&gt;")
