import math

import pytest

from mirante.alerts.expression import Expression
from mirante.alerts.rules.limits import Limit, limits_of, seeks_low


@pytest.mark.parametrize(
    ("condition", "limits"),
    [
        ("x > 90", [(0, ">", 90)]),
        ("90 < x", [(0, ">", 90)]),
        ("x > -1", [(0, ">", -1)]),
        ("0 < x < 5", [(0, ">", 0), (0, "<", 5)]),
        ("not (x >= 3 or y != 1)", [(0, "<", 3), (1, "==", 1)]),
        ("not not x > 3", [(0, ">", 3)]),
        ('avg_over("x", "5m") > 3 and x > 5', [(0, ">", 3), (1, ">", 5)]),
        ("x / y > 3", []),
        ("is_nan(x)", []),
        ("1 < 2 and x == 0", [(0, "==", 0)]),
    ],
)
def test_limits(condition, limits):
    assert [(one.place, one.op, one.number) for one in limits_of(Expression(condition).tree)] == limits


SIDES = {"<": "100", "<=": "110", ">": "001", ">=": "011", "==": "010", "!=": "101"}


@pytest.mark.parametrize(("op", "sides"), SIDES.items())
def test_holds(op, sides):
    limit = Limit(0, op, 5.0)
    assert "".join(str(int(limit.holds(value))) for value in (4.0, 5.0, 6.0)) == sides
    assert not limit.holds(math.nan)


def test_low_is_about_the_leftmost_reading():
    assert seeks_low(Expression("auc < 0.6 and labels >= 200").tree)
    assert not seeks_low(Expression("labels >= 200 and auc < 0.6").tree)
    assert not seeks_low(Expression("absent(x)").tree)
