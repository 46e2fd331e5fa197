"""The segments of a log wherever they are, here or in its archive. One in both is one, and the local one."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from mirante.inference_log.archive.index import Archive
from mirante.inference_log.archive.known import Archived
from mirante.inference_log.frames import Piece
from mirante.inference_log.gathering import rows_within
from mirante.inference_log.names import name_of, quote_name
from mirante.inference_log.sealed import SealedFile
from mirante.inference_log.segments import OPEN, SEALED, SegmentName, list_segments
from mirante.inference_log.stream import StreamFile

__all__ = ["Places", "SegmentFile", "folders_of", "last_rows", "new_rows", "version_folders"]

SegmentFile = StreamFile | SealedFile
_REMEMBERED = 64
_Key = tuple[Path, str]


class Places:
    """The segments of one log, opened once and remembered.

    Parameters
    ----------
    root : Path
        The log; it need not be there.
    archive : Archive, optional
        Where sealed segments go.

    Examples
    --------
    >>> Places(Path("not/there"), None).versions("churn")
    []
    """

    def __init__(self, root: Path, archive: Archive | None) -> None:
        self.root = root
        self.archive = archive
        self._files: OrderedDict[_Key, SegmentFile] = OrderedDict()
        self._damage: dict[str, None] = {}

    @property
    def damage(self) -> tuple[str, ...]:
        """What was left out so far because its checksum was wrong."""
        found = {text: None for file in self._files.values() for text in file.damage.values()}
        return tuple(self._damage | found)

    def versions(self, model: str) -> list[tuple[str, Path]]:
        """Return the versions of a model, and the folder of each, which need not be there."""
        return [(version, folder) for _, version, folder in version_folders(self.root, [model], self.archive)]

    def segments(self, folder: Path) -> dict[SegmentName, Path | Archived]:
        """Return the segments of a version by creation: a file, or what is known of one in the archive."""
        found: dict[SegmentName, Path | Archived] = {**list_segments(folder)}
        # after the local ones: what is moved meanwhile is there before it is gone here
        if self.archive is not None:
            archived = self.archive.segments(folder.parent.name, folder.name)
            found = dict(sorted((archived | found).items()))
        for key in [key for key in self._files if key[0] == folder]:
            if SegmentName.parse(Path(key[1]).stem) not in found:
                del self._files[key]  # deleted: a service runs for months
        return found

    def certain(self, model: str) -> bool:
        """Return whether a segment of the model that `segments` does not show is nowhere."""
        return self.archive is None or self.archive.certain(quote_name(model))

    def holds(self, folder: Path, stem: str) -> bool:
        """Return whether a segment is there by its name; also when the archive does not answer."""
        return _find(folder, stem) is not None or (
            self.archive is not None and self.archive.holds(folder.parent.name, folder.name, stem)
        )

    def with_file(self, folder: Path, name: SegmentName, work: Callable[[SegmentFile], Any]) -> Any:
        """Return ``work(file)``, tried again when the segment is moved meanwhile; None when it is gone.

        Raises
        ------
        ArchiveError
            If it is in an archive that cannot be reached.
        """
        for _ in range(3):
            path = _find(folder, str(name))
            key = folder, path.name if path is not None else f"{name}{SEALED}"
            if path is None and not self._archived(folder, name):
                return None
            try:
                file = self._open(key, path, name)
                file.refresh()
                return work(file)
            except FileNotFoundError:
                self._files.pop(key, None)
        return None

    def _archived(self, folder: Path, name: SegmentName) -> bool:
        return self.archive is not None and name in self.archive.segments(folder.parent.name, folder.name)

    def _open(self, key: _Key, path: Path | None, name: SegmentName) -> SegmentFile:
        folder, _ = key
        file = self._files.get(key)
        if file is not None and isinstance(file, SealedFile) and file.place.remote != (path is None):
            file = None  # moved meanwhile
        if file is None:
            self._files.pop((folder, f"{name}{OPEN}"), None)
            if path is not None:
                file = SealedFile(path) if path.suffix == SEALED else StreamFile(path)
            else:
                file = self._from_archive(folder, name)
            self._files[key] = file
        self._files.move_to_end(key)
        return file

    def _from_archive(self, folder: Path, name: SegmentName) -> SealedFile:
        assert self.archive is not None  # noqa: S101 - asked before
        model, version = folder.parent.name, folder.name
        file = SealedFile(self.archive.place(model, version, name))
        self.archive.learn(model, version, name, file)
        remote = [key for key, one in self._files.items() if isinstance(one, SealedFile) and one.place.remote]
        for key in remote[: max(len(remote) - _REMEMBERED + 1, 0)]:
            self._damage |= dict.fromkeys(self._files.pop(key).damage.values())
        return file

    def within(
        self, model: str, low: int, high: int, columns: Sequence[str] | None, only: str | None
    ) -> Iterator[tuple[str, pa.Schema, list[pa.Table]]]:
        """Yield version, schema and rows of each segment, with times from `low` to before `high`.

        An archived segment of which it is known that it has no such row is not opened.
        """
        for version, folder in self.versions(model):
            if only is not None and version != only:
                continue
            for name, where in self.segments(folder).items():
                known = where.known if isinstance(where, Archived) else None
                if known is not None and (known.latest < low or known.earliest >= high):
                    yield version, known.schema, []
                    continue
                found = self.with_file(
                    folder, name, lambda file: (file.schema, rows_within(file, low, high, columns))
                )
                if found is not None and found[0] is not None:
                    yield version, *found
        self.flush()

    def schemas(self, model: str, only: str | None) -> Iterator[pa.Schema]:
        """Yield the schema of each segment, of one version or of all."""
        for version, folder in self.versions(model):
            for name, where in self.segments(folder).items() if only in (None, version) else ():
                known = where.known if isinstance(where, Archived) else None
                schema = known.schema if known is not None else self.with_file(folder, name, _schema)
                if schema is not None:
                    yield schema
        self.flush()

    def extent(self, folder: Path, name: SegmentName, where: Path | Archived) -> tuple[int, bool] | None:
        """Return the number of the row after a segment's last, and whether it is sealed; None without it."""
        if isinstance(where, Archived) and where.known is not None:
            return where.known.past, True
        found = self.with_file(folder, name, lambda file: (file.pieces, isinstance(file, SealedFile)))
        if found is None:
            return None
        pieces, sealed = found
        return (pieces[-1].past if pieces else 0), sealed

    def flush(self) -> None:
        """Keep what was learned of archived segments."""
        if self.archive is not None:
            self.archive.flush()


