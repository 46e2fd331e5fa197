"""Expressions: what they mean, and what they refuse, with the column."""

from __future__ import annotations

import math
import random
import re
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mirante.alerts.expression import Expression
from mirante.alerts.expression.joining import Sample
from mirante.alerts.matchers import Matchers
from mirante.errors import ConfigError
from tests.alerts.expressions import NAMES, conditions, meaning

NAN = math.nan


@pytest.mark.parametrize(
    ("text", "values", "expected"),
    [
        ("x > 1", {"x": 2}, True),
        ("x > 1", {"x": 1}, False),
        ("x >= 1", {"x": 1}, True),
        ("x != 1", {"x": 1}, False),
        ("1 < x <= 3", {"x": 3}, True),
        ("1 < x <= 3", {"x": 1}, False),
        ("x > 1", {}, None),
        ("x > 1", {"x": None}, None),
        ("x > 1", {"x": NAN}, None),
        ("not x > 1", {"x": NAN}, None),
        ("x == x", {"x": NAN}, None),
        ("x != x", {"x": NAN}, None),
        ("x > 1 or y > 1", {"x": 2}, True),
        ("x > 1 or y > 1", {"x": 0}, None),
        ("x > 1 and y > 1", {"x": 0}, False),
        ("y > 1 and x > 1", {"x": 0}, False),
        ("x > 1 and y > 1", {"x": 2}, None),
        ("not (x > 1 and y > 1)", {"x": 0}, True),
        ("is_nan(x)", {"x": NAN}, True),
        ("is_nan(x)", {"x": 1}, False),
        ("is_nan(x)", {}, None),
        ("absent(x)", {}, True),
        ("absent(x)", {"x": NAN}, False),
        ("is_nan(x) or absent(x)", {}, True),
        ("x / y > 1", {"x": 1, "y": 0}, None),
        ("x / y > 1", {"x": 3, "y": 2}, True),
        ("x - y == 1", {"x": 3, "y": 2}, True),
        ("x * -2 + 7 < 0", {"x": 4}, True),
        ("x * y > 0", {"x": 1e308, "y": 1e308}, True),
        ("x - y > 0", {"x": math.inf, "y": math.inf}, None),
        ("x > .5e-1", {"x": 0.06}, True),
        ("  x\n  > 1", {"x": 2}, True),
        ("2 * (x + 1) >= 4", {"x": 1}, True),
    ],
)
def test_three_valued_logic(text: str, values: dict, expected: bool | None) -> None:
    assert Expression(text).test(values) is expected


