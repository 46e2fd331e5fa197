"""How long runs take, which hang, and what is missing to make them again."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from mirante.tracking.runs.columns import RunColumns, utc_moment

__all__ = ["Duration", "Gap", "StaleRun", "durations", "gaps", "stale_runs"]

_EXAMPLES = 5
_COMMIT = "mlflow.source.git.commit"
_DIRTY = "mlflow.source.git.dirty"


@dataclass(frozen=True, slots=True)
class Duration:
    """How long the runs of one status took, in seconds.

    Parameters
    ----------
    runs : int
        With a start and an end that is not before it.
    median, p95, longest, total : float
        Seconds.
    longest_run : str
        Its id.
    """

    runs: int
    median: float
    p95: float
    longest: float
    total: float
    longest_run: str


@dataclass(frozen=True, slots=True)
class StaleRun:
    """A run that says it is running and gave no sign of life.

    Parameters
    ----------
    run_id, name, link : str
        Which.
    last_sign : datetime, optional
        Its start, or the time of its last metric as the run stated it; None where it has neither.
    """

    run_id: str
    name: str
    link: str
    last_sign: datetime | None


@dataclass(frozen=True, slots=True)
class Gap:
    """Something without which finished runs cannot be made again.

    Parameters
    ----------
    kind : {"no_dataset", "no_commit", "dirty_git", "no_signature"}
        No data set logged as input; no git commit known; changes in the work tree that no commit has; a
        logged model without a signature.
    runs, of : int
        Runs (or models) that lack it, of those that were looked at: finished runs; for ``dirty_git`` those
        that say whether their tree was clean; for ``no_signature`` the newest models.
    examples : tuple of str
        Ids of the newest runs that lack it.
    """

    kind: Literal["no_dataset", "no_commit", "dirty_git", "no_signature"]
    runs: int
    of: int
    examples: tuple[str, ...] = ()


def durations(columns: RunColumns) -> dict[str, Duration]:
    """Return how long runs took, by status; statuses without ended runs are not there."""
    seconds = (columns.ended - columns.started) / np.timedelta64(1, "s")
    out = {}
    for status in sorted(set(columns.statuses.tolist())):
        rows = np.flatnonzero((columns.statuses == status) & (seconds >= 0))
        if len(rows):
            taken = seconds[rows]
            longest = rows[int(np.argmax(taken))]
            out[status] = Duration(
                runs=len(rows),
                median=float(np.median(taken)),
                p95=float(np.quantile(taken, 0.95)),
                longest=float(seconds[longest]),
                total=float(taken.sum()),
                longest_run=str(columns.run_ids[longest]),
            )
    return out


def stale_runs(columns: RunColumns, now: datetime, after: timedelta) -> list[tuple[int, datetime | None]]:
    """Return rows of running runs without a sign of life since `after`, and their last sign; longest first.

    Parameters
    ----------
    columns : RunColumns
        The runs.
    now : datetime
        The present.
    after : timedelta
        How long a run may say nothing.
    """
    running = np.flatnonzero(columns.statuses == "RUNNING")
    signs = np.fmax(columns.started[running], columns.last_logged[running])
    present = np.datetime64(round(now.timestamp() * 1000), "ms")
    silent = np.isnat(signs) | (present - signs > np.timedelta64(after).astype("timedelta64[ms]"))
    found = [(int(row), utc_moment(sign)) for row, sign in zip(running[silent], signs[silent], strict=True)]
    return sorted(found, key=lambda one: (one[1] is not None, one[1], one[0]))


def gaps(columns: RunColumns) -> tuple[Gap, ...]:
    """Return what is missing to make finished runs again; kinds that nothing lacks have 0 runs.

    Parameters
    ----------
    columns : RunColumns
        The runs.
    """
    finished = columns.statuses == "FINISHED"
    has_commit, dirty, told = (np.zeros(len(columns), dtype=bool) for _ in range(3))
    if (commit := columns.tags.get(_COMMIT)) is not None:
        has_commit[commit.rows] = True
    if (state := columns.tags.get(_DIRTY)) is not None:
        told[state.rows] = True
        levels = np.array([level.strip().lower() in ("true", "1") for level in state.levels], dtype=bool)
        dirty[state.rows] = levels[state.codes]
    count = int(finished.sum())
    return (
        _gap("no_dataset", columns, finished & (columns.datasets == 0), count),
        _gap("no_commit", columns, finished & ~has_commit, count),
        _gap("dirty_git", columns, finished & dirty, int((finished & told).sum())),
    )


def _gap(
    kind: Literal["no_dataset", "no_commit", "dirty_git"],
    columns: RunColumns,
    lacking: NDArray[np.bool_],
    of: int,
) -> Gap:
    rows = np.flatnonzero(lacking)
    return Gap(kind, len(rows), of, tuple(str(one) for one in columns.run_ids[rows[::-1][:_EXAMPLES]]))
