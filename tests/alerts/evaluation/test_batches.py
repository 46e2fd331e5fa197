"""Rules of one skeleton, evaluated together."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from mirante.alerts.evaluation.batches import Batch, batch_key, settle
from mirante.alerts.evaluation.board import Board
from mirante.alerts.evaluation.planning import Planner
from mirante.alerts.rules import AlertState, Rule
from mirante.readings import Reading

T0 = datetime(2013, 2, 8, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
MICROS = int(T0.timestamp()) * 10**6
RULES = [Rule("a", "x > 1"), Rule("b", "y > 5", for_=5 * MINUTE), Rule("c", "x > 7", on_missing="alert")]


def test_only_what_may_change_is_looked_at() -> None:
    board = Board(timedelta(days=1))
    readings = [Reading("x", 6.0, T0, {"h": "1"}), Reading("x", 0.0, T0, {"h": "2"}), Reading("y", 9.0, T0)]
    board.observe(readings, stale_after=lambda _: timedelta(hours=1))
    view = board.look(T0)
    planner = Planner(RULES, board)
    plans = [planner.plan(place) for place in range(3)]
    batch = Batch(plans, 60_000_000)

    def found(refresh: int = 0) -> list[tuple[str, int, bool | None, float]]:
        return [(r.plan.rule.name, r.row, r.truth, r.value) for r in batch.judge(view, refresh)[0]]

    assert found() == [("a", 0, True, 6.0), ("b", 0, True, 9.0)]
    settle(plans[0], 0, AlertState("firing", T0, T0), MICROS)
    settle(plans[1], 0, AlertState("pending", T0), MICROS)
    assert found() == []
    view = board.look(T0 + 5 * MINUTE)
    assert found() == [("b", 0, True, 9.0)]  # its time has come
    assert found(1) == [("a", 0, True, 6.0), ("b", 0, True, 9.0)]  # and the value of the other is old
    view = board.look(T0 + timedelta(hours=2))
    assert [one[:3] for one in found()] == [("c", 0, None), ("c", 1, None)]  # unknown, which the others keep


def test_what_is_evaluated_together() -> None:
    window = [Rule("d", 'avg_over("x", "5m") > 1'), Rule("e", 'avg_over(y, "300s") > 2')]
    assert len({batch_key(rule) for rule in RULES}) == 1
    assert len({batch_key(rule) for rule in [*RULES, *window]}) == 2
    assert batch_key(Rule("f", "x >= 1")) != batch_key(RULES[0])
