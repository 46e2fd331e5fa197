"""Which rules speak of which series."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from mirante.alerts.evaluation.board import Board
from mirante.alerts.evaluation.planning import Planner
from mirante.alerts.rules import Rule
from mirante.errors import ConfigError
from mirante.readings import Reading

T0 = datetime(2013, 2, 8, tzinfo=UTC)
RULES = [
    Rule("all", "x > 1"),
    Rule("one", "x > 1", where={"host": "a"}),
    Rule("pattern", "x > 1", where={"host": "~[bc]"}),
    Rule("joined", "x > 1 and y > 1", where={"disk": "/"}),
    Rule("absent", "absent(z)", where={"host": "a"}),
    Rule("twice", "x > 1", labels={"host": "same"}),
]


def board(*readings: tuple[str, dict[str, str]]) -> Board:
    made = Board(timedelta(days=7))
    made.observe(
        [Reading(name, 1.0, T0, of) for name, of in readings], stale_after=lambda _: timedelta(hours=1)
    )
    return made


def test_rows_of_rules() -> None:
    on = board(*(("x", {"host": h}) for h in "abc"), ("y", {"host": "b", "disk": "/"}), ("y", {"host": "a"}))
    on.look(T0)
    planner = Planner(RULES, on)
    keys = {RULES[place].name: planner.plan(place).keys for place in range(5)}
    assert keys["all"] == [(("host", h),) for h in "abc"]
    assert (keys["one"], keys["pattern"]) == (keys["all"][:1], keys["all"][1:])
    assert keys["joined"] == [(("disk", "/"), ("host", "b"))]
    assert keys["absent"] == keys["one"]
    joined = planner.plan(3)
    assert [on.series(number).name for number in joined.numbers[:, 0]] == ["x", "y"]  # type: ignore[union-attr]  # there
    assert planner.plan(4).numbers.tolist() == [[0]]
    with pytest.raises(ConfigError, match="same labels"):
        planner.plan(5)


def test_only_the_rules_that_a_change_concerns_are_planned_again() -> None:
    on = board(("x", {"host": "a"}), ("z", {"host": "c"}))
    planner = Planner(RULES, on)
    changed = on.look(T0).changed
    assert planner.concerned(changed) == {0, 1, 3, 5}
    planner.plan(1)
    on.observe([Reading("x", 1.0, T0, {"host": "b"})], stale_after=lambda _: timedelta(hours=1))
    assert planner.concerned(on.look(T0).changed) == {0, 2, 3, 5}
    assert planner.concerned(()) == set()
    on.observe([Reading("x", 1.0, T0, {"disk": "/"})], stale_after=lambda _: timedelta(hours=1))
    assert planner.concerned(on.look(T0).changed) == {0, 1, 2, 3, 5}
