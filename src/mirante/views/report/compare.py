"""Several experiments beside each other: their runs, and each metric that two of them have."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mirante.errors import InputError
from mirante.tracking.runs.directions import Direction
from mirante.views.report.experiment import ExperimentReport
from mirante.views.report.text import asked_lines, csv_text, format_seconds, markdown_cell, markdown_table

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["ExperimentComparison", "MetricComparison", "compare_reports"]

_FEWEST = 3
_METRICS = 200


@dataclass(frozen=True, slots=True)
class MetricComparison:
    """One metric in several experiments; each tuple has an entry for each, NaN where it has no value.

    Parameters
    ----------
    name : str
        As logged.
    direction : {"lower", "higher"}
        Which way is better.
    counts : tuple of int
        Runs with a finite value.
    medians, bests : tuple of float
        Over these runs.
    best : int
        Place of the experiment with the best value; the first of equals.
    p_value : float
        That the values of all come from one distribution: of Kruskal and Wallis' test over experiments with
        three values or more, corrected for all metrics by Benjamini and Hochberg. NaN for fewer than two.
    """

    name: str
    direction: Direction
    counts: tuple[int, ...]
    medians: tuple[float, ...]
    bests: tuple[float, ...]
    best: int
    p_value: float


@dataclass(frozen=True, slots=True, eq=False)
class ExperimentComparison:
    """Several experiments and the metrics that at least two of them have.

    Parameters
    ----------
    reports : tuple of ExperimentReport
        In the order that was asked for.
    metrics : tuple of MetricComparison
        Those that most experiments, and then most runs, have first.
    """

    reports: tuple[ExperimentReport, ...]
    metrics: tuple[MetricComparison, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return experiments (without their single runs) and metrics as plain data that JSON takes."""
        from mirante.views.report.experiment import plain_data

        return {
            "experiments": [one.to_dict(runs=False) for one in self.reports],
            "metrics": [plain_data(one) for one in self.metrics],
        }

    def to_json(self) -> str:
        """Return `to_dict` as strict JSON."""
        import json

        return json.dumps(self.to_dict(), indent=2, ensure_ascii=False, allow_nan=False)

    def to_frame(self) -> pd.DataFrame:
        """Return one row for each metric and experiment."""
        import pandas as pd

        rows = [
            {
                "metric": one.name,
                "direction": one.direction,
                "experiment_id": report.experiment_id,
                "experiment": report.experiment_name,
                "runs": one.counts[place],
                "median": one.medians[place],
                "best": one.bests[place],
                "is_best": place == one.best,
                "p_value": one.p_value,
            }
            for one in self.metrics
            for place, report in enumerate(self.reports)
        ]
        return pd.DataFrame(rows, columns=None if rows else ["metric", "direction", "experiment_id"])

    def save(self, path: str | Path, *, locale: str = "en", timezone: str = "UTC") -> Path:
        """Write the comparison as the kind of file that `path` ends with: see `ExperimentReport.save`."""
        from mirante.views.report.output import write_output

        return write_output(self, path, locale=locale, timezone=timezone)

    def to_csv(self) -> str:
        """Return `to_frame` as CSV that no spreadsheet runs."""
        return csv_text(self.to_frame())

    def to_markdown(self) -> str:
        """Return the comparison as Markdown, in English."""
        heads = ["experiment", "runs", "failed", "median time"]
        rows = [
            [
                markdown_cell(one.experiment_name),
                str(one.total_runs),
                "–" if math.isnan(one.failure_share) else f"{one.failure_share:.1%}",
                format_seconds(one.durations["FINISHED"].median) if "FINISHED" in one.durations else "–",
            ]
            for one in self.reports
        ]
        only = asked_lines(self.reports[0])
        lines = ["# Experiments compared", "", *only, *markdown_table(heads, rows)]
        if self.metrics:
            names = [markdown_cell(one.experiment_name) for one in self.reports]
            lines += ["Best value of each experiment, with its median in brackets:", ""]
            lines += markdown_table(
                ["metric", "better", *names, "p"],
                [
                    [
                        markdown_cell(one.name),
                        one.direction,
                        *(_figures(one, place, bold=place == one.best) for place in range(len(self.reports))),
                        "–" if math.isnan(one.p_value) else f"{one.p_value:.2g}",
                    ]
                    for one in self.metrics[:_METRICS]
                ],
                texts=2,
            )
        return "\n".join(lines).rstrip() + "\n"


def _figures(one: MetricComparison, place: int, *, bold: bool) -> str:
    if not one.counts[place]:
        return "–"
    best = f"{one.bests[place]:.6g}"
    return f"{f'**{best}**' if bold else best} ({one.medians[place]:.6g})"


def compare_reports(reports: Sequence[ExperimentReport]) -> ExperimentComparison:
    """Put reports beside each other.

    Parameters
    ----------
    reports : sequence of ExperimentReport
        Two or more, of different experiments.

    Raises
    ------
    InputError
        If there are fewer, or one is there twice.

    Examples
    --------
    >>> both = compare_reports([ExperimentReport("1", "a", 0), ExperimentReport("2", "b", 0)])
    >>> both.metrics
    ()
    """
    ids = [one.experiment_id for one in reports]
    if len(ids) < 2:
        raise InputError(f"got {len(ids)} experiments; a comparison needs two or more")
    if len(set(ids)) < len(ids):
        twice = next(one.experiment_name for one in reports if ids.count(one.experiment_id) > 1)
        raise InputError(f"the experiment {twice!r} is there twice; name each once")
    having: dict[str, int] = {}
    for report in reports:
        for one in report.leading():
            having[one.name] = having.get(one.name, 0) + 1
    shared = [_compared(name, reports) for name, count in having.items() if count > 1]
    shared.sort(key=lambda one: (-having[one.name], -sum(one.counts), one.name))
    return ExperimentComparison(tuple(reports), tuple(_corrected(shared)))


def _compared(name: str, reports: Sequence[ExperimentReport]) -> MetricComparison:
    found = [report.metrics.get(name) for report in reports]
    direction = next(one.direction for one in found if one is not None)
    bests = tuple(one.best if one is not None else math.nan for one in found)
    order = np.array([value if math.isfinite(value) else math.nan for value in bests])
    best = int(np.nanargmin(order) if direction == "lower" else np.nanargmax(order))
    return MetricComparison(
        name=name,
        direction=direction,
        counts=tuple(one.count if one is not None else 0 for one in found),
        medians=tuple(one.median if one is not None else math.nan for one in found),
        bests=bests,
        best=best,
        p_value=_differs(name, reports),
    )


def _differs(name: str, reports: Sequence[ExperimentReport]) -> float:
    from scipy.stats import kruskal

    groups = []
    for report in reports:
        column = report.columns.metrics.get(name)
        if column is not None:
            values = column.values[np.isfinite(column.values)]
            if len(values) >= _FEWEST:
                groups.append(values)
    if len(groups) < 2:
        return math.nan
    together = np.concatenate(groups)
    return 1.0 if (together == together[0]).all() else float(kruskal(*groups).pvalue)


def _corrected(found: Sequence[MetricComparison]) -> list[MetricComparison]:
    from scipy.stats import false_discovery_control

    tested = [one for one in found if math.isfinite(one.p_value)]
    if not tested:
        return list(found)
    adjusted = false_discovery_control([one.p_value for one in tested])
    known: Mapping[str, float] = {one.name: float(p) for one, p in zip(tested, adjusted, strict=True)}
    return [replace(one, p_value=known.get(one.name, one.p_value)) for one in found]
