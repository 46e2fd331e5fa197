"""The plain limits in a condition: which reading is compared with which number."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from mirante.alerts.expression.tree import Skeleton, Tree

__all__ = ["Limit", "limits_of", "seeks_low"]

_TURNED = {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "==": "==", "!=": "!="}
_OPPOSITE = {"<": ">=", "<=": ">", ">": "<=", ">=": "<", "==": "!=", "!=": "=="}
_HOLDS: Mapping[str, Callable[[float, float], bool]] = MappingProxyType(
    {
        "<": operator.lt,
        "<=": operator.le,
        ">": operator.gt,
        ">=": operator.ge,
        "==": operator.eq,
        "!=": operator.ne,
    }
)


@dataclass(frozen=True, slots=True)
class Limit:
    """A comparison of one reading with a number; `place` is the reading's column in the condition."""

    place: int
    op: str
    number: float

    def holds(self, value: float) -> bool:
        """Say whether a value is on the side that the condition asks for; NaN never is.

        Examples
        --------
        >>> Limit(0, ">", 90.0).holds(93.0), Limit(0, "!=", 90.0).holds(float("nan"))
        (True, False)
        """
        return value == value and _HOLDS[self.op](value, self.number)


def limits_of(tree: Tree) -> list[Limit]:
    """Return the limits of a condition, from the left, as it needs them: what ``not`` turns is turned.

    Parameters
    ----------
    tree : Tree
        The condition.

    Returns
    -------
    list of Limit
        Comparisons of a single column with a single number; others are left out.

    Examples
    --------
    >>> from mirante.alerts.expression import Expression
    >>> [(one.op, one.number) for one in limits_of(Expression("x > 3 and not 5 < y and x > y").tree)]
    [('>', 3.0), ('<=', 5.0)]
    """
    return list(_walk(tree.skeleton, tree, turned=False))


def _walk(node: Skeleton, tree: Tree, *, turned: bool) -> Iterator[Limit]:
    word, *parts = node
    if word in ("and", "or", "not"):
        for part in parts:
            yield from _walk(part, tree, turned=turned != (word == "not"))
    elif word in _TURNED:
        left, right = _number(parts[0], tree), _number(parts[1], tree)
        if parts[0][0] == "column" and right is not None:
            place, op, number = parts[0][1], word, right
        elif parts[1][0] == "column" and left is not None:
            place, op, number = parts[1][1], _TURNED[word], left
        else:
            return
        yield Limit(place, _OPPOSITE[op] if turned else op, number)


def _number(node: Skeleton, tree: Tree) -> float | None:
    if node[0] == "constant":
        return float(tree.constants[node[1]])
    if node[0] == "negative" and node[1][0] == "constant":
        return -float(tree.constants[node[1][1]])
    return None


def seeks_low(tree: Tree) -> bool:
    """Say whether a condition is about its leftmost reading being low.

    Examples
    --------
    >>> from mirante.alerts.expression import Expression
    >>> seeks_low(Expression("auc < 0.6 and labels >= 200").tree), seeks_low(Expression("cpu > 90").tree)
    (True, False)
    """
    return next((one.op in ("<", "<=") for one in limits_of(tree) if one.place == 0), False)
