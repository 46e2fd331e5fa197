"""Expressions: what they mean, and what they refuse, with the column."""

from __future__ import annotations

import math
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mirante.alerts.expression import Expression
from mirante.alerts.joining import Sample
from mirante.alerts.matchers import Matchers
from mirante.errors import ConfigError

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
    ],
)
def test_errors_point_at_the_character(text: str, column: int | None, says: str) -> None:
    with pytest.raises(ConfigError, match=says) as caught:
        Expression(text)
    first, shown, caret = str(caught.value).split("\n")
    assert column is None or first.startswith(f"column {column}: ")
    assert caret.strip() == "^"
    assert len(shown) < 100


@settings(max_examples=500, deadline=None)
@given(st.text(alphabet="xy1. ()<>=!&|+-*/^~{}[]'\"\n\\é\x00andornot_,:", max_size=40))
def test_any_text_compiles_or_is_refused_with_a_column(text: str) -> None:
    told = ""
    try:
        assert Expression(text).test({}) in (True, False, None)
    except ConfigError as error:
        told = str(error)
    assert told == "" or re.match(r"column \d+: ", told)


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


def test_it_is_compiled_once_and_quick() -> None:
    import time

    busy = Expression("x > 90 and y > 0.3")
    start = time.perf_counter()
    for _ in range(10_000):
        busy.test({"x": 91.0, "y": 0.4})
    assert time.perf_counter() - start < 0.5
