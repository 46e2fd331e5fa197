"""The objects of an archive: listed, read, put and removed, each with its errors in words."""

from __future__ import annotations

import json
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

from mirante.errors import ArchiveError, MissingDependencyError
from mirante.inference_log.archive.address import archive_name, checked_address, file_system, scrubbed

__all__ = ["MARK", "ObjectPlace", "ObjectStore", "Stored"]

MARK = ".mirante-log"
"""Says whose archive it is: one log moves its segments to one place."""
_DRAFT = ".part"
_WHOLE = frozenset({"s3", "gcs", "abfs"})  # a put is there whole or not at all
_CHUNK = 1 << 22
_NEAR = 1 << 16


class Stored(NamedTuple):
    """An object as a listing says it.

    Attributes
    ----------
    key : str
        Its name below the archive.
    size : int
        Bytes.
    second : int
        When it was written, in seconds since 1970: the coarsest that object stores give.
    """

    key: str
    size: int
    second: int


class ObjectStore:
    """The folder that a URL names, reached when it is first needed.

    Parameters
    ----------
    url : str
        Where; its secrets are in no message.
    patience : float, default 30.0
        Seconds during which a place that did not answer is not asked again: a task that runs every
        ten seconds must not wait for it each time.
    clock : callable
        Gives seconds.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     store = ObjectStore(f"file://{folder}/log")
    ...     _ = store.put_bytes("m/1/a", b"rows")
    ...     [stored.key for stored in store.list("m")], store.read("m/1/a")
    (['m/1/a'], b'rows')
    """

    def __init__(
        self, url: str, *, patience: float = 30.0, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._url = checked_address(url)
        self.name = archive_name(url)
        self._patience = patience
        self._clock = clock
        self._away: tuple[float, str] | None = None
        self._found: tuple[Any, str] | None = None

    def __reduce__(self) -> tuple[Any, ...]:
        return ObjectStore, (self._url,)  # another machine connects for itself

    @property
    def trouble(self) -> str:
        """Why the last thing that was asked of it failed; empty when it did not."""
        return "" if self._away is None else self._away[1]

    def retry(self) -> None:
        """Ask it at the next time, even if it failed a moment ago."""
        if self._away is not None:
            self._away = (-float("inf"), self._away[1])

    @contextmanager
    def asking(self, what: str) -> Iterator[Any]:
        """Give the file system, and turn its errors into `ArchiveError`; a missing object stays one.

        Parameters
        ----------
        what : str
            What is tried, for the message.

        Raises
        ------
        ArchiveError
            If it fails, or failed less than `patience` ago.
        FileNotFoundError
            If there is no such object.
        """
        if self._away is not None and self._clock() < self._away[0] + self._patience:
            raise ArchiveError(self._away[1])
        try:
            if self._found is None:
                self._found = file_system(self._url)
            yield self._found[0]
        except (FileNotFoundError, MissingDependencyError):
            raise
        except ArchiveError as error:
            self._away = (self._clock(), str(error))
            raise
        except (OSError, ValueError, RuntimeError) as error:
            said = f"the archive {self.name} could not {what}: {scrubbed(error, self._url)}"
            self._away = (self._clock(), said)
            raise ArchiveError(said) from None
        self._away = None

    def _path(self, key: str) -> str:
        base = "" if self._found is None else self._found[1]
        return f"{base}/{key}" if key else base

    def list(self, below: str, *, deep: bool = True) -> list[Stored]:
        """Return the objects below a folder, or with ``deep=False`` its folders; empty when there is none."""
        from pyarrow import fs

        wanted = fs.FileType.File if deep else fs.FileType.Directory
        with self.asking(f"list {below or 'its folders'}") as system:
            base = self._path("").strip("/")  # fsspec's paths begin with a slash or not, as they like
            selector = fs.FileSelector(self._path(below), allow_not_found=True, recursive=deep)
            return [
                Stored(info.path.strip("/")[len(base) + 1 :], info.size or 0, _second(info))
                for info in system.get_file_info(selector)
                if info.type == wanted
            ]

    def stored(self, key: str) -> Stored | None:
        """Return an object as a listing would; None when it is not there."""
        from pyarrow import fs

        with self.asking(f"say whether it has {key}") as system:
            info = system.get_file_info(self._path(key))
        return Stored(key, info.size, _second(info)) if info.type == fs.FileType.File else None

    def read(self, key: str) -> bytes:
        """Return an object's bytes.

        Raises
        ------
        FileNotFoundError
            If it is not there.
        """
        with self.asking(f"read {key}") as system, system.open_input_file(self._path(key)) as file:
            return bytes(file.read())

    def crc(self, key: str) -> tuple[int, int]:
        """Return size and CRC-32 of an object, from reading all of it."""
        crc = size = 0
        with self.asking(f"read {key} back") as system, system.open_input_file(self._path(key)) as file:
            while data := file.read(_CHUNK):
                crc, size = zlib.crc32(data, crc), size + len(data)
        return size, crc

    def put(self, path: Path, key: str) -> Stored:
        """Bring a file here, in place of what was there, and read it back.

        Raises
        ------
        ArchiveError
            If it cannot be written, or what comes back is not what was sent.
        """
        return self.put_bytes(key, path.read_bytes())

    def put_bytes(self, key: str, data: bytes) -> Stored:
        """Bring bytes here, as `put` does."""
        with self.asking(f"take {key}") as system:
            target = self._path(key)
            if system.type_name in _WHOLE:
                _write(system, target, data)
            else:
                folder, _, name = target.rpartition("/")
                draft = f"{folder}/.{name}{_DRAFT}"
                system.create_dir(folder, recursive=True)
                _write(system, draft, data)
                system.move(draft, target)
        if self.crc(key) != (len(data), zlib.crc32(data)):
            raise ArchiveError(f"the archive {self.name} gave {key} back other than it was sent; look there")
        found = self.stored(key)
        if found is None:
            raise ArchiveError(f"the archive {self.name} took {key} and does not have it; look there")
        return found

    def remove(self, key: str) -> None:
        """Remove an object; one that is gone already is fine."""
        with suppress(FileNotFoundError), self.asking(f"remove {key}") as system:
            system.delete_file(self._path(key))

    def remove_drafts(self, below: str) -> None:
        """Remove what a mover that was killed left half written, where a put is not whole or nothing."""
        with self.asking("say what it is") as system:
            if system.type_name in _WHOLE:
                return
        for found in self.list(below):
            name = found.key.rpartition("/")[2]
            if name.startswith(".") and name.endswith(_DRAFT):
                self.remove(found.key)

    def owner(self) -> str | None:
        """Return the id of the log whose archive it is; None when nothing was brought here yet."""
        try:
            said = json.loads(self.read(MARK))
        except FileNotFoundError:
            return None
        except ValueError:
            raise ArchiveError(f"{self.name}/{MARK} is damaged; it says whose archive it is") from None
        return str(said.get("log")) if isinstance(said, dict) else ""


class ObjectPlace:
    """One object, as something that a sealed segment is read from.

    Parameters
    ----------
    store : ObjectStore
        Where it is.
    key : str
        Its name there.
    """

    remote: ClassVar[bool] = True
    near: ClassVar[int] = _NEAR

    def __init__(self, store: ObjectStore, key: str) -> None:
        self._store = store
        self.key = key

    def __str__(self) -> str:
        return f"{self._store.name}/{self.key}"

    @contextmanager
    def open(self) -> Iterator[tuple[Any, object]]:
        """Give the object, which is read in ranges, and what tells it from another of the same name.

        Raises
        ------
        ArchiveError
            If it cannot be reached.
        FileNotFoundError
            If it is not there.
        """
        with self._store.asking(f"open {self.key}") as system:
            file = system.open_input_file(self._store._path(self.key))
            said = file.metadata() or {}
            stamp: object = said.get("ETag") or said.get("etag")
            if stamp is None:
                stamp = _second(info := system.get_file_info(self._store._path(self.key))), info.mtime_ns
            stamp = (file.size(), stamp)
        with file:
            yield file, stamp

    def stamp(self) -> object:
        """Return what tells the object that is there now from another."""
        with self.open() as (_, stamp):
            return stamp

    def read(self, file: Any, begin: int, length: int) -> bytes:
        """Return a range of the open object.

        Raises
        ------
        ArchiveError
            If it cannot be reached.
        """
        with self._store.asking(f"read {self.key}"):
            file.seek(begin)
            return bytes(file.read(length))


def _second(info: Any) -> int:
    return int((info.mtime_ns or 0) // 1_000_000_000)


def _write(system: Any, target: str, data: bytes) -> None:
    with system.open_output_stream(target, compression=None) as file:
        file.write(data)
