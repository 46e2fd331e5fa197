"""Deleting rows from sealed and open segments: each file is rewritten beside and then renamed.

A recorder's open segment is its own. It is asked to seal it (a file ``.seal`` in the folder, which it looks
at each flush interval); when it does not in time, the request is kept, and is carried out by the next call.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from mirante.errors import ArchiveError, InputError
from mirante.inference_log import requests
from mirante.inference_log.archive.index import Archive
from mirante.inference_log.archive.known import Archived, Known
from mirante.inference_log.canonical import spellings
from mirante.inference_log.matching import Matcher, by_digest, by_text
from mirante.inference_log.places import version_folders
from mirante.inference_log.repair import repair
from mirante.inference_log.rewriting import DRAFT, rewrite
from mirante.inference_log.sealed import Place, SealedFile
from mirante.inference_log.segments import OPEN, SEALED, SegmentName, ask_to_seal, list_segments
from mirante.inference_log.stream import StreamFile

__all__ = ["ARCHIVE", "Deletion", "Forget", "carry_out_pending", "delete_rows"]

Forget = Callable[[str, Sequence[str]], Mapping[str, int]]
"""Called with a model and ids before their rows go; deletes what is kept of them elsewhere, and counts it."""

ARCHIVE = "archive"
"""Among what waits: the archive could not be reached, and what is in it was not looked at."""
_POLL = 0.1


@dataclass(slots=True)
class Deletion:
    """What became of a request to delete rows.

    Attributes
    ----------
    token : str
        Names the request in the journal.
    rows, segments : int
        Rows that are gone, and the files that were rewritten for it.
    forgotten : dict of str to int
        What was deleted elsewhere, by kind.
    waiting : list of str
        Segments with such rows that a recorder still writes, and ``archive`` when it could not be reached;
        the request is kept for them.
    waiting_rows : int
        Such rows in them.
    unread : list of str
        What could not be searched because it is damaged, one sentence each.
    """

    token: str
    rows: int = 0
    segments: int = 0
    forgotten: dict[str, int] = field(default_factory=dict)
    waiting: list[str] = field(default_factory=list)
    waiting_rows: int = 0
    unread: list[str] = field(default_factory=list)

    @property
    def finished(self) -> bool:
        """Whether nothing waits."""
        return not self.waiting

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON takes it."""
        said = {"token": self.token, "rows": self.rows, "segments": self.segments, **self.forgotten}
        return said | {"waiting": self.waiting, "waiting_rows": self.waiting_rows, "unread": self.unread}


def delete_rows(
    root: Path,
    column: str,
    values: Collection[str],
    *,
    models: Sequence[str] | None,
    by: str,
    forget: Forget,
    digests: Callable[[str], Iterable[str]],
    wait: float,
    now: datetime,
    archive: Archive | None = None,
) -> Deletion:
    """Delete the rows that have one of some values in a column: see `InferenceLog.delete`."""
    if not values or "" in values:
        raise InputError("no value to find rows by was given; give an id, or column=value")
    if not by.strip():
        raise InputError("nobody is named as the one who deletes; give by=, for the journal")
    if not root.is_dir() and archive is None:
        raise InputError(f"there is no inference log at {root}; name the folder that recorders write to")
    wanted = {spelling for value in values for spelling in spellings(value)}
    wanted |= {told for value in values for told in digests(value)}
    with requests.alone(root, patience=wait):
        key = requests.key_of(root)
        request = requests.Request.of(column, values, wanted, key=key, models=models, by=by, now=now)
        requests.keep(root, request)
        work = _Work(root, request, by_text(wanted), forget, archive)
        if column == "__id":  # what is kept of them elsewhere goes also where their rows are gone already
            for model in dict.fromkeys(model for model, _ in work.folders()):
                work.forget(model, list(values))
        return work.run(wait)


