"""Bringing a database to the present schema, safely when two programs open it at once."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from sqlalchemy import Connection, inspect, text

from mirante.errors import StoreError
from mirante.store.database import Database
from mirante.store.schema import HEAD, VERSION_TABLE

if TYPE_CHECKING:
    from alembic.config import Config

__all__ = ["migrate", "missing", "revision", "revisions", "upgrade"]


def revision(connection: Connection) -> str | None:
    """Return the schema revision of a database, None for one without our tables."""
    if not inspect(connection).has_table(VERSION_TABLE):
        return None
    found: str | None = connection.execute(text(f"SELECT version_num FROM {VERSION_TABLE}")).scalar()  # noqa: S608  a constant of ours
    return found


def upgrade(database: Database) -> None:
    """Run the migrations that are missing, all in one transaction.

    Parameters
    ----------
    database : Database
        The database.

    Raises
    ------
    StoreError
        If a newer program has written the database.
    """
    with database.reading() as connection:
        if revision(connection) == HEAD:  # the usual case, without the cost of importing Alembic
            return
    with database.transaction() as connection:
        found = revision(connection)
        if found != HEAD:  # another program may have migrated while this one waited
            migrate(connection, found, database.name)


def revisions() -> frozenset[str]:
    """Return all revisions of the schema that this program knows."""
    from alembic.script import ScriptDirectory

    return frozenset(script.revision for script in ScriptDirectory.from_config(_config()).walk_revisions())


def migrate(connection: Connection, found: str | None, name: str, *, to: str = "head") -> None:
    """Run the migrations from one revision to another, in a transaction of the caller's.

    Parameters
    ----------
    connection : Connection
        The transaction.
    found : str or None
        What `revision` says of it.
    name : str
        Of the store, for messages.
    to : str
        The last revision; that of the present schema by default.

    Raises
    ------
    StoreError
        If a newer program has written the database.
    """
    from alembic import command

    _check_known(found, name)
    config = _config()
    config.attributes["connection"] = connection
    command.upgrade(config, to)


def missing(connection: Connection, name: str) -> tuple[str | None, tuple[str, ...]]:
    """Return the revision of a database, and those that it lacks, oldest first.

    Parameters
    ----------
    connection : Connection
        Where to look.
    name : str
        Of the store, for messages.

    Raises
    ------
    StoreError
        If a newer program has written the database.
    """
    from alembic.script import ScriptDirectory

    found = revision(connection)
    _check_known(found, name)
    scripts = ScriptDirectory.from_config(_config()).iterate_revisions("head", found or "base")
    return found, tuple(reversed([script.revision for script in scripts]))


def _check_known(found: str | None, name: str) -> None:
    if found is not None and found not in revisions():
        raise StoreError(
            f"store {name} has the schema {found!r} of a newer Mirante, this one knows up to {HEAD!r}; "
            "run: pip install --upgrade mirante, or name another store"
        )


def _config() -> Config:
    from alembic.config import Config

    config = Config(stdout=io.StringIO())
    config.set_main_option("script_location", "mirante.store:migrations")
    return config
