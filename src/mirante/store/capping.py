"""How many series a subject may have: a label with a value of its own for each row would fill the disk."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import Connection, func, select

from mirante.store.schema import series

__all__ = ["MOST_SERIES", "SeriesCap"]

MOST_SERIES = 20_000
_TOLD_FOR = 3600.0  # seconds for which it is told that series were left out
_REMEMBERED = 200_000  # digests of such series; beyond, they are not told from each other


class SeriesCap:
    """Admits new series while a subject has room, and counts those that it does not.

    Series that are over take no room.

    Parameters
    ----------
    most : int
        Of one subject.
    monotonic : callable
        Seconds that nobody sets.

    Examples
    --------
    >>> SeriesCap(5).left_out()
    {}
    """

    def __init__(self, most: int = MOST_SERIES, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._most, self._monotonic = most, monotonic
        self._left_out: dict[str, set[bytes]] = {}
        self._last: dict[str, float] = {}
        self._lock = threading.Lock()

    def admitted(self, connection: Connection, rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
        """Return those of new series that there is room for, the first ones first.

        Parameters
        ----------
        connection : Connection
            The transaction that writes them.
        rows : sequence of dict
            Of the table of series.
        """
        room: dict[str, int] = {}
        found = []
        for row in rows:
            subject = row["subject"]
            if subject not in room:
                room[subject] = self._most - _count(connection, subject)
            if room[subject] > 0:
                room[subject] -= 1
                found.append(row)
            else:
                self._leave_out(subject, row["digest"])
        return found

    def _leave_out(self, subject: str, digest: bytes) -> None:
        with self._lock:
            known = self._left_out.setdefault(subject, set())
            if len(known) < _REMEMBERED:
                known.add(digest)
            self._last[subject] = self._monotonic()

    def left_out(self) -> dict[str, int]:
        """Return how many series of each subject were left out; 0, once, when none was for an hour."""
        now = self._monotonic()
        with self._lock:
            over = [subject for subject, last in self._last.items() if now - last > _TOLD_FOR]
            for subject in over:
                del self._last[subject], self._left_out[subject]
            return {subject: len(found) for subject, found in self._left_out.items()} | dict.fromkeys(over, 0)


def _count(connection: Connection, subject: str) -> int:
    mine = select(func.count()).select_from(series)
    mine = mine.where(series.c.subject == subject, series.c.ended.is_(None))
    return int(connection.execute(mine).scalar_one())
