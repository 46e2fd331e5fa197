"""What lies in blocks is read as what has rows."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import event, select

from mirante.readings import Reading
from mirante.store import Store
from mirante.store.blocks.reading import packed_until, raise_packed_until, read_blocks
from mirante.store.schema import series
from tests.store.blocks.packed import DAY, HOST, NOW, condense, fill, give_up, reads, spans


def test_every_call_reads_blocks_as_rows(store: Store) -> None:
    fill(store)
    condense(store)
    # one that nobody has seen yet, in the midst of the others
    store.readings.write([Reading("drift_psi", 3.0, NOW - 8 * DAY + timedelta(minutes=7), HOST, "late")])
    packed = reads(store)
    assert len(spans(store)) > 10
    assert give_up(store) > 500
    rows = reads(store)
    assert spans(store) == []
    for name, found in rows.items():
        assert packed[name] == found, name


def test_a_store_without_blocks_is_asked_for_none(store: Store, caplog: pytest.LogCaptureFixture) -> None:
    store.readings.write([Reading("x", 1.0, NOW, HOST)])
    with store.transaction() as connection:
        assert packed_until(connection) is None
        assert len(read_blocks(connection, [1]).ids) == 0
        for last in (5, 3, 7):
            raise_packed_until(connection, last)
        assert packed_until(connection) == 7


def test_blocks_of_other_series_stay_out(sqlite_store: Store) -> None:
    fill(sqlite_store)
    condense(sqlite_store)
    with sqlite_store.transaction() as connection:
        names = {row.id: row.name for row in connection.execute(select(series.c.id, series.c.name))}
        for id_, name in names.items():
            assert set(read_blocks(connection, [id_]).ids.tolist()) == (set() if name == "alone" else {id_})


def test_the_newest_of_many_small_blocks(sqlite_store: Store) -> None:
    """A day at a time, with one between that stays a row: blocks of a few readings each."""
    for day in range(40, 0, -1):
        times = [NOW - day * DAY + n * timedelta(hours=1) for n in range(3)]
        sqlite_store.readings.write(Reading("x", float(day), time, HOST) for time in times)
    seen = sqlite_store.readings.after(0)[-1][0]
    late = [NOW - day * DAY + timedelta(minutes=150) for day in range(9, 2, -1)]
    sqlite_store.readings.write(Reading("x", 0.5, time, HOST) for time in late)
    condense(sqlite_store, arrived=seen)
    assert len(spans(sqlite_store)) >= len(late)
    found = {points: sqlite_store.readings.recent(points=points)[0] for points in (1, 9, 30, 45, 100)}
    give_up(sqlite_store)
    for points, one in found.items():
        (same,) = sqlite_store.readings.recent(points=points)
        assert (one.times.tolist(), one.values.tolist()) == (same.times.tolist(), same.values.tolist())


def test_blocks_are_found_by_their_key(sqlite_store: Store) -> None:
    fill(sqlite_store, days=12)
    condense(sqlite_store)
    asked: list[str] = []
    with sqlite_store.transaction() as connection:

        def note(_: object, __: object, statement: str, ___: object, ____: object, _____: object) -> None:
            asked.append(statement)

        event.listen(connection, "before_cursor_execute", note)
        read_blocks(connection, [1, 2], NOW - 9 * DAY, NOW)
        plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {asked[-1]}", ("[1, 2]", 0, 1))
        steps = [row[-1] for row in plan]
    assert any("mirante_blocks USING PRIMARY KEY (series_id=? AND last_time>?)" in step for step in steps)
