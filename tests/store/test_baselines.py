"""Baselines: by version, or the newest."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from mirante.store import BaselineRow, Store

_ROW = BaselineRow(
    "model/m@champion", "1", datetime(2013, 2, 1, tzinfo=UTC), 26_000, b"\x00profile", "January"
)


def test_a_baseline_comes_back_whole(store: Store) -> None:
    store.baselines.put(_ROW)
    assert store.baselines.get(_ROW.subject) == _ROW
    assert store.baselines.get(_ROW.subject, "1") == _ROW
    assert store.baselines.get(_ROW.subject, "2") is None
    assert store.baselines.get("model/other@champion") is None


def test_the_newest_is_the_default(store: Store) -> None:
    older = replace(_ROW, version="9", created=_ROW.created - timedelta(microseconds=1))
    store.baselines.put(_ROW)
    store.baselines.put(older)
    assert store.baselines.get(_ROW.subject) == _ROW
    assert store.baselines.list(_ROW.subject) == [_ROW, older]


def test_a_baseline_is_replaced(store: Store) -> None:
    store.baselines.put(_ROW)
    accepted = replace(_ROW, profile=b"new", rows=5, source="accepted by hand")
    store.baselines.put(accepted)
    assert store.baselines.list(_ROW.subject) == [accepted]
