"""Alembic's entry point: migrates the connection that it is handed.

For work on the schema: ``migrate.upgrade`` is the caller; there is no ini file.
"""

from __future__ import annotations

from alembic import context

from mirante.store.schema import VERSION_TABLE, metadata

__all__ = ["run"]


def run() -> None:
    """Run the missing migrations in the transaction of the caller."""
    context.configure(
        connection=context.config.attributes["connection"],
        target_metadata=metadata,
        version_table=VERSION_TABLE,
        transactional_ddl=True,  # SQLite can, once the driver's own BEGIN is switched off
    )
    with context.begin_transaction():
        context.run_migrations()


if __name__ == "env_py":  # the name under which Alembic loads it; an import does nothing
    run()
