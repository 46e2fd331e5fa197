"""What failed runs have in common, and how often runs fail over time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from mirante.stats.association import enrichment, rank_correlation
from mirante.stats.intervals import wilson
from mirante.tracking.runs.columns import RunColumns, TextColumn, utc_moment

__all__ = ["CommonCause", "Period", "common_causes", "failures_over_time"]

_FEWEST = 3  # runs that share a value, before it is looked at
_MOST_SHOWN = 20
_FINE = 8  # distinct numbers, above which ranges are looked at instead
_CERTAIN = 0.05
_PERIODS = 40
# what differs in each run, or repeats what another tag says
_PASSED_OVER = frozenset({"mlflow.note.content", "mlflow.runColor", "mlflow.source.type"})
_STEPS = tuple(
    np.timedelta64(seconds, "s").astype("timedelta64[ms]")
    for seconds in (60, 600, 3600, 6 * 3600, 86_400, 7 * 86_400, 30 * 86_400, 91 * 86_400, 365 * 86_400)
)
_YEARS = np.datetime64("0001-01-01", "ms"), np.datetime64("9999-12-31T23:59:59.999", "ms")


@dataclass(frozen=True, slots=True)
class CommonCause:
    """A value that failed runs have more often than those that finished. It need not be why they failed.

    Parameters
    ----------
    kind : {"param", "tag"}
        Where it is.
    key, value : str
        What it is; a range of numbers is ``0.01 … 0.1``, and ``value`` is empty where `missing`.
    missing : bool
        Whether it is the absence of the key that they have in common.
    failed, runs : int
        Failed runs with it, and all ended ones with it.
    share : float
        Of these that failed, 0 to 1.
    lift : float
        `share` divided by the share of all ended runs that failed.
    p_value : float
        Of Fisher's exact test, one-sided, corrected for all values that were looked at by Benjamini and
        Hochberg: at most 0.05.
    """

    kind: Literal["param", "tag"]
    key: str
    value: str
    missing: bool
    failed: int
    runs: int
    share: float
    lift: float
    p_value: float


@dataclass(frozen=True, slots=True)
class Period:
    """The runs that started in a half-open interval.

    Parameters
    ----------
    start, end : datetime
        UTC.
    runs, ended, failed : int
        All; those that finished or failed; those that failed.
    share : float
        Of the ended that failed; NaN where none ended.
    low, high : float
        Wilson's 95 % interval of `share`.
    """

    start: datetime
    end: datetime
    runs: int
    ended: int
    failed: int
    share: float
    low: float
    high: float


def common_causes(columns: RunColumns) -> tuple[tuple[CommonCause, ...], int]:
    """Look for what failed runs have in common: values of parameters and tags, and that these are missing.

    Parameters
    ----------
    columns : RunColumns
        The runs; those that neither finished nor failed are left out.

    Returns
    -------
    found : tuple of CommonCause
        The surest first, at most 20.
    tried : int
        How many values were looked at: each that three runs share.
    """
    failed = columns.statuses == "FAILED"
    ended = failed | (columns.statuses == "FINISHED")
    events, total = int(failed.sum()), int(ended.sum())
    if not 0 < events < total:
        return (), 0
    candidates = list(_candidates(columns, failed, ended))
    if not candidates:
        return (), 0
    both = np.array([one.failed for one in candidates])
    cases = np.array([one.runs for one in candidates])
    lifts, p_values = enrichment(both, cases, events, total)
    from scipy.stats import false_discovery_control

    corrected = false_discovery_control(p_values)
    found = [
        replace(one, share=one.failed / one.runs, lift=float(lift), p_value=float(p))
        for one, lift, p in zip(candidates, lifts, corrected, strict=True)
        if p <= _CERTAIN and lift > 1
    ]
    found.sort(key=lambda one: (one.p_value, -one.lift, one.key, one.value))
    return tuple(found[:_MOST_SHOWN]), len(candidates)


def _candidates(
    columns: RunColumns, failed: NDArray[np.bool_], ended: NDArray[np.bool_]
) -> Iterator[CommonCause]:
    kinds: tuple[tuple[Literal["param", "tag"], dict[str, TextColumn]], ...] = (
        ("param", dict(columns.params)),
        ("tag", {key: one for key, one in columns.tags.items() if key not in _PASSED_OVER}),
    )
    for kind, part in kinds:
        for key, column in part.items():
            kept = ended[column.rows]
            rows, codes = column.rows[kept], column.codes[kept]
            groups, names = _groups(TextColumn(rows, codes, column.levels))
            runs = np.bincount(groups, minlength=len(names))
            hits = np.bincount(groups, weights=failed[rows], minlength=len(names)).astype(int)
            missing, missed = int(ended.sum()) - len(rows), int(failed.sum() - failed[rows].sum())
            for place in np.flatnonzero((runs >= _FEWEST) & (runs < ended.sum())):
                yield CommonCause(kind, key, names[place], False, int(hits[place]), int(runs[place]), 0, 0, 1)
            if _FEWEST <= missing < ended.sum():
                yield CommonCause(kind, key, "", True, missed, missing, 0, 0, 1)


def _groups(column: TextColumn) -> tuple[NDArray[np.int64], list[str]]:
    """Return each run's group and the groups' names: values, or quarters of many different numbers."""
    numbers = column.numbers() if len(column.levels) > _FINE else None
    if numbers is None or not len(numbers):
        return column.codes.astype(np.int64), list(column.levels)
    edges = np.unique(np.quantile(numbers, (0.25, 0.5, 0.75)))
    groups = np.searchsorted(edges, numbers, side="right")
    ends = [numbers[groups == place] for place in range(len(edges) + 1)]
    names = [f"{part.min():.6g} … {part.max():.6g}" if len(part) else "" for part in ends]
    return groups.astype(np.int64), names


def failures_over_time(columns: RunColumns) -> tuple[tuple[Period, ...], float]:
    """Count runs and failures in periods of equal length, at most 40, from a minute to a year.

    Parameters
    ----------
    columns : RunColumns
        The runs; those without a start are left out.

    Returns
    -------
    periods : tuple of Period
        Ascending, without gaps; empty where no run has a start.
    p_value : float
        That failing has nothing to do with time: of the rank correlation of start and failure over ended
        runs. NaN where all or none failed.
    """
    known = ~np.isnat(columns.started)
    if not known.any():
        return (), np.nan
    failed = (columns.statuses == "FAILED") & known
    ended = ((columns.statuses == "FINISHED") & known) | failed
    trend = rank_correlation(columns.started[ended].astype(np.int64), failed[ended])
    first, last = columns.started[known].min(), columns.started[known].max()
    step = next((one for one in _STEPS if (last - first) / one < _PERIODS - 1), None)
    if step is None:
        step = ((last - first) // _PERIODS + np.timedelta64(1, "ms")).astype("timedelta64[ms]")
    origin = np.datetime64("1970-01-05", "ms")  # a Monday
    begin = origin + (first - origin) // step * step
    places = ((columns.started[known] - begin) // step).astype(np.int64)
    counts = [np.bincount(places, weights=which[known]).astype(int) for which in (known, ended, failed)]
    periods = []
    for place, (runs, over, bad) in enumerate(zip(*(one.tolist() for one in counts), strict=True)):
        interval = wilson(bad, over) if over else None
        start, end = (
            utc_moment(one) for one in np.clip(begin + np.array([place, place + 1]) * step, *_YEARS)
        )
        assert start is not None and end is not None  # noqa: S101, PT018  # neither is NaT
        share, low, high = (bad / over, interval.lower, interval.upper) if interval else (np.nan,) * 3
        periods.append(Period(start, end, int(runs), int(over), int(bad), share, low, high))
    return tuple(periods), trend.p_value
