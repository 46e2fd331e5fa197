"""One declared slice as it is written: the name of a column, or a condition on columns.

A condition is read by Python's own parser and taken over piece by piece from a list of what is allowed:
comparisons, ``in``, ``and``, ``or``, ``not``, names, texts and numbers. Nothing is called or evaluated.
"""

from __future__ import annotations

import ast
import math
import re
import warnings
from dataclasses import dataclass
from typing import Any, TypeAlias

from mirante.errors import ConfigError

__all__ = ["Constant", "Entry", "Tree"]

Tree: TypeAlias = tuple[Any, ...]
Constant: TypeAlias = str | float | bool

_LONGEST = 300  # it stands in the key of a table, and PostgreSQL's may not be long
_DEEPEST = 20
_MOST_VALUES = 1_000
_QUOTED = re.compile(r"`([^`]*)`|'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"")
_CONDITION = re.compile(r"[<>=!]|(?<![\w.])(?:and|or|not|in)(?![\w.])")
_BREAKS = re.compile(r"[\r\n\t]+")
_PLACEHOLDER = "_mirante_column_{}_"
_SIGNS = {ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=", ast.Eq: "==", ast.NotEq: "!="}


@dataclass(frozen=True, slots=True)
class Entry:
    """A declared slice.

    Parameters
    ----------
    text : str
        As it is written, without space around it; the key of the slices that it makes.
    tree : tuple
        The condition: an operator and its operands. Empty where each value of a column is a slice.
    columns : tuple of str
        The columns that it names.

    Examples
    --------
    >>> Entry.parse("region").column, Entry.parse("`delay (min)` > 15").columns
    ('region', ('delay (min)',))
    >>> Entry.parse("age >= 65 and plan in ('pro', 'max')").tree[0]
    'and'
    """

    text: str
    tree: Tree
    columns: tuple[str, ...]

    @property
    def column(self) -> str:
        """The column of which each value is a slice; empty for a condition."""
        return "" if self.tree else self.columns[0]

    @classmethod
    def parse(cls, text: str) -> Entry:
        """Read an entry.

        Parameters
        ----------
        text : str
            The name of a column, or a condition. A name that is no plain word stands in backticks within a
            condition.

        Returns
        -------
        Entry

        Raises
        ------
        ConfigError
            Naming the entry, and what is wrong with it.
        """
        text = _BREAKS.sub(" ", text).strip()
        if not text:
            raise _refusal(text, "it is empty; name a column, or write a condition such as age >= 65")
        if len(text) > _LONGEST:
            raise _refusal(text, f"it has {len(text)} characters; at most {_LONGEST} are read")
        bare = _QUOTED.sub("", text)
        if not _CONDITION.search(bare):
            name = text[1:-1] if _QUOTED.fullmatch(text) and text[0] == "`" else text
            return cls(name, (), (name,))
        return _Reader(text).entry()


def _refusal(text: str, problem: str) -> ConfigError:
    shown = text if len(text) <= 80 else f"{text[:79]}…"
    return ConfigError(f"the slice {shown!r} cannot be read: {problem}")


class _Reader:
    """Walks Python's tree of a condition, and takes over what is allowed."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._quoted: dict[str, str] = {}
        self._columns: dict[str, None] = {}

    def entry(self) -> Entry:
        source = _QUOTED.sub(self._named, self._text)
        if "`" in _QUOTED.sub("", self._text):
            raise _refusal(self._text, "a backtick is open; the name of a column stands between two")
        try:
            with warnings.catch_warnings(action="ignore"):  # of odd escapes, and of `1 in (2, 3)`
                root = ast.parse(source, mode="eval").body
        except SyntaxError as error:
            hint = "" if "=" not in source.replace("==", "") else "; 'equal' is written =="
            raise _refusal(self._text, f"{error.msg}{hint}") from None
        except (RecursionError, MemoryError, ValueError):
            raise _refusal(self._text, "it is nested too deeply, or has characters that none can") from None
        tree = self._truth(root, 0)
        return Entry(self._text, tree, tuple(self._columns))

    def _named(self, match: re.Match[str]) -> str:
        if match[1] is None:
            return match[0]
        placeholder = _PLACEHOLDER.format(len(self._quoted))
        self._quoted[placeholder] = match[1]
        return placeholder

    def _refusal(self, problem: str) -> ConfigError:
        return _refusal(self._text, problem)

    def _truth(self, node: ast.expr, depth: int) -> Tree:
        if depth > _DEEPEST:
            raise self._refusal(f"it is nested more than {_DEEPEST} deep")
        if isinstance(node, ast.BoolOp):
            word = "or" if isinstance(node.op, ast.Or) else "and"
            return (word, *(self._truth(value, depth + 1) for value in node.values))
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
            return ("not", self._truth(node.operand, depth + 1))
        if isinstance(node, ast.Compare):
            return self._comparison(node)
        if isinstance(node, ast.Name):
            return ("==", self._column(node), True)
        raise self._refusal(f"{_shown(node)} is no condition; compare a column, such as age >= 65")

    def _comparison(self, node: ast.Compare) -> Tree:
        sides = [node.left, *node.comparators]
        parts = [
            self._pair(op, left, right)
            for op, left, right in zip(node.ops, sides[:-1], sides[1:], strict=True)
        ]
        return parts[0] if len(parts) == 1 else ("and", *parts)

    def _pair(self, op: ast.cmpop, left: ast.expr, right: ast.expr) -> Tree:
        if isinstance(op, ast.In | ast.NotIn):
            return self._membership(op, left, right)
        if type(op) not in _SIGNS:
            raise self._refusal("'is' is not known; write == or !=")
        sides = self._side(left), self._side(right)
        if not any(isinstance(side, tuple) for side in sides):
            raise self._refusal(f"it compares {_shown(left)} with {_shown(right)}, and neither is a column")
        return (_SIGNS[type(op)], *sides)

    def _membership(self, op: ast.cmpop, left: ast.expr, right: ast.expr) -> Tree:
        if not isinstance(left, ast.Name):
            raise self._refusal(f"{_shown(left)} stands before 'in'; the name of a column is needed there")
        if not isinstance(right, ast.Tuple | ast.List | ast.Set) or not right.elts:
            raise self._refusal("'in' needs values in parentheses, such as plan in ('pro', 'max')")
        if len(right.elts) > _MOST_VALUES:
            raise self._refusal(f"'in' has {len(right.elts)} values; at most {_MOST_VALUES} are read")
        equals = [("==", self._column(left), self._constant(value)) for value in right.elts]
        found = equals[0] if len(equals) == 1 else ("or", *equals)
        return found if isinstance(op, ast.In) else ("not", found)

    def _side(self, node: ast.expr) -> Any:
        return self._column(node) if isinstance(node, ast.Name) else self._constant(node)

    def _column(self, node: ast.Name) -> Tree:
        name = self._quoted.get(node.id, node.id)
        self._columns[name] = None
        return ("column", name)

    def _constant(self, node: ast.expr) -> Constant:
        negative = isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub)
        inner = node.operand if isinstance(node, ast.UnaryOp) and negative else node
        value = inner.value if isinstance(inner, ast.Constant) else None
        if isinstance(value, bool | str) and not negative:
            return value
        if isinstance(value, int | float) and not isinstance(value, bool):
            return self._number(-value if negative else value)
        raise self._refusal(f"{_shown(node)} is not known here; a column, a text in quotes or a number is")

    def _number(self, value: float) -> float:
        try:
            number = float(value)
        except OverflowError:
            number = math.inf
        if not math.isfinite(number):
            raise self._refusal("a number is too large")
        return number


def _shown(node: ast.expr) -> str:
    kinds = {
        "Call": "a call", "Attribute": "an attribute", "Subscript": "an index", "BinOp": "arithmetic",
        "Lambda": "a function", "JoinedStr": "a formatted text", "IfExp": "a choice", "Name": "a column",
        "Constant": "a value", "Tuple": "a row of values", "List": "a row of values",
    }  # fmt: skip
    return kinds.get(type(node).__name__, f"{type(node).__name__!r}")
