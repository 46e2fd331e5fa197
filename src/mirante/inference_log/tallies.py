"""What was asked of a model that no row of the log can say: errors, and what broke its signature.

Each serving process that has something to tell keeps one small hidden file for each version, in the version's
folder: ``.served-<process>``.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

__all__ = ["Tally", "forget_tallies", "note_tally", "read_tally"]

_PREFIX = ".served-"


@dataclass(frozen=True, slots=True)
class Tally:
    """Counts that only grow while a process lives.

    Parameters
    ----------
    errors : mapping of str to int
        Answers that were errors, by their HTTP status, or by the name of an exception.
    violations : mapping of (str, str) to int
        Rows that broke the model's signature, by column and kind: ``missing, extra, type, null``.

    Examples
    --------
    >>> one, other = Tally({"400": 1}), Tally({"400": 2}, {("age", "null"): 3})
    >>> one + other
    Tally(errors={'400': 3}, violations={('age', 'null'): 3})
    """

    errors: Mapping[str, int] = field(default_factory=dict)
    violations: Mapping[tuple[str, str], int] = field(default_factory=dict)

    def __add__(self, other: Tally) -> Tally:
        return Tally(
            dict(Counter(self.errors) + Counter(other.errors)),
            dict(Counter(self.violations) + Counter(other.violations)),
        )

    def __bool__(self) -> bool:
        return bool(self.errors or self.violations)


def note_tally(folder: Path, process: str, tally: Tally, time: float) -> None:
    """Write what a process has counted so far, in place of what it wrote before.

    Parameters
    ----------
    folder : Path
        The version's folder; it must be there.
    process : str
        The process' own letters and digits.
    tally : Tally
        Since the process began.
    time : float
        Now, in seconds since 1970.

    Raises
    ------
    OSError
        If it cannot be written; what was there before still is.
    """
    path = folder / f"{_PREFIX}{process}"
    draft = path.with_name(f"{path.name}~")
    violations = [[column, kind, rows] for (column, kind), rows in tally.violations.items()]
    draft.write_text(json.dumps([time, dict(tally.errors), violations]), encoding="utf-8")
    draft.replace(path)


def read_tally(folder: Path, since: datetime) -> Tally:
    """Return what all processes have counted that counted anything since a moment.

    Parameters
    ----------
    folder : Path
        The version's folder; it may be missing.
    since : datetime
        With a time zone.

    Examples
    --------
    >>> import tempfile
    >>> from datetime import UTC
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     note_tally(Path(folder), "a1", Tally({"400": 2}, {("age", "type"): 1}), time=1000.0)
    ...     read_tally(Path(folder), datetime(1970, 1, 1, tzinfo=UTC))
    Tally(errors={'400': 2}, violations={('age', 'type'): 1})
    """
    total = Tally()
    for _, time, tally in _notes(folder):
        if since.timestamp() <= time < float("inf"):
            total += tally
    return total


def forget_tallies(folder: Path, before: float) -> None:
    """Remove what processes noted that counted nothing since a moment; what cannot be removed stays.

    Parameters
    ----------
    folder : Path
        The version's folder; it may be missing.
    before : float
        Seconds since 1970.
    """
    for path, time, _ in list(_notes(folder)):
        if time < before:
            try:
                path.unlink(missing_ok=True)
            except OSError:
                return


def _notes(folder: Path) -> Iterator[tuple[Path, float, Tally]]:
    for path in folder.glob(f"{_PREFIX}*[!~]"):
        try:
            time, errors, violations = json.loads(path.read_text(encoding="utf-8"))
            yield (
                path,
                float(time),
                Tally(
                    {str(status): int(number) for status, number in errors.items()},
                    {(str(column), str(kind)): int(rows) for column, kind, rows in violations},
                ),
            )
        except (OSError, ValueError, TypeError, AttributeError):  # gone meanwhile, or not one of ours
            continue
