"""What a rule can see in a store, and whether it can fire with that."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from mirante.alerts.expression.tree import Skeleton, Tree
from mirante.alerts.matchers import LabelIndex
from mirante.alerts.rules.rule import Rule
from mirante.readings import SOURCE_UP

__all__ = ["can_fire", "unseen"]


def unseen(rule: Rule, known: Mapping[str, LabelIndex[Any]]) -> list[str]:
    """Return the metrics of a rule of which there is no reading that it may be about.

    Parameters
    ----------
    rule : Rule
        The rule.
    known : mapping of str to LabelIndex
        The labels of the series that there are, by name.

    Examples
    --------
    >>> rule = Rule("busy", "cpu > 90 and load > 2", where={"host": "a"})
    >>> cpu, load = LabelIndex([{"host": "a"}], dict), LabelIndex([{"host": "b"}], dict)
    >>> unseen(rule, {"cpu": cpu, "load": load})
    ['load']
    """
    where, nothing = rule.expression.where, LabelIndex[Any]((), dict)
    return [
        name
        for name in rule.expression.metrics
        if name != SOURCE_UP and next(known.get(name, nothing).accepted(where), None) is None
    ]


def can_fire(rule: Rule, blind: Collection[str]) -> bool:
    """Say whether a rule can fire although some of its metrics are not there.

    Parameters
    ----------
    rule : Rule
        The rule.
    blind : collection of str
        What `unseen` returned.

    Examples
    --------
    >>> [can_fire(Rule("r", when), ["y"]) for when in ("x > 1 and y > 1", "x > 1 or y > 1", "absent(y)")]
    [False, True, True]
    """
    tree = rule.expression.tree
    if rule.on_missing == "alert" and set(tree.metrics) - set(blind):
        return True  # unknown counts as true where anything of a row is there
    return _possible(tree.skeleton, tree, blind, True)


def _possible(node: Skeleton, tree: Tree, blind: Collection[str], truth: bool) -> bool:
    """Say whether a part of a condition can be known to be true, or to be false."""
    word, *parts = node
    if word == "not":
        return _possible(parts[0], tree, blind, not truth)
    if word in ("and", "or"):
        found = (_possible(part, tree, blind, truth) for part in parts)
        return all(found) if (word == "and") == truth else any(found)
    if word == "absent":
        return truth or tree.columns[parts[0]].metric not in blind
    if word == "is_nan":
        return tree.columns[parts[0]].metric not in blind
    return not any(_asks(part, tree, blind) for part in parts)


def _asks(node: Skeleton, tree: Tree, blind: Collection[str]) -> bool:
    word, *parts = node
    if word == "column":
        return tree.columns[parts[0]].metric in blind
    return word != "constant" and any(_asks(part, tree, blind) for part in parts)
