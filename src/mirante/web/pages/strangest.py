"""The strangest rows of a window, with the columns that made them so."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from mirante.web.pages.query import parse_time
from mirante.web.pages.render import number

if TYPE_CHECKING:
    from mirante.store import WindowRow

__all__ = ["StrangeRow", "strangest_rows"]


@dataclass(frozen=True, slots=True)
class StrangeRow:
    """One line of the table.

    Parameters
    ----------
    time : datetime or None
        Of the prediction.
    id : str
        Of the prediction.
    score : float or None
        Lower is stranger.
    columns : list of (str, str)
        Names and values, the largest contribution first.
    """

    time: datetime | None
    id: str
    score: float | None
    columns: list[tuple[str, str]]


def strangest_rows(window: WindowRow, locale: str) -> list[StrangeRow]:
    """Return the rows that a window keeps as its strangest, strangest first.

    Parameters
    ----------
    window : WindowRow
        Judged; older ones keep none.
    locale : str
        For the numbers.

    Examples
    --------
    >>> from datetime import UTC
    >>> from mirante.store import WindowRow
    >>> note = {"id": "7", "time": "2013-02-08T12:00:00+00:00", "score": -3.1, "columns": []}
    >>> start = datetime(2013, 2, 8, tzinfo=UTC)
    >>> [row] = strangest_rows(WindowRow("m", "1", start, start, verdicts={"top_outliers": [note]}), "en")
    >>> row.id, row.score, row.time.hour
    ('7', -3.1, 12)
    """
    notes = window.verdicts.get("top_outliers")
    return [
        StrangeRow(
            parse_time(str(note.get("time") or "")),
            str(note.get("id") or ""),
            note.get("score"),
            [
                (str(each.get("column")), _shown(each.get("value"), locale))
                for each in note.get("columns", [])
            ],
        )
        for note in (notes if isinstance(notes, list) else [])
    ]


def _shown(value: Any, locale: str) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if value is None or isinstance(value, int | float):
        return number(value, locale)
    return str(value)
