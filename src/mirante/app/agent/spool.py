"""The spool: batches that wait on disk, in order, until the service has them."""

from __future__ import annotations

import json
import os
import threading
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Literal

import structlog

from mirante.app.agent.files import DamagedError, read_checked, write_checked
from mirante.durable import sync_folder
from mirante.errors import ConfigError
from mirante.locks import lock

__all__ = ["Batch", "Kind", "Spool"]

_log = structlog.get_logger("mirante.agent")
Kind = Literal["readings", "windows"]
_KINDS: tuple[Kind, ...] = ("readings", "windows")  # in the order in which they go when there is no room
_FORM = 1
_HEAD = "spool.json"
_MOST_DEAD = 1_000  # files: what is set aside is for people to look at, and no second spool


@dataclass(frozen=True, slots=True)
class Batch:
    """One batch as it is on disk."""

    sequence: int
    kind: Kind
    form: int
    checksum: int
    body: bytes


@dataclass(slots=True)
class _File:
    kind: Kind
    size: int
    written: float


class Spool:
    """Batches on disk, bounded in size and age. One process uses a folder; threads may share the object.

    A batch is a file with a checksum that is whole or not there, named by its number. Numbers ascend, also
    over restarts, and are never given twice.

    Parameters
    ----------
    folder : Path
        Made if it is not there.
    max_size : int
        Bytes; over them the oldest batches of readings go, then the oldest of windows. The newest stays.
    max_age : timedelta
        Age at which a batch goes.
    clock : callable
        The present, aware.
    form : int
        Number of the form of batches.

    Raises
    ------
    ConfigError
        If the folder cannot be written, or another agent uses it.
    """

    def __init__(
        self,
        folder: Path,
        *,
        max_size: int,
        max_age: timedelta,
        clock: Callable[[], datetime],
        form: int = 1,
    ) -> None:
        self.folder = folder
        self._max_size, self._max_age, self._clock, self._form = max_size, max_age, clock, form
        self._dead = folder / "dead"
        self._mutex = threading.RLock()
        try:
            self._dead.mkdir(parents=True, exist_ok=True)
            self._handle = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise ConfigError(
                f"the spool {str(folder)!r} cannot be written ({error.strerror}); give another with --spool"
            ) from error
        if not lock(self._handle):
            os.close(self._handle)
            raise ConfigError(
                f"another agent uses the spool {str(folder)!r}; end it, or give this one a spool of its own"
            )
        for part in folder.glob(
            "*.tmp"
        ):  # of a write that a crash cut short: nobody was told that it is there
            part.unlink()
        self._tried: int
        self._read_head()
        self._files: dict[int, _File] = {}
        for path in sorted(folder.glob("*.batch")):
            number, kind = path.name.split(".")[:2]
            if number.isdigit() and kind in _KINDS:
                stat = path.stat()
                self._files[int(number)] = _File(kind, stat.st_size, stat.st_mtime)
        self._last = max([self._acknowledged, *self._files])
        if self._tried < 0:  # an earlier agent did not note it
            self._tried = self._last

    def _read_head(self) -> None:
        path = self.folder / _HEAD
        try:
            known = json.loads(read_checked(path)[2])
        except FileNotFoundError:
            known = {}
        except DamagedError as error:
            # a number that is given twice would be passed over by the service; a new spool begins anew there
            _log.warning("the spool's head is damaged; it begins anew", error=str(error))
            known = {}
        self.instance = str(known.get("instance") or uuid.uuid4().hex)
        self._acknowledged = int(known.get("acknowledged", 0))
        self._tried = int(known.get("tried", -1 if known else 0))
        self.dropped: dict[Kind, int] = {kind: int(known.get("dropped", {}).get(kind, 0)) for kind in _KINDS}
        self.refused = int(known.get("refused", 0))
        if not known:
            self._write_head()

    def _write_head(self) -> None:
        known = {
            "instance": self.instance,
            "acknowledged": self._acknowledged,
            "tried": self._tried,
            "dropped": self.dropped,
            "refused": self.refused,
        }
        write_checked(self.folder / _HEAD, json.dumps(known).encode(), _FORM)

    @property
    def batches(self) -> int:
        """How many wait."""
        return len(self._files)

    @property
    def size(self) -> int:
        """Bytes of those that wait."""
        return sum(file.size for file in list(self._files.values()))

    def append(self, kind: Kind, make: Callable[[int], bytes]) -> int:
        """Add a batch; it is on disk when this returns.

        Parameters
        ----------
        kind : {"readings", "windows"}
            What is in it.
        make : callable
            Called with the batch's number; returns its body.

        Returns
        -------
        int
            The number.

        Raises
        ------
        OSError
            If it cannot be written; then it is not there.
        """
        with self._mutex:
            number = self._last + 1
            body = make(number)
            path = self._path(number, kind)
            write_checked(path, body, self._form)
            self._last = number
            self._files[number] = _File(kind, path.stat().st_size, self._clock().timestamp())
            self._make_room()
            return number

    def oldest(self) -> Batch | None:
        """Return the batch that is next; None when none waits. One that is damaged is set aside."""
        while True:
            with self._mutex:
                number = min(self._files, default=None)
                if number is None:
                    return None
                kind = self._files[number].kind
                try:
                    form, checksum, body = read_checked(self._path(number, kind))
                except DamagedError as error:
                    self.refuse(number, str(error))
                    continue
                except FileNotFoundError:  # somebody took it away
                    self._let_go(number)
                    continue
            return Batch(number, kind, form, checksum, body)

    def try_first(self, number: int) -> bool:
        """Note that a batch is about to be sent, and say whether it is for the first time.

        Parameters
        ----------
        number : int
            Of the batch.
        """
        with self._mutex:
            if number <= self._tried:
                return False
            self._tried = number
            self._write_head()
            return True

    def begin_anew(self) -> None:
        """Become another spool for the service: numbers of this one were given before, with other batches.

        So it is where the folder was restored from a copy of an earlier time. What waits stays, and goes
        under the new name.
        """
        with self._mutex:
            self.instance = uuid.uuid4().hex
            self._write_head()
        _log.warning("the spool went back in time; it begins anew", folder=str(self.folder))

    def acknowledge(self, number: int) -> None:
        """Let go of a batch that the service has."""
        with self._mutex:
            if number in self._files:
                self._let_go(number)

    def refuse(self, number: int, reason: str) -> None:
        """Set a batch aside that the service will never take, with the reason in a file beside it.

        Parameters
        ----------
        number : int
            Of the batch.
        reason : str
            For people.
        """
        with self._mutex:
            if number not in self._files:
                return
            path = self._path(number, self._files[number].kind)
            self.refused += 1
            self._write_head()
            (self._dead / f"{path.stem}.reason").write_text(f"{reason}\n", encoding="utf-8")
            (self._dead / path.name).write_bytes(path.read_bytes())
            self._let_go(number)
            for old in sorted(self._dead.iterdir())[: -2 * _MOST_DEAD]:
                old.unlink()
        _log.error("a batch was set aside", batch=number, folder=str(self._dead), reason=reason)

    def close(self) -> None:
        """Leave the folder to others."""
        os.close(self._handle)

    def _path(self, number: int, kind: Kind) -> Path:
        return self.folder / f"{number:020d}.{kind}.batch"

    def _let_go(self, number: int) -> None:
        if len(self._files) == 1:  # the next number follows from the files that are there, or from this
            self._acknowledged = max(self._acknowledged, self._last)
            self._write_head()
        self._path(number, self._files[number].kind).unlink(missing_ok=True)
        sync_folder(self.folder)
        del self._files[number]

    def _make_room(self) -> None:
        """Drop what is too old, then the oldest until the rest fits; say how many went."""
        eldest = self._clock().timestamp() - self._max_age.total_seconds()
        gone = [number for number, file in self._files.items() if file.written < eldest]
        left = self.size - sum(self._files[number].size for number in gone)
        known = set(gone)
        for kind in _KINDS:
            for number in sorted(self._files):
                if left > self._max_size and self._files[number].kind == kind and number not in known:
                    known.add(number)
                    left -= self._files[number].size
        known.discard(self._last)
        if not known:
            return
        for number in known:
            self.dropped[self._files[number].kind] += 1
        self._write_head()  # before they go: what is told may be one too many, and never one too few
        for number in sorted(known):
            self._let_go(number)
        _log.warning("the spool is full or too old: batches were dropped", dropped=dict(self.dropped))
