"""What a reader has had of a log: small, JSON-able, right across sealing, late copies and deletions.

The shape, for people who look into the store::

    {"<version folder>": {"<process>": {"done": 3, "part": {"<stem>": 1200}}}}

`done` says that all segments of that process numbered below it are finished with; `part` has the rows
consumed of others, in a list of one where that segment is finished and an earlier one is not. A segment
counts as finished only once sealed, so a cursor stays as small as the number of processes that wrote.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from mirante.inference_log.segments import SegmentName

__all__ = ["Cursor"]


class Cursor:
    """Rows consumed, per segment.

    Parameters
    ----------
    state : mapping, optional
        What `state` of an earlier one was; it is not changed.

    Examples
    --------
    >>> name = SegmentName("20130208T170000000000", "p", 0)
    >>> cursor = Cursor(None)
    >>> cursor.consume("1", name, 50, finished=False)
    >>> Cursor(cursor.state).consumed("1", name)
    50
    """

    def __init__(self, state: Mapping[str, Any] | None) -> None:
        self.state: dict[str, Any] = copy.deepcopy(dict(state or {}))

    def finished(self, version: str, name: SegmentName) -> bool:
        """Return whether nothing of the segment is left to read."""
        entry = self._entry(version, name)
        return name.number < entry.get("done", 0) or isinstance(entry.get("part", {}).get(str(name)), list)

    def consumed(self, version: str, name: SegmentName) -> int:
        """Return the number of the first row that was not read yet."""
        past = self._entry(version, name).get("part", {}).get(str(name), 0)
        return int(past[0] if isinstance(past, list) else past)

    def consume(self, version: str, name: SegmentName, past: int, *, finished: bool) -> None:
        """Note that all rows below number `past` were read; `finished` when no more can follow."""
        entry = self.state.setdefault(version, {}).setdefault(name.process, {"done": 0, "part": {}})
        part: dict[str, Any] = entry["part"]
        part[str(name)] = [past] if finished else past
        by_number = {parsed.number: stem for stem in part if (parsed := SegmentName.parse(stem))}
        while isinstance(part.get(stem := by_number.get(entry["done"], "")), list):
            del part[stem]
            entry["done"] += 1

    def _entry(self, version: str, name: SegmentName) -> dict[str, Any]:
        entry: dict[str, Any] = self.state.get(version, {}).get(name.process, {})
        return entry

    def forget(self, version: str, listed: Iterable[SegmentName], there: Callable[[str], object]) -> None:
        """Drop what speaks of segments that are gone.

        Parameters
        ----------
        version : str
            The version's folder.
        listed : iterable of SegmentName
            The segments that a listing of the folder showed.
        there : callable
            Gives something true when the segment of that stem is there by name: a listing can miss a file
            that is renamed meanwhile, and forgetting it would read its rows twice.
        """
        names = list(listed)
        stems, processes = {str(name) for name in names}, {name.process for name in names}
        entries = self.state.get(version, {})
        for process, entry in list(entries.items()):
            for stem in [stem for stem in entry["part"] if stem not in stems and not there(stem)]:
                del entry["part"][stem]
            if process not in processes and not entry["part"]:
                del entries[process]
        if not entries:
            self.state.pop(version, None)
