"""Both tables as Parquet: a file for each subject and month, written again only when it changed."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from datetime import MAXYEAR, UTC, datetime
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from mirante.errors import ConflictError, InputError
from mirante.locks import lock
from mirante.views.tables.columns import TABLES, TableName, schema_of
from mirante.views.tables.walk import batch_of, rows_of, walk

if TYPE_CHECKING:
    from mirante.store import Store

__all__ = ["GROUP_ROWS", "WrittenTables", "file_name", "write_tables"]

GROUP_ROWS = 10_000  # of drift_metrics, about 5 MB in memory
_FORMAT = 1  # other figures in the same columns: files are written again
_FINGERPRINT = b"mirante.fingerprint"
_LOCK = ".lock"
_NOT_PLAIN = re.compile(r"[^A-Za-z0-9.-]+")
_LONGEST = 100


@dataclass(frozen=True, slots=True)
class WrittenTables:
    """What one run of `write_tables` did.

    Parameters
    ----------
    files : int
        Files written.
    unchanged : int
        Files that were as they should be.
    rows : int
        Rows in the files written.
    """

    files: int
    unchanged: int
    rows: int


def write_tables(
    store: Store,
    folder: Path,
    *,
    subjects: Sequence[str] | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
) -> WrittenTables:
    """Bring the Parquet files of both tables up to the store.

    ``<folder>/profile_metrics`` and ``<folder>/drift_metrics`` get a file for each subject and month (UTC, by
    the windows' starts). A file is there whole or not at all; one that says the same already is left as it
    is, and so are months of which the store has no window any more.

    Parameters
    ----------
    store : Store
        Open; closed windows are written.
    folder : Path
        Made when it is not there and there is something to write.
    subjects : sequence of str, optional
        Only these; all when None.
    since, until : datetime, optional
        Only the months in which ``[since, until)`` lies, and those whole.

    Returns
    -------
    WrittenTables
        Counts.

    Raises
    ------
    ConflictError
        If another process writes there.
    InputError
        If the interval is empty, or the folder cannot be written.
    """
    if since is not None and until is not None and since >= until:
        raise InputError(f"since ({since:%Y-%m-%d %H:%M}) is not before until ({until:%Y-%m-%d %H:%M})")
    files = unchanged = rows = 0
    months = _every_month(store, store.windows.subjects() if subjects is None else subjects, since, until)
    first = next(months, None)
    if first is None:
        return WrittenTables(0, 0, 0)
    try:
        with _alone(folder):
            for month in chain([first], months):
                written = _write_month(store, folder, month)
                if written is None:
                    unchanged += len(TABLES)
                else:
                    files, rows = files + len(TABLES), rows + written
    except OSError as error:
        raise InputError(
            f"{folder} cannot be written: {error.strerror or error}; give another folder"
        ) from error
    return WrittenTables(files, unchanged, rows)


def file_name(subject: str, month: datetime) -> str:
    """Return the name of a subject's file of a month: plain characters, and a digest that tells it apart.

    Parameters
    ----------
    subject : str
        Any text.
    month : datetime
        Any time in it.

    Examples
    --------
    >>> file_name("model/churn@champion", datetime(2013, 2, 8))
    'model-churn-champion-c0c342909c-2013-02.parquet'
    """
    digest = hashlib.sha256(subject.encode("utf-8", "surrogatepass")).hexdigest()[:10]
    plain = _NOT_PLAIN.sub("-", subject).strip("-.")[:_LONGEST]
    return "-".join(filter(None, (plain, digest, f"{month:%Y-%m}"))) + ".parquet"


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Hold the folder's lock, and remove what a killed writer left."""
    for table in TABLES:
        (folder / table).mkdir(parents=True, exist_ok=True)
    handle = os.open(folder / _LOCK, os.O_CREAT | os.O_RDWR, 0o666)
    try:
        if not lock(handle):
            raise ConflictError(
                f"another process writes the tables in {folder}; wait for it, or give another folder"
            )
        for table in TABLES:
            for left in (folder / table).glob(".*.part"):
                left.unlink()
        yield
    finally:
        os.close(handle)  # and with it the lock


@dataclass(frozen=True, slots=True)
class _Month:
    """A month in which a subject has windows: their digest and versions, and when baselines were made."""

    subject: str
    begin: datetime
    end: datetime
    digest: bytes
    versions: Collection[str]
    created: Mapping[str, datetime]


def _every_month(
    store: Store, subjects: Sequence[str], since: datetime | None, until: datetime | None
) -> Iterator[_Month]:
    for subject in subjects:
        created = {row.version: row.created for row in store.baselines.list(subject)}
        for begin, end in _months(store, subject, since, until):
            digest, versions = store.windows.digest(subject, begin, end)
            if versions:
                yield _Month(subject, begin, end, digest, versions, created)


def _months(
    store: Store, subject: str, since: datetime | None, until: datetime | None
) -> Iterator[tuple[datetime, datetime]]:
    versions = store.windows.versions(subject)
    if not versions:
        return
    first = min(one.first for one in versions)
    last = max(one.last for one in versions)
    begin = _month_of(first if since is None else max(first, since))
    while begin <= last and (until is None or begin < until):
        end = _month_of(begin, months=1)
        yield begin, end
        begin = end


def _month_of(time: datetime, *, months: int = 0) -> datetime:
    """Return where the month of a time begins in UTC, or the one so many (0 or 1) after it."""
    utc = time.astimezone(UTC)
    over, month = divmod(utc.month - 1 + months, 12)
    if utc.year + over > MAXYEAR:
        return datetime.max.replace(tzinfo=UTC)
    return datetime(utc.year + over, month + 1, 1, tzinfo=UTC)


def _write_month(store: Store, folder: Path, month: _Month) -> int | None:
    """Write a month's files and return their rows; None when they are right already."""
    subject, begin, end = month.subject, month.begin, month.end
    paths = {table: folder / table / file_name(subject, begin) for table in TABLES}
    digest = month.digest + store.slice_windows.digest(subject, begin, end)
    fingerprint = _fingerprint(digest, {version: month.created.get(version) for version in month.versions})
    if all(_says(path, fingerprint) for path in paths.values()):
        return None
    with ExitStack() as stack:
        drafts = {
            table: stack.enter_context(_Draft(table, path, fingerprint)) for table, path in paths.items()
        }
        for counted in walk(store, subject, begin, end):
            for table, draft in drafts.items():
                draft.add(rows_of(table, counted))
        for draft in drafts.values():
            draft.finish()
    return sum(draft.rows for draft in drafts.values())


def _fingerprint(digest: bytes, created: Mapping[str, datetime | None]) -> bytes:
    """Return what tells a file from others: windows, baselines (their deltas are others), and columns."""
    found = hashlib.blake2b(digest, digest_size=16)
    found.update(repr((created, _FORMAT, TABLES)).encode())
    return found.hexdigest().encode()


def _says(path: Path, fingerprint: bytes) -> bool:
    try:
        metadata = pq.read_metadata(path).metadata or {}
    except (OSError, pa.ArrowException):  # not there, or of a disk that was full
        return False
    return metadata.get(_FINGERPRINT) == fingerprint


class _Draft:
    """A Parquet file in the making: hidden, until it is whole.

    Parameters
    ----------
    table : {"profile_metrics", "drift_metrics"}
        Decides the schema.
    path : Path
        What it becomes.
    fingerprint : bytes
        Of what it was made from.
    """

    def __init__(self, table: TableName, path: Path, fingerprint: bytes) -> None:
        self.rows = 0
        self._table, self._path = table, path
        self._beside = path.with_name(f".{path.name}.part")
        schema = schema_of(table)
        self._schema = schema.with_metadata({**(schema.metadata or {}), _FINGERPRINT: fingerprint})
        self._pending: list[pa.RecordBatch] = []
        self._pending_rows = 0

    def __enter__(self) -> _Draft:
        self._file = self._beside.open("wb")
        try:
            self._writer = pq.ParquetWriter(
                self._file, self._schema, compression="zstd", write_page_checksum=True
            )
        except BaseException:
            self._file.close()
            raise
        return self

    def add(self, rows: list[dict[str, Any]]) -> None:
        """Take the rows of a window; they are written when there are enough for a row group."""
        if rows:
            self._pending.append(batch_of(self._table, rows))
            self._pending_rows += len(rows)
        if self._pending_rows >= GROUP_ROWS:
            self._flush()

    def _flush(self) -> None:
        if self._pending:
            table = pa.Table.from_batches(self._pending, schema_of(self._table))
            self._writer.write_table(table.cast(self._schema), row_group_size=GROUP_ROWS)
            self.rows += table.num_rows
        self._pending, self._pending_rows = [], 0

    def finish(self) -> None:
        """Put the file in its place, on disk."""
        self._flush()
        self._writer.close()
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        self._beside.replace(self._path)

    def __exit__(self, *_: object) -> None:
        if not self._file.closed:
            with suppress(Exception):
                self._writer.close()
            self._file.close()
            self._beside.unlink(missing_ok=True)
