"""The files of a folder, looked at again and again without asking for each of ten thousand."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from mirante.errors import InputError
from mirante.inference_log.archive.address import scrubbed

__all__ = ["Listing", "Stat", "bare", "open_listing"]

_ENDS = (".parquet", ".pq")
_FULL = 600.0  # seconds from one look at every file to the next
_FRESH = 5_000_000_000  # ns: a folder changed so lately may change again without its time moving


class Stat(NamedTuple):
    """Size in bytes, and time of the last change in nanoseconds."""

    size: int
    changed: int


@dataclass(slots=True)
class _Folder:
    changed: int
    looked: int
    files: list[str]
    folders: list[str]


@dataclass(slots=True)
class Listing:
    """The Parquet files below a folder of a file system.

    Parameters
    ----------
    filesystem : pyarrow.fs.FileSystem
        Opens them.
    root : str
        The folder, or one file.
    local : bool
        Whether it is a folder of this machine: then a folder whose own time of change is the same is not
        read again, and its files are not asked for their sizes but every ten minutes.
    monotonic : callable
        Seconds that nobody sets.
    """

    filesystem: Any
    root: str
    local: bool
    monotonic: Callable[[], float] = time.monotonic
    _folders: dict[str, _Folder] = field(default_factory=dict)
    _full: float | None = None

    def look(self) -> tuple[list[str], Mapping[str, Stat]]:
        """Return what is there.

        Returns
        -------
        names : list of str
            Paths below the root, sorted; hidden ones and those with ``_`` in front are left out.
        stats : mapping of str to Stat
            Of those in folders that changed since the last look.

        Raises
        ------
        InputError
            If there is no such folder, or it is a Delta table.
        """
        return self._look_here() if self.local else self._look_there()

    def path(self, name: str) -> str:
        """Return the full path of one of the names."""
        return self.root if not name else f"{self.root.rstrip('/')}/{name}"

    def stat(self, name: str) -> Stat | None:
        """Return size and time of one file; None when it is gone."""
        if self.local:
            try:
                found = Path(self.path(name)).stat()
            except FileNotFoundError:
                return None
            return Stat(found.st_size, found.st_mtime_ns)
        (info,) = self.filesystem.get_file_info([self.path(name)])
        return _stat_of(info) if info.is_file else None

    def _look_here(self) -> tuple[list[str], dict[str, Stat]]:
        if Path(self.root).is_file():
            found = self.stat("")
            return ([""], {"": found}) if found is not None else ([], {})
        if not Path(self.root).is_dir():
            raise InputError(f"{self.root} is not there; give a folder of Parquet files")
        now = self.monotonic()
        full = self._full is None or now - self._full >= _FULL
        self._full = now if full else self._full
        names: list[str] = []
        stats: dict[str, Stat] = {}
        waiting, seen = [""], set()
        while waiting:
            folder = waiting.pop()
            seen.add(folder)
            known, changed = self._read(folder)
            if known is None:
                continue
            names += known.files
            waiting += known.folders
            if changed or full:
                stats |= {name: found for name in known.files if (found := self.stat(name)) is not None}
        for gone in self._folders.keys() - seen:
            del self._folders[gone]
        return sorted(names), stats

    def _read(self, folder: str) -> tuple[_Folder | None, bool]:
        path = self.path(folder)
        known = self._folders.get(folder)
        try:
            changed = Path(path).stat().st_mtime_ns
            if known is not None and known.changed == changed and known.looked - changed > _FRESH:
                return known, False
            looked = time.time_ns()
            files, folders = [], []
            with os.scandir(path) as entries:
                for entry in entries:
                    if entry.name[0] in "._":
                        if entry.name == "_delta_log" and entry.is_dir():
                            raise InputError(_delta(path))
                        continue
                    name = f"{folder}/{entry.name}" if folder else entry.name
                    if entry.is_dir():
                        folders.append(name)
                    elif entry.name.lower().endswith(_ENDS):
                        files.append(name)
        except FileNotFoundError:  # removed while it was looked at
            return None, False
        self._folders[folder] = _Folder(changed, looked, files, folders)
        return self._folders[folder], True

    def _look_there(self) -> tuple[list[str], dict[str, Stat]]:
        from pyarrow import fs

        (info,) = self.filesystem.get_file_info([self.root])
        if info.is_file:
            return [""], {"": _stat_of(info)}
        chosen = fs.FileSelector(self.root, recursive=True, allow_not_found=False)
        try:
            found = self.filesystem.get_file_info(chosen)
        except FileNotFoundError as error:
            raise InputError(f"{self.root} is not there; give a folder of Parquet files") from error
        start = len(self.root.rstrip("/")) + 1
        stats = {}
        for one in found:
            name = one.path[start:]
            parts = name.split("/")
            if "_delta_log" in parts:
                raise InputError(_delta(self.root))
            hidden = any(part[:1] in ("", ".", "_") for part in parts)
            if one.is_file and not hidden and name.lower().endswith(_ENDS):
                stats[name] = _stat_of(one)
        return sorted(stats), stats


def open_listing(place: str) -> Listing:
    """Return the listing of a path or of a URL that Arrow knows.

    Parameters
    ----------
    place : str
        ``/srv/scores``, ``file:///srv/scores``, ``s3://bucket/scores``.

    Raises
    ------
    InputError
        If Arrow knows no such place.

    Examples
    --------
    >>> open_listing("/srv/scores").local
    True
    """
    import pyarrow as pa
    from pyarrow import fs

    if "://" not in place:
        return Listing(fs.LocalFileSystem(), str(Path(place).absolute()), local=True)
    try:
        filesystem, root = fs.FileSystem.from_uri(place)
    except (pa.ArrowException, OSError) as error:
        reason = scrubbed(error, place)[:200]
        raise InputError(f"source.parquet: {bare(place)} cannot be opened: {reason}") from None
    return Listing(filesystem, root, local=isinstance(filesystem, fs.LocalFileSystem))


def bare(place: str) -> str:
    """Return a URL without the user and password that it may have.

    Parameters
    ----------
    place : str
        The URL.

    Examples
    --------
    >>> bare("s3://key:secret@bucket/rows?region=us-east-1")
    's3://bucket/rows'
    """
    scheme, mark, rest = place.partition("://")
    if not mark:
        return place
    authority, slash, path = rest.partition("/")
    return f"{scheme}://{authority.rpartition('@')[2]}{slash}{path}".partition("?")[0]


def _stat_of(info: Any) -> Stat:
    return Stat(int(info.size or 0), int(info.mtime_ns or 0))


def _delta(path: str) -> str:
    return f"{path} is a Delta table, whose files hold deleted rows too; export it to plain Parquet first"
