"""Groups: told once, over a restart too."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from mirante.store import GroupRow, Store

T = datetime(2013, 2, 8, tzinfo=UTC)


def test_a_group_comes_back_replaced_and_is_forgotten(store: Store) -> None:
    first = GroupRow("slack|a", "slack", {"rule": "a\x00"}, T, flush_at=T + timedelta(seconds=30))
    other = GroupRow("slack|b", "slack", {}, T + timedelta(1))
    store.groups.save_all([first, other])
    assert [row.key for row in store.groups.all()] == ["slack|a", "slack|b"]
    assert store.groups.all()[0].labels == {"rule": "a\x00"}
    told = replace(first, told_at=T, firing=("1", "2"), reminders=3, thread="n1", flush_at=None)
    store.groups.save_all([told])
    back = store.groups.all()[0]
    assert (list(back.firing), back.reminders, back.thread, back.flush_at) == (["1", "2"], 3, "n1", None)
    store.groups.remove(["slack|a", "nobody"])
    assert [row.key for row in store.groups.all()] == ["slack|b"]


def test_nothing_to_write_or_forget_is_fine(store: Store) -> None:
    store.groups.save_all([])
    store.groups.remove([])
    assert store.groups.all() == []
