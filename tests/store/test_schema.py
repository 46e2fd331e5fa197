"""The tables keep clear of others in the same database."""

from __future__ import annotations

from mirante.store.schema import HEAD, VERSION_TABLE, metadata


def test_every_table_carries_the_prefix() -> None:
    assert len(metadata.tables) == 23
    assert all(name.startswith("mirante_") for name in [*metadata.tables, VERSION_TABLE])


def test_every_index_carries_the_prefix() -> None:
    assert all(
        str(index.name).startswith("mirante_")
        for table in metadata.tables.values()
        for index in table.indexes
    )


def test_the_head_is_a_word_that_migrations_can_have() -> None:
    assert HEAD.isalnum()