@pytest.mark.parametrize(
    ("text", "column", "says"),
    [
        ("", 1, "empty"),
        ("   ", 1, "empty"),
        ("x", 1, "compare"),
        ("1 > 0", 1, "no metric"),
        ("x > 1 && y", 7, "'and'"),
        ("x > 1 || y", 7, "'or'"),
        ("x = 1", 3, "'=='"),
        ("!x", 1, "not"),
        ("x.y > 1", 2, "attributes"),
        ("x > 1 and a.__class__ == 1", 12, "attributes"),
        ("x['a'] > 1", 2, "not part"),
        ('x{host="a"} > 1', 2, "where"),
        ("f(x) > 1", 1, "condition|function"),
        ("f(x)", 1, "no known function"),
        ("eval(x)", 1, "no known function"),
        ("x > f(y)", 5, "condition where a number"),
        ("is_nan(1)", 1, "name of one"),
        ("is_nan(x, y)", 1, "name of one"),
        ("is_nan(absent(x))", 1, "name of one"),
        ("is_nan > 1", 1, "function"),
        ("x + (y > 1) > 2", 6, "condition where a number"),
        ("x and y > 1", 1, "number where a condition"),
        ("x > True", 5, "not allowed"),
        ("x is 1", 1, "'Is' is not allowed"),
        ("x in y", 1, "'In' is not allowed"),
        ("x ** 2 > 1", 1, "'Pow'|not allowed"),
        ("x // 2 > 1", 1, "not allowed"),
        ("x % 2 > 1", 3, "not part"),
        ("lambda: x > 1", 7, "not part"),
        ("x > 1 if y else z", 1, "number where a condition"),
        ("x > 1e999", 5, "too large"),
        ("x > " + "9" * 400, 5, "too large"),
        ("x > 1 y", 7, "cannot be read"),
        ("x > ", 4, "cannot be read"),
        ("(x > 1", 1, "cannot be read"),
        ("x > 12abc", 5, "not part"),
        ("x > 0x1", 5, "not part"),
        ("x > 1; import os", 6, "not part"),
        ("x > ₂", 5, "not part"),
        ("é > 1", 1, "not part"),
        ("x > 1 # no", 7, "not part"),
        ("x\x00 > 1", 2, "not part"),
        ("(" * 60 + "x" + ")" * 60 + " > 1", 51, "parentheses"),
        ("not " * 60 + "x > 1", None, "deep"),
        ("-" * 60 + "x > 1", None, "deep"),
        ("x > 1 and " * 300 + "x > 1", 1, "long"),
        ('avg_over("x", "15") > 1', 16, "no length of time"),
        ('y > 1 and avg_over("x-y", "15m") > 1', 22, "no name of a reading"),
        ('avg_over("1x", "15m") > 1', 11, "no name of a reading"),
        ('avg_over("", "15m") > 1', 11, "no name of a reading"),
        ('avg_over("x") > 1', 1, "a reading and a length of time"),
        ('avg_over("x", "15m", 2) > 1', 1, "a reading and a length of time"),
        ("avg_over(x, 15) > 1", 13, "in quotes"),
        ('avg_over(x, "0s") > 1', 14, "more than 0s"),
        ('avg_over(x, "400d") > 1', 14, "at most 366d"),
        ('avg_over(1, "15m") > 1', 10, "name of a reading first"),
        ('avg_over("x", "15m")', 1, "number where a condition"),
        ('is_nan(avg_over("x", "15m"))', 1, "name of one"),
        ('x == "a"', 6, "where"),
        ('"a" == "a"', 1, "where"),
        ('"x"', 1, "number where a condition"),
        ('f"x" > 1', 2, "not part"),
        ('avg_over(f"x", "15m") > 1', 11, "not part"),
        ('x > 1 and "', 11, "ends with the quote"),
        ("count > 1", 1, "function"),
    ],
)
def test_errors_point_at_the_character(text: str, column: int | None, says: str) -> None:
    with pytest.raises(ConfigError, match=says) as caught:
        Expression(text)
    first, shown, caret = str(caught.value).split("\n")
    assert column is None or first.startswith(f"column {column}: ")
    assert caret.strip() == "^"
    assert len(shown) < 100


PIECES = (
    *("x", "y1", "1", ".5", "1e999", "(", ")", " ", "\n", "<", "<=", "==", "=", "!", "and", "or", "not", ","),
    *('"x"', "'15m'", '"', "'", '"5"', "avg_over", "delta(", "absent(", "is_nan", "+", "-", "*", "/", "**"),
    *("if", "lambda", ":", ".", "[", "{", "é", "\x00", "#", ";", "f", "\\", " > 1", " and ", "x > 1"),
)


def said_of(text: str) -> str:
    try:
        assert Expression(text).test({}) in (True, False, None)
    except ConfigError as error:
        return str(error)
    return ""


def test_ten_thousand_texts_compile_or_are_refused_with_a_column() -> None:
    seed = random.SystemRandom().randrange(10**6)
    print(f"seed {seed}")
    dice = random.Random(seed)
    fine = 0
    for _ in range(10_000):
        text = "".join(dice.choices(PIECES, k=dice.randrange(12)))
        told = said_of(text)
        fine += told == ""
        assert told == "" or re.match(r"column \d+: ", told), (seed, text)
    assert fine > 10


@settings(max_examples=500, deadline=None)
@given(st.text(max_size=40))
def test_any_text_compiles_or_is_refused_with_a_column(text: str) -> None:
    told = said_of(text)
    assert told == "" or re.match(r"column \d+: ", told)


ROW = st.lists(st.sampled_from([None, NAN, 0.0, 1.0, 2.5, -1.0, math.inf]), min_size=3, max_size=3)


@settings(max_examples=500, deadline=None)
@given(conditions(), st.lists(ROW, min_size=1, max_size=5))
def test_columns_mean_what_one_row_means(text: str, given_rows: list[list[float | None]]) -> None:
    condition = Expression(text)
    named = [dict(zip(NAMES, row, strict=True)) for row in given_rows]
    places = [[values[column.metric] for column in condition.tree.columns] for values in named]
    expected = [meaning(condition.tree.skeleton, row, condition.tree.constants) for row in places]
    assert [condition.test(values) for values in named] == expected
    samples = {
        name: [Sample({"row": str(n)}, values[name]) for n, values in enumerate(named)] for name in NAMES
    }
    found = {o.labels["row"]: o.truth for o in condition.evaluate(samples)}
    assert [found[str(n)] for n in range(len(named))] == expected


