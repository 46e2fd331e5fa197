"""Locks of files that the kernel gives back when their holder dies, however it dies."""

from __future__ import annotations

import sys

if sys.platform != "win32":
    import fcntl

__all__ = ["lock", "lock_when_free"]


def lock(handle: int) -> bool:
    """Take the lock of an open file, or return False when another has it.

    It is BSD's, which is not lost when this process opens and closes the file once more, as that of POSIX is.
    On Windows there is none: two recorders may repair at once there, two services may work.

    Parameters
    ----------
    handle : int
        The file's; the lock lasts until it is closed.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.NamedTemporaryFile() as first, open(first.name) as second:
    ...     lock(first.fileno()), lock(second.fileno())
    (True, False)
    """
    if sys.platform == "win32":
        return True
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def lock_when_free(handle: int) -> None:
    """Take the lock of an open file, and wait until it is free.

    Parameters
    ----------
    handle : int
        The file's.
    """
    if sys.platform != "win32":
        fcntl.flock(handle, fcntl.LOCK_EX)
