"""Cursors: set, replaced, and bound to the transaction of what they count."""

from __future__ import annotations

import pytest

from mirante.store import Store


def test_a_cursor_comes_back(store: Store) -> None:
    assert store.cursors.get("log") is None
    store.cursors.set("log", {"segment": "a", "row": 7, "deep": {"x": [1, 2]}})
    store.cursors.set("other", {})
    assert store.cursors.get("log") == {"segment": "a", "row": 7, "deep": {"x": [1, 2]}}
    assert store.cursors.get("other") == {}


def test_a_cursor_is_replaced(store: Store) -> None:
    store.cursors.set("log", {"row": 7})
    store.cursors.set("log", {"row": 8})
    assert store.cursors.get("log") == {"row": 8}


def test_a_cursor_moves_with_its_work_or_not_at_all(store: Store) -> None:
    def fail() -> None:
        with store.transaction() as connection:
            store.cursors.set("log", {"row": 9}, connection=connection)
            raise ZeroDivisionError

    store.cursors.set("log", {"row": 8})
    with pytest.raises(ZeroDivisionError):
        fail()
    assert store.cursors.get("log") == {"row": 8}
