"""Random conditions for the tests, and what they mean, told without columns."""

from __future__ import annotations

import math
import operator
from typing import Any

from hypothesis import strategies as st

NAMES = ("x", "y", "z")
NUMBERS = st.sampled_from(["0", "1", "2.5", "-1", "1e3", "0.1"])
_ORDER = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "==": operator.eq,
    "!=": operator.ne,
}
_ARITHMETIC = {"+": operator.add, "-": operator.sub, "*": operator.mul, "/": operator.truediv}


def numbers(columns: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.recursive(
        NUMBERS | columns,
        lambda inner: (
            st.builds("({} {} {})".format, inner, st.sampled_from(sorted(_ARITHMETIC)), inner)
            | st.builds("-{}".format, columns)
        ),
        max_leaves=4,
    )


def conditions(columns: st.SearchStrategy[str] | None = None) -> st.SearchStrategy[str]:
    of = numbers(columns or st.sampled_from(NAMES))
    comparison = st.builds("{} {} {}".format, of, st.sampled_from(sorted(_ORDER)), of)
    question = st.builds("{}({})".format, st.sampled_from(["absent", "is_nan"]), st.sampled_from(NAMES))
    whole = st.recursive(
        comparison | question,
        lambda inner: (
            st.builds("({} {} {})".format, inner, st.sampled_from(["and", "or"]), inner)
            | st.builds("not ({})".format, inner)
        ),
        max_leaves=5,
    )
    return whole.map("x == x and ({})".format)  # a name at least


def meaning(
    skeleton: tuple[Any, ...], values: list[float | None], constants: tuple[float, ...]
) -> bool | None:
    """Kleene's logic on one row, one node after the other."""
    word, *parts = skeleton
    if word in ("and", "or"):
        said = [meaning(part, values, constants) for part in parts]
        decides = word == "or"
        return decides if decides in said else None if None in said else not decides
    if word == "not":
        inner = meaning(parts[0], values, constants)
        return None if inner is None else not inner
    if word == "absent":
        return values[parts[0]] is None
    if word == "is_nan":
        value = values[parts[0]]
        return None if value is None else math.isnan(value)
    left, right = (_number(part, values, constants) for part in parts)
    return None if left is None or right is None else _ORDER[word](left, right)


def _number(
    skeleton: tuple[Any, ...], values: list[float | None], constants: tuple[float, ...]
) -> float | None:
    word, *parts = skeleton
    if word == "constant":
        return constants[parts[0]]
    if word == "column":
        value = values[parts[0]]
        return None if value is None or math.isnan(value) else value
    sides = [_number(part, values, constants) for part in parts]
    if None in sides:
        return None
    if word == "negative":
        return -sides[0]  # type: ignore[operator]  # checked above
    try:
        result = _ARITHMETIC[word](*sides)
    except ZeroDivisionError:
        return None
    return None if math.isnan(result) else result
