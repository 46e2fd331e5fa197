"""What a window's verdicts say of its columns: which drifted, and of which more is missing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mirante.store import WindowRow

__all__ = [
    "broken_limits",
    "column_verdicts",
    "drifted_columns",
    "estimates_of",
    "missing_columns",
    "performance_of",
    "realised_of",
]


def column_verdicts(window: WindowRow) -> Mapping[str, Mapping[str, Any]]:
    """Return the verdict of each column by its name; empty for a window that has not been judged."""
    found = window.verdicts.get("columns")
    return found if isinstance(found, Mapping) else {}


def drifted_columns(window: WindowRow) -> list[tuple[str, Mapping[str, Any]]]:
    """Return the columns whose verdict is drift, strongest effect first.

    Examples
    --------
    >>> from datetime import UTC, datetime
    >>> from mirante.store import WindowRow
    >>> verdicts = {"columns": {"a": {"drifted": True, "effect": 0.1}, "b": {"drifted": True, "effect": 0.4}}}
    >>> start = datetime(2013, 2, 8, tzinfo=UTC)
    >>> [name for name, _ in drifted_columns(WindowRow("m", "1", start, start, verdicts=verdicts))]
    ['b', 'a']
    """
    columns = [(name, found) for name, found in column_verdicts(window).items() if found.get("drifted")]
    return sorted(columns, key=lambda pair: -(pair[1].get("effect") or 0.0))


def missing_columns(window: WindowRow) -> list[str]:
    """Return the columns of which more is missing than in the baseline, the most first."""
    found = [(name, one) for name, one in column_verdicts(window).items() if one.get("missing_detected")]
    return [name for name, _ in sorted(found, key=lambda pair: -(pair[1].get("missing_ratio") or 0.0))]


def broken_limits(window: WindowRow) -> list[tuple[str, str, str]]:
    """Return the limits of data quality that a window broke: which, of which column, and the sentence.

    Examples
    --------
    >>> from datetime import UTC, datetime
    >>> from mirante.store import WindowRow
    >>> verdicts = {"limits": [{"limit": "out_of_range", "column": "age", "sentence": "Too old."}, "junk"]}
    >>> start = datetime(2013, 2, 8, tzinfo=UTC)
    >>> broken_limits(WindowRow("m", "1", start, start, verdicts=verdicts))
    [('out_of_range', 'age', 'Too old.')]
    """
    found = window.verdicts.get("limits")
    known = [one for one in found if isinstance(one, Mapping)] if isinstance(found, list) else []
    names = ("limit", "column", "sentence")
    return [(str(a), str(b), str(c)) for a, b, c in ([one.get(n) or "" for n in names] for one in known)]


def performance_of(window: WindowRow) -> Mapping[str, Any]:
    """Return the measures of a window's predictions by name; empty while its labels are not in."""
    found = window.verdicts.get("performance")
    return found if isinstance(found, Mapping) else {}


def realised_of(window: WindowRow) -> Mapping[str, Any]:
    """Return what is known beside the measures of a window's predictions.

    Returns
    -------
    mapping
        ``final`` (whether more labels are awaited), ``intervals`` (lower and upper end by measure),
        ``reasons`` (why a measure has no value), ``reliability`` and ``baseline_reliability`` (of each bin:
        rows, said, came true, lower, upper); empty of windows from before there were intervals.
    """
    found = window.verdicts.get("realised")
    return found if isinstance(found, Mapping) else {}


def estimates_of(window: WindowRow) -> Mapping[str, Any]:
    """Return what is estimated of a window before its labels are in.

    Returns
    -------
    mapping
        ``measures`` (by name ``value, lower, upper, threshold, beyond``) and ``sentence``, or ``reason`` and
        ``detail`` where nothing is estimated; empty for windows from before there were estimates.
    """
    found = window.verdicts.get("estimated")
    return found if isinstance(found, Mapping) else {}
