"""Which files were read: small, JSON-able, right when files are rewritten, vanish and come again."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Collection, Mapping
from functools import lru_cache
from typing import Any

from mirante.sources.rows.listing import Stat

__all__ = ["FileCursor"]

_PATH, _STAT = 9, 3  # bytes: of 100,000 files two have one digest once in 10^12 times
_ENTRY = (_PATH + _STAT) * 4 // 3
_MOST_GONE = 20_000


class FileCursor:
    """Files that were read whole, and how far one has come that was not.

    The shape, for people who look into the store: ``{"files": "<16 letters for each, in the order of
    reading>", "part": {"<12 letters>": ["<4 letters>", 1200]}}``.

    Parameters
    ----------
    state : mapping, optional
        What `state` of an earlier one was; it is not changed.

    Examples
    --------
    >>> cursor = FileCursor(None)
    >>> cursor.finish("day=1/a.parquet", Stat(100, 1))
    >>> later = FileCursor(cursor.state)
    >>> later.finished("day=1/a.parquet"), later.finished("day=1/b.parquet")
    (True, False)
    >>> later.rewritten("day=1/a.parquet", Stat(120, 2))
    True
    """

    def __init__(self, state: Mapping[str, Any] | None) -> None:
        text = str((state or {}).get("files", ""))
        cut = _PATH * 4 // 3
        self._files = {
            text[at : at + cut]: text[at + cut : at + _ENTRY] for at in range(0, len(text), _ENTRY)
        }
        self._part: dict[str, tuple[str, int]] = {
            path: (stat, rows) for path, (stat, rows) in (state or {}).get("part", {}).items()
        }

    @property
    def state(self) -> dict[str, Any]:
        """What to keep."""
        return {
            "files": "".join(f"{path}{stat}" for path, stat in self._files.items()),
            "part": {path: list(done) for path, done in self._part.items()},
        }

    def finished(self, name: str) -> bool:
        """Return whether the file was read whole."""
        return _digest(name) in self._files

    def rows_of(self, name: str, stat: Stat) -> int | None:
        """Return how many rows of the file were read; None when it was another one in its place."""
        mark, rows = self._part.get(_digest(name), (_mark(stat), 0))
        return rows if mark == _mark(stat) else None

    def begun(self, name: str) -> bool:
        """Return whether some rows of the file were read, and not all."""
        return _digest(name) in self._part

    def proceed(self, name: str, stat: Stat, rows: int) -> None:
        """Note that so many rows of a file were read, and more are there."""
        self._part[_digest(name)] = _mark(stat), rows

    def finish(self, name: str, stat: Stat) -> None:
        """Note that a file was read whole, or is given up."""
        self._part.pop(_digest(name), None)
        self._files[_digest(name)] = _mark(stat)

    def rewritten(self, name: str, stat: Stat) -> bool:
        """Return whether a file that was read is another one now; it is said once."""
        digest = _digest(name)
        if self._files.get(digest, _mark(stat)) == _mark(stat):
            return False
        self._files[digest] = _mark(stat)
        return True

    def forget(self, names: Collection[str]) -> int:
        """Return how many files that were read are not among those that are there.

        They are remembered all the same, since a file may come again, but not more than the last 20,000.

        Parameters
        ----------
        names : collection of str
            All that are there.
        """
        if len(self._files) <= len(names) and all(_digest(name) in self._files for name in names):
            return 0
        there = {_digest(name) for name in names}
        gone = [digest for digest in self._files if digest not in there]
        for digest in gone[: max(len(gone) - _MOST_GONE, 0)]:
            del self._files[digest]
        return len(gone)


@lru_cache(maxsize=65_536)  # each look asks for all of them
def _digest(name: str) -> str:
    digest = hashlib.blake2b(name.encode("utf-8", "surrogateescape"), digest_size=_PATH).digest()
    return base64.b64encode(digest).decode()


def _mark(stat: Stat) -> str:
    return base64.b64encode(hashlib.blake2b(repr(tuple(stat)).encode(), digest_size=_STAT).digest()).decode()
