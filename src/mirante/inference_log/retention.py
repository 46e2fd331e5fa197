"""Removing old sealed segments: by age, and by size."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

from mirante.durable import sync_folder
from mirante.errors import ArchiveError
from mirante.inference_log.archive.index import Archive
from mirante.inference_log.archive.known import Known
from mirante.inference_log.places import version_folders
from mirante.inference_log.requests import alone
from mirante.inference_log.sealed import SealedFile
from mirante.inference_log.segments import OPEN, SEALED, SegmentName, created_at, list_segments
from mirante.inference_log.stat import size_of

__all__ = ["Retained", "retain_log"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Retained:
    """What was removed of a model, and what is left.

    Parameters
    ----------
    segments, rows, bytes : int
        Removed.
    left_bytes : int
        Size of all that is still there.
    unreachable : str
        Why nothing could be removed from the archive; empty when it could, or there is none.
    """

    segments: int
    rows: int
    bytes: int
    left_bytes: int
    unreachable: str = ""


@dataclass(frozen=True, slots=True)
class _Old:
    """A file or an object that may go."""

    until: datetime
    path: Path
    rows: int
    size: int
    remove: Callable[[], None]


def retain_log(
    root: Path,
    model: str,
    *,
    older_than: timedelta | None,
    max_bytes: int | None,
    now: datetime,
    archive: Archive | None = None,
) -> Retained:
    """Remove sealed segments of a model: see `InferenceLog.retain`."""
    folders = [folder for _, _, folder in version_folders(root, [model], archive)]
    there, trouble = _archived(archive, folders)
    left = sum(map(size_of, folders)) + sum(old.size for old in there)
    if not folders or (older_than is None and (max_bytes is None or left <= max_bytes)):
        return Retained(0, 0, 0, left, trouble)
    segments = rows = size = 0
    with alone(root):
        every = [*_files(folders), *_archived(archive, folders)[0]]
        for old in sorted(every, key=lambda file: (file.until, str(file.path))):
            too_old = older_than is not None and old.until < now - older_than
            # by size the oldest go first: where those cannot be reached, the others need not pay for it
            if not too_old and (trouble or max_bytes is None or left <= max_bytes):
                continue
            try:
                old.remove()
            except ArchiveError as error:
                trouble = trouble or str(error)
                continue
            segments, rows = segments + int(old.path.suffix == SEALED), rows + old.rows
            size, left = size + old.size, left - old.size
        for folder in folders if size else ():
            if folder.is_dir():
                sync_folder(folder)
    return Retained(segments, rows, size, left, trouble)


def _files(folders: Iterable[Path]) -> Iterator[_Old]:
    for folder in folders:
        for name, path in list_segments(folder).items():
            # one that its recorder has not yet removed as a stream is not finished with
            if path.suffix == SEALED and not path.with_suffix(OPEN).exists():
                file = SealedFile(path)
                latest = max((piece.latest for piece in file.pieces), default=0)
                rows = sum(piece.rows for piece in file.pieces)
                yield _Old(_until(name, latest), path, rows, path.stat().st_size, partial(_unlink, path))
        for path in folder.glob(f"*{OPEN}.damaged"):
            stat = path.stat()
            until = datetime.fromtimestamp(stat.st_mtime, UTC)
            yield _Old(until, path, 0, stat.st_size, partial(_unlink, path))


def _unlink(path: Path) -> None:
    path.unlink(missing_ok=True)


def _archived(archive: Archive | None, folders: Iterable[Path]) -> tuple[list[_Old], str]:
    """Return what is in the archive and not here too, and why it may not be all."""
    found: list[_Old] = []
    if archive is None:
        return found, ""
    try:
        for folder in folders:
            model, version = folder.parent.name, folder.name
            here = list_segments(folder)
            for name, one in archive.segments(model, version).items():
                if name in here:
                    continue
                known = one.known or _learn(archive, folder, name)
                until = _until(name, 0 if known is None else max(known.latest, 0))
                remove = partial(_remove, archive, model, version, name)
                rows = 0 if known is None else known.rows
                found.append(_Old(until, folder / f"{name}{SEALED}", rows, one.size, remove))
        archive.flush()
    except ArchiveError as error:
        return found, str(error)
    return found, archive.trouble


def _learn(archive: Archive, folder: Path, name: SegmentName) -> Known | None:
    try:
        file = SealedFile(archive.place(folder.parent.name, folder.name, name))
    except FileNotFoundError:
        return None
    archive.learn(folder.parent.name, folder.name, name, file)
    return Known.of(file)


def _remove(archive: Archive, model: str, version: str, name: SegmentName) -> None:
    archive.claim()
    archive.remove(model, version, name)


def _until(name: SegmentName, latest: int) -> datetime:
    return max(created_at(name), _EPOCH + timedelta(microseconds=latest))
