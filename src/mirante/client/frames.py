"""From what the store or the service gives to data frames."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

import numpy as np

from mirante.views.verdicts import (
    column_verdicts,
    drifted_columns,
    estimates_of,
    missing_columns,
    performance_of,
    realised_of,
)

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

    from mirante.store import AlertRow, Series, WindowRow

__all__ = ["SubjectLine", "alerts_frame", "readings_frame", "subjects_frame", "table_frame", "windows_frame"]

_OWN = ("time", "name", "value", "note")
_SUBJECT = ("subject", "series", "first_time", "last_time", "open_alerts")
_ALERT = (
    "rule", "subject", "severity", "state", "active_at", "fired_at", "resolved_at", "value", "summary",
    "note", "labels", "id",
)  # fmt: skip
_WINDOW = ("start", "end", "version", "rows", "late", "closed")
_TIMES = ("first_time", "last_time", "active_at", "fired_at", "resolved_at", "start", "end")


@dataclass(frozen=True, slots=True)
class SubjectLine:
    """One subject: how many series, from and to when, and how many alerts are open.

    Parameters
    ----------
    subject : str
        Such as ``host/web-1``.
    series, open_alerts : int
        How many.
    first_time, last_time : datetime
        Of its readings.
    """

    subject: str
    series: int
    first_time: datetime
    last_time: datetime
    open_alerts: int


def subjects_frame(lines: Iterable[SubjectLine]) -> pd.DataFrame:
    """Return subjects, one in each row."""
    return _frame(({name: getattr(one, name) for name in _SUBJECT} for one in lines), _SUBJECT)


def readings_frame(found: Iterable[Series]) -> pd.DataFrame:
    """Return readings, one in each row: time, name, value, a column for each label, note.

    Parameters
    ----------
    found : iterable of Series
        A series may come in several pieces, in the order of time.

    Returns
    -------
    DataFrame
        Names and labels are categories: a million rows repeat a few texts.
    """
    import pandas as pd

    pieces = sorted(found, key=lambda one: (one.name, sorted(one.labels.items())))
    sizes = [len(one.times) for one in pieces]

    def spread(texts: list[str | None]) -> Any:
        known = sorted({text for text in texts if text is not None})
        place = {text: number for number, text in enumerate(known)}
        codes = np.array([-1 if text is None else place[text] for text in texts], dtype=np.int64)
        return pd.Categorical.from_codes(np.repeat(codes, sizes), categories=pd.Index(known, dtype=object))

    def joined(arrays: list[Any], kind: str) -> Any:
        return np.concatenate(arrays).astype(kind) if arrays else np.array([], dtype=kind)

    labels = sorted({key for one in pieces for key in one.labels})
    times = joined([one.times for one in pieces], "datetime64[us]")
    notes = [np.array(one.notes, dtype=object) for one in pieces]
    columns: dict[str, Any] = {
        "time": pd.DatetimeIndex(times).tz_localize("UTC"),
        "name": spread([one.name for one in pieces]),
        "value": joined([one.values for one in pieces], "float64"),
        **{_label(key): spread([one.labels.get(key) for one in pieces]) for key in labels},
        "note": np.concatenate(notes) if notes else np.array([], dtype=object),
    }
    return pd.DataFrame(columns)


def _label(key: str) -> str:
    return f"label_{key}" if key in _OWN else key


def windows_frame(rows: Iterable[WindowRow]) -> pd.DataFrame:
    """Return windows, one in each row, with what was found in them."""
    lines = [_window(row) for row in rows]
    more = dict.fromkeys(name for line in lines for name in line)
    found = ("drifted", "drift_share", "drifted_columns", "missing_columns", "outliers")
    return _frame(lines, tuple(dict.fromkeys((*_WINDOW, *found, *more))))


def _window(row: WindowRow) -> dict[str, Any]:
    latency = row.verdicts.get("latency")
    judged = bool(column_verdicts(row))
    return {
        **{name: getattr(row, name) for name in _WINDOW},
        "drifted": row.verdicts.get("drifted"),
        "drift_share": row.verdicts.get("drift_share"),
        "drifted_columns": [name for name, _ in drifted_columns(row)] if judged else None,
        "missing_columns": missing_columns(row) if judged else None,
        "outliers": row.verdicts.get("outliers"),
        **_prefixed("latency", latency if isinstance(latency, Mapping) else {}),
        **_estimated(row),
        **_prefixed("performance", performance_of(row)),
        **_intervals(row),
    }


def _intervals(row: WindowRow) -> dict[str, Any]:
    """Return the intervals of what labels said under the names of their readings."""
    found: Mapping[str, Sequence[float]] = realised_of(row).get("intervals") or {}
    return {
        f"performance_{name}_{end}": one
        for name, ends in found.items()
        for end, one in zip(("lower", "upper"), ends, strict=True)
    }


def _estimated(row: WindowRow) -> dict[str, Any]:
    """Return the estimates under the names of their readings."""
    found: Mapping[str, Mapping[str, Any]] = estimates_of(row).get("measures") or {}
    parts = {"value": "", "lower": "_lower", "upper": "_upper", "threshold": "_threshold"}
    return {
        f"estimated_{name}{ending}": one.get(part)
        for name, one in found.items()
        for part, ending in parts.items()
    }


def _prefixed(prefix: str, figures: Mapping[str, Any]) -> dict[str, Any]:
    return {
        f"{prefix}_{name}": value for name, value in figures.items() if not isinstance(value, Mapping | list)
    }


def alerts_frame(rows: Iterable[AlertRow]) -> pd.DataFrame:
    """Return alerts, one in each row."""
    return _frame(({name: getattr(one, name) for name in _ALERT} for one in rows), _ALERT)


def table_frame(table: pa.Table) -> pd.DataFrame:
    """Return a result table; what is null in it is None in texts, and NaN in numbers."""
    frame: pd.DataFrame = table.to_pandas(date_as_object=False)
    return frame


def _frame(lines: Iterable[Mapping[str, Any]], columns: tuple[str, ...]) -> pd.DataFrame:
    import pandas as pd

    frame = pd.DataFrame([dict(line) for line in lines], columns=list(columns))
    for name in set(columns) & set(_TIMES):
        frame[name] = pd.to_datetime(frame[name], utc=True).astype("datetime64[us, UTC]")
    return frame
