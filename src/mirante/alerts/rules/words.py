"""A rule in plain words."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from types import MappingProxyType

from mirante.alerts.matchers import Matcher
from mirante.alerts.rules.promql_text import number
from mirante.alerts.rules.rule import Rule
from mirante.alerts.rules.syntax import function_name, syntax_of
from mirante.durations import format_duration

__all__ = ["condition_in_words", "rule_in_words"]

_COMPARED: Mapping[type[ast.cmpop], str] = MappingProxyType(
    {
        ast.Lt: "is below",
        ast.LtE: "is at most",
        ast.Gt: "is above",
        ast.GtE: "is at least",
        ast.Eq: "is",
        ast.NotEq: "is not",
    }
)
_COMPUTED: Mapping[type[ast.operator], str] = MappingProxyType(
    {ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/"}
)
_CALLED = MappingProxyType(
    {
        "is_nan": "{0} is there and NaN",
        "absent": "{0} is missing",
        "avg_over": "the mean of {0} over {1}",
        "min_over": "the least {0} within {1}",
        "max_over": "the largest {0} within {1}",
        "sum_over": "the sum of {0} over {1}",
        "delta": "the change of {0} within {1}",
        "count": "the number of readings of {0} within {1}",
    }
)
_MISSING = MappingProxyType(
    {
        "keep": "nothing changes: an alert that fires goes on firing",
        "resolve": "that counts as false: an alert that fires resolves",
        "alert": "that counts as true",
    }
)


def rule_in_words(rule: Rule) -> list[tuple[str, str]]:
    """Return what a rule means, as headings and texts.

    Parameters
    ----------
    rule : Rule
        The rule.

    Returns
    -------
    list of (str, str)
        When it is true, about what, when it fires and resolves, and what a missing reading means.

    Examples
    --------
    >>> rule = Rule("busy", "cpu > 90 and not (m < 50)", where={"host": "~web.*"})
    >>> for heading, text in rule_in_words(rule):
    ...     print(f"{heading}: {text}")
    true when: cpu is above 90 and not (m is below 50)
    only where: host matches web.*
    fires: at once
    resolves: as soon as it is false
    if a reading is missing or NaN: nothing changes: an alert that fires goes on firing
    """
    lines = [("true when", condition_in_words(syntax_of(rule.expression)))]
    if rule.where:
        lines.append(("only where", " and ".join(map(_matcher, rule.expression.where.items))))
    held, kept = format_duration(rule.for_), format_duration(rule.keep_firing_for)
    lines.append(("fires", f"once it has been true for {held}" if rule.for_ else "at once"))
    lines.append(
        (
            "resolves",
            f"once it has been false for {kept}" if rule.keep_firing_for else "as soon as it is false",
        )
    )
    lines.append(("if a reading is missing or NaN", _MISSING[rule.on_missing]))
    return lines


def condition_in_words(node: ast.expr) -> str:
    """Return a condition, checked before, in words.

    Examples
    --------
    >>> condition_in_words(ast.parse("0 < a / b < 1 or absent(a)", mode="eval").body)
    '(0 is below a / b and a / b is below 1) or a is missing'
    """
    if isinstance(node, ast.BoolOp):
        word = " and " if isinstance(node.op, ast.And) else " or "
        return word.join(_inner(value) for value in node.values)
    if isinstance(node, ast.UnaryOp):
        inner = condition_in_words(node.operand)
        if isinstance(node.op, ast.Not):
            return f"not ({inner})"
        sign = "-" if isinstance(node.op, ast.USub) else ""
        return f"{sign}{f'({inner})' if isinstance(node.operand, ast.BinOp) else inner}"
    if isinstance(node, ast.Compare):
        sides = [condition_in_words(side) for side in (node.left, *node.comparators)]
        pairs = zip(sides[:-1], node.ops, sides[1:], strict=True)
        return " and ".join(f"{left} {_COMPARED[type(op)]} {right}" for left, op, right in pairs)
    if isinstance(node, ast.BinOp):
        return f"{_term(node.left)} {_COMPUTED[type(node.op)]} {_term(node.right)}"
    if isinstance(node, ast.Call):
        return _CALLED[function_name(node)].format(*(condition_in_words(argument) for argument in node.args))
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else number(float(str(node.value)))
    return ast.unparse(node)


def _inner(node: ast.expr) -> str:
    text = condition_in_words(node)
    several = isinstance(node, ast.BoolOp) or (isinstance(node, ast.Compare) and len(node.ops) > 1)
    return f"({text})" if several else text


def _term(node: ast.expr) -> str:
    text = condition_in_words(node)
    return f"({text})" if isinstance(node, ast.BinOp) else text


def _matcher(matcher: Matcher) -> str:
    if matcher.pattern is not None:
        return f"{matcher.label} {'does not match' if matcher.negative else 'matches'} {matcher.value}"
    if matcher.value == "":
        return f"{matcher.label} {'is there' if matcher.negative else 'is not there'}"
    return f"{matcher.label} {'is not' if matcher.negative else 'is'} {matcher.value}"
