"""Old readings become what they became when each had a row, whatever comes in between."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import text

import mirante.store.condensing as tested
from mirante.errors import StoreError
from mirante.readings import Reading
from mirante.store import Store
from mirante.store.blocks.rewriting import Condensed, Stretch, rewrite
from mirante.store.types import to_micros
from tests.store.blocks.packed import DAY, HOST, NOW, ages, condense, fill, give_up, reads, spans

_NAMES = ("system_cpu_percent", "drift_detected", "drift_psi", "predictions")
_WRITE = st.tuples(
    st.just("write"),
    st.sampled_from(_NAMES),
    st.integers(0, 75 * 8),  # thirds of a day ago, at the first
    st.integers(1, 40),
    st.sampled_from([7, 60, 8 * 60]),  # minutes between
    st.sampled_from([0.0, 1.0, 0.25, float("nan"), float("inf")]),
    st.booleans(),
)
_CONDENSE = st.tuples(st.just("condense"), st.integers(0, 20), st.booleans())


def _do(store: Store, step: Any, plain: bool) -> int:
    kind, *rest = step
    if kind == "condense":
        days, all_seen = rest
        order = store.readings.after(0)
        seen = 10**9 if all_seen or not order else order[len(order) // 2][0]
        if plain:
            give_up(store)
        condense(store, NOW + days * DAY, arrived=seen)
        if plain:
            give_up(store)
        return 0
    name, begin, count, minutes, value, arrive = rest
    first = NOW - begin * DAY / 8
    times = [first + n * timedelta(minutes=minutes) for n in range(count)]
    found = [Reading(name, value + n % 2, time, HOST, f"note {n % 3}") for n, time in enumerate(times)]
    return store.readings.write(found, arrive=arrive)


@settings(max_examples=8, deadline=None)
@given(st.lists(st.one_of(_WRITE, _CONDENSE), min_size=3, max_size=9))
def test_blocks_change_nothing(tmp_path_factory: pytest.TempPathFactory, steps: list[Any]) -> None:
    folder: Path = tmp_path_factory.mktemp("stores")
    with Store(f"sqlite:///{folder}/a.db") as store, Store(f"sqlite:///{folder}/b.db") as plain:
        for step in [*steps, ("condense", 20, True)]:
            assert _do(store, step, plain=False) == _do(plain, step, plain=True)
            assert _told(store) == _told(plain)
            _check_spans(store)


def _told(store: Store) -> list[Any]:
    about = store.readings
    series = [
        (one.name, one.times.tolist(), list(map(repr, one.values.tolist())), one.notes)
        for one in about.series()
    ]
    return [
        series,
        about.after(0),
        about.count(),
        about.subjects(),
        store.measure().first_time,
        store.recount(),
    ]


def _check_spans(store: Store) -> None:
    """No reading with a row of its own is in the span of a block, and the newest of a series is in none."""
    rows = "SELECT r.time FROM mirante_readings r JOIN mirante_blocks b ON b.series_id = r.series_id"
    with store.transaction() as connection:
        assert (
            connection.execute(text(f"{rows} WHERE r.time BETWEEN b.first_time AND b.last_time")).all() == []
        )
        newest = "SELECT max(r.time) FROM mirante_readings r WHERE r.series_id = b.series_id"
        above = f"SELECT 1 FROM mirante_blocks b WHERE b.last_time >= coalesce(({newest}), 0)"
        assert connection.execute(text(above)).all() == []


def test_a_year_of_hours_goes_from_block_to_block(store: Store) -> None:
    """Day by day, as the service does it: blocks stay few, and none is written without a need."""
    for day in range(-80, 1):
        times = [NOW + day * DAY + n * timedelta(hours=3) for n in range(8)]
        store.readings.write(Reading("drift_ks", float(n), time, HOST) for n, time in enumerate(times))
        condense(store, NOW + day * DAY)
    _check_spans(store)
    sizes = [size for *_, size in spans(store)]
    assert len(sizes) <= 3 + sum(sizes) // 56
    once = spans(store)
    condense(store)
    assert spans(store) == once
    assert len(store.readings.series("drift_ks")[0].times) == store.readings.count()


def test_what_fails_midway_has_not_happened(sqlite_store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(sqlite_store)
    monkeypatch.setattr(tested, "_AT_ONCE", 300)  # so that there are several transactions
    with sqlite_store.transaction() as connection:
        connection.execute(
            text(
                "CREATE TRIGGER full_disk BEFORE INSERT ON mirante_blocks WHEN new.series_id = 3 "
                "BEGIN SELECT RAISE(ABORT, 'database or disk is full'); END"
            )
        )
    before = sqlite_store.readings.series(["drift_psi", "predictions"])
    with pytest.raises(StoreError, match="disk is full"):
        condense(sqlite_store)
    assert {id_ for id_, *_ in spans(sqlite_store)} == {1, 2}
    assert sqlite_store.recount() == 0
    after = sqlite_store.readings.series(["drift_psi", "predictions"])
    assert [one.times.tolist() for one in after] == [one.times.tolist() for one in before]
    with sqlite_store.transaction() as connection:
        connection.execute(text("DROP TRIGGER full_disk"))
    condense(sqlite_store)
    assert {id_ for id_, *_ in spans(sqlite_store)} == {1, 2, 3, 4, 5}
    packed = reads(sqlite_store)
    give_up(sqlite_store)
    assert reads(sqlite_store) == packed


def test_what_went_since_it_was_looked_at_is_not_written_anew(store: Store) -> None:
    fill(store, days=4)
    before = reads(store)
    first, last = (to_micros(NOW - days * DAY) for days in (90, 80))
    gone = Stretch(1, "system_cpu_percent", ages(), to_micros(NOW), 0, first, last, 5)
    with store.transaction() as connection:
        assert rewrite(connection, [gone], 10**9) == Condensed()
    assert reads(store) == before


def test_tallies_add_up() -> None:
    assert Condensed(5, 1) + Condensed(2, 0) == Condensed(7, 1)
