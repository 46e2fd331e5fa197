"""The newest reading of each series."""

from __future__ import annotations

import math
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from mirante.alerts.evaluation.board import Board
from mirante.alerts.expression.tree import Column
from mirante.readings import SOURCE_UP, Reading

T0 = datetime(2013, 2, 8, tzinfo=UTC)
HOUR = timedelta(hours=1)


def hear(board: Board, *readings: Reading, stale: timedelta = HOUR, **more: object) -> None:
    board.observe(readings, stale_after=lambda _: stale, **more)  # type: ignore[arg-type]  # by name


def values(board: Board, time: datetime, name: str = "x") -> list[float | None]:
    view = board.look(time)
    return [board.sample(series, view).value for series in board.members(name)]


def test_newest_fresh_stale_forgotten() -> None:
    board = Board(24 * HOUR)
    hear(board, Reading("x", 2.0, T0 + HOUR, {"h": "a"}), Reading("x", 1.0, T0, {"h": "a"}))
    assert values(board, T0 + 2 * HOUR) == [2.0]
    assert values(board, T0 + 3 * HOUR) == [None]
    assert values(board, T0 + 26 * HOUR) == []
    assert values(board, T0 + HOUR) == []


def test_a_window_that_is_counted_again_replaces_itself() -> None:
    board = Board(24 * HOUR)
    hear(board, Reading("x", 1.0, T0))
    hear(board, Reading("x", 2.0, T0, note="late rows"))
    view = board.look(T0)
    (series,) = board.members("x")
    sample = board.sample(series, view)
    assert (sample.value, sample.note, sample.time) == (2.0, "late rows", T0)


def test_a_slow_series_is_not_forgotten_while_it_is_fresh() -> None:
    board = Board(HOUR)
    hear(board, Reading("x", 1.0, T0), stale=48 * HOUR)
    assert values(board, T0 + 40 * HOUR) == [1.0]


def test_a_place_that_is_free_is_taken_again() -> None:
    board = Board(HOUR)
    for day in range(5):
        time = T0 + day * 24 * HOUR
        hear(board, *(Reading("x", n, time, {"host": f"{day}-{n}"}) for n in range(100)))
        view = board.look(time)
        assert len(board.members("x")) == 100
        assert len(view.values) <= 1 + 2 * 200
    assert sorted(values(board, time)) == list(range(100))


def test_what_is_not_a_concern_is_not_there() -> None:
    board = Board(HOUR)
    board.observe([Reading("x", 1.0, T0), Reading(SOURCE_UP, 1.0, T0)], stale_after=lambda r: None)
    hear(board, Reading(SOURCE_UP, 1.0, T0))
    assert (values(board, T0), values(board, T0, SOURCE_UP)) == ([], [])


def test_changes_are_told_once() -> None:
    board = Board(HOUR)
    hear(board, Reading("x", 1.0, T0))
    assert [one.name for one in board.look(T0).changed] == [SOURCE_UP, "x"]
    assert board.look(T0).changed == ()
    assert {one.name for one in board.look(T0 + 2 * HOUR).changed} == {SOURCE_UP, "x"}
    assert board.look(T0 + 2 * HOUR).changed == ()


def sources(board: Board, time: datetime) -> dict[str, float | None]:
    view = board.look(time)
    return {one.labels["source"]: board.sample(one, view).value for one in board.members(SOURCE_UP)}


def test_a_source_is_up_while_one_of_its_series_is_fresh() -> None:
    board = Board(24 * HOUR)
    hear(board, Reading("x", 1.0, T0, {"host": "a"}), Reading("z", 1.0, T0, {"host": "b"}))
    hear(board, Reading("y", 1.0, T0 + HOUR, {"host": "a"}), Reading("q", 1.0, T0 + HOUR, {"server": "s"}))
    assert sources(board, T0) == {"host/a": 1.0, "host/b": 1.0, "MLflow server s": 1.0}
    assert sources(board, T0 + 2 * HOUR) == {"host/a": 1.0, "host/b": 0.0, "MLflow server s": 1.0}
    assert sources(board, T0 + 3 * HOUR)["host/a"] == 0.0
    view = board.look(T0 + 3 * HOUR)
    times = {one.labels["source"]: board.sample(one, view).time for one in board.members(SOURCE_UP)}
    assert times["host/a"] == T0 + HOUR
    hear(board, Reading("x", 1.0, T0 + 4 * HOUR, {"host": "a"}))
    assert sources(board, T0 + 4 * HOUR)["host/a"] == 1.0
    assert sources(board, T0 + 30 * HOUR) == {}


def test_after_a_start_a_source_has_time_to_speak() -> None:
    board = Board(24 * HOUR)
    hear(board, Reading("x", 1.0, T0, {"host": "a"}), heard=T0 + 5 * HOUR, grace=HOUR / 2)
    assert sources(board, T0 + 5 * HOUR) == {}
    assert values(board, T0 + 5 * HOUR) == []
    assert sources(board, T0 + 6 * HOUR) == {"host/a": 0.0}


def numbers(board: Board, time: datetime, function: str, window: timedelta) -> float:
    view = board.look(time)
    (series,) = board.members("x")
    return float(view.windows[function, window][series.number])


def past(board: Board, readings: Iterable[tuple[int, float]]) -> None:
    hear(board, *(Reading("x", value, T0 + minute * HOUR / 60) for minute, value in readings))


def test_windows_of_readings() -> None:
    board = Board(24 * HOUR)
    board.keep([Column("x", "avg_over", HOUR / 4), Column("x", "delta", HOUR)])
    past(board, [(0, 1.0), (5, 2.0), (10, math.nan), (15, 6.0)])
    now = T0 + HOUR / 4
    assert numbers(board, now, "avg_over", HOUR / 4) == 4.0  # (0, 15]: without the first and NaN
    assert numbers(board, now, "delta", HOUR) == 5.0
    assert math.isnan(numbers(board, now + HOUR, "delta", HOUR))


def test_the_past_comes_from_outside_once() -> None:
    board = Board(24 * HOUR)
    past(board, [(15, 6.0)])
    board.keep([Column("x", "delta", HOUR)])
    assert board.take_unfilled() == {"x": HOUR}
    assert board.take_unfilled() == {}
    start = int(T0.timestamp()) * 10**6
    board.refill("x", {}, [start, start + 15 * 60 * 10**6], [1.0, 6.0])
    board.refill("x", {"host": "unheard"}, [0], [1.0])
    assert numbers(board, T0 + HOUR / 4, "delta", HOUR) == 5.0
    past(board, [(15, 6.0), (20, 8.0)])
    assert numbers(board, T0 + HOUR / 3, "delta", HOUR) == 7.0
    board.keep([])
    assert board.look(T0).windows == {}
