import ast

import pytest

from mirante.alerts.expression import Expression
from mirante.alerts.rules import Rule
from mirante.alerts.rules.syntax import syntax_of
from mirante.alerts.rules.words import condition_in_words, rule_in_words
from mirante.durations import parse_duration


@pytest.mark.parametrize(
    ("condition", "words"),
    [
        ("a > 1", "a is above 1"),
        ("a >= 1 or a <= 0.5", "a is at least 1 or a is at most 0.5"),
        ("a == 1 and (b != 2 or c < 3)", "a is 1 and (b is not 2 or c is below 3)"),
        ("not (a > 1 and b > 2)", "not (a is above 1 and b is above 2)"),
        ("0 < a < 1", "0 is below a and a is below 1"),
        ("(a + b) * -c > 1", "(a + b) * -c is above 1"),
        ("is_nan(a) or absent(b)", "a is there and NaN or b is missing"),
    ],
)
def test_conditions(condition, words):
    assert condition_in_words(syntax_of(Expression(condition))) == words


@pytest.mark.parametrize(
    ("call", "words"),
    [
        ('avg_over("a", "15m") > 1', "the mean of a over 15m is above 1"),
        ('delta(a, "1h") > 1', "the change of a within 1h is above 1"),
        ('count("a", "1h") == 0', "the number of readings of a within 1h is 0"),
    ],
)
def test_windows(call, words):
    assert condition_in_words(ast.parse(call, mode="eval").body) == words


def test_all_that_a_rule_says():
    rule = Rule(
        "r",
        "a > 1",
        where={"x": "1", "y": "!=2", "z": "!~3.*", "u": "", "v": "!="},
        for_=parse_duration("5m"),
        keep_firing_for=parse_duration("1h"),
        on_missing="resolve",
    )
    assert dict(rule_in_words(rule)) == {
        "true when": "a is above 1",
        "only where": "x is 1 and y is not 2 and z does not match 3.* and u is not there and v is there",
        "fires": "once it has been true for 5m",
        "resolves": "once it has been false for 1h",
        "if a reading is missing or NaN": "that counts as false: an alert that fires resolves",
    }
