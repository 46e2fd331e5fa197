"""What is known of archived segments without asking for them: a small file in each version's folder."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from mirante.durable import sync_folder
from mirante.inference_log.sealed import SealedFile
from mirante.inference_log.segments import SegmentName
from mirante.locks import lock_when_free

__all__ = ["Archived", "Known", "KnownFile"]

_NAME = ".archived.json"
_SMALLEST, _LARGEST = -(2**63), 2**63 - 1


@dataclass(frozen=True, slots=True)
class Known:
    """What the footer of a segment says.

    Parameters
    ----------
    rows : int
        Rows that are left.
    earliest, latest : int
        Of ``__time``, in microseconds since 1970 UTC; the earliest after the latest without rows.
    past : int
        The number of the row after its last.
    schema : pyarrow.Schema
        Of the rows.
    deleted : mapping of str to int
        Rows that were deleted from it, by request.
    """

    rows: int
    earliest: int
    latest: int
    past: int
    schema: pa.Schema
    deleted: Mapping[str, int]

    @classmethod
    def of(cls, file: SealedFile) -> Known | None:
        """Return it from an open segment; None when its footer is damaged."""
        if file.schema is None:
            return None
        pieces = file.pieces
        return cls(
            sum(piece.rows for piece in pieces),
            min((piece.earliest for piece in pieces), default=_LARGEST),
            max((piece.latest for piece in pieces), default=_SMALLEST),
            pieces[-1].past if pieces else 0,
            file.schema,
            file.deleted,
        )


@dataclass(frozen=True, slots=True)
class Archived:
    """A segment in the archive.

    Parameters
    ----------
    size, second : int
        Its bytes and when it was written, as a listing says them.
    known : Known, optional
        What its footer says; None until somebody looked.
    """

    size: int
    second: int
    known: Known | None = None

    def same(self, size: int, second: int) -> bool:
        """Return whether a listing means the same object."""
        return (self.size, self.second) == (size, second)


Segments = dict[SegmentName, Archived]


class KnownFile:
    """The file of one version.

    Parameters
    ----------
    folder : Path
        The version's folder; nothing is kept while it is not there.
    archive : str
        Whose segments these are: what is kept of another archive is passed over.

    Examples
    --------
    >>> KnownFile(Path("not/there"), "s3://bucket").read()
    {}
    """

    def __init__(self, folder: Path, archive: str) -> None:
        self._path = folder / _NAME
        self._archive = archive
        self._stamp: object = None
        self._segments: Segments = {}

    def read(self) -> Segments:
        """Return what is kept; read again only when somebody changed it."""
        try:
            stat = self._path.stat()
        except OSError:
            self._stamp, self._segments = None, {}
            return self._segments
        stamp = stat.st_ino, stat.st_mtime_ns, stat.st_size
        if stamp != self._stamp:
            try:
                self._segments = _decoded(json.loads(self._path.read_bytes()), self._archive)
            except (OSError, ValueError, TypeError, KeyError, IndexError, AttributeError, pa.ArrowException):
                self._segments = {}  # torn or of another release: it is only what can be found out again
            self._stamp = stamp
        return self._segments

    def change(self, put: Mapping[SegmentName, Archived], drop: Collection[SegmentName] = ()) -> None:
        """Add and drop some, durable, beside what others add and drop at the same time."""
        self._write(lambda now: {name: one for name, one in (now | dict(put)).items() if name not in drop})

    def fill(self, learned: Mapping[SegmentName, Archived]) -> None:
        """Add those of which nothing is known yet."""
        self._write(lambda now: dict(learned) | now)

    def _write(self, change: Callable[[Segments], Segments]) -> None:
        if not self._path.parent.is_dir():
            return
        with _alone(self._path):
            content = json.dumps(_encoded(change(self.read()), self._archive)).encode()
            draft = self._path.with_name(f"{_NAME}~")
            with draft.open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            draft.replace(self._path)
            sync_folder(self._path.parent)


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    handle = os.open(path.with_name(f"{path.name}.lock"), os.O_CREAT | os.O_RDWR, 0o600)
    try:
        lock_when_free(handle)
        yield
    finally:
        os.close(handle)


def _encoded(segments: Segments, archive: str) -> dict[str, Any]:
    schemas: dict[bytes, int] = {}
    said = {}
    for name, one in segments.items():
        if (known := one.known) is not None:
            schema = schemas.setdefault(known.schema.serialize().to_pybytes(), len(schemas))
            facts = [known.rows, known.earliest, known.latest, known.past, schema, dict(known.deleted)]
            said[str(name)] = [one.size, one.second, *facts]
        else:
            said[str(name)] = [one.size, one.second]
    texts = [base64.b64encode(schema).decode() for schema in schemas]
    return {"archive": archive, "schemas": texts, "segments": said}


def _decoded(said: Mapping[str, Any], archive: str) -> Segments:
    if said["archive"] != archive:
        return {}
    schemas = [pa.ipc.read_schema(pa.py_buffer(base64.b64decode(text))) for text in said["schemas"]]
    found: Segments = {}
    for stem, (size, second, *facts) in said["segments"].items():
        if (name := SegmentName.parse(stem)) is not None:
            known = None
            if facts:
                rows, earliest, latest, past, schema, deleted = facts
                known = Known(rows, earliest, latest, past, schemas[schema], deleted)
            found[name] = Archived(size, second, known)
    return found
