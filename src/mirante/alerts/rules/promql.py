"""A condition said in PromQL: true for the same labels at the same time.

PromQL has sets of rows and no third truth value, so a part is translated as the rows in which it is true, or
as those in which it is false. What is unknown is in neither; `not` swaps the two, De Morgan does the rest.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

from mirante.alerts.expression import Expression
from mirante.alerts.expression.tree import Skeleton
from mirante.alerts.rules.promql_text import label_text, matcher_text, number, selector
from mirante.durations import format_duration
from mirante.errors import ConfigError
from mirante.readings import label_names

__all__ = ["Promql", "to_promql"]

_EXPECTED_FOR = "7d"  # as long as the engine expects a series that went silent
_OPPOSITE = MappingProxyType({"<": ">=", "<=": ">", ">": "<=", ">=": "<", "==": "!=", "!=": "=="})
_MIRRORED = MappingProxyType({"<": ">", "<=": ">=", ">": "<", ">=": "<=", "==": "==", "!=": "!="})
_WINDOWS = MappingProxyType(
    {"avg_over": "avg_over_time", "min_over": "min_over_time", "max_over": "max_over_time"}
)
_NOT_SCRAPED = ("source_up",)
_NO_COUNTERPART = MappingProxyType(
    {
        "delta": "PromQL's delta() extrapolates to the ends of the window",
        "count": "PromQL counts scrapes, not readings",
        "sum_over": "PromQL adds up scrapes, not readings",
    }
)


@dataclass(frozen=True, slots=True)
class Promql:
    """A condition in PromQL.

    Parameters
    ----------
    text : str
        The expression.
    assumed : tuple of str
        Metrics whose labels are not known, and were taken to be those of the others.
    """

    text: str
    assumed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Rows:
    """A vector: its text, its label names, the slots that each row has, and the slot whose value it shows."""

    text: str
    labels: frozenset[str]
    present: frozenset[str]
    shows: str = ""
    atom: bool = False

    @property
    def inner(self) -> str:
        return self.text if self.atom else f"({self.text})"


def to_promql(
    expression: Expression,
    *,
    labels_of: Callable[[str], frozenset[str] | None] = label_names,
    shows_value: bool = True,
) -> Promql:
    """Return the condition in PromQL.

    Parameters
    ----------
    expression : Expression
        The condition, with its matchers.
    labels_of : callable
        Gives the label names of a metric, or None when they are not known.
    shows_value : bool
        Whether the value of a row matters, which then is the leftmost metric's.

    Returns
    -------
    Promql
        True for the same labels; where a series is missing it is not true, as in Prometheus.

    Raises
    ------
    ConfigError
        If PromQL cannot say it; with what it is that it cannot say.

    Examples
    --------
    >>> to_promql(Expression("not drift_effect <= 0.1 and drift_share > 0.3")).text
    '(drift_effect > 0.1) and on(alias, model, slice, version) (drift_share > 0.3)'
    >>> to_promql(Expression("a / b != 2")).text
    'a and (((a / (b != 0)) < 2) or ((a / (b != 0)) > 2))'
    """
    return _Translator(expression, labels_of).translate(shows_value=shows_value)


class _Translator:
    def __init__(self, expression: Expression, labels_of: Callable[[str], frozenset[str] | None]) -> None:
        self._expression, self._tree = expression, expression.tree
        for window in expression.windows:
            if window.function not in _WINDOWS:
                raise ConfigError(f"{window.function}: {_NO_COUNTERPART[window.function]}")
        names = expression.metrics
        made_here = [name for name in names if name in _NOT_SCRAPED]
        if made_here:
            raise ConfigError(
                f"{made_here[0]} is made by the engine and is not at /metrics; Prometheus has its own 'up'"
            )
        known = {name: labels_of(name) for name in names}
        self._widest = frozenset[str]().union(*(labels or () for labels in known.values()))
        self._labels = {name: self._widest if (found := known[name]) is None else found for name in names}
        self._assumed = tuple(name for name in names if known[name] is None) if len(names) > 1 else ()
        if all(labels != self._widest for labels in self._labels.values()):
            raise ConfigError(
                f"its metrics {', '.join(names)} have different labels, and none of them has all of them"
            )

    def translate(self, *, shows_value: bool) -> Promql:
        rows = self._truth(self._tree.skeleton, wanted=True)
        leftmost = self._slot(0)
        if shows_value and rows.shows != leftmost.text:
            rows = _with_value(rows, leftmost)
        return Promql(rows.text, self._assumed)

    def _truth(self, part: Skeleton, *, wanted: bool) -> _Rows:
        """Return the rows in which a condition is true, or those in which it is false."""
        word, *parts = part
        if word in ("and", "or"):
            joined = [self._truth(each, wanted=wanted) for each in parts]
            return _all(joined) if (word == "and") == wanted else _any(joined)
        if word == "not":
            return self._truth(parts[0], wanted=not wanted)
        if word == "is_nan":
            slot = self._slot(parts[0])
            return replace(slot, text=f"{slot.text} {'!=' if wanted else '=='} {slot.text}", atom=False)
        if word == "absent":
            return self._absent(parts[0]) if wanted else self._slot(parts[0])
        return _compared(word if wanted else _OPPOSITE[word], self._number(parts[0]), self._number(parts[1]))

    def _absent(self, column: int) -> _Rows:
        """Return the rows of the last days that now lack a metric, or one row where there never were any."""
        if len(set(self._labels.values())) > 1:
            raise ConfigError("absent() beside metrics that have other labels")
        selectors = [self._selector(name) for name in self._labels]
        heard = " or ".join(f"last_over_time({text}[{_EXPECTED_FOR}])" for text in selectors)
        heard = f"({heard})" if len(selectors) > 1 else heard
        gone = f"({heard} unless {self._slot(column).text})"
        where = self._expression.where
        if where.accept(where.equalities):  # the engine's own row for "nothing was ever heard"
            never = " and ".join(f"absent_over_time({text}[{_EXPECTED_FOR}])" for text in selectors)
            gone = f"{gone} or ({never})"
        return _Rows(gone, self._widest, frozenset())

    def _number(self, part: Skeleton) -> float | _Rows:
        word, *parts = part
        if word == "constant":
            return self._tree.constants[parts[0]]
        if word == "column":
            return self._slot(parts[0])
        if word == "negative":
            inner = self._number(parts[0])
            if isinstance(inner, float):
                return -inner
            return replace(inner, text=f"-{inner.inner}", shows="", atom=False)
        return _computed(word, self._number(parts[0]), self._number(parts[1]))

    def _slot(self, place: int) -> _Rows:
        column = self._tree.columns[place]
        text = self._selector(column.metric)
        if column.function:
            text = f"{_WINDOWS[column.function]}({text}[{format_duration(column.window)}])"
        return _Rows(text, self._labels[column.metric], frozenset({text}), text, atom=True)

    def _selector(self, metric: str) -> str:
        labels = self._labels[metric]
        whole = labels == self._widest
        matchers = self._expression.where.items
        return selector(metric, [matcher_text(m) for m in matchers if whole or m.label in labels])


def _on(labels: frozenset[str]) -> str:
    return f"on({', '.join(sorted(map(label_text, labels)))})"


def _all(parts: Sequence[_Rows]) -> _Rows:
    """Join rows on the labels that they share; those with more labels are kept."""
    rows = parts[0]
    for part in parts[1:]:
        wide, narrow = (part, rows) if part.labels > rows.labels else (rows, part)
        if not narrow.labels <= wide.labels:
            raise ConfigError("it joins metrics that have different labels")
        how = "" if narrow.labels == wide.labels else f"{_on(narrow.labels)} "
        text = f"{wide.inner} and {how}{narrow.inner}"
        rows = _Rows(text, wide.labels, wide.present | narrow.present, wide.shows)
    return rows


def _any(parts: Sequence[_Rows]) -> _Rows:
    rows = parts[0]
    for part in parts[1:]:
        if part.labels != rows.labels:
            raise ConfigError("'or' (or a negated 'and') joins metrics that have different labels")
        shows = rows.shows if rows.shows == part.shows else ""
        rows = _Rows(f"{rows.inner} or {part.inner}", rows.labels, rows.present & part.present, shows)
    return rows


def _matching(left: _Rows, right: _Rows) -> tuple[str, frozenset[str]]:
    """Return how two vectors are matched, and the labels of what comes out."""
    if left.labels == right.labels:
        return "", left.labels
    if left.labels > right.labels:
        return f"{_on(right.labels)} group_left() ", left.labels
    if left.labels < right.labels:
        return f"{_on(left.labels)} group_right() ", right.labels
    raise ConfigError("it joins metrics that have different labels")


def _compared(sign: str, left: float | _Rows, right: float | _Rows) -> _Rows:
    if isinstance(left, float) and isinstance(right, float):
        raise ConfigError(f"it compares {number(left)} with {number(right)}, which are no readings")
    if sign == "!=":  # NaN differs from everything in PromQL, and is unknown here
        return _any([_compared("<", left, right), _compared(">", left, right)])
    if isinstance(left, float):
        return _compared(_MIRRORED[sign], right, left)
    if isinstance(right, float):
        return replace(left, text=f"{left.inner} {sign} {number(right)}", atom=False)
    how, labels = _matching(left, right)
    shows = left.shows if labels == left.labels else ""
    return _Rows(f"{left.inner} {sign} {how}{right.inner}", labels, left.present | right.present, shows)


def _computed(sign: str, left: float | _Rows, right: float | _Rows) -> float | _Rows:
    if sign == "/":  # a division by zero is unknown here, and infinite in PromQL
        if right == 0:
            raise ConfigError("it divides by 0, which is never known")
        if isinstance(right, _Rows):
            right = replace(right, text=f"{right.inner} != 0", atom=False)
    if isinstance(left, float) and isinstance(right, float):
        return _folded(sign, left, right)
    if isinstance(left, float) and isinstance(right, _Rows):
        return replace(right, text=f"{number(left)} {sign} {right.inner}", shows="", atom=False)
    assert isinstance(left, _Rows)  # noqa: S101 - the other two cases are above
    if isinstance(right, float):
        return replace(left, text=f"{left.inner} {sign} {number(right)}", shows="", atom=False)
    how, labels = _matching(left, right)
    return _Rows(f"{left.inner} {sign} {how}{right.inner}", labels, left.present | right.present)


def _folded(sign: str, left: float, right: float) -> float:
    value = {"+": left + right, "-": left - right, "*": left * right}[sign] if sign != "/" else left / right
    if not math.isfinite(value):
        raise ConfigError("it computes with numbers that are too large")
    return value


def _with_value(rows: _Rows, leftmost: _Rows) -> _Rows:
    """Return the rows with the value of the leftmost metric, and NaN where it is missing."""
    if leftmost.labels != rows.labels:
        how = f"{_on(leftmost.labels)} group_right()"
        return _Rows(f"{leftmost.inner} * {how} (count without () ({rows.text}))", rows.labels, rows.present)
    text = f"{leftmost.inner} and {rows.inner}"
    if leftmost.text not in rows.present:
        text = f"({text}) or ({rows.inner} * NaN)"
    return _Rows(text, rows.labels, rows.present)
