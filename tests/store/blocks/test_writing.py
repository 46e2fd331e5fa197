"""A reading that comes late goes where a block was, and nothing else changes."""

from __future__ import annotations

import math
from datetime import timedelta

import numpy as np
import pytest

from mirante.readings import Reading
from mirante.store import Store
from mirante.store.blocks.codec import Unpacked
from mirante.store.blocks.writing import MOST_BYTES, MOST_ROWS, packs
from mirante.store.pruning import drop_before
from mirante.store.types import from_micros
from tests.store.blocks.packed import DAY, HOST, HOSTILE, HOUR, NOW, condense, fill, give_up, reads, spans


def hours(store: Store, count: int = 24 * 9) -> list[Reading]:
    """Write hours of one series, and pack them."""
    values = [math.nan if n == 60 else float(n) for n in range(count)]
    found = [Reading("x", value, NOW - n * HOUR, HOST, HOSTILE) for n, value in enumerate(values)]
    store.readings.write(found)
    condense(store)
    assert sum(size for *_, size in spans(store)) == count - 48 - 1
    return found


def test_what_is_packed_already_changes_nothing(store: Store) -> None:
    written = hours(store)
    before, packed = store.readings.after(0), spans(store)
    for arrive in (True, False):
        assert store.readings.write(written[40:90], arrive=arrive) == 0
    assert (store.readings.after(0), spans(store)) == (before, packed)
    assert store.recount() == 0


@pytest.mark.parametrize(
    ("value", "note"), [(-5.0, HOSTILE), (60.5, HOSTILE), (math.nan, "other"), (math.nan, "")]
)
def test_what_changes_arrives_again(store: Store, value: float, note: str) -> None:
    written = hours(store)
    changed = Reading("x", value, written[60].time, HOST, note)
    same = [written[59], written[61], written[150]]
    seen = store.readings.after(0)[-1][0]
    assert store.readings.write([*same, changed]) == 1
    ((number, found),) = store.readings.after(seen)
    assert (repr(found.value), found.note, found.time) == (repr(value), note, changed.time)
    (one,) = store.readings.series("x")
    expected = [*written[:60], changed, *written[61:]][::-1]
    assert [repr(value) for value in one.values.tolist()] == [repr(reading.value) for reading in expected]
    assert list(one.notes) == [reading.note for reading in expected]
    assert (store.recount(), store.readings.count()) == (0, len(written))
    condense(store, arrived=number)
    assert store.readings.after(seen) == []
    assert store.readings.series("x")[0].notes == one.notes
    assert sum(size for *_, size in spans(store)) == len(written) - 49


def test_a_backfill_goes_between_and_beneath(store: Store) -> None:
    written = hours(store)
    packed = spans(store)
    early = [Reading("x", 0.5, written[n].time + timedelta(minutes=5), HOST, "past") for n in (60, 61, 210)]
    early += [Reading("y", 0.5, written[n].time, HOST) for n in (60, 61, 210)]
    early += [Reading("x", 0.5, NOW - 40 * DAY, HOST)]
    assert store.readings.write(early, arrive=False) == 7
    assert len(spans(store)) < len(packed)
    assert (store.recount(), store.readings.count()) == (0, len(written) + 7)
    assert store.measure().first_time == NOW - 40 * DAY
    (one,) = store.readings.series("x")
    assert len(one.times) == len(written) + 4
    rows = store.readings.after(0)
    condense(store)
    assert store.readings.after(0) == rows
    assert store.readings.count() == len(written) + 7 - 3  # three shared their hour with others


def test_what_comes_between_blocks_leaves_them(store: Store) -> None:
    """Readings of another series reach over all of them, so that they are looked at."""
    written = hours(store)
    packed = spans(store)
    (_, _, end, _), (_, begin, _, _), *_ = packed
    between = Reading("x", 0.5, from_micros((end + begin) // 2), HOST, "between")
    around = [Reading("y", 0.5, written[n].time, HOST) for n in (50, -1)]
    assert store.readings.write([between, *around], arrive=False) == 3
    assert spans(store) == packed
    (one,) = store.readings.series("x")
    expected = sorted([*written, between], key=lambda reading: reading.time)
    assert list(one.notes) == [reading.note for reading in expected]
    assert store.recount() == 0


def test_what_is_rolled_back_leaves_blocks(store: Store) -> None:
    written = hours(store)
    before, packed = reads(store), spans(store)
    with pytest.raises(ZeroDivisionError):
        _write_and_fail(store, Reading("x", -1.0, written[60].time, HOST))
    assert (reads(store), spans(store)) == (before, packed)


def _write_and_fail(store: Store, late: Reading) -> None:
    with store.transaction() as connection:
        store.readings.write([late], connection=connection)
        assert store.readings.series("x", since=late.time, connection=connection)[0].values[0] == late.value
        raise ZeroDivisionError


@pytest.mark.parametrize("days", [1, 20, 25, 70])
def test_what_is_dropped_before_a_time_is_dropped_from_blocks(store: Store, days: int) -> None:
    fill(store)
    condense(store)
    since = NOW - days * DAY
    kept = [(one.name, one.times.tolist()) for one in store.readings.series(since=since)]
    drop_before(store, since)
    assert [(one.name, one.times.tolist()) for one in store.readings.series()] == kept
    assert all(
        first >= (since - from_micros(0)) // timedelta(microseconds=1) for _, first, *_ in spans(store)
    )
    give_up(store)
    assert [(one.name, one.times.tolist()) for one in store.readings.series()] == kept


def test_blocks_are_full_and_fit_a_page() -> None:
    rng = np.random.default_rng(3)
    long = rng.integers(97, 123, (300, 90)).astype(np.uint8)
    for notes in ([], ["short"] * 300, [bytes(one).decode() for one in long]):
        found = Unpacked(np.ones(300, dtype=np.int64), np.arange(300) ** 2, rng.random(300), notes)
        made = list(packs(found))
        assert sum(block.rows for block in made) == 300
        assert all(len(block.data) + len(block.times) <= MOST_BYTES for block in made)
        if len(notes) < 1 or notes[0] == "short":
            assert [block.rows for block in made] in ([MOST_ROWS, MOST_ROWS, 76], [56] * 4 + [76])
    (alone,) = packs(
        Unpacked(np.ones(1, dtype=np.int64), np.arange(1), np.ones(1), [long.tobytes().decode()])
    )
    assert alone.rows == 1
