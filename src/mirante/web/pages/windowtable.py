"""The table of a model's or table's windows: what was found in each, of all rows, by limits and in slices."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, TypeAlias

from mirante.views.verdicts import (
    broken_limits,
    drifted_columns,
    missing_columns,
    performance_of,
    realised_of,
)
from mirante.web.pages.compare import Comparison, window_key
from mirante.web.pages.estimates import not_estimated
from mirante.web.pages.query import Query
from mirante.web.pages.realised import so_far, with_interval

if TYPE_CHECKING:
    from mirante.store import Store, WindowRow

__all__ = ["WindowLine", "shared_starts", "window_table"]

_PER_PAGE = 30
_SHOWN = 3
_MOMENT = timedelta(microseconds=1)
_Key: TypeAlias = tuple[datetime, str]  # start and version


@dataclass(frozen=True, slots=True)
class WindowLine:
    """One line of the table of windows.

    Parameters
    ----------
    row : WindowRow
        The window, with its verdicts.
    key : str
        What the query calls it.
    chosen : bool
        Whether it is the one that is compared.
    drifted, missing, slices : list of str
        The columns that drifted and those of which more is missing, of all rows, and the labels of slices in
        which any did; three of each.
    limits : list of (str, str, str)
        The limits of data quality that it broke: which, of which column (empty for whole rows), the sentence.
    more, more_limits, more_slices : int
        How many drifted columns, broken limits and slices are left out.
    outliers, latency : float or None
        Share of the rows, and 95th percentile in seconds.
    performance, intervals : list
        By the measures of the table.
    so_far : str
        The share of labels that are in, while they come.
    """

    row: WindowRow
    key: str
    chosen: bool
    drifted: list[str]
    more: int
    missing: list[str]
    limits: list[tuple[str, str, str]]
    more_limits: int
    slices: list[str]
    more_slices: int
    outliers: float | None
    latency: float | None
    performance: list[float | None]
    intervals: list[str]
    so_far: str


def shared_starts(rows: Sequence[WindowRow]) -> set[datetime]:
    """Return the starts at which several versions have a window."""
    count = Counter(row.start for row in rows)
    return {start for start, number in count.items() if number > 1}


def window_table(
    store: Store, windows: Sequence[WindowRow], comparison: Comparison | None, query: Query
) -> dict[str, Any]:
    """Return one page of the windows, newest first, as the template takes it.

    Parameters
    ----------
    store : Store
        Has their verdicts, and those of their slices.
    windows : sequence of WindowRow
        Closed ones, oldest first.
    comparison : Comparison, optional
        Its window is marked.
    query : Query
        ``page`` of the table.

    Returns
    -------
    dict
        ``lines`` (of `WindowLine`), ``measures``, ``not_estimated``, ``page`` and ``pages``.
    """
    shown, page, pages = query.cut(windows[::-1], "page", _PER_PAGE)
    rows = _with_verdicts(store, shown)
    measures = sorted(
        {name for row in rows for name in performance_of(row)} & {"accuracy", "log_loss", "mae", "rmse"}
    )
    shared = shared_starts(windows)
    chosen = None if comparison is None else (comparison.window.start, comparison.window.version)
    slices = _slices(store, shown)
    return {
        "lines": [
            _line(
                row,
                measures,
                query.locale,
                window_key(row, alone=row.start not in shared),
                chosen,
                slices.get((row.start, row.version), ()),
            )
            for row in rows
        ],
        "measures": measures,
        "not_estimated": not_estimated(rows, query),
        "page": page,
        "pages": pages,
    }


def _with_verdicts(store: Store, shown: Sequence[WindowRow]) -> list[WindowRow]:
    """Read windows again, newest first, with what was found in them."""
    if not shown:
        return []
    until = shown[0].start + _MOMENT
    found = store.windows.list(shown[0].subject, since=shown[-1].start, until=until)
    full = {(row.start, row.version): row for row in found}
    return [full.get((row.start, row.version), row) for row in shown]


def _slices(store: Store, shown: Sequence[WindowRow]) -> Mapping[_Key, Sequence[str]]:
    """Return the slices of windows in which a column drifted or lacks values, the furthest moved first."""
    if not shown:
        return {}
    until = shown[0].start + _MOMENT
    found = store.slice_windows.list(shown[0].subject, since=shown[-1].start, until=until)
    moved = [row for row in found if row.drifted or row.verdicts.get("missing")]
    moved.sort(key=lambda row: (not row.drifted, -row.effect if row.effect == row.effect else 0.0))
    of: dict[_Key, list[str]] = {}
    for row in moved:
        of.setdefault((row.start, row.version), []).append(row.label)
    return of


def _line(
    row: WindowRow,
    measures: Sequence[str],
    locale: str,
    key: str,
    chosen: _Key | None,
    slices: Sequence[str],
) -> WindowLine:
    found, ends = performance_of(row), realised_of(row).get("intervals") or {}
    drifted, limits = [name for name, _ in drifted_columns(row)], broken_limits(row)
    latency = row.verdicts.get("latency")
    outliers = row.verdicts.get("outliers")
    return WindowLine(
        row=row,
        key=key,
        chosen=(row.start, row.version) == chosen,
        drifted=drifted[:_SHOWN],
        more=max(0, len(drifted) - _SHOWN),
        missing=missing_columns(row)[:_SHOWN],
        limits=limits[:_SHOWN],
        more_limits=max(0, len(limits) - _SHOWN),
        slices=list(slices[:_SHOWN]),
        more_slices=max(0, len(slices) - _SHOWN),
        outliers=outliers / row.rows if isinstance(outliers, int | float) and row.rows else None,
        latency=latency.get("p95") if isinstance(latency, dict) else None,
        performance=[found.get(name) for name in measures],
        intervals=[
            "" if found.get(name) is None else with_interval(name, found[name], ends.get(name), locale)
            for name in measures
        ],
        so_far=so_far(row, locale),
    )
