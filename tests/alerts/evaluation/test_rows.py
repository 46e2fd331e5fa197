"""Columns over a board say what each condition says of its samples, one by one."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from mirante.alerts.evaluation.board import Board
from mirante.alerts.evaluation.rows import Evaluation
from mirante.alerts.expression import Outcome
from mirante.alerts.rules import Rule
from mirante.readings import Reading
from tests.alerts.expressions import NAMES, conditions

T0 = datetime(2013, 2, 8, tzinfo=UTC)
HOUR = timedelta(hours=1)
NUMBERS = st.sampled_from([math.nan, 0.0, 1.0, 2.5, -1.0])
LABELS = st.dictionaries(st.sampled_from(["host", "disk"]), st.sampled_from(["a", "b"]))
READINGS = st.lists(st.tuples(st.sampled_from(NAMES), LABELS, NUMBERS, st.booleans()), max_size=8)
WHERES = st.sampled_from([{}, {"host": "a"}, {"host": "!=b"}, {"disk": "~.*"}])


def plain(outcome: Outcome) -> str:
    return str(replace(outcome, labels=sorted(outcome.labels.items())))  # type: ignore[arg-type]  # to compare


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(conditions(), WHERES), min_size=1, max_size=4), READINGS, READINGS)
def test_the_engine_says_what_each_expression_says(rules: list, first: list, second: list) -> None:
    board = Board(timedelta(days=1))
    made = [Rule(str(n), text, where=where) for n, (text, where) in enumerate(rules)]
    evaluation = Evaluation(made, board)
    for round_, readings in enumerate((first, second)):
        now = T0 + round_ * 2 * HOUR
        for name, labels, value, fresh in readings:
            time = now if fresh else now - 90 * HOUR / 60
            board.observe([Reading(name, value, time, labels, "note")], stale_after=lambda _: HOUR)
        found = {one.key: one.outcome for one in evaluation.look(now, ())}
        view = board.look(now)
        samples = {name: [board.sample(series, view) for series in board.members(name)] for name in NAMES}
        for rule in made:
            expected = [one for one in rule.expression.evaluate(samples) if one.truth is True]
            own = [outcome for key, outcome in found.items() if key[0] == rule.name]
            if rule.name not in evaluation.errors:
                assert sorted(map(plain, own)) == sorted(map(plain, expected))
