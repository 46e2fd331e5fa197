"""What recorders had to drop, noted beside the segments so that others can count it and tell of it.

Each recorder that dropped rows keeps one small hidden file in the model's folder, ``.dropped-<process>``.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

__all__ = ["Drops", "note_drops", "read_drops"]

_PREFIX = ".dropped-"
_LONGEST = 300


class Drops(NamedTuple):
    """Rows that will never be in the log.

    Attributes
    ----------
    rows : int
        How many.
    reason : str
        Why, in the words of the recorder that dropped some last; empty when there are none.
    """

    rows: int
    reason: str


class _Note(NamedTuple):
    time: float
    rows: int
    reason: str


def note_drops(folder: Path, process: str, drops: Drops, time: float) -> None:
    """Write how many rows a recorder has dropped so far, in place of what it wrote before.

    Parameters
    ----------
    folder : Path
        The model's folder; it must be there.
    process : str
        The recorder's own letters and digits.
    drops : Drops
        Rows since the recorder began, and why.
    time : float
        Now, in seconds since 1970.

    Raises
    ------
    OSError
        If it cannot be written; what was there before still is.
    """
    path = folder / f"{_PREFIX}{process}"
    draft = path.with_name(f"{path.name}~")
    draft.write_text(json.dumps([time, drops.rows, drops.reason[:_LONGEST]]), encoding="utf-8")
    draft.replace(path)


def read_drops(folder: Path, since: datetime) -> Drops:
    """Return the rows dropped by all recorders that dropped any since a moment.

    Parameters
    ----------
    folder : Path
        The model's folder; it may be missing.
    since : datetime
        With a time zone.

    Examples
    --------
    >>> import tempfile
    >>> from datetime import UTC
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     note_drops(Path(folder), "a1", Drops(3, "more than 2 rows waited"), time=1000.0)
    ...     read_drops(Path(folder), datetime(1970, 1, 1, tzinfo=UTC))
    Drops(rows=3, reason='more than 2 rows waited')
    """
    notes = [note for note in _notes(folder) if since.timestamp() <= note.time < float("inf")]
    return Drops(sum(note.rows for note in notes), max(notes).reason if notes else "")


def _notes(folder: Path) -> Iterator[_Note]:
    for path in folder.glob(f"{_PREFIX}*[!~]"):
        try:
            time, rows, reason = json.loads(path.read_text(encoding="utf-8"))
            yield _Note(float(time), int(rows), str(reason))
        except (OSError, ValueError, TypeError):  # gone meanwhile, or not one of ours
            continue