def carry_out_pending(root: Path, forget: Forget, archive: Archive | None = None) -> list[Deletion]:
    """Carry out the requests that are kept: those whose process was killed, and those that waited.

    Parameters
    ----------
    root : Path
        The log.
    forget : callable
        As for `delete_rows`.
    archive : Archive, optional
        Where sealed segments are moved to.

    Returns
    -------
    list of Deletion
        One for each request, oldest first; empty when there was none.
    """
    if not requests.pending(root):
        return []
    done = []
    with requests.alone(root):
        key = requests.key_of(root)
        for request in requests.pending(root):
            match = by_digest(request.wanted, lambda text: requests.digest(text, key))
            done.append(_Work(root, request, match, forget, archive).run(0.0))
    return done


class _Work:
    """One request at work."""

    def __init__(
        self,
        root: Path,
        request: requests.Request,
        match: Matcher,
        forget: Forget,
        archive: Archive | None,
    ) -> None:
        self.root, self.request, self.match, self.archive = root, request, match, archive
        self._forget = forget
        self.done = Deletion(request.token, forgotten=dict(request.forgotten))
        self._counted: dict[Path, int] = {}

    def folders(self) -> Iterator[tuple[str, Path]]:
        """Yield the model and the folder of each version that is meant."""
        for model, _, folder in version_folders(self.root, self.request.models, self.archive):
            yield model, folder

    def run(self, wait: float) -> Deletion:
        """Do what can be done now, and wait for recorders to seal what they write."""
        self._pass(self.request.waiting)
        end = time.monotonic() + wait
        while self.done.waiting and time.monotonic() < end:
            time.sleep(_POLL)
            self._pass(self.done.waiting)
        if self.archive is not None and (self.request.waiting is None or ARCHIVE in self.request.waiting):
            self._look_into(self.archive)
        if self.request.waiting is not None:  # the rest was done by an earlier process
            self._count_all()
        self.done.rows, self.done.segments = sum(self._counted.values()), len(self._counted)
        if self.done.waiting:
            requests.keep(self.root, self.request.left(self.done.waiting, self.done.forgotten))
        else:
            counts = {"rows": self.done.rows, "segments": self.done.segments, **self.done.forgotten}
            requests.finish(self.root, self.request, datetime.now(UTC), counts)
        return self.done

    def _count_all(self) -> None:
        token = self.request.token
        for _, folder in self.folders():
            for path in folder.glob(f"*{SEALED}"):
                if rows := SealedFile(path).deleted.get(token, 0):
                    self._counted[path] = rows
            archived = {} if self.archive is None else self.archive.segments(folder.parent.name, folder.name)
            for name, one in archived.items():
                if one.known is not None and (rows := one.known.deleted.get(token, 0)):
                    self._counted[folder / f"{name}{SEALED}"] = rows

    def forget(self, model: str, ids: Sequence[str]) -> None:
        """Have deleted what is kept of rows elsewhere."""
        for kind, count in self._forget(model, ids).items():
            self.done.forgotten[kind] = self.done.forgotten.get(kind, 0) + count

    def _pass(self, only: Collection[str] | None) -> None:
        """Look at all segments, or at some; after it `waiting` are those that recorders still write."""
        self.done.waiting, self.done.waiting_rows = [], 0
        for model, folder in self.folders():
            if folder.is_dir():
                self._version(model, folder, only)

    def _version(self, model: str, folder: Path, only: Collection[str] | None) -> None:
        prefix = f"{folder.parent.name}/{folder.name}/"
        if only is not None and not any(where.startswith(prefix) for where in only):
            return
        repair(folder)  # what dead recorders left is sealed
        for leftover in folder.glob(f".*{DRAFT}"):
            leftover.unlink(missing_ok=True)
        for name in list_segments(folder):
            where = f"{prefix}{name}"
            if only is None or where in only:
                self._segment(model, folder, name, where)
        for path in sorted(folder.glob(f"*{OPEN}.damaged")):
            self._damaged(model, path)

    def _segment(self, model: str, folder: Path, name: SegmentName, where: str) -> None:
        stream, sealed = folder / f"{name}{OPEN}", folder / f"{name}{SEALED}"
        rows = 0
        if stream.exists():
            rows = self._open(model, stream)
        if sealed.exists():
            self._sealed(model, sealed)
        if rows and (stream.exists() or not sealed.exists()):
            ask_to_seal(folder)
            self.done.waiting.append(where)
            self.done.waiting_rows += rows

    def _open(self, model: str, path: Path) -> int:
        """Have the rows' ids forgotten, and return how many there are in a segment that is being written."""
        try:
            stream = StreamFile(path)
            stream.refresh()
            found = [self._found(table) for _, table in stream.load(stream.pieces)]
            self._note_unread(stream.damage.values())
        except FileNotFoundError:  # sealed meanwhile: the next pass finds it, if this one does not
            return 1
        ids = [row_id for more in found for row_id in more[1]]
        if ids:
            self.forget(model, ids)
        return sum(int(mask.sum()) for mask, _ in found)

    def _found(self, table: pa.Table) -> tuple[Any, list[str]]:
        if self.request.column not in table.column_names:
            return np.zeros(table.num_rows, np.bool_), []
        mask = self.match(table[self.request.column])
        return mask, table["__id"].filter(pa.array(mask)).to_pylist() if mask.any() else []

    def _sealed(self, model: str, path: Path) -> None:
        file, masks = self._searched(model, path)
        if masks:
            rewrite(file, masks, self.request.token, path)
            file = SealedFile(path)
        if rows := file.deleted.get(self.request.token, 0):
            self._counted[path] = rows

    def _searched(self, model: str, place: Path | Place) -> tuple[SealedFile, dict[int, Any]]:
        """Return a sealed segment and which rows have to go; what is kept of them elsewhere is gone."""
        file = SealedFile(place)
        ids: list[str] = []
        masks: dict[int, Any] = {}
        if file.schema is not None and self.request.column in file.schema.names:
            for piece, table in file.load(file.pieces, [*{"__id": 0, self.request.column: 0}]):
                masks[piece.number], more = self._found(table)
                ids += more
        self._note_unread(file.damage.values())
        if ids:
            self.forget(model, ids)  # before the rows: after a crash they are found by the rows again
        return file, masks if ids else {}

    def _look_into(self, archive: Archive) -> None:
        """Delete the rows that are in the archive, or say that it waits."""
        try:
            archive.claim()
            archive.relist()
            for leftover in archive.workplace.glob(f"*{SEALED}*"):  # a kill left it
                leftover.unlink(missing_ok=True)
            for model, folder in self.folders():
                archive.objects.remove_drafts(f"{folder.parent.name}/{folder.name}")
                here = list_segments(folder)
                for name in archive.segments(folder.parent.name, folder.name):
                    if (
                        name in here
                    ):  # a mover was killed before the file here was gone: that one was searched
                        archive.remove(folder.parent.name, folder.name, name)
                    else:
                        self._in_archive(archive, model, folder, name)
            archive.flush()
        except ArchiveError as error:
            self.done.waiting.append(ARCHIVE)
            self._note_unread([str(error)])

    def _in_archive(self, archive: Archive, model: str, folder: Path, name: SegmentName) -> None:
        place = archive.place(folder.parent.name, folder.name, name)
        draft = archive.workplace / f"{name}{SEALED}"
        file, masks = self._searched(model, place)
        archive.learn(folder.parent.name, folder.name, name, file)
        if masks:
            try:
                rewrite(file, masks, self.request.token, draft)
                file = SealedFile(draft)
                stored = archive.objects.put(draft, place.key)
            finally:
                draft.unlink(missing_ok=True)
            new = Archived(stored.size, stored.second, Known.of(file))
            archive.add(folder.parent.name, folder.name, {name: new})
        if rows := file.deleted.get(self.request.token, 0):
            self._counted[folder / f"{name}{SEALED}"] = rows

    def _damaged(self, model: str, path: Path) -> None:
        """Remove what `repair` kept of a damaged segment when such rows are in it."""
        stream = StreamFile(path)
        stream.refresh()
        found = [self._found(table) for _, table in stream.load(stream.pieces)]
        if ids := [row_id for _, more in found for row_id in more]:
            self.forget(model, ids)
            path.unlink(missing_ok=True)
        else:
            self._note_unread([f"{path}: kept after damage; what is damaged in it cannot be searched"])

    def _note_unread(self, said: Iterable[str]) -> None:
        self.done.unread += [text for text in said if text not in self.done.unread]
