"""A lock that the kernel gives back when its holder dies, with the holder's name in it."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import time
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from mirante.errors import ConflictError, StoreError
from mirante.locks import lock

__all__ = ["Holder", "LockFile", "here", "hold_alone", "lock_of", "taken"]

_READ_AGAIN = 0.2  # seconds: who has just got the lock has not written its name yet


@dataclass(frozen=True, slots=True)
class Holder:
    """Who has a lock.

    Parameters
    ----------
    host : str
        Its machine; empty when it has not said.
    process : int
        Its process id.
    since : str
        When it took the lock, ISO 8601.
    """

    host: str = ""
    process: int = 0
    since: str = ""

    def __str__(self) -> str:
        if not self.process:
            return "another process"
        return f"process {self.process} on {self.host}, since {self.since}"


class LockFile:
    """One lock of one file, for as long as this process lives or until it is given back.

    Parameters
    ----------
    path : Path
        Made when missing, and left behind: a file without a process that locks it means nothing.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._handle: int | None = None

    def take(self, holder: Holder) -> bool:
        """Take the lock; False when another has it.

        Parameters
        ----------
        holder : Holder
            Whose name others are told.

        Raises
        ------
        StoreError
            If the file cannot be written.
        """
        try:
            handle = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o644)
        except OSError as error:
            raise StoreError(
                f"{self.path} cannot be opened ({error.strerror}), by which two services on one store know "
                "of each other; give this user the right to write it"
            ) from error
        try:
            if not (lock(handle) and self._is(handle)):
                os.close(handle)
                return False
            os.ftruncate(handle, 0)
            os.pwrite(handle, json.dumps(asdict(holder)).encode(), 0)
        except BaseException:
            with contextlib.suppress(OSError):
                os.close(handle)
            raise
        self._handle = handle
        return True

    @property
    def is_held(self) -> bool:
        """Whether this one has it; False also when somebody removed the file: another may lock a new one."""
        return self._handle is not None and self._is(self._handle)

    def holder(self) -> Holder:
        """Return who has the lock, as far as it said."""
        until = time.monotonic() + _READ_AGAIN
        while True:
            try:
                return Holder(**json.loads(self.path.read_text(encoding="utf-8")))
            except (OSError, TypeError, ValueError):
                if time.monotonic() > until:
                    return Holder()
                time.sleep(0.02)

    def release(self) -> None:
        """Give it back; a second call does nothing."""
        handle, self._handle = self._handle, None
        if handle is not None:
            os.close(handle)

    def _is(self, handle: int) -> bool:
        with contextlib.suppress(OSError):
            return os.path.samestat(os.fstat(handle), self.path.stat())
        return False


def lock_of(store: Path) -> LockFile:
    """Return the lock of the service on a SQLite file, by whatever name the file goes.

    Examples
    --------
    >>> lock_of(Path("/srv/mirante.db")).path.as_posix()
    '/srv/mirante.db-lock'
    """
    whole = store.resolve()
    return LockFile(whole.with_name(f"{whole.name}-lock"))


def hold_alone(store: Path | None) -> LockFile | None:
    """Take the lock of the service on a SQLite file, or say at once who has it.

    Parameters
    ----------
    store : Path, optional
        None for a store on a server, where a second service waits.

    Returns
    -------
    LockFile or None
        Held; None where no service has been yet, and where the store is on a server.

    Raises
    ------
    ConflictError
        With the other's machine and process.
    """
    if store is None:
        return None
    lock = lock_of(store)
    if not lock.path.exists():
        return None
    if not lock.take(here()):
        raise taken(store, lock.holder())
    return lock


def here() -> Holder:
    """Return this process, as others are to be told of it."""
    return Holder(socket.gethostname(), os.getpid(), datetime.now(UTC).isoformat(timespec="seconds"))


def taken(store: Path, holder: Holder) -> ConflictError:
    """Return the error of a second service on one SQLite file."""
    stop = f" (kill {holder.process} on that machine)" if holder.process else ""
    return ConflictError(
        f"a service runs on the store {store} already: {holder}. Stop it first{stop}, or give this one a "
        "store of its own; two services that take over from each other need a store in PostgreSQL"
    )