@pytest.mark.parametrize(
    ("text", "value", "truth"),
    [
        ('avg_over("x", "10m") > 3', 5.0, True),
        ("min_over(x, '10m') < 4.5", 4.0, True),
        ('max_over("x", "10m") > 6', 6.0, False),
        ('sum_over("x", "1h") == 15', 15.0, True),
        ('count("x", "10m") >= 3', 2.0, False),
        ('delta("x", "1h") > 4', 1.0, False),
        ('delta("x", "5m") > 0', NAN, None),
        ('count("x", "1m") > 0', 1.0, True),
        ('x > 5 and avg_over("x", "10m") > 3', 6.0, True),
    ],
)
def test_functions_over_a_window(text: str, value: float, truth: bool | None) -> None:
    past = [(0, 2.0), (50, 5.0), (51, NAN), (55, 4.0), (60, 6.0)]
    times = [(datetime(2013, 2, 8, minute // 60, minute % 60, tzinfo=UTC), v) for minute, v in past]
    samples = {"x": [Sample(A, 6.0, history=times)]}
    (outcome,) = Expression(text).evaluate(samples, datetime(2013, 2, 8, 1, tzinfo=UTC))
    assert (str(outcome.value), outcome.truth) == (str(value), truth)
    (outcome,) = Expression(text).evaluate(samples, datetime(2013, 2, 8, 3, tzinfo=UTC))
    assert outcome.truth is None


def rows(
    text: str, where: dict[str, str] | None = None, **series: list[tuple[dict, float | None]]
) -> list[tuple]:
    samples = {name: [Sample(labels, value) for labels, value in each] for name, each in series.items()}
    outcomes = Expression(text, Matchers.of(where or {})).evaluate(samples)
    return sorted(((tuple(sorted(o.labels.items())), o.truth) for o in outcomes), key=str)


A, B = {"host": "a"}, {"host": "b"}


def test_one_row_for_each_series() -> None:
    assert rows("x > 1", x=[(A, 2.0), (B, 0.0)]) == [((("host", "a"),), True), ((("host", "b"),), False)]


def test_where_narrows_and_may_speak_of_one_metric_only() -> None:
    wide = {"model": "m"}
    x = [
        ({**wide, "feature": "age"}, 1.0),
        ({**wide, "feature": "id_1"}, 1.0),
        ({"model": "n", "feature": "age"}, 1.0),
    ]
    found = rows("x == 1 and share > 0", {"model": "m", "feature": "!~id_.*"}, x=x, share=[(wide, 1.0)])
    assert found == [((("feature", "age"), ("model", "m")), True)]


def test_a_stale_series_is_absent_and_keeps_its_labels() -> None:
    assert rows("absent(x)", x=[(A, None), (B, 1.0)]) == [((("host", "a"),), True), ((("host", "b"),), False)]
    assert rows("absent(x)") == [((), True)]
    assert rows("absent(x)", {"host": "a"}) == [((("host", "a"),), True)]
    assert rows("absent(x)", {"host": "~.+"}) == []
    assert rows("x > 1") == []


def test_the_value_note_and_time_are_the_leftmosts() -> None:
    samples = {"x": [Sample(A, 3.0, "")], "y": [Sample(A, 5.0, "why")]}
    (outcome,) = Expression("y > 1 and x > 1").evaluate(samples)
    assert (outcome.value, outcome.note) == (5.0, "why")
    (outcome,) = Expression("x > 1 and y > 1").evaluate(samples)
    assert (outcome.value, outcome.note) == (3.0, "why")


def test_its_text_is_parsed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    condition = Expression("x > 90 and y > 0.3")
    monkeypatch.setattr("ast.parse", lambda *_args, **_named: pytest.fail("parsed a second time"))
    with pytest.raises(pytest.fail.Exception):
        Expression("x > 91")
    assert [condition.test({"x": x, "y": 0.4}) for x in (91.0, 90.0)] == [True, False]
