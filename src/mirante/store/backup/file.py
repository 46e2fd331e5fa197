"""The file of a backup: what is in it, and how a torn or changed one is told.

Layout of version 1: the line ``mirante-backup``, the length of the manifest (4 bytes, little endian), the
manifest (JSON, UTF-8), one Arrow IPC stream per table in the order of the manifest, and 32 bytes of BLAKE2b
over everything before them.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
import struct
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO

from mirante.durable import sync_folder
from mirante.errors import InputError, StoreError

__all__ = ["FORMAT", "Manifest", "opened", "writing"]

FORMAT = 1
_MAGIC = b"mirante-backup\n"
_LENGTH = struct.Struct("<I")
_DIGEST = 32
_PORTION = 1 << 20


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a backup says of itself.

    Parameters
    ----------
    revision : str
        The schema of the store that it was made of.
    version : str
        The Mirante that made it.
    created : datetime
        When; the data are of that moment.
    tables : tuple of str
        The tables, each after those that it refers to.
    """

    revision: str
    version: str
    created: datetime
    tables: tuple[str, ...]

    def to_bytes(self) -> bytes:
        """Return the head of a file with it."""
        said = {
            "format": FORMAT,
            "revision": self.revision,
            "version": self.version,
            "created": self.created.isoformat(),
            "tables": list(self.tables),
        }
        text = json.dumps(said).encode()
        return _MAGIC + _LENGTH.pack(len(text)) + text


class _Hashed(io.RawIOBase):
    """A file that is hashed while it is written."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.hash = hashlib.blake2b(digest_size=_DIGEST)

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self.hash.update(data)
        self._file.write(data)
        return memoryview(data).nbytes


@contextlib.contextmanager
def writing(path: Path, manifest: Manifest) -> Iterator[BinaryIO]:
    """Give a file to write tables to, which is at `path` once the block has ended, or not at all.

    Until then it has another name beside it. Only its owner may read it: there are names of people in it.

    Parameters
    ----------
    path : Path
        Where the backup is to be.
    manifest : Manifest
        Its head.

    Raises
    ------
    InputError
        If there is something at `path`, or its folder does not exist.
    StoreError
        If it cannot be written.
    """
    if path.exists():
        raise InputError(f"{path} is there already; name another file, or move that one away")
    if not path.parent.is_dir():
        raise InputError(f"the folder {path.parent} does not exist; create it: mkdir -p '{path.parent}'")
    part: Path | None = None
    try:
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent)  # 0600
        part = Path(name)
        with os.fdopen(handle, "wb") as file:
            hashed = _Hashed(file)
            hashed.write(manifest.to_bytes())
            yield hashed  # type: ignore[misc]  # a RawIOBase, whose write takes all it is given
            file.write(hashed.hash.digest())
            file.flush()
            os.fsync(file.fileno())
        part.rename(path)
        with contextlib.suppress(OSError):  # not all systems can
            sync_folder(path.parent)
    except OSError as error:
        raise StoreError(
            f"the backup {path} cannot be written: {error.strerror or error}; nothing is left of it"
        ) from error
    finally:
        if part is not None:
            part.unlink(missing_ok=True)


@contextlib.contextmanager
def opened(path: Path) -> Iterator[tuple[Manifest, BinaryIO]]:
    """Give the manifest of a backup and the file, at its first table; every byte has been checked by then.

    Parameters
    ----------
    path : Path
        Of the backup.

    Raises
    ------
    InputError
        If it is not there, is no backup, is torn or was changed, or a newer Mirante has made it.
    """
    try:
        file = path.open("rb")
    except OSError as error:
        raise InputError(f"the backup {path} cannot be read: {error.strerror}; name another file") from error
    with file:
        if file.read(len(_MAGIC)) != _MAGIC:
            raise InputError(f"{path} is no backup of Mirante; name what `mirante store backup` has written")
        _check(path, file)
        file.seek(len(_MAGIC))
        (length,) = _LENGTH.unpack(file.read(_LENGTH.size))
        said = json.loads(file.read(length))
        if said["format"] != FORMAT:
            raise InputError(
                f"{path} has the form {said['format']} of a newer Mirante, this one reads {FORMAT}; "
                "run: pip install --upgrade mirante"
            )
        created = datetime.fromisoformat(said["created"])
        yield Manifest(said["revision"], said["version"], created, tuple(said["tables"])), file


def _check(path: Path, file: BinaryIO) -> None:
    """Compare the checksum at the end with everything before it."""
    left = path.stat().st_size - _DIGEST
    file.seek(0)
    found = hashlib.blake2b(digest_size=_DIGEST)
    while left > 0:
        portion = file.read(min(left, _PORTION))
        if not portion:
            break
        found.update(portion)
        left -= len(portion)
    if file.read() != found.digest():
        raise InputError(
            f"the backup {path} is torn or was changed: its checksum does not fit; take another backup, "
            "or copy this one anew from where it was made"
        )
