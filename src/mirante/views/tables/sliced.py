"""Rows of both tables for a declared slice of a window: its rows, its performance, its verdicts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mirante.views.tables.profile import TABLE, key_of, number_or_none

if TYPE_CHECKING:
    from mirante.store.slicewindows import SliceWindowRow

__all__ = ["slice_profile", "slice_verdicts"]

Row = dict[str, Any]


def slice_profile(one: SliceWindowRow) -> Row:
    """Return the row of ``profile_metrics``: a slice as a whole.

    Parameters
    ----------
    one : SliceWindowRow
        Judged.

    Examples
    --------
    >>> from datetime import UTC, datetime
    >>> from mirante.store.slicewindows import SliceWindowRow
    >>> start = datetime(2013, 2, 8, tzinfo=UTC)
    >>> known = {"accuracy": 0.9}
    >>> found = SliceWindowRow("model/m@a", "1", "region", "EU", start, start, 40, performance=known)
    >>> row = slice_profile(found)
    >>> row["slice_key"], row["slice_value"], row["rows"], row["performance_accuracy"]
    ('region', 'EU', 40, 0.9)
    """
    figures = {f"performance_{name}": number_or_none(value) for name, value in one.performance.items()}
    return {**_key(one), "feature": TABLE, "kind": "table", "rows": one.rows, **figures}


def slice_verdicts(one: SliceWindowRow) -> list[Row]:
    """Return the rows of ``drift_metrics``: a slice as a whole, and the column that moved furthest in it.

    Parameters
    ----------
    one : SliceWindowRow
        Judged; where nothing was compared there is no row.

    Returns
    -------
    list of dict
        By names of columns.
    """
    if not one.columns:
        return []
    key = {**_key(one), "type": "baseline"}
    share = one.drifted / one.columns
    found: list[Row] = [
        {**key, "feature": TABLE, "kind": "table", "drifted": one.drifted > 0, "drift_share": share}
    ]
    if one.strongest:
        moved = list(one.verdicts.get("drifted") or ())
        sentences = dict(zip(moved, one.verdicts.get("sentences") or (), strict=False))
        found.append(
            {
                **key,
                "feature": one.strongest,
                "effect": number_or_none(one.effect),
                "drifted": one.strongest in moved,
                "sentence": sentences.get(one.strongest),
            }
        )
    return found


def _key(one: SliceWindowRow) -> Row:
    return {**key_of(one), "slice_key": one.key, "slice_value": one.value}
