"""Silences: a history that keeps what was ended."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from mirante.store import SilenceRow, Store

T = datetime(2013, 2, 8, tzinfo=UTC)
HOUR = timedelta(hours=1)


def _silence(id_: str, hours: int) -> SilenceRow:
    return SilenceRow(id_, {"rule": "~high_.*"}, T, T + hours * HOUR, "ana", "known", T)


def test_a_silence_comes_back_as_it_was(store: Store) -> None:
    store.silences.add(_silence("a", 2))
    assert store.silences.get("a") == _silence("a", 2)
    assert store.silences.get("b") is None


def test_those_that_hold_are_told_from_those_that_are_over(store: Store) -> None:
    for id_, hours in (("a", 1), ("b", 3), ("c", 2)):
        store.silences.add(_silence(id_, hours))
    assert [row.id for row in store.silences.list()] == ["b", "c", "a"]
    assert [row.id for row in store.silences.list(since=T + HOUR)] == ["b", "c"]


def test_ending_keeps_the_row(store: Store) -> None:
    store.silences.add(_silence("a", 2))
    assert store.silences.end("a", T + HOUR)
    assert not store.silences.end("a", T + HOUR), "it is over already"
    assert not store.silences.end("b", T)
    assert [row.ends_at for row in store.silences.list()] == [T + HOUR]
