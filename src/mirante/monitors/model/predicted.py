"""Which judged windows have the predictions that labels came for."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from mirante.monitors.rows import RowSource

__all__ = ["PredictedIds"]

_MOST_KEPT = 5_000_000  # rows, eight bytes each
_TOGETHER = 24  # windows whose ids are read at once: a day of hours

Hashes = NDArray[np.uint64]
Span = tuple[datetime, datetime]


class PredictedIds:
    """Finds the windows of ids, by a hash of each id that the log has.

    The hashes of up to five million rows stay in memory, those of the windows that were asked about last;
    others are read from the log each time. Two ids with one hash cost a measurement that finds nothing new.

    Parameters
    ----------
    log : RowSource
        Has the ids.
    model, version : str
        Whose predictions.
    most : int, default 5,000,000
        Rows that are kept in memory.
    """

    def __init__(self, log: RowSource, model: str, version: str, *, most: int = _MOST_KEPT) -> None:
        self._log, self._model, self._version, self._most = log, model, version, most
        self._kept: dict[datetime, Hashes] = {}

    def windows_of(self, ids: Sequence[str], spans: Iterable[Span]) -> set[datetime]:
        """Return the starts of the windows that have at least one of some ids.

        Parameters
        ----------
        ids : sequence of str
            For which labels came.
        spans : iterable of (datetime, datetime)
            The windows, ``[start, end)``, none over another.

        Returns
        -------
        set of datetime
            Of those that have one.
        """
        asked = sorted(spans)
        if not ids or not asked:
            return set()
        wanted = np.unique(_hashed(ids))
        missing = [span for span in asked if span[0] not in self._kept]
        found = {start for start, _ in asked if start in self._kept and _meet(self._kept[start], wanted)}
        for start, hashes in self._read(missing).items():
            if _meet(hashes, wanted):
                found.add(start)
            if sum(map(len, self._kept.values())) + len(hashes) <= self._most:
                self._kept[start] = hashes
        return found

    def forget(self, start: datetime) -> None:
        """Read a window from the log again when it is next asked about."""
        self._kept.pop(start, None)

    def clear(self) -> None:
        """Forget all windows."""
        self._kept.clear()

    def _read(self, spans: Sequence[Span]) -> dict[datetime, Hashes]:
        """Read the ids of windows, some side by side, since a file holds the rows of many."""
        found: dict[datetime, Hashes] = {}
        for first in range(0, len(spans), _TOGETHER):
            found |= self._read_some(spans[first : first + _TOGETHER])
        return found

    def _read_some(self, spans: Sequence[Span]) -> dict[datetime, Hashes]:
        import pyarrow.compute as pc

        starts = np.array([_micros(start) for start, _ in spans])
        ends = np.array([_micros(end) for _, end in spans])
        parts: list[list[Hashes]] = [[] for _ in spans]
        asked = ["__id", "__time", "__version"]
        table = self._log.scan(self._model, start=spans[0][0], end=spans[-1][1], columns=asked)
        table = table.filter(pc.equal(table["__version"], self._version))
        times = table["__time"].to_numpy().astype("datetime64[us]").astype(np.int64)
        hashes = _hashed(table["__id"].to_pylist())
        places = np.searchsorted(starts, times, side="right") - 1
        inside = (places >= 0) & (times < ends[places])
        for place in np.unique(places[inside]).tolist():
            parts[place].append(hashes[inside & (places == place)])
        none = np.empty(0, np.uint64)
        return {
            start: np.sort(np.concatenate([none, *found]))
            for (start, _), found in zip(spans, parts, strict=True)
        }


def _micros(time: datetime) -> int:
    return int(np.datetime64(time.replace(tzinfo=None), "us").astype(np.int64))


def _hashed(ids: Sequence[str | None]) -> Hashes:
    from pandas.util import hash_array

    if not len(ids):
        return np.empty(0, np.uint64)
    return np.asarray(hash_array(np.array([one or "" for one in ids], dtype=object), categorize=False))


def _meet(kept: Hashes, wanted: Hashes) -> bool:
    """Return whether two sorted arrays share a value."""
    few, many = (kept, wanted) if len(kept) < len(wanted) else (wanted, kept)
    if not len(few):
        return False
    places = np.minimum(np.searchsorted(many, few), len(many) - 1)
    return bool(np.any(many[places] == few))
