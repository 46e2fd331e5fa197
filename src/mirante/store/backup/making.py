"""Making a backup: all tables of one moment, while others write."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy import Connection

from mirante.errors import InputError
from mirante.store.backup.file import Manifest, writing
from mirante.store.backup.tables import arrow_schema, read_batches, tables_of
from mirante.store.database import Database
from mirante.store.migrate import revision
from mirante.store.store import check_there

__all__ = ["Backup", "back_up"]


@dataclass(frozen=True, slots=True)
class Backup:
    """A backup that was made.

    Parameters
    ----------
    path : Path
        Where it is.
    size : int
        In bytes.
    revision : str
        The schema of the store.
    rows : mapping of str to int
        Of each table.
    """

    path: Path
    size: int
    revision: str
    rows: Mapping[str, int]


def back_up(url: str, path: Path, *, now: datetime, version: str) -> Backup:
    """Write all that is in a store to one file; who writes to the store meanwhile does not wait.

    The store is read as it is: one of an older schema is not upgraded.

    Parameters
    ----------
    url : str
        Address of the store.
    path : Path
        The file, which must not be there yet; in a folder the file is named by the time.
    now : datetime
        The present.
    version : str
        Of this Mirante.

    Returns
    -------
    Backup

    Raises
    ------
    InputError
        If there is no store, or a file at `path`.
    StoreError
        If the store cannot be read, or the file cannot be written; nothing is left of it then.

    Examples
    --------
    >>> import tempfile
    >>> from datetime import UTC
    >>> from mirante.store import Store
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     url = f"sqlite:///{folder}/mirante.db"
    ...     with Store(url) as store:
    ...         store.cursors.set("a", {"row": 1})
    ...     made = back_up(url, Path(folder), now=datetime(2026, 3, 1, tzinfo=UTC), version="0.1.0")
    >>> made.path.name, made.rows["mirante_cursors"]
    ('mirante-20260301T000000Z.backup', 1)
    """
    check_there(url)
    if path.is_dir():
        path = path / f"mirante-{now:%Y%m%dT%H%M%SZ}.backup"
    with closing(Database(url)) as database, database.reading() as snapshot:
        found = revision(snapshot)
        if found is None:
            raise InputError(f"there is no store in {database.name}; name the service's config")
        return _write(snapshot, path, found, now=now, version=version)


def _write(snapshot: Connection, path: Path, found: str, *, now: datetime, version: str) -> Backup:
    import pyarrow as pa

    tables = tables_of(snapshot)
    rows: dict[str, int] = {}
    manifest = Manifest(found, version, now, tuple(table.name for table in tables))
    options = pa.ipc.IpcWriteOptions(compression="zstd")
    with writing(path, manifest) as file:
        for table in tables:
            rows[table.name] = 0
            # the sink is not closed with the stream: the next table follows
            with pa.ipc.new_stream(pa.PythonFile(file, "w"), arrow_schema(table), options=options) as stream:
                for batch in read_batches(snapshot, table):
                    stream.write_batch(batch)
                    rows[table.name] += batch.num_rows
    return Backup(path, path.stat().st_size, found, rows)
