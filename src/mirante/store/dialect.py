"""Addresses and statements that differ between SQLite and PostgreSQL; `engine` has their connections."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from functools import cache, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from sqlalchemy import (
    URL,
    Column,
    ColumnElement,
    Connection,
    Table,
    Text,
    func,
    insert,
    literal,
    make_url,
    select,
    type_coerce,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import ArgumentError
from sqlalchemy.sql.dml import Insert

from mirante.errors import StoreError

if TYPE_CHECKING:
    from sqlalchemy import Dialect
    from sqlalchemy.sql.compiler import SQLCompiler

__all__ = [
    "bulk",
    "bytes_used",
    "chunks",
    "one_of",
    "parse_url",
    "plain_insert",
    "upsert",
]

_FILE = "sqlite:///"
_CHUNK = 1_000  # values per query: far below the drivers' limits on variables


_Item = TypeVar("_Item")


def parse_url(url: str) -> URL:
    """Return the parsed address of a store, or say what is wrong with it.

    Parameters
    ----------
    url : str
        ``sqlite:///relative.db``, ``sqlite:////absolute.db`` or ``postgresql+psycopg://user@host/name``.

    Returns
    -------
    URL
        SQLAlchemy's URL.

    Raises
    ------
    StoreError
        If it is no such address, is in memory, or lies in a folder that does not exist.

    Examples
    --------
    >>> parse_url("sqlite:///mirante.db").database
    'mirante.db'
    """
    if url.startswith(_FILE):  # a path is taken as it is: "%41", "?" and "#" may be in a folder's name
        return _file(url.removeprefix(_FILE))
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):  # ValueError: a port that is no number
        # The address may hold a password in a place where nobody expects one, so it is not shown.
        raise StoreError(
            "this is not the address of a store; it needs the form sqlite:///path/mirante.db "
            "or postgresql+psycopg://user@host:5432/name"
        ) from None
    backend = parsed.get_backend_name()
    if backend == "sqlite":
        return _file(parsed.database or "")
    if backend != "postgresql":
        raise StoreError(
            f"the store can be SQLite or PostgreSQL, not {backend!r}; use sqlite:///path/mirante.db"
        )
    # the plain name would ask for a driver of the last decade
    return parsed.set(drivername="postgresql+psycopg") if parsed.drivername == "postgresql" else parsed


def _file(database: str) -> URL:
    if database in ("", ":memory:") or database.startswith("file:"):
        raise StoreError(
            "the store needs a file, since several threads and programs share it; use sqlite:///path/mirante.db"
        )
    path = Path(database)
    if path.is_dir():
        raise StoreError(
            f"{path} is a folder; the store needs a file, such as sqlite:///{path / 'mirante.db'}"
        )
    if not path.parent.is_dir():
        raise StoreError(
            f"the folder {path.parent} of the store does not exist; create it first: mkdir -p '{path.parent}'"
        )
    return URL.create("sqlite", database=database)


def bulk(connection: Connection, statement: Insert, columns: Mapping[str, Sequence[Any]]) -> int:
    """Run an insert for many rows that are given by column.

    Parameters
    ----------
    connection : Connection
        Where to write.
    statement : Insert
        What `upsert` gave.
    columns : mapping of str to sequence
        Values of each column, all of one length.

    Returns
    -------
    int
        How many rows were inserted or changed.
    """
    dialect = connection.dialect
    compiled = _compiled(statement, dialect, tuple(columns))
    values = {}
    for name, column in columns.items():
        process = statement.table.c[name].type.bind_processor(dialect)
        if process is None:
            values[name] = column
        elif len(column) > 1 and all(value is column[0] for value in column):
            values[name] = [process(column[0])] * len(column)
        else:
            values[name] = list(map(process, column))
    rows: list[Any]
    if compiled.positiontup is not None:
        rows = list(zip(*(values[name] for name in compiled.positiontup), strict=True))
    else:
        rows = [dict(zip(values, row, strict=True)) for row in zip(*values.values(), strict=True)]
    return int(connection.exec_driver_sql(str(compiled), rows).rowcount)


@cache
def plain_insert(table: Table) -> Insert:
    """Return the INSERT of a table, for `bulk`; always the same one, so that it is compiled once."""
    return insert(table).inline()  # no RETURNING of the keys that the database makes


@lru_cache(maxsize=64)
def _compiled(statement: Insert, dialect: Dialect, names: tuple[str, ...]) -> SQLCompiler:
    return statement.compile(dialect=dialect, column_keys=list(names))


def chunks(items: Sequence[_Item]) -> Iterator[Sequence[_Item]]:
    """Yield pieces of a sequence that are short enough for the variables of one query.

    Parameters
    ----------
    items : sequence
        Ids or other values, of any number.

    Returns
    -------
    iterator of sequence
        In their order, none empty.

    Examples
    --------
    >>> [len(chunk) for chunk in chunks(list(range(2_500)))]
    [1000, 1000, 500]
    """
    return (items[start : start + _CHUNK] for start in range(0, len(items), _CHUNK))


def bytes_used(connection: Connection) -> int:
    """Return the size of the database in bytes."""
    if connection.dialect.name == "sqlite":
        pages, size = (
            connection.exec_driver_sql(f"PRAGMA {name}").scalar_one() for name in ("page_count", "page_size")
        )
        return int(pages) * int(size)
    return int(connection.execute(select(func.pg_database_size(func.current_database()))).scalar_one())


def one_of(connection: Connection, column: Column[Any], values: Sequence[Any]) -> ColumnElement[bool]:
    """Return the condition that a column has one of many values.

    On SQLite the values go as one JSON array: a variable each costs more than the search itself.

    Parameters
    ----------
    connection : Connection
        Where it will run; decides the dialect.
    column : Column
        What is compared.
    values : sequence
        Any number on SQLite; on PostgreSQL at most 65,000.

    Returns
    -------
    ColumnElement
        For a WHERE.
    """
    if connection.dialect.name != "sqlite":
        return column.in_(values)
    process = column.type.bind_processor(connection.dialect)
    bound = list(values) if process is None else [process(value) for value in values]
    listed = func.json_each(literal(json.dumps(bound), Text())).table_valued("value")
    return type_coerce(column, Text()).in_(select(listed.c.value))


def upsert(
    connection: Connection,
    table: Table,
    *,
    update: Sequence[str] = (),
    only_if_changed: Sequence[str] = (),
) -> Insert:
    """Return an INSERT that updates the row with the same primary key instead of failing.

    Parameters
    ----------
    connection : Connection
        Where it will run; decides the dialect.
    table : Table
        The table.
    update : sequence of str
        Columns to overwrite; none means that the old row stays as it is.
    only_if_changed : sequence of str
        Leave the old row alone unless one of these columns differs.

    Returns
    -------
    Insert
        The statement; give it rows as usual.
    """
    return _upsert(connection.dialect.name, table, tuple(update), tuple(only_if_changed))


@cache  # there are few, and building one costs more than running it
def _upsert(dialect: str, table: Table, update: tuple[str, ...], only_if_changed: tuple[str, ...]) -> Insert:
    # Both dialects have the same methods; one of the two types stands for both.
    statement: sqlite.Insert = (postgresql if dialect == "postgresql" else sqlite).insert(table)
    if not update:
        return statement.on_conflict_do_nothing()
    where = None
    for name in only_if_changed:
        differs = table.c[name].is_distinct_from(statement.excluded[name])
        where = differs if where is None else where | differs
    return statement.on_conflict_do_update(
        index_elements=list(table.primary_key.columns),
        set_={name: statement.excluded[name] for name in update},
        where=where,
    )
