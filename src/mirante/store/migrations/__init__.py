"""Alembic's migrations; `mirante.store.migrate` runs them when a store opens."""
