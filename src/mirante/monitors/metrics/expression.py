"""Arithmetic over the profile of a window: ``mean(amount) / mean(visits)``."""

from __future__ import annotations

import ast
import difflib
import math
import operator
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

from mirante.errors import ConfigError, InputError
from mirante.profiles import CategoricalProfile, NumericProfile

if TYPE_CHECKING:
    from mirante.profiles import TableProfile

__all__ = ["ProfileExpression"]

_LONGEST = 1_000
_DEEPEST = 50

_ARITHMETIC: Mapping[type[ast.operator], Callable[[float, float], float]] = MappingProxyType(
    {
        ast.Add: operator.add,
        ast.Sub: operator.sub,
        ast.Mult: operator.mul,
        ast.Div: operator.truediv,
    }
)
_OF_NUMBERS: Mapping[str, Callable[[NumericProfile], float]] = MappingProxyType(
    {
        "mean": lambda column: column.mean,
        "sum": lambda column: column.mean * column.n if column.n else 0.0,
        "std": lambda column: column.std,
        "skew": lambda column: column.skew,
        "kurtosis": lambda column: column.kurtosis,
        "min": lambda column: column.minimum,
        "max": lambda column: column.maximum,
    }
)
_OTHERS = ("count", "missing", "quantile", "share")


class ProfileExpression:
    """An expression over a profile; nothing but arithmetic and the functions below is taken.

    ``rows`` is the number of rows. Of a numeric column: ``mean, sum, std, skew, kurtosis, min, max`` and
    ``quantile(column, q)``. Of a categorical one: ``share(column, "level")``, of the rows that have a value.
    Of any: ``count(column)``, values that are not missing, and ``missing(column)``, the share of missing
    ones. A column whose name is no word is quoted: ``mean("price (R$)")``. The model's output is
    ``prediction``.

    Parameters
    ----------
    text : str
        At most 1,000 characters.

    Raises
    ------
    ConfigError
        If it is no such expression.

    Examples
    --------
    >>> from mirante.profiles import TableProfile
    >>> profile = TableProfile.of({"amount": [10.0, 30.0], "plan": ["pro", "basic"]})
    >>> ProfileExpression('mean(amount) * share(plan, "pro")').of(profile)
    10.0
    """

    def __init__(self, text: str) -> None:
        self.text = text
        if len(text) > _LONGEST:
            raise ConfigError(
                f"the expression has {len(text):,} characters; {_LONGEST:,} are the most, a function of the "
                "rows can say more (call)"
            )
        try:
            tree = ast.parse(text.strip(), mode="eval").body
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            raise ConfigError(
                f"{text!r} is no expression; write arithmetic such as mean(amount) / mean(visits)"
            ) from None
        self._compute = self._node(tree, 0)

    def of(self, profile: TableProfile) -> float:
        """Return the value.

        Parameters
        ----------
        profile : TableProfile
            Of a window.

        Returns
        -------
        float
            NaN where something in it is not known: without rows, or where it divides by 0.

        Raises
        ------
        InputError
            If a column is not there, or a function does not fit its kind.
        """
        try:
            return float(self._compute(profile))
        except (ZeroDivisionError, OverflowError):
            return math.nan

    def _node(self, node: ast.expr, depth: int) -> Callable[[TableProfile], float]:
        if depth > _DEEPEST:
            raise ConfigError(f"{self.text!r} is nested more than {_DEEPEST} deep; write it shorter")
        match node:
            case ast.Constant(value=int() | float() as value) if _is_number(value):
                number = float(value)
                return lambda _: number
            case ast.Name(id="rows"):
                return lambda profile: float(profile.rows)
            case ast.UnaryOp(op=ast.USub()):
                inner = self._node(node.operand, depth + 1)
                return lambda profile: -inner(profile)
            case ast.BinOp() if type(node.op) in _ARITHMETIC:
                operate = _ARITHMETIC[type(node.op)]
                left, right = self._node(node.left, depth + 1), self._node(node.right, depth + 1)
                return lambda profile: operate(left(profile), right(profile))
            case ast.Call(func=ast.Name(id=name), args=args, keywords=[]):
                return self._call(node, name, args)
            case _:
                raise self._refused(node)

    def _call(self, node: ast.expr, name: str, args: list[ast.expr]) -> Callable[[TableProfile], float]:
        if name not in _OF_NUMBERS and name not in _OTHERS:
            known = ", ".join([*_OF_NUMBERS, *_OTHERS])
            raise ConfigError(f"{name!r} in {self.text!r} is no function here; there are {known}")
        needed = 2 if name in ("quantile", "share") else 1
        if len(args) != needed:
            raise ConfigError(f"{name} in {self.text!r} has {len(args)} arguments; it needs {needed}")
        column = _name(args[0])
        if not column:
            raise self._refused(node)
        match name, args[1:]:
            case "quantile", [ast.Constant(value=int() | float() as q)] if 0 <= q <= 1:
                return lambda profile: _numeric(profile, column, name).quantile(float(q))
            case "share", [ast.Constant(value=str() as level)]:
                return lambda profile: _share(profile, column, level)
            case (("quantile" | "share"), _):
                wanted = "a number from 0 to 1" if name == "quantile" else "a level in quotes"
                raise ConfigError(f"the second argument of {name} in {self.text!r} has to be {wanted}")
            case "count", _:
                return lambda profile: float(_column(profile, column).n)
            case "missing", _:
                return lambda profile: _missing(profile, column)
            case _:
                figure = _OF_NUMBERS[name]
                return lambda profile: figure(_numeric(profile, column, name))

    def _refused(self, node: ast.expr) -> ConfigError:
        part = ast.get_source_segment(self.text.strip(), node) or self.text
        return ConfigError(
            f"{part[:80]!r} in {self.text[:200]!r} is not understood; an expression has numbers, + - * /, "
            'rows, and functions of a column such as mean(amount) or share(plan, "pro")'
        )


def _is_number(value: float) -> bool:
    return not isinstance(value, bool) and abs(value) < 1e300


def _name(node: ast.expr) -> str | None:
    match node:
        case ast.Name(id=name):
            return name
        case ast.Constant(value=str() as name):
            return name
    return None


def _column(profile: TableProfile, name: str) -> NumericProfile | CategoricalProfile:
    column = profile.columns.get(name)
    if column is None:
        near = difflib.get_close_matches(name, profile.columns, n=1)
        there = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(list(profile.columns)[:20])}"
        raise InputError(f"the baseline has no column {name!r}; {there}")
    return column


def _numeric(profile: TableProfile, name: str, function: str) -> NumericProfile:
    column = _column(profile, name)
    if not isinstance(column, NumericProfile):
        raise InputError(f"{function} needs numbers and {name!r} is categorical; use share({name}, level)")
    return column


def _share(profile: TableProfile, name: str, level: str) -> float:
    column = _column(profile, name)
    if not isinstance(column, CategoricalProfile):
        raise InputError(f"share needs categories and {name!r} is numeric; use mean, quantile or the like")
    if not column.n:
        return math.nan
    return float(column.counts[column.levels.index(level)]) / column.n if level in column.levels else 0.0


def _missing(profile: TableProfile, name: str) -> float:
    column = _column(profile, name)
    return column.missing / profile.rows if profile.rows else math.nan
