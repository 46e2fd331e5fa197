"""Making a store from a backup, on either database, in one transaction."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from sqlalchemy import Connection, Table, func, select, text

from mirante.errors import ConflictError, InputError
from mirante.store.backup.file import Manifest, opened
from mirante.store.backup.tables import tables_of
from mirante.store.database import Database
from mirante.store.dialect import bulk, plain_insert
from mirante.store.inuse import check_unused
from mirante.store.lease import end, standing
from mirante.store.migrate import migrate, revision, revisions
from mirante.store.schema import HEAD, VERSION_TABLE, counters

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["Restored", "check_backup", "restore"]


@dataclass(frozen=True, slots=True)
class Restored:
    """What was made from a backup.

    Parameters
    ----------
    name : str
        Of the store, without its password; empty where the backup was only read.
    manifest : Manifest
        What the backup says of itself.
    rows : mapping of str to int
        Of each table.
    """

    name: str
    manifest: Manifest
    rows: Mapping[str, int]


def check_backup(path: Path) -> Restored:
    """Read a backup as a whole, and write nothing.

    Parameters
    ----------
    path : Path
        Of the backup.

    Raises
    ------
    InputError
        As `restore` does.
    """
    with opened(path) as (manifest, file):
        _check_known(path, manifest)
        rows = {name: sum(batch.num_rows for batch in _batches(file)) for name in manifest.tables}
    return Restored("", manifest, rows)


def restore(path: Path, url: str, *, force: bool = False) -> Restored:
    """Put what is in a backup into an empty store, and bring it to the present schema.

    All of it happens in one transaction: what fails or is killed midway leaves the database as it was.

    Parameters
    ----------
    path : Path
        Of the backup; of whichever database it was made.
    url : str
        Address of the store, which need not be there yet.
    force : bool
        Whether what is in a store there is thrown away.

    Returns
    -------
    Restored

    Raises
    ------
    InputError
        If the backup is torn, was changed, or is of a newer Mirante.
    ConflictError
        If there are data in the store already, or another program has it open.
    StoreError
        If the store cannot be written.

    Examples
    --------
    >>> import tempfile
    >>> from datetime import UTC, datetime
    >>> from mirante.store import Store
    >>> from mirante.store.backup.making import back_up
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     url, other = f"sqlite:///{folder}/mirante.db", f"sqlite:///{folder}/other.db"
    ...     with Store(url) as store:
    ...         store.cursors.set("a", {"row": 1})
    ...     made = back_up(url, Path(folder), now=datetime(2026, 3, 1, tzinfo=UTC), version="0.1.0")
    ...     done = restore(made.path, other)
    ...     with Store(other) as store:
    ...         store.cursors.get("a")
    {'row': 1}
    """
    with opened(path) as (manifest, file):
        _check_known(path, manifest)
        with closing(Database(url)) as database:
            check_unused(database)
            with database.transaction() as connection:
                former = standing(connection)
                _make_room(connection, database.name, force=force)
                migrate(connection, None, database.name, to=manifest.revision)
                rows = _fill(connection, manifest, file)
                migrate(connection, manifest.revision, database.name)
                end(former, connection)
            database.truncate_journal()
            return Restored(database.name, manifest, rows)


def _check_known(path: Path, manifest: Manifest) -> None:
    if manifest.revision not in revisions():
        raise InputError(
            f"the backup {path} has the schema {manifest.revision!r} of a newer Mirante "
            f"({manifest.version}), this one knows up to {HEAD!r}; run: pip install --upgrade mirante"
        )


def _make_room(connection: Connection, name: str, *, force: bool) -> None:
    """Take away the tables of a store that is there; of one with data only where that is wanted."""
    there = tables_of(connection)
    if not force:
        # counters are there from the first start on, and count nothing where all else is empty
        held = [table for table in there if table.name != counters.name]
        full = [table.name for table in held if connection.execute(select(table).limit(1)).first()]
        if full:
            raise ConflictError(
                f"the store {name} has data already, in {', '.join(full)}; name an empty one, or throw its "
                "data away with --force"
            )
    for table in reversed(there):
        table.drop(connection)
    if revision(connection) is not None:
        connection.execute(text(f"DROP TABLE {VERSION_TABLE}"))


def _fill(connection: Connection, manifest: Manifest, file: BinaryIO) -> dict[str, int]:
    known = {table.name: table for table in tables_of(connection)}
    for table in known.values():  # a migration may have put rows in, which are in the backup too
        connection.execute(table.delete())
    rows: dict[str, int] = {}
    for name in manifest.tables:
        rows[name] = 0
        for batch in _batches(file):
            bulk(connection, plain_insert(known[name]), batch.to_pydict())
            rows[name] += batch.num_rows
    if connection.dialect.name == "postgresql":
        for table in known.values():
            _advance_numbers(connection, table)
    return rows


def _batches(file: BinaryIO) -> Iterator[pa.RecordBatch]:
    import pyarrow as pa

    with pa.ipc.open_stream(pa.PythonFile(file, "r")) as stream:
        yield from stream


def _advance_numbers(connection: Connection, table: Table) -> None:
    """Let PostgreSQL go on counting after the rows that came with their numbers; SQLite does by itself."""
    for column in table.primary_key.columns:
        counter = connection.execute(select(func.pg_get_serial_sequence(table.name, column.name))).scalar()
        last = connection.execute(select(func.max(column))).scalar() if counter else None
        if last is not None:
            connection.execute(select(func.setval(counter, last)))
