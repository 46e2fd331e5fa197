"""What was asked of a model that no row of the log can say: errors, and what broke its signature.

Each serving process that has something to tell keeps one small hidden file for each version, in the version's
folder: ``.served-<process>``.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

__all__ = ["Tally", "forget_tallies", "note_tally", "read_tallies", "read_tally"]

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

    def beyond(self, other: Tally) -> Tally:
        """Return by how much each count is above another tally's; nothing where it is not.

        Parameters
        ----------
        other : Tally
            An earlier one, say.

        Examples
        --------
        >>> Tally({"400": 5, "500": 1}).beyond(Tally({"400": 2, "500": 3}))
        Tally(errors={'400': 3}, violations={})
        """
        return Tally(
            dict(Counter(self.errors) - Counter(other.errors)),
            dict(Counter(self.violations) - Counter(other.violations)),
        )

    def to_json(self) -> list[Any]:
        """Return errors and violations in words that JSON has."""
        return [dict(self.errors), [[column, kind, rows] for (column, kind), rows in self.violations.items()]]

    @classmethod
    def from_json(cls, said: Sequence[Any]) -> Tally:
        """Return the tally that `to_json` said.

        Parameters
        ----------
        said : sequence
            Errors and violations.

        Raises
        ------
        ValueError, TypeError, AttributeError
            If that is no tally.

        Examples
        --------
        >>> Tally.from_json(Tally({"400": 1}, {("age", "null"): 3}).to_json())
        Tally(errors={'400': 1}, violations={('age', 'null'): 3})
        """
        errors, violations = said
        return cls(
            {str(status): int(number) for status, number in errors.items()},
            {(str(column), str(kind)): int(rows) for column, kind, rows in violations},
        )


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
    draft.write_text(json.dumps([time, *tally.to_json()]), encoding="utf-8")
    draft.replace(path)


def read_tallies(folder: Path) -> dict[str, Tally]:
    """Return what each process has counted since it began, by its letters and digits.

    Parameters
    ----------
    folder : Path
        The version's folder; it may be missing.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     note_tally(Path(folder), "a1", Tally({"400": 2}), time=1000.0)
    ...     read_tallies(Path(folder))
    {'a1': Tally(errors={'400': 2}, violations={})}
    """
    return {path.name.removeprefix(_PREFIX): tally for path, _, tally in _notes(folder)}


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
    """Remove what processes noted that noted nothing since a moment; what cannot be removed stays.

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
            time, *said = json.loads(path.read_text(encoding="utf-8"))
            yield path, float(time), Tally.from_json(said)
        except (
            OSError,
            ValueError,
            TypeError,
            AttributeError,
            OverflowError,
        ):  # gone meanwhile, or not one of ours
            continue
