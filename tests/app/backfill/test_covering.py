"""What retention made of windows counts as those windows, and none is there twice."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from mirante.app.backfill.covering import check_whole, clear, places_of
from mirante.app.backfill.keeping import BACKFILLED, Keeper, Portion
from mirante.app.backfill.planning import Plan
from mirante.app.backfill.result import Backfilled
from mirante.errors import InputError
from mirante.monitors.condensing import condense_windows
from mirante.monitors.config import ModelConfig
from mirante.monitors.model import rows_cursor
from mirante.monitors.windows import Window
from mirante.store import BaselineRow, SliceWindowRow, Store, WindowRow
from mirante.store.ages import Ages

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
BEGIN = datetime(2026, 1, 5, tzinfo=UTC)
LATER = BEGIN + 100 * DAY
SUBJECT = "model/churn@champion"
WHOLE = Window(BEGIN, BEGIN + DAY)


def hour(number: int, **more: Any) -> WindowRow:
    start = BEGIN + number * HOUR
    verdicts = {"drifted": False, "performance": None, **more}
    return WindowRow(SUBJECT, "1", start, start + HOUR, 5, closed=True, verdicts=verdicts)


def retain(store: Store) -> None:
    condense_windows(store, SUBJECT, Ages(LATER, LATER, BEGIN - DAY, ZoneInfo("UTC")))


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store(f"sqlite:///{tmp_path / 'mirante.db'}") as made:
        made.baselines.put(BaselineRow(SUBJECT, "1", BEGIN, 5, b""))
        yield made


@pytest.fixture
def merged(store: Store) -> Store:
    """A day of hours that has become one window, and its slices."""
    for number in range(24):
        row = hour(number)
        store.windows.put(row)
        part = SliceWindowRow(SUBJECT, "1", "plan", "pro", row.start, row.end, 2, closed=True)
        store.slice_windows.put([part])
    retain(store)
    assert len(store.windows.list(SUBJECT)) == len(store.slice_windows.list(SUBJECT)) == 1
    return store


def keep(store: Store, numbers: range, *, span: Window = WHOLE, replace: bool = True) -> Backfilled:
    """Copy hours as a run through the past would have found them, in two portions."""
    config = ModelConfig(model="churn", window="1h")
    windows = tuple(Window(row.start, row.end) for row in map(hour, numbers))
    given: dict[str, Any] = {"baseline": None, "rows_at": None}  # there is one in the store, and no row
    plan = Plan(config, "1", True, **given, windows=windows, rows=5 * len(numbers), span=span)
    done = Backfilled(SUBJECT, "1", "UTC", plan.start, plan.end)
    with tempfile.TemporaryDirectory() as folder, Store(f"sqlite:///{folder}/past.db") as past:
        for number in numbers:
            past.windows.put(hour(number))
        keeper = Keeper(plan, store, past, done, replace=replace)
        for some in (numbers[:12], numbers[12:]):
            portion = Portion(LATER)
            portion.starts |= dict.fromkeys(BEGIN + number * HOUR for number in some)
            keeper.keep(portion, last=some[-1] == numbers[-1])
    return done


def test_hours_of_a_day_that_is_one_window_are_there(merged: Store) -> None:
    before = merged.windows.list(SUBJECT)
    done = keep(merged, range(24), replace=False)
    assert (done.windows, done.kept) == (0, 24)
    assert merged.windows.list(SUBJECT) == before


def test_those_of_an_earlier_backfill_are_known(store: Store) -> None:
    for number in range(24):
        store.windows.put(hour(number, **{BACKFILLED: True}))
    retain(store)
    done = keep(store, range(24), replace=False)
    assert (done.windows, done.kept, done.known) == (0, 0, 24)
    assert [row.rows for row in store.windows.list(SUBJECT)] == [120]


def test_to_replace_them_takes_the_day_away(merged: Store) -> None:
    merged.cursors.set(rows_cursor(SUBJECT, "1"), {"begin": None})
    done = keep(merged, range(24))
    assert (done.windows, done.left) == (24, 0)
    found = merged.windows.list(SUBJECT)
    assert [(row.start, row.rows) for row in found] == [(BEGIN + n * HOUR, 5) for n in range(24)]
    assert merged.slice_windows.list(SUBJECT) == []


def test_a_part_of_a_day_is_not_replaced(merged: Store) -> None:
    for span in (Window(BEGIN + 6 * HOUR, BEGIN + DAY), Window(BEGIN - DAY, BEGIN + HOUR)):
        with pytest.raises(InputError, match=r"from 2026-01-05 00:00 to 2026-01-06 00:00 UTC.*all of it"):
            check_whole(merged, SUBJECT, "1", span)
    check_whole(merged, SUBJECT, "1", WHOLE)
    check_whole(merged, SUBJECT, "2", Window(BEGIN, BEGIN + HOUR))
    check_whole(merged, SUBJECT, "1", Window(BEGIN + DAY, BEGIN + 2 * DAY))
    done = keep(merged, range(6, 24), span=Window(BEGIN + 6 * HOUR, BEGIN + DAY))  # merged meanwhile
    assert (done.windows, done.kept) == (0, 18)
    assert len(merged.windows.list(SUBJECT)) == 1


def test_nothing_stands_in_the_place_of_nothing(store: Store) -> None:
    assert places_of(store, []) == {}
    with store.transaction() as connection:
        assert clear(store, [hour(1)], places_of(store, [hour(1)]), connection=connection) is None