def _schema(file: SegmentFile) -> Any:
    return file.schema


def new_rows(file: SegmentFile, begin: int, limit: int) -> tuple[list[pa.Table], int, bool]:
    """Return at most `limit` rows of a segment from row number `begin` on.

    Returns
    -------
    tables : list of pyarrow.Table
        The rows.
    past : int
        The number after the last.
    finished : bool
        Whether no more can follow.
    """
    tables: list[pa.Table] = []
    past, left = begin, limit
    wanted: list[Piece] = [piece for piece in file.pieces if piece.past > begin]
    for piece, table in file.load(wanted):  # type: ignore[arg-type]  # its own
        place = piece.place(past)
        tables.append(table.slice(place, left))
        past = piece.number_at(place + tables[-1].num_rows)
        left -= tables[-1].num_rows
        if not left:
            break
    last = max(begin, file.pieces[-1].past if file.pieces else 0)
    past = last if left else past  # a damaged piece at the end: noted in `damage`, and passed over
    return tables, past, isinstance(file, SealedFile) and past >= last


def last_rows(file: SegmentFile, most: int, columns: Sequence[str] | None) -> list[pa.Table]:
    """Return the last rows of a segment, in order."""
    found: list[pa.Table] = []
    for piece in reversed(file.pieces):
        if most <= 0:
            break
        for _, table in file.load([piece], columns):  # type: ignore[list-item]  # its own
            found.append(table.slice(max(table.num_rows - most, 0)))
            most -= found[-1].num_rows
    return found[::-1]


def version_folders(
    root: Path, models: Sequence[str] | None = None, archive: Archive | None = None
) -> Iterator[tuple[str, str, Path]]:
    """Yield each model and version of a log with its folder, by name; the folder need not be there.

    Parameters
    ----------
    root : Path
        The log; it need not be there.
    models : sequence of str, optional
        Only these.
    archive : Archive, optional
        What it has of more models and versions is among them.
    """
    if models is None:
        quoted = {folder.name for folder in folders_of(root)} | set(archive.models() if archive else ())
        named = {name: _name(root / name, archive) for name in quoted}
    else:
        named = {quote_name(model): model for model in models}
    for name, model in sorted(named.items()):
        if model is None:
            continue
        folder = root / name
        versions = {below.name for below in folders_of(folder)}
        versions |= set(archive.versions(name) if archive else ())
        for below in sorted(folder / one for one in versions):
            if (version := _name(below, archive)) is not None:
                yield model, version, below


def _name(folder: Path, archive: Archive | None) -> str | None:
    if archive is None or folder.is_dir():
        return name_of(folder)
    return archive.name_of(folder.relative_to(archive.root).as_posix())


def folders_of(parent: Path) -> list[Path]:
    """Return the folders in a folder that are not hidden, by name; none when it is not there."""
    if not parent.is_dir():
        return []
    return sorted(path for path in parent.iterdir() if path.is_dir() and not path.name.startswith("."))


def _find(folder: Path, stem: str) -> Path | None:
    """Return the file of a segment. The sealed one, which comes before the other goes, is asked for twice."""
    for suffix in (SEALED, OPEN, SEALED):
        path = folder / f"{stem}{suffix}"
        if path.exists():
            return path
    return None
