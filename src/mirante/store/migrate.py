"""Bringing a database to the present schema, safely when two programs open it at once."""

from __future__ import annotations

import io

from sqlalchemy import Connection, inspect, text

from mirante.errors import StoreError
from mirante.store.database import Database
from mirante.store.schema import HEAD, VERSION_TABLE

__all__ = ["revision", "upgrade"]


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
            _migrate(connection, found, database.name)


def _migrate(connection: Connection, found: str | None, name: str) -> None:
    from alembic import command
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    config = Config(stdout=io.StringIO())
    config.set_main_option("script_location", "mirante.store:migrations")
    config.attributes["connection"] = connection
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    if found is not None and found not in known:
        raise StoreError(
            f"store {name} has the schema {found!r} of a newer Mirante, this one knows up to {HEAD!r}; "
            "run: pip install --upgrade mirante, or name another store"
        )
    command.upgrade(config, "head")
