"""Rows of ``profile_metrics``: what the columns of one window looked like, and the window as a whole."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from mirante.profiles import CategoricalProfile, NumericProfile
from mirante.views.tables.columns import QUANTILES
from mirante.views.verdicts import estimates_of, performance_of

if TYPE_CHECKING:
    from mirante.profiles import TableProfile
    from mirante.store import WindowRow
    from mirante.store.slicewindows import SliceWindowRow

__all__ = ["TABLE", "key_of", "number_or_none", "profile_rows"]

TABLE = ":table"
_MOST_LEVELS = 10

Row = dict[str, Any]


def profile_rows(window: WindowRow, profile: TableProfile | None) -> list[Row]:
    """Return the rows of one window: the window as a whole first, then its columns.

    Parameters
    ----------
    window : WindowRow
        Closed.
    profile : TableProfile or None
        The window's; without, there is the first row only.

    Returns
    -------
    list of dict
        By names of columns; what is not there is null.

    Examples
    --------
    >>> from datetime import UTC, datetime
    >>> from mirante.profiles import TableProfile
    >>> from mirante.store import WindowRow
    >>> start = datetime(2013, 2, 8, tzinfo=UTC)
    >>> rows = profile_rows(WindowRow("model/m@a", "1", start, start, 2), TableProfile.of({"x": [1.0, 2.0]}))
    >>> [(row["feature"], row.get("mean")) for row in rows]
    [(':table', None), ('x', 1.5)]
    """
    key = key_of(window)
    found = [{**key, "feature": TABLE, "kind": "table", "rows": window.rows, **_whole(window)}]
    for name, column in ({} if profile is None else profile.columns).items():
        missing = column.missing / window.rows if window.rows else None
        row = {**key, "feature": name, "rows": window.rows, "n": column.n, "missing": column.missing}
        told = _numbers(column) if isinstance(column, NumericProfile) else _levels(column)
        found.append({**row, "missing_ratio": missing, **told})
    return found


def key_of(window: WindowRow | SliceWindowRow) -> Row:
    """Return what all rows of a window, or of a slice of one, begin with."""
    return {
        "subject": window.subject,
        "version": window.version,
        "window_start": window.start,
        "window_end": window.end,
    }


def number_or_none(value: object) -> float | None:
    """Return a number as the tables have it: None, not NaN, where it is unknown; infinities stay.

    Examples
    --------
    >>> number_or_none(float("nan")), number_or_none(float("inf")), number_or_none("x")
    (None, inf, None)
    """
    if not isinstance(value, int | float | np.number) or value != value:
        return None
    return float(value)


def _numbers(column: NumericProfile) -> Row:
    counted, moments = column.tally, column.moments
    infinite = counted.low_infinite + counted.high_infinite
    figures = {
        **moments._asdict(),
        "minimum": column.minimum,
        "maximum": column.maximum,
        **dict(zip(QUANTILES, column.quantiles(tuple(QUANTILES.values())), strict=True)),
    }
    on_edges = not counted.counts[::2].any()
    return {
        "kind": "numeric",
        "unreadable": column.unreadable,
        "infinite": infinite,
        "zeros": _zeros(column),
        "distinct": int(np.count_nonzero(counted.counts[1::2])) if on_edges else None,
        **{name: number_or_none(value) for name, value in figures.items()},
    }


def _zeros(column: NumericProfile) -> int | None:
    """Return how many values are 0, or None where some lie between the same two edges as 0 does."""
    if not column.n or column.minimum > 0.0 or column.maximum < 0.0:
        return 0
    place = int(np.searchsorted(column.edges, 0.0))
    if place < column.edges.size and column.edges[place] == 0.0:
        return int(column.tally.counts[2 * place + 1])
    return None if column.tally.counts[2 * place] else 0


def _levels(column: CategoricalProfile) -> Row:
    order = np.argsort(-column.counts, kind="stable")[:_MOST_LEVELS].tolist()
    return {
        "kind": "categorical",
        "distinct": None if column.other else int(np.count_nonzero(column.counts)),
        "other": column.other,
        "frequent": [
            {"value": column.levels[place], "n": int(column.counts[place])}
            for place in order
            if column.counts[place]
        ],
    }


def _whole(window: WindowRow) -> Row:
    told = window.verdicts
    outliers, latency = told.get("outliers"), told.get("latency")
    figures = {f"prediction_latency_seconds_{name}": value for name, value in (latency or {}).items()}
    figures |= {f"performance_{name}": value for name, value in performance_of(window).items()}
    figures |= _estimated(window)
    if outliers is not None and window.rows:
        figures["outlier_ratio"] = outliers / window.rows
    return {
        "predictions": window.rows + int(told.get("passed") or 0),
        "outliers": outliers,
        **{name: number_or_none(value) for name, value in figures.items()},
    }


def _estimated(window: WindowRow) -> Row:
    """Return the estimates under the names of their readings."""
    measures: Mapping[str, Mapping[str, Any]] = estimates_of(window).get("measures") or {}
    parts = {"value": "", "lower": "_lower", "upper": "_upper", "threshold": "_threshold"}
    found = {
        f"estimated_{name}{ending}": one.get(part)
        for name, one in measures.items()
        for part, ending in parts.items()
    }
    if measures:
        found["estimated_performance_dropped"] = float(any(one.get("beyond") for one in measures.values()))
    return found
