"""What a report holds: the reference keys, and beside them all that was found in the runs."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

import numpy as np

from mirante.notebook import html_result, html_table
from mirante.tracking.runs.columns import RunColumns, RunFolder, utc_moment
from mirante.tracking.runs.directions import Direction
from mirante.views.report.condition import Duration, Gap, StaleRun
from mirante.views.report.failures import CommonCause, Period
from mirante.views.report.importance import Importance
from mirante.views.report.metrics import MetricSummary

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["ExperimentReport", "RunRow", "RunRows", "plain_data"]

_EMPTY = RunFolder().columns()
_NOTEBOOK_METRICS = 100


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


class RunRows(Sequence[RunRow]):
    """The runs of columns, the newest first; each is made when it is asked for.

    Parameters
    ----------
    columns : RunColumns
        The runs, the oldest first.
    """

    __slots__ = ("_columns",)

    def __init__(self, columns: RunColumns) -> None:
        self._columns = columns

    def __len__(self) -> int:
        return len(self._columns)

    @overload
    def __getitem__(self, index: int) -> RunRow: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[RunRow]: ...

    def __getitem__(self, index: int | slice) -> RunRow | Sequence[RunRow]:
        places = range(len(self) - 1, -1, -1)[index]
        if isinstance(places, range):
            return RunRows(self._columns.take(np.array(places[::-1], dtype=np.intp)))
        one = self._columns.take(np.array([places]))
        return next(iter(RunRows(one)))

    def __iter__(self) -> Iterator[RunRow]:
        """Go over all at once: each value is touched once."""
        columns = self._columns
        metrics: list[dict[str, float]] = [{} for _ in range(len(columns))]
        params: list[dict[str, str]] = [{} for _ in range(len(columns))]
        for name, metric in columns.metrics.items():
            for row, value in zip(metric.rows.tolist(), metric.values.tolist(), strict=True):
                metrics[row][name] = value
        for name, text in columns.params.items():
            levels = text.levels
            for row, code in zip(text.rows.tolist(), text.codes.tolist(), strict=True):
                params[row][name] = levels[code]
        for row in range(len(columns) - 1, -1, -1):
            yield RunRow(
                run_id=columns.run_ids[row],
                name=columns.names[row],
                status=columns.statuses[row],
                started=utc_moment(columns.started[row]),
                ended=utc_moment(columns.ended[row]),
                metrics=metrics[row],
                params=params[row],
            )


@dataclass(frozen=True, slots=True, eq=False)
class ExperimentReport(Mapping[str, Any]):
    """An experiment in numbers; a mapping of its field names.

    Parameters
    ----------
    experiment_id, experiment_name : str
        Which experiment.
    total_runs : int
        All runs that are not deleted, and that were asked for.
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
    metrics : mapping of str to MetricSummary
        All of the above of each metric and more, those that most runs have first.
    durations : mapping of str to Duration
        How long runs took, by status.
    periods : sequence of Period
        Runs and failures over time.
    failure_trend_p_value : float
        That failing has nothing to do with time; NaN where all or none failed.
    common_causes : sequence of CommonCause
        What failed runs have in common, the surest first.
    values_tried : int
        How many values of parameters and tags were looked at for that.
    importances : sequence of Importance
        Which parameters the leading metrics go with.
    gaps : sequence of Gap
        What is missing to make finished runs again.
    stale_runs : sequence of StaleRun
        Running without a sign of life, the longest silent first.
    nested_runs, parent_runs : int
        Runs that have a parent, and different parents that they name. Both count as runs like any other.
    since, until : datetime, optional
        The interval of starts that was asked for.
    filter_string : str
        The filter that was asked for.
    link : str
        The experiment's page in MLflow; empty where its address is not known.
    columns : RunColumns
        The runs, the oldest first.

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
    metrics: Mapping[str, MetricSummary] = field(default_factory=dict)
    durations: Mapping[str, Duration] = field(default_factory=dict)
    periods: Sequence[Period] = ()
    failure_trend_p_value: float = math.nan
    common_causes: Sequence[CommonCause] = ()
    values_tried: int = 0
    importances: Sequence[Importance] = ()
    gaps: Sequence[Gap] = ()
    stale_runs: Sequence[StaleRun] = ()
    nested_runs: int = 0
    parent_runs: int = 0
    since: datetime | None = None
    until: datetime | None = None
    filter_string: str = ""
    link: str = ""
    columns: RunColumns = field(default=_EMPTY, repr=False)

    def __repr__(self) -> str:
        counts = f"{self.total_runs} runs: {self.successful_runs} successful, {self.failed_runs} failed"
        return f"<ExperimentReport of {self.experiment_name!r}, {counts}, {len(self.metrics)} metrics>"

    @property
    def runs(self) -> RunRows:
        """The runs, the newest first."""
        return RunRows(self.columns)

    @property
    def asked(self) -> bool:
        """Whether only some of the experiment's runs were asked for."""
        return bool(self.since or self.until or self.filter_string)

    @property
    def failure_share(self) -> float:
        """Failed runs among those that finished or failed, 0 to 1; NaN where there are none."""
        ended = self.successful_runs + self.failed_runs
        return self.failed_runs / ended if ended else math.nan

    def leading(self, most: int | None = None) -> list[MetricSummary]:
        """Return metrics with a finite value, those that most runs have first."""
        found = [one for one in self.metrics.values() if one.count]
        return found if most is None else found[:most]

    def names_of(self, runs: Collection[str]) -> dict[str, str]:
        """Return the names of runs by their ids."""
        columns = self.columns
        return {
            run: name
            for run, name in zip(columns.run_ids.tolist(), columns.names.tolist(), strict=True)
            if run in runs
        }

    def __getitem__(self, key: str) -> Any:
        if key not in set(self):
            raise KeyError(key)
        return getattr(self, key)

    def __iter__(self) -> Iterator[str]:
        yield from (one.name for one in fields(self) if one.name != "columns")
        yield "runs"

    def __len__(self) -> int:
        return len(fields(self))

    def to_dict(self, *, runs: bool = True) -> dict[str, Any]:
        """Return everything as plain dicts and lists that JSON takes.

        Parameters
        ----------
        runs : bool, default True
            Whether each run is in it, under ``runs``, with its metrics and parameters.

        Returns
        -------
        dict
            Times are ISO texts. A figure that is not known is None; a run's metric that is NaN or infinite
            is the text ``NaN``, ``Infinity`` or ``-Infinity``.
        """
        out = {name: plain_data(value) for name, value in self.items() if name != "runs"}
        if runs:
            out["runs"] = [
                plain_data(asdict(run))
                | {"metrics": {key: _told(value) for key, value in run.metrics.items()}}
                for run in self.runs
            ]
        return out

    def to_json(self, *, runs: bool = True, indent: int | None = 2) -> str:
        """Return `to_dict` as strict JSON."""
        import json

        return json.dumps(self.to_dict(runs=runs), indent=indent, ensure_ascii=False, allow_nan=False)

    def to_frame(self) -> pd.DataFrame:
        """Return one row for each run, the newest first: ``metrics.…`` are floats, ``params.…`` texts."""
        frame = self.columns.frame()
        return frame.iloc[::-1].reset_index(drop=True)

    def metrics_frame(self) -> pd.DataFrame:
        """Return one row for each metric, those that most runs have first."""
        import pandas as pd

        rows = [
            {name: getattr(one, name) for name in _METRIC_FIGURES}
            | {name: (one.quantiles or {}).get(name, math.nan) for name in ("p05", "p25", "p75", "p95")}
            | {
                "trend_rho": one.trend.rho if one.trend else math.nan,
                "trend_p_value": one.trend.p_value if one.trend else math.nan,
                "trend": one.trend.verdict if one.trend else None,
            }
            for one in self.metrics.values()
        ]
        return pd.DataFrame(rows, columns=None if rows else list(_METRIC_FIGURES))

    def save(self, path: str | Path, *, locale: str = "en", timezone: str = "UTC") -> Path:
        """Write the report as one file.

        Parameters
        ----------
        path : path
            Its ending says the kind: ``.html`` (one file, which opens without network), ``.md``, ``.json``,
            ``.csv``. An existing one is replaced as a whole, missing folders are made.
        locale, timezone : str
            Language and clock (IANA name) of HTML; the other kinds are in English and UTC.

        Raises
        ------
        InputError
            If the ending is another one, or the place cannot be written.
        """
        from mirante.views.report.output import write_output

        return write_output(self, path, locale=locale, timezone=timezone)

    def to_csv(self) -> str:
        """Return the runs as CSV that no spreadsheet runs; see `mirante.views.report.csv_text`."""
        from mirante.views.report.text import csv_text

        return csv_text(self.to_frame())

    def to_markdown(self) -> str:
        """Return the report as Markdown: the counts, the leading metrics, findings, the newest 50 runs."""
        from mirante.views.report.text import markdown

        return markdown(self)

    def _repr_html_(self) -> str:
        """Return the counts and the metrics for a notebook, every text escaped."""
        heads = ("metric", "better", "mean", "best", "worst", "runs")
        rows = [
            (
                one.name,
                one.direction,
                *(f"{value:.6g}" for value in (one.mean, one.best, one.worst)),
                str(one.count),
            )
            for one in self.leading(_NOTEBOOK_METRICS)
        ]
        counts = f"{self.total_runs} runs: {self.successful_runs} successful, {self.failed_runs} failed"
        return html_result(f"{self.experiment_name}: {counts}.", html_table(heads, rows))


_METRIC_FIGURES = (
    "name",
    "direction",
    "direction_from",
    "count",
    "not_finite",
    "mean",
    "median",
    "std",
    "best",
    "worst",
    "best_run",
    "worst_run",
    "best_link",
    "worst_link",
)


def _told(value: float) -> float | str:
    if math.isfinite(value):
        return value
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


def plain_data(value: Any) -> Any:
    """Return what JSON takes; a figure that is not finite becomes None."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    if isinstance(value, Mapping):
        return {str(key): plain_data(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain_data(one) for one in value]
    if hasattr(value, "__dataclass_fields__"):
        return {one.name: plain_data(getattr(value, one.name)) for one in fields(value)}
    return value
