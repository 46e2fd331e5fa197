import pytest

from mirante.alerts.matchers import LabelIndex
from mirante.alerts.rules import Rule
from mirante.alerts.rules.sight import can_fire, unseen


def test_what_is_not_there_or_has_other_labels_is_unseen():
    known = {"x": LabelIndex([{"host": "a"}, {"host": "b"}], dict), "y": LabelIndex([{}], dict)}
    assert unseen(Rule("r", "x > 1 and y > 1 and z > 1"), known) == ["z"]
    assert unseen(Rule("r", "x > 1", where={"host": "c"}), known) == ["x"]
    assert unseen(Rule("r", "y > 1", where={"host": "c"}), known) == [], "a partner may have the label"
    assert unseen(Rule("r", "source_up == 0"), {}) == []


@pytest.mark.parametrize(
    ("when", "able"),
    [
        ("x > 1", True),
        ("y > 1", False),
        ("x > 1 and y > 1", False),
        ("x > 1 or y > 1", True),
        ("not y > 1", False),
        ("not (y > 1 and x > 1)", True),
        ("not (y > 1 or x > 1)", False),
        ("absent(y)", True),
        ("not absent(y)", False),
        ("absent(x)", True),
        ("is_nan(y)", False),
        ("x / y > 2", False),
        ("-y < 2", False),
        ('avg_over("y", "5m") > 1', False),
    ],
)
def test_what_can_fire_without_y(when, able):
    assert can_fire(Rule("r", when), ["y"]) is able


def test_unknown_counts_as_true_where_the_rule_says_so():
    assert can_fire(Rule("r", "x > 1 and y > 1", on_missing="alert"), ["y"])
    assert not can_fire(Rule("r", "y > 1", on_missing="alert"), ["y"])
