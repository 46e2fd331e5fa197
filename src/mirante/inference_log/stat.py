"""How large a log is, and what is damaged in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from mirante.inference_log.archive.known import Archived, Known
from mirante.inference_log.drops import read_drops
from mirante.inference_log.places import Places, SegmentFile, version_folders
from mirante.inference_log.sealed import SealedFile
from mirante.inference_log.segments import OPEN, SEALED, SegmentName

__all__ = ["LogStat", "size_of", "stat_log", "verify_log"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class LogStat:
    """What a log has of one version of a model.

    Parameters
    ----------
    model, version : str
        As the recorder was given them.
    rows, bytes : int
        Rows that can be read, and the size of the files.
    first, last : datetime, optional
        Time of the earliest and of the latest row; None without rows.
    open, sealed, archived : int
        Segments that are written, segments that are Parquet, and how many of these are in the archive.
    damaged : int
        Batches, row groups or files that were seen to be damaged without reading all of them, and kept
        originals of damaged segments.
    deleted : int
        Rows that were deleted from the segments that are there.
    dropped : int
        Rows of the model, of all versions, that recorders could not bring here.
    """

    model: str
    version: str
    rows: int
    bytes: int
    first: datetime | None
    last: datetime | None
    open: int
    sealed: int
    archived: int
    damaged: int
    deleted: int
    dropped: int

    @property
    def bytes_per_row(self) -> float:
        """Size by rows; NaN without rows."""
        return self.bytes / self.rows if self.rows else float("nan")

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON takes it."""
        times = {name: None if (at := getattr(self, name)) is None else at.isoformat() for name in _TIMES}
        return {**asdict(self), **times, "bytes_per_row": self.bytes_per_row if self.rows else None}


_TIMES = ("first", "last")


def stat_log(root: Path, places: Places, models: Sequence[str] | None) -> list[LogStat]:
    """Return how large a log is: see `InferenceLog.stat`."""
    folders = version_folders(root, models, places.archive)
    found = [_stat(places, model, version, folder) for model, version, folder in folders]
    places.flush()
    return found


def _stat(places: Places, model: str, version: str, folder: Path) -> LogStat:
    segments = places.segments(folder)
    archived = [one for one in segments.values() if isinstance(one, Archived)]
    facts = [found for name, one in segments.items() if (found := _facts(places, folder, name, one))]
    kept = len(list(folder.glob(f"*{OPEN}.damaged")))
    return LogStat(
        model,
        version,
        sum(rows for (rows, _, _), _, _ in facts),
        size_of(folder) + sum(one.size for one in archived),
        _moment(min((first for (rows, first, _), _, _ in facts if rows), default=None)),
        _moment(max((last for (rows, _, last), _, _ in facts if rows), default=None)),
        sum(isinstance(one, Path) and one.suffix == OPEN for one in segments.values()),
        sum(isinstance(one, Archived) or one.suffix == SEALED for one in segments.values()),
        len(archived),
        sum(damaged for _, damaged, _ in facts) + kept,
        sum(deleted for _, _, deleted in facts),
        read_drops(folder.parent, _EPOCH).rows,
    )


_Facts = tuple[tuple[int, int, int], int, int]


def _facts(places: Places, folder: Path, name: SegmentName, where: Path | Archived) -> _Facts | None:
    """Return rows and times of a segment, what is damaged in it, and what was deleted from it."""
    if isinstance(where, Archived) and (known := where.known) is not None:
        return _of(known), 0, sum(known.deleted.values())
    found: _Facts | None = places.with_file(folder, name, _of_file)
    return found


def _of(known: Known) -> tuple[int, int, int]:
    return known.rows, known.earliest, known.latest


def _of_file(file: SegmentFile) -> _Facts:
    rows = sum(piece.rows for piece in file.pieces)
    first = min((piece.earliest for piece in file.pieces), default=0)
    last = max((piece.latest for piece in file.pieces), default=0)
    deleted = sum(file.deleted.values()) if isinstance(file, SealedFile) else 0
    return (rows, first, last), len(file.damage), deleted


def size_of(folder: Path) -> int:
    """Return the bytes of the files in a folder; one that goes meanwhile counts nothing."""
    size = 0
    for path in folder.iterdir() if folder.is_dir() else ():
        try:
            size += path.stat().st_size if path.is_file() else 0
        except FileNotFoundError:
            continue
    return size


def _moment(micros: int | None) -> datetime | None:
    return None if micros is None else _EPOCH + timedelta(microseconds=micros)


def verify_log(root: Path, places: Places, models: Sequence[str] | None) -> list[str]:
    """Return what is damaged, by file and batch: see `InferenceLog.verify`."""
    found: list[str] = []
    for _, _, folder in version_folders(root, models, places.archive):
        for name in places.segments(folder):
            found += places.with_file(folder, name, _verified) or ()
        found += [f"{path}: kept from an earlier repair" for path in sorted(folder.glob(f"*{OPEN}.damaged"))]
    places.flush()
    return found


def _verified(file: SegmentFile) -> list[str]:
    if isinstance(file, SealedFile):
        file.verify()
    return [said for _, said in sorted(file.damage.items())]
