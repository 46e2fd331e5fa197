"""From the text of a condition to its skeleton: a checked tree without names and numbers.

Conditions that differ only in the names of their readings and in their numbers have the same skeleton, and
are evaluated together.
"""

from __future__ import annotations

import ast
import math
import re
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache
from typing import Any, TypeAlias

from mirante.alerts.expression.functions import FUNCTIONS, QUESTIONS, WINDOW_FUNCTIONS
from mirante.alerts.expression.tokens import DEEPEST, check_tokens, fault
from mirante.durations import format_duration, parse_duration
from mirante.errors import ConfigError

__all__ = ["Column", "Skeleton", "Tree", "parse_condition"]

Skeleton: TypeAlias = tuple[Any, ...]

_ORDER = {ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=", ast.Eq: "==", ast.NotEq: "!="}
_ARITHMETIC = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/"}
_NOT_A_NAME = re.compile(r"^(?![A-Za-z_])|[^A-Za-z0-9_]")
_LONGEST_WINDOW = timedelta(days=366)


@dataclass(frozen=True, slots=True)
class Column:
    """One kind of number that a condition asks for.

    Parameters
    ----------
    metric : str
        Name of the reading.
    function : str
        Over a window; empty for the newest reading itself.
    window : timedelta
        Its length.

    Examples
    --------
    >>> str(Column("cpu", "avg_over", timedelta(minutes=15)))
    'avg_over("cpu", "15m")'
    """

    metric: str
    function: str = ""
    window: timedelta = timedelta()

    def __str__(self) -> str:
        if not self.function:
            return self.metric
        return f'{self.function}("{self.metric}", "{format_duration(self.window)}")'


@dataclass(frozen=True, slots=True)
class Tree:
    """A condition, checked.

    Parameters
    ----------
    skeleton : tuple
        An operator and its operands; ``("column", 0)`` and ``("constant", 0)`` are places in the next two.
    columns : tuple of Column
        Leftmost first.
    constants : tuple of float
        The numbers in it, from the left.
    metrics : tuple of str
        Names of the readings, leftmost first.
    asks_absence : bool
        Whether it asks for something that is not there.
    """

    skeleton: Skeleton
    columns: tuple[Column, ...]
    constants: tuple[float, ...]
    metrics: tuple[str, ...]
    asks_absence: bool


@lru_cache(maxsize=1_000)  # a rule is checked, then built from the same text, and many rules ask the same
def parse_condition(text: str) -> Tree:
    """Return the tree of a condition.

    Parameters
    ----------
    text : str
        As it is written in a rule.

    Raises
    ------
    ConfigError
        With the text and a mark under the character that is wrong.

    Examples
    --------
    >>> parse_condition("cpu > 90").skeleton == parse_condition("memory > 5").skeleton
    True
    """
    return _Parser(text).tree()


class _Parser:
    """Walks Python's own tree of the text, and takes over only what is allowed."""

    def __init__(self, text: str) -> None:
        self._text = text.replace("\r", " ").replace("\n", " ").replace("\t", " ")
        self._offset = len(self._text) - len(self._text.lstrip())
        self._columns: list[Column] = []
        self._constants: list[float] = []
        self._asks_absence = False

    def tree(self) -> Tree:
        text = self._text
        check_tokens(text)
        try:
            root = ast.parse(text.lstrip(), mode="eval").body
        except SyntaxError as error:
            # Python's 0 means: where the text ends, something is missing
            column = error.offset - 1 + self._offset if error.offset else len(text)
            problem = f"cannot be read here ({error.msg})"
            raise fault(text, min(column, len(text.rstrip())), problem) from None
        except (RecursionError, MemoryError):
            raise fault(text, 0, "is nested too deeply") from None
        skeleton = self._truth(root, 0)
        if not self._columns:
            problem = "names no metric; compare at least one reading, such as drift_share > 0.3"
            raise fault(text, 0, problem)
        metrics = tuple(dict.fromkeys(column.metric for column in self._columns))
        return Tree(skeleton, tuple(self._columns), tuple(self._constants), metrics, self._asks_absence)

    def _refusal(self, node: ast.AST, problem: str, further: int = 0) -> ConfigError:
        # the text is plain ASCII by now, so byte offsets are columns
        return fault(self._text, getattr(node, "col_offset", 0) + self._offset + further, problem)

    def _truth(self, node: ast.expr, depth: int) -> Skeleton:
        if depth > DEEPEST:
            raise self._refusal(node, f"is nested more than {DEEPEST} deep")
        if isinstance(node, ast.BoolOp):
            word = "or" if isinstance(node.op, ast.Or) else "and"
            return (word, *(self._truth(value, depth + 1) for value in node.values))
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
            return ("not", self._truth(node.operand, depth + 1))
        if isinstance(node, ast.Compare):
            return self._comparison(node, depth)
        if isinstance(node, ast.Call) and _called(node) not in WINDOW_FUNCTIONS:
            return self._question(node)
        raise self._refusal(node, "is a number where a condition is needed; compare it, such as x > 0")

    def _comparison(self, node: ast.Compare, depth: int) -> Skeleton:
        for op in node.ops:
            if type(op) not in _ORDER:
                problem = f"the comparison '{type(op).__name__}' is not allowed; use < <= > >= == !="
                raise self._refusal(node, problem)
        sides = [self._number(side, depth + 1) for side in (node.left, *node.comparators)]
        pairs = [
            (_ORDER[type(op)], left, right)
            for op, left, right in zip(node.ops, sides[:-1], sides[1:], strict=True)
        ]
        return pairs[0] if len(pairs) == 1 else ("and", *pairs)

    def _question(self, node: ast.Call) -> Skeleton:
        name = _called(node)
        if name not in QUESTIONS:
            raise self._refusal(node, f"{name!r} is no known function; there are {', '.join(FUNCTIONS)}")
        if len(node.args) != 1 or node.keywords or not isinstance(node.args[0], ast.Name):
            raise self._refusal(node, f"{name} takes the name of one reading, such as {name}(drift_share)")
        self._asks_absence = self._asks_absence or name == "absent"
        return (name, self._column(Column(self._name(node.args[0]))))

    def _number(self, node: ast.expr, depth: int) -> Skeleton:
        if depth > DEEPEST:
            raise self._refusal(node, f"is nested more than {DEEPEST} deep")
        if isinstance(node, ast.Constant):
            return self._constant(node)
        if isinstance(node, ast.Name):
            return ("column", self._column(Column(self._name(node))))
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub | ast.UAdd):
            inner = self._number(node.operand, depth + 1)
            return inner if isinstance(node.op, ast.UAdd) else ("negative", inner)
        if isinstance(node, ast.BinOp) and type(node.op) in _ARITHMETIC:
            left, right = self._number(node.left, depth + 1), self._number(node.right, depth + 1)
            return (_ARITHMETIC[type(node.op)], left, right)
        if isinstance(node, ast.Call) and _called(node) in WINDOW_FUNCTIONS:
            return ("column", self._column(self._window(node)))
        if isinstance(node, ast.Compare | ast.BoolOp | ast.Call) or (
            isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not)
        ):
            raise self._refusal(node, "is a condition where a number is needed")
        problem = f"'{type(node).__name__}' is not allowed; only names, numbers and + - * / are"
        raise self._refusal(node, problem)

    def _constant(self, node: ast.Constant) -> Skeleton:
        if isinstance(node.value, str):
            problem = "a text is not allowed here; label values belong in 'where:'"
            raise self._refusal(node, problem)
        if isinstance(node.value, bool) or not isinstance(node.value, int | float):
            raise self._refusal(node, f"{node.value!r} is not allowed; write a number")
        try:
            number = float(node.value)
        except OverflowError:
            number = math.inf
        if math.isinf(number):
            raise self._refusal(node, "the number is too large")
        self._constants.append(number)
        return ("constant", len(self._constants) - 1)

    def _window(self, node: ast.Call) -> Column:
        name = _called(node)
        if len(node.args) != 2 or node.keywords:
            problem = f'{name} takes a reading and a length of time, such as {name}("drift_share", "15m")'
            raise self._refusal(node, problem)
        metric, length = node.args
        if not (isinstance(length, ast.Constant) and isinstance(length.value, str)):
            raise self._refusal(length, 'a length of time is needed here, in quotes, such as "15m"')
        try:
            window = parse_duration(length.value)
        except ConfigError as error:
            raise self._refusal(length, str(error), 1) from None
        if not timedelta() < window <= _LONGEST_WINDOW:
            raise self._refusal(length, f"{length.value!r} must be more than 0s and at most 366d", 1)
        return Column(self._metric(metric, name), name, window)

    def _metric(self, node: ast.expr, function: str) -> str:
        """Return the name of a reading, bare or in quotes."""
        if isinstance(node, ast.Name):
            return self._name(node)
        if not (isinstance(node, ast.Constant) and isinstance(node.value, str)):
            raise self._refusal(node, f'{function} takes the name of a reading first, such as "drift_share"')
        wrong = _NOT_A_NAME.search(node.value)
        if wrong:
            problem = f"{node.value!r} is no name of a reading; names are letters, digits and _"
            raise self._refusal(node, problem, 1 + wrong.start())
        return node.value

    def _name(self, node: ast.Name) -> str:
        if node.id in FUNCTIONS:
            raise self._refusal(node, f"{node.id} is a function; give it the name of a reading")
        return node.id

    def _column(self, column: Column) -> int:
        if column not in self._columns:
            self._columns.append(column)
        return self._columns.index(column)


def _called(node: ast.Call) -> str:
    return node.func.id if isinstance(node.func, ast.Name) else "this"
