"""Files of the agent: whole or not there, whatever happens while they are written."""

from __future__ import annotations

import os
import zlib
from pathlib import Path

from mirante.durable import sync_folder
from mirante.errors import InputError

__all__ = ["DamagedError", "read_checked", "write_checked"]

_MAGIC = b"mirante"


class DamagedError(InputError):
    """What is in a file is not what was written."""


def write_checked(path: Path, body: bytes, form: int) -> int:
    """Write a file with its checksum; it is on disk when this returns, and is never there in part.

    Parameters
    ----------
    path : Path
        Where.
    body : bytes
        What.
    form : int
        Number of the form that the body has.

    Returns
    -------
    int
        The checksum.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     checksum = write_checked(Path(folder, "a"), b"body", 1)
    ...     read_checked(Path(folder, "a")) == (1, checksum, b"body")
    True
    """
    checksum = zlib.crc32(body)
    part = path.with_name(path.name + ".tmp")
    with part.open("wb") as file:
        file.write(b"%s %d %d\n" % (_MAGIC, form, checksum))
        file.write(body)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)
    sync_folder(path.parent)
    return checksum


def read_checked(path: Path) -> tuple[int, int, bytes]:
    """Return form, checksum and body of a file.

    Parameters
    ----------
    path : Path
        Where.

    Raises
    ------
    DamagedError
        If it is not as it was written.
    OSError
        If it cannot be read.
    """
    head, _, body = path.read_bytes().partition(b"\n")
    parts = head.split(b" ")
    if len(parts) != 3 or parts[0] != _MAGIC or not parts[1].isdigit() or not parts[2].isdigit():
        raise DamagedError(f"{path.name} does not begin as a file of the agent does")
    form, checksum = int(parts[1]), int(parts[2])
    if zlib.crc32(body) != checksum:
        raise DamagedError(f"the checksum of {path.name} is wrong")
    return form, checksum, body
