"""Requests to delete rows: kept until they are carried out, then one line each in a journal.

Neither holds the value that rows were found by, only HMAC-SHA-256 of it, with a key of the log's own.
"""

from __future__ import annotations

import hmac
import json
import os
import secrets
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from mirante.durable import sync_folder
from mirante.errors import ConflictError
from mirante.locks import lock

__all__ = ["JOURNAL", "Request", "alone", "finish", "keep", "key_of", "pending", "read_journal"]

JOURNAL = "deletions.jsonl"
_FOLDER = ".deletions"
_POLL = 0.05


@dataclass(frozen=True, slots=True)
class Request:
    """Somebody asked for rows to be deleted.

    Parameters
    ----------
    token : str
        Its name; sorts by time.
    time : str
        When, ISO 8601.
    by : str
        Who, in their own words.
    models : tuple of str, optional
        Whose rows; of all models when None.
    column : str
        What rows are found by: ``__id``, or a column.
    asked : tuple of str
        Digests of the values, one each.
    wanted : tuple of str
        Digests of all ways in which they may be written in a log.
    waiting : tuple of str, optional
        Segments that a recorder still wrote when the rest was done; None before that.
    forgotten : mapping of str to int
        What was deleted elsewhere so far, by kind.
    """

    token: str
    time: str
    by: str
    models: tuple[str, ...] | None
    column: str
    asked: tuple[str, ...]
    wanted: tuple[str, ...]
    waiting: tuple[str, ...] | None = None
    forgotten: Mapping[str, int] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        column: str,
        values: Iterable[str],
        wanted: Iterable[str],
        *,
        key: bytes,
        models: Iterable[str] | None,
        by: str,
        now: datetime,
    ) -> Request:
        """Return a new request."""
        return cls(
            f"{now:%Y%m%dT%H%M%S}-{secrets.token_hex(4)}",
            now.isoformat(),
            by,
            None if models is None else tuple(models),
            column,
            tuple(digest(value, key) for value in values),
            tuple(sorted(digest(value, key) for value in wanted)),
        )

    def left(self, waiting: Iterable[str], forgotten: Mapping[str, int]) -> Request:
        """Return what is left of it."""
        return replace(self, waiting=tuple(waiting), forgotten=dict(forgotten))


def digest(value: str, key: bytes) -> str:
    """Return what stands for a value in requests and in the journal."""
    return hmac.digest(key, value.encode("utf-8", "backslashreplace"), "sha256").hex()


def key_of(root: Path) -> bytes:
    """Return the key of a log's digests; made when it is first asked for, for its owner's eyes only."""
    path = root / _FOLDER / "key"
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    if not path.exists():
        _write(path, secrets.token_hex(32).encode())
    return path.read_bytes()


def keep(root: Path, request: Request) -> None:
    """Write a request down, in place of what it was before, so that it outlives this process."""
    _write(_path(root, request), json.dumps(asdict(request)).encode())


def pending(root: Path) -> list[Request]:
    """Return the requests that are not carried out yet, oldest first."""
    found = []
    for path in sorted((root / _FOLDER).glob("*.json")):
        said = json.loads(path.read_bytes())
        lists = {name: None if said[name] is None else tuple(said[name]) for name in ("models", "waiting")}
        found.append(Request(**said | lists | {name: tuple(said[name]) for name in ("asked", "wanted")}))
    return found


def finish(root: Path, request: Request, finished: datetime, counts: Mapping[str, Any]) -> None:
    """Write the journal's line about a request that is carried out, and forget the request.

    A crash between the two leaves both; carrying it out again finds nothing more, and writes no second line.
    """
    path = root / JOURNAL
    if not any(line.get("token") == request.token for line in read_journal(root)):
        said = {"token": request.token, "time": request.time, "finished": finished.isoformat()}
        who = {"by": request.by, "models": request.models, "column": request.column, "asked": request.asked}
        line = json.dumps({**said, **who, **counts}, ensure_ascii=False)
        handle = os.open(path, os.O_CREAT | os.O_APPEND | os.O_WRONLY, 0o600)
        with os.fdopen(handle, "ab") as file:
            file.write(f"{line}\n".encode("utf-8", "backslashreplace"))
            file.flush()
            os.fsync(file.fileno())
        sync_folder(root)
    _path(root, request).unlink(missing_ok=True)
    sync_folder(root / _FOLDER)


def read_journal(root: Path) -> list[dict[str, Any]]:
    """Return what was deleted from a log so far, oldest first; a line that a crash tore is left out."""
    try:
        lines = (root / JOURNAL).read_bytes().splitlines()
    except FileNotFoundError:
        return []
    found = []
    for line in lines:
        try:
            found.append(json.loads(line))
        except ValueError:
            continue
    return [line for line in found if isinstance(line, dict)]


@contextmanager
def alone(root: Path, patience: float = 0.0) -> Iterator[None]:
    """Let nobody else rewrite, move or remove sealed segments of a log meanwhile.

    Parameters
    ----------
    root : Path
        The log.
    patience : float, default 0.0
        Seconds to wait for somebody who does already.

    Raises
    ------
    ConflictError
        If somebody still does after that.
    """
    folder = root / _FOLDER
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    handle = os.open(folder / "lock", os.O_CREAT | os.O_RDWR, 0o600)
    try:
        end = time.monotonic() + patience
        while not lock(handle):
            if time.monotonic() >= end:
                raise ConflictError(
                    f"rows of {root} are being deleted or moved already; try again when that is done"
                )
            time.sleep(_POLL)
        yield
    finally:
        os.close(handle)


def _path(root: Path, request: Request) -> Path:
    return root / _FOLDER / f"{request.token}.json"


def _write(path: Path, content: bytes) -> None:
    draft = path.with_name(f"{path.name}~")
    handle = os.open(draft, os.O_CREAT | os.O_TRUNC | os.O_WRONLY | getattr(os, "O_BINARY", 0), 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
    if sys.platform != "win32":
        sync_folder(path.parent)
