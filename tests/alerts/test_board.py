"""The newest reading of each series."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from mirante.alerts.board import Board
from mirante.readings import Reading

T0 = datetime(2013, 2, 8, tzinfo=UTC)
HOUR = timedelta(hours=1)


def test_newest_fresh_stale_forgotten() -> None:
    board = Board(24 * HOUR)
    board.observe(
        [Reading("x", 2.0, T0 + HOUR, {"h": "a"}), Reading("x", 1.0, T0, {"h": "a"})], stale_after=HOUR
    )
    assert [s.value for s in board.samples(T0 + 2 * HOUR)["x"]] == [2.0]
    assert [s.value for s in board.samples(T0 + 3 * HOUR)["x"]] == [None]
    assert board.samples(T0 + 26 * HOUR)["x"] == []
    assert board.samples(T0 + HOUR)["x"] == []


def test_a_window_that_is_counted_again_replaces_itself() -> None:
    board = Board(24 * HOUR)
    board.observe([Reading("x", 1.0, T0)], stale_after=HOUR)
    board.observe([Reading("x", 2.0, T0, note="late rows")], stale_after=HOUR)
    (sample,) = board.samples(T0)["x"]
    assert (sample.value, sample.note) == (2.0, "late rows")


def test_a_slow_series_is_not_forgotten_while_it_is_fresh() -> None:
    board = Board(HOUR)
    board.observe([Reading("x", 1.0, T0)], stale_after=48 * HOUR)
    assert board.samples(T0 + 40 * HOUR)["x"][0].value == 1.0
