"""Moving sealed segments to the archive: there, read back, written down, and only then gone here."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from mirante.durable import sync_folder
from mirante.inference_log import requests
from mirante.inference_log.archive.index import Archive
from mirante.inference_log.archive.known import Archived, Known
from mirante.inference_log.names import NOTE, is_shortened, quote_name
from mirante.inference_log.sealed import SealedFile
from mirante.inference_log.segments import OPEN, SEALED, SegmentName, created_at, list_segments

__all__ = ["Due", "Moved", "move_segments", "segments_due"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TOGETHER = 20
"""So many segments are moved before whoever wants to delete rows gets a turn."""


@dataclass(frozen=True, slots=True)
class Moved:
    """What was moved of a model, and what was not yet.

    Parameters
    ----------
    segments, rows, bytes : int
        Moved.
    waiting : int
        Segments that are old enough and still here.
    """

    segments: int = 0
    rows: int = 0
    bytes: int = 0
    waiting: int = 0


class Due(NamedTuple):
    """A segment that is to be moved."""

    name: SegmentName
    path: Path
    known: Known


def segments_due(root: Path, model: str, before: datetime) -> list[Due]:
    """Return the sealed segments beside the log whose rows were recorded before a moment, oldest first.

    A segment is as old as its newest row, but no older than its beginning and no younger than its file: a row
    with a time in the future must not keep it here.
    """
    return sorted(_ripe(root / quote_name(model), before), key=lambda one: (one.name, str(one.path)))


def _ripe(folder: Path, before: datetime) -> Iterator[Due]:
    for below in sorted(folder.iterdir()) if folder.is_dir() else ():
        for name, path in list_segments(below).items() if not below.name.startswith(".") else ():
            # one that its recorder has not yet removed as a stream is not finished with
            if path.suffix != SEALED or path.with_suffix(OPEN).exists() or created_at(name) >= before:
                continue
            try:
                known, written = Known.of(SealedFile(path)), path.stat().st_mtime
            except FileNotFoundError:
                continue
            if known is None:  # damaged: it stays where it can be looked at
                continue
            latest = _EPOCH + timedelta(microseconds=max(min(known.latest, int(written * 1e6)), 0))
            if latest < before:
                yield Due(name, path, known)


def move_segments(
    archive: Archive,
    model: str,
    before: datetime,
    *,
    patience: float,
    clock: Callable[[], float] = time.monotonic,
) -> Moved:
    """Move sealed segments of a model: see `InferenceLog.move`."""
    archive.claim()  # also when nothing is due: a wrong address is told on the first day
    left, done = segments_due(archive.root, model, before), Moved()
    end = clock() + patience
    while left and clock() < end:
        with requests.alone(archive.root):
            if requests.pending(archive.root):  # a deletion has to find the rows where it left them
                break
            archive.objects.remove_drafts(left[0].path.parent.parent.name)
            batch, left = left[:_TOGETHER], left[_TOGETHER:]
            for folder in dict.fromkeys(one.path.parent for one in batch):
                done = _move(archive, [one for one in batch if one.path.parent == folder], done)
    return Moved(done.segments, done.rows, done.bytes, len(left))


def _move(archive: Archive, batch: list[Due], done: Moved) -> Moved:
    folder = batch[0].path.parent
    there: dict[SegmentName, Archived] = {}
    try:
        _note_names(archive, folder)
        for one in batch:
            there[one.name] = _upload(archive, folder, one.name, one.path, one.known)
    finally:  # what came there is done with, even if the next did not
        if there:
            archive.add(folder.parent.name, folder.name, there)
            for one in batch:
                if one.name in there:
                    one.path.unlink(missing_ok=True)
            sync_folder(folder)
    return Moved(
        done.segments + len(there),
        done.rows + sum(one.known.rows for one in batch),
        done.bytes + sum(one.size for one in there.values()),
    )


def _upload(archive: Archive, folder: Path, name: SegmentName, path: Path, known: Known) -> Archived:
    """Bring one segment to the archive, and return what is there.

    Raises
    ------
    ArchiveError
        If it does not take it, or gives it back other than it was sent.
    """
    key = archive.key(folder.parent.name, folder.name, name)
    stored = archive.objects.put(path, key)
    return Archived(stored.size, stored.second, known)


def _note_names(archive: Archive, folder: Path) -> None:
    for parent in (folder.parent, folder):
        if is_shortened(parent) and (parent / NOTE).exists():
            key = f"{parent.relative_to(archive.root).as_posix()}/{NOTE}"
            if archive.objects.stored(key) is None:
                archive.objects.put(parent / NOTE, key)
