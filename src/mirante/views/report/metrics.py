"""What each metric's values are over all runs: how they lie, who is best, and where they go over time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from mirante.stats.association import rank_correlation
from mirante.tracking.runs.columns import MetricColumn, RunColumns
from mirante.tracking.runs.directions import Direction, direction_of, is_known

__all__ = ["MetricSummary", "Trend", "metric_summaries"]

Origin = Literal["stated", "name", "unknown"]

_FEWEST_FOR_TREND = 8
_CERTAIN = 0.05
_HUGE = 1e150


@dataclass(frozen=True, slots=True)
class Trend:
    """Where a metric goes from run to run.

    Parameters
    ----------
    rho : float
        Spearman's correlation of value and start, from -1 to 1.
    p_value : float
        Two-sided, corrected for all the report's metrics by Benjamini and Hochberg.
    first, last : float
        Median of the oldest and of the newest quarter of the runs.
    verdict : {"better", "worse", "none"}
        By the metric's direction; ``none`` where chance explains it: `p_value` above 0.05.
    """

    rho: float
    p_value: float
    first: float
    last: float
    verdict: Literal["better", "worse", "none"]


@dataclass(frozen=True, slots=True)
class MetricSummary:
    """One metric over all runs that have a finite last value of it.

    Parameters
    ----------
    name : str
        As logged.
    direction : {"lower", "higher"}
        Which way is better.
    direction_from : {"stated", "name", "unknown"}
        Who says so: the caller, or the table `DIRECTIONS`; ``unknown`` names are taken for ``higher``.
    count : int
        Runs with a finite value; where it is 0 all figures are NaN and there is no best run.
    not_finite : int
        Runs whose value is NaN or infinite; they are in no other figure.
    mean, median, std : float
        `std` with n - 1, NaN for a single run.
    quantiles : mapping of str to float
        ``p05, p25, p75, p95``.
    best, worst : float
        By `direction`.
    best_run, worst_run : str
        Ids of the runs that have them; the oldest of equals.
    best_link, worst_link : str
        Their pages in MLflow; empty where its address is not known.
    trend : Trend, optional
        None with fewer than 8 runs that have a start.
    """

    name: str
    direction: Direction
    direction_from: Origin
    count: int = 0
    not_finite: int = 0
    mean: float = np.nan
    median: float = np.nan
    std: float = np.nan
    quantiles: Mapping[str, float] | None = None
    best: float = np.nan
    worst: float = np.nan
    best_run: str = ""
    worst_run: str = ""
    best_link: str = ""
    worst_link: str = ""
    trend: Trend | None = None

    @property
    def varies(self) -> bool:
        """Whether there are two different values."""
        return self.count > 1 and self.best != self.worst


def metric_summaries(
    columns: RunColumns, directions: Mapping[str, Direction], page: Callable[[str], str] = lambda _run: ""
) -> dict[str, MetricSummary]:
    """Sum up every metric, those that most runs have first.

    Parameters
    ----------
    columns : RunColumns
        The runs.
    directions : mapping of str to {"lower", "higher"}
        What the caller states.
    page : callable
        Gives a run's page in MLflow by its id; empty for none.

    Returns
    -------
    dict of str to MetricSummary
        By name; of equals by name. Thousands of names take about 0.3 ms each.
    """
    found = [_summary(name, column, columns, directions, page) for name, column in columns.metrics.items()]
    tested = [one for one in found if one.trend is not None]
    if tested:
        from scipy.stats import false_discovery_control

        corrected = false_discovery_control([one.trend.p_value for one in tested if one.trend])
        known = {one.name: float(p) for one, p in zip(tested, corrected, strict=True)}
        found = [_with_corrected(one, known[one.name]) if one.name in known else one for one in found]
    return {one.name: one for one in sorted(found, key=lambda one: (-one.count, one.name))}


def _summary(
    name: str,
    column: MetricColumn,
    columns: RunColumns,
    directions: Mapping[str, Direction],
    page: Callable[[str], str],
) -> MetricSummary:
    origin: Origin = "stated" if name in directions else "name" if is_known(name) else "unknown"
    direction = directions.get(name, direction_of(name))
    finite = np.isfinite(column.values)
    rows, values = column.rows[finite], column.values[finite]
    bare = MetricSummary(name, direction, origin, len(rows), len(column.rows) - len(rows))
    if not len(rows):
        return bare
    low, high = int(np.argmin(values)), int(np.argmax(values))
    best, worst = (low, high) if direction == "lower" else (high, low)
    best_run, worst_run = (str(columns.run_ids[rows[place]]) for place in (best, worst))
    # the sum of huge values would be infinite, so that all is computed of shares of the greatest
    scale = float(np.max(np.abs(values)))
    scale = scale if scale > _HUGE else 1.0
    shares = values / scale
    p05, p25, median, p75, p95 = np.quantile(shares, (0.05, 0.25, 0.5, 0.75, 0.95)) * scale
    same = values[low] == values[high]  # then the sums' rounding would say otherwise
    spread = 0.0 if same else float(shares.std(ddof=1)) * scale
    return replace(
        bare,
        mean=float(values[low]) if same else float(shares.mean()) * scale,
        median=float(median),
        std=spread if len(shares) > 1 else np.nan,
        quantiles={"p05": float(p05), "p25": float(p25), "p75": float(p75), "p95": float(p95)},
        best=float(values[best]),
        worst=float(values[worst]),
        best_run=best_run,
        worst_run=worst_run,
        best_link=page(best_run),
        worst_link=page(worst_run),
        trend=_trend(columns.started[rows], shares, scale),
    )


def _trend(started: NDArray[np.datetime64], values: NDArray[np.float64], scale: float) -> Trend | None:
    known = ~np.isnat(started)
    started, values = started[known], values[known]
    if len(values) < _FEWEST_FOR_TREND:
        return None
    found = rank_correlation(started.astype(np.int64), values)
    if not np.isfinite(found.rho):
        return None
    quarter = len(values) // 4
    first, last = float(np.median(values[:quarter])), float(np.median(values[-quarter:]))
    return Trend(found.rho, found.p_value, first * scale, last * scale, "none")


def _with_corrected(one: MetricSummary, p_value: float) -> MetricSummary:
    trend = one.trend
    assert trend is not None  # noqa: S101  # only those that have one come here
    verdict: Literal["better", "worse", "none"] = "none"
    if p_value <= _CERTAIN:
        verdict = "better" if (trend.rho > 0) == (one.direction == "higher") else "worse"
    return replace(one, trend=replace(trend, p_value=p_value, verdict=verdict))
