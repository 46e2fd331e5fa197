"""Removing old sealed segments: by age, and by size."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from mirante.inference_log.requests import alone
from mirante.inference_log.sealed import SealedFile, sync_folder
from mirante.inference_log.segments import OPEN, SEALED, SegmentName, list_segments
from mirante.inference_log.stat import size_of, version_folders

__all__ = ["Retained", "retain_log"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_CREATED = "%Y%m%dT%H%M%S%f"


@dataclass(frozen=True, slots=True)
class Retained:
    """What was removed of a model, and what is left.

    Parameters
    ----------
    segments, rows, bytes : int
        Removed.
    left_bytes : int
        Size of all that is still there.
    """

    segments: int
    rows: int
    bytes: int
    left_bytes: int


@dataclass(frozen=True, slots=True)
class _Old:
    """A file that may go."""

    until: datetime
    path: Path
    rows: int
    size: int


def retain_log(
    root: Path, model: str, *, older_than: timedelta | None, max_bytes: int | None, now: datetime
) -> Retained:
    """Remove sealed segments of a model: see `InferenceLog.retain`."""
    folders = [folder for _, _, folder in version_folders(root, [model])]
    left = sum(size_of(folder) for folder in folders)
    if not folders or (older_than is None and (max_bytes is None or left <= max_bytes)):
        return Retained(0, 0, 0, left)
    segments = rows = size = 0
    with alone(root):
        for old in sorted(_files(folders), key=lambda file: (file.until, str(file.path))):
            too_old = older_than is not None and old.until < now - older_than
            if not too_old and (max_bytes is None or left <= max_bytes):
                continue
            old.path.unlink(missing_ok=True)
            segments, rows = segments + int(old.path.suffix == SEALED), rows + old.rows
            size, left = size + old.size, left - old.size
        for folder in folders if size else ():
            sync_folder(folder)
    return Retained(segments, rows, size, left)


def _files(folders: list[Path]) -> Iterator[_Old]:
    for folder in folders:
        for name, path in list_segments(folder).items():
            # one that its recorder has not yet removed as a stream is not finished with
            if path.suffix == SEALED and not path.with_suffix(OPEN).exists():
                file = SealedFile(path)
                latest = max((piece.latest for piece in file.pieces), default=0)
                until = max(_created(name), _EPOCH + timedelta(microseconds=latest))
                yield _Old(until, path, sum(piece.rows for piece in file.pieces), path.stat().st_size)
        for path in folder.glob(f"*{OPEN}.damaged"):
            stat = path.stat()
            yield _Old(datetime.fromtimestamp(stat.st_mtime, UTC), path, 0, stat.st_size)


def _created(name: SegmentName) -> datetime:
    try:
        return datetime.strptime(name.created, _CREATED).replace(tzinfo=UTC)
    except ValueError:  # a name by hand: it says nothing
        return _EPOCH
