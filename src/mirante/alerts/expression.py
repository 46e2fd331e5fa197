"""Boolean expressions over readings: an allow-listed part of Python's grammar, with three-valued logic.

Nothing is evaluated by Python itself: the text is cut into known tokens, parsed to a tree, every node is
checked against a short list, and what remains becomes plain closures. Unknown (a missing or NaN reading,
a division by zero) is never true and never an error.
"""

from __future__ import annotations

import ast
import math
import operator
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from mirante.alerts.joining import Row, Sample, join
from mirante.alerts.matchers import EVERYTHING, Matchers
from mirante.errors import ConfigError

__all__ = ["Expression", "Outcome"]

Values = Mapping[str, float | None]
_Number = Callable[[Values], float | None]
_Truth = Callable[[Values], bool | None]

_LONGEST = 2_000
_DEEPEST = 50
_TOKEN = re.compile(
    r"(?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?(?![\w.]))|(?P<name>[A-Za-z_][A-Za-z0-9_]*)"
    r"|(?P<operator><=|>=|==|!=|[<>+\-*/(),])|(?P<space>[ \t\r\n]+)"
)
_HINTS = {
    "&": "write 'and'",
    "|": "write 'or'",
    "!": "write 'not', or '!='",
    "=": "write '=='",
    ".": "attributes are not allowed",
    "{": "labels belong in 'where:'",
    '"': "label values belong in 'where:'",
    "'": "label values belong in 'where:'",
}
_ORDER: Mapping[type[ast.cmpop], Callable[[float, float], bool]] = {
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
}
_ARITHMETIC: Mapping[type[ast.operator], Callable[[float, float], float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}
_FUNCTIONS = ("absent", "is_nan")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What an expression said about one set of labels.

    Parameters
    ----------
    labels : mapping of str to str
        The joined labels.
    truth : bool or None
        None is unknown.
    value : float
        Of the leftmost metric; NaN when it is missing.
    note : str
        The first note among the readings that took part, from the left.
    time : datetime or None
        Of the newest reading that took part.
    """

    labels: Mapping[str, str]
    truth: bool | None
    value: float
    note: str = ""
    time: datetime | None = None


@dataclass(frozen=True, slots=True)
class Expression:
    """A condition, checked and compiled once.

    Parameters
    ----------
    text : str
        Comparisons (``< <= > >= == !=``), ``and or not``, ``+ - * /``, ``is_nan(x)``, ``absent(x)``, numbers,
        and names of readings. `is_nan` asks whether a reading is there and NaN, `absent` if none is.
    where : Matchers
        Labels that the joined readings must have.

    Raises
    ------
    ConfigError
        With the text and a mark under the character that is wrong.

    Examples
    --------
    >>> busy = Expression("cpu > 90 and not memory < 50")
    >>> busy.test({"cpu": 95, "memory": 80}), busy.test({"cpu": 5}), busy.test({"cpu": 95})
    (True, False, None)
    >>> Expression("cpu > 90 && x")
    Traceback (most recent call last):
    ...
    mirante.errors.ConfigError: column 10: '&' is not part of an expression; write 'and'
      cpu > 90 && x
               ^
    """

    text: str
    where: Matchers = EVERYTHING
    metrics: tuple[str, ...] = field(init=False, compare=False)
    asks_absence: bool = field(init=False, repr=False, compare=False)
    _truth: _Truth = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        compiler = _Compiler(self.text)
        object.__setattr__(self, "_truth", compiler.compile())
        object.__setattr__(self, "metrics", tuple(compiler.metrics))
        object.__setattr__(self, "asks_absence", compiler.asks_absence)

    def test(self, values: Values) -> bool | None:
        """Return the truth for one value per name; a name that is missing, None or NaN is unknown.

        Parameters
        ----------
        values : mapping of str to float or None
            Such as ``{"cpu_percent": 93.0}``.

        Returns
        -------
        bool or None
            None when it cannot be known.

        Examples
        --------
        >>> Expression("errors / total > 0.1").test({"errors": 0, "total": 0}) is None
        True
        """
        return self._truth(values)

    def evaluate(self, samples: Mapping[str, Sequence[Sample]]) -> list[Outcome]:
        """Return one outcome for each set of labels, metrics joined on the labels that they share.

        Parameters
        ----------
        samples : mapping of str to sequence of Sample
            For each name, one sample for each series.

        Returns
        -------
        list of Outcome
            Empty when nothing is known of any of its metrics, unless it asks for absence.

        Raises
        ------
        ConfigError
            If the join has no end: metrics that share no label, with very many series each.

        Examples
        --------
        >>> x, y = {"host": "x"}, {"host": "y"}
        >>> seen = {"a": [Sample(x, 5.0)], "b": [Sample(x, 1.0), Sample(y, 1.0)]}
        >>> [(dict(o.labels), o.truth, o.value) for o in Expression("a > 3 and b == 1").evaluate(seen)]
        [({'host': 'x'}, True, 5.0), ({'host': 'y'}, None, nan)]
        """
        may = self.where.may_accept
        known = [[s for s in samples.get(name, ()) if may(s.labels)] for name in self.metrics]
        rows = join(self.metrics, known)
        if not rows and self.asks_absence:
            rows = [Row(self.where.equalities, {})]
        return [self._outcome(row) for row in rows if self.where.accept(row.labels)]

    def _outcome(self, row: Row) -> Outcome:
        parts = [row.samples[name] for name in self.metrics if name in row.samples]
        leftmost = row.samples.get(self.metrics[0])
        value = math.nan if leftmost is None or leftmost.value is None else leftmost.value
        truth = self._truth({name: sample.value for name, sample in row.samples.items()})
        note = next((part.note for part in parts if part.note and part.value is not None), "")
        time = max((part.time for part in parts if part.time is not None), default=None)
        return Outcome(row.labels, truth, value, note, time)


class _Compiler:
    """Turns one text into one closure, collecting the names that it met."""

    def __init__(self, text: str) -> None:
        self.text = text.replace("\r", " ").replace("\n", " ").replace("\t", " ")
        self.metrics: list[str] = []
        self.asks_absence = False

    def compile(self) -> _Truth:
        self._check_tokens()
        start = len(self.text) - len(self.text.lstrip())
        source = self.text.lstrip()
        self._offset = start
        try:
            tree = ast.parse(source, mode="eval").body
        except SyntaxError as error:
            # Python's 0 means: where the text ends, something is missing
            column = error.offset - 1 + start if error.offset else len(self.text)
            problem = f"cannot be read here ({error.msg})"
            raise self._fault(min(column, len(self.text.rstrip())), problem) from None
        except (RecursionError, MemoryError):
            raise self._fault(0, "is nested too deeply") from None
        truth = self._truth(tree, 0)
        if not self.metrics:
            raise self._fault(0, "names no metric; compare at least one reading, such as drift_share > 0.3")
        return truth

    def _check_tokens(self) -> None:
        if len(self.text) > _LONGEST:
            raise self._fault(0, f"is {len(self.text)} characters long; the limit is {_LONGEST}")
        if not self.text.strip():
            raise self._fault(0, "is empty; write a comparison, such as drift_share > 0.3")
        position = 0
        depth = 0
        while position < len(self.text):
            token = _TOKEN.match(self.text, position)
            if token is None:
                character = self.text[position]
                hint = _HINTS.get(character, "only names, numbers, ( ), + - * / and comparisons are")
                raise self._fault(position, f"{character!r} is not part of an expression; {hint}")
            depth += {"(": 1, ")": -1}.get(token.group(), 0)
            if depth > _DEEPEST:
                raise self._fault(position, f"opens more than {_DEEPEST} parentheses")
            position = token.end()

    def _fault(self, column: int, problem: str) -> ConfigError:
        shown, caret = _window(self.text, column)
        return ConfigError(f"column {column + 1}: {problem}\n  {shown}\n  {' ' * caret}^")

    def _refusal(self, node: ast.AST, problem: str) -> ConfigError:
        # the text is plain ASCII by now, so byte offsets are columns
        return self._fault(getattr(node, "col_offset", 0) + self._offset, problem)

    def _truth(self, node: ast.expr, depth: int) -> _Truth:
        if depth > _DEEPEST:
            raise self._refusal(node, f"is nested more than {_DEEPEST} deep")
        if isinstance(node, ast.BoolOp):
            return _joined([self._truth(v, depth + 1) for v in node.values], stop=isinstance(node.op, ast.Or))
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
            return _negated(self._truth(node.operand, depth + 1))
        if isinstance(node, ast.Compare):
            return self._comparison(node, depth)
        if isinstance(node, ast.Call):
            return self._call(node)
        raise self._refusal(node, "is a number where a condition is needed; compare it, such as x > 0")

    def _comparison(self, node: ast.Compare, depth: int) -> _Truth:
        for op in node.ops:
            if type(op) not in _ORDER:
                raise self._refusal(
                    node, f"the comparison '{type(op).__name__}' is not allowed; use < <= > >= == !="
                )
        sides = [self._number(side, depth + 1) for side in (node.left, *node.comparators)]
        pairs = [
            _compared(_ORDER[type(op)], left, right)
            for op, left, right in zip(node.ops, sides[:-1], sides[1:], strict=True)
        ]
        return pairs[0] if len(pairs) == 1 else _joined(pairs, stop=False)

    def _call(self, node: ast.Call) -> _Truth:
        name = node.func.id if isinstance(node.func, ast.Name) else "this"
        if name not in _FUNCTIONS:
            raise self._refusal(node, f"{name!r} is no known function; there are {', '.join(_FUNCTIONS)}")
        if len(node.args) != 1 or node.keywords or not isinstance(node.args[0], ast.Name):
            raise self._refusal(node, f"{name} takes the name of one reading, such as {name}(drift_share)")
        metric = self._metric(node.args[0])
        if name == "absent":
            self.asks_absence = True
            return lambda values: values.get(metric) is None
        return lambda values: None if (v := values.get(metric)) is None else math.isnan(v)

    def _number(self, node: ast.expr, depth: int) -> _Number:
        if depth > _DEEPEST:
            raise self._refusal(node, f"is nested more than {_DEEPEST} deep")
        if isinstance(node, ast.Constant):
            return self._constant(node)
        if isinstance(node, ast.Name):
            metric = self._metric(node)
            return lambda values: None if (v := values.get(metric)) is None or math.isnan(v) else v
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub | ast.UAdd):
            inner = self._number(node.operand, depth + 1)
            sign = -1.0 if isinstance(node.op, ast.USub) else 1.0
            return lambda values: None if (v := inner(values)) is None else sign * v
        if isinstance(node, ast.BinOp) and type(node.op) in _ARITHMETIC:
            left, right = self._number(node.left, depth + 1), self._number(node.right, depth + 1)
            return _computed(_ARITHMETIC[type(node.op)], left, right)
        if isinstance(node, ast.Compare | ast.BoolOp | ast.Call) or (
            isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not)
        ):
            raise self._refusal(node, "is a condition where a number is needed")
        raise self._refusal(
            node, f"'{type(node).__name__}' is not allowed; only names, numbers and + - * / are"
        )

    def _constant(self, node: ast.Constant) -> _Number:
        if isinstance(node.value, bool) or not isinstance(node.value, int | float):
            raise self._refusal(node, f"{node.value!r} is not allowed; write a number")
        try:
            number = float(node.value)
        except OverflowError:
            number = math.inf
        if math.isinf(number):
            raise self._refusal(node, "the number is too large")
        return lambda values: number  # noqa: ARG005 - the same shape as the other closures

    def _metric(self, node: ast.Name) -> str:
        if node.id in _FUNCTIONS:
            raise self._refusal(node, f"{node.id} is a function; give it the name of a reading")
        if node.id not in self.metrics:
            self.metrics.append(node.id)
        return node.id


def _window(text: str, column: int) -> tuple[str, int]:
    """Return the part of a long text around a column, and where the column is in it."""
    start = max(0, column - 40)
    shown = "".join(c if c.isprintable() else "?" for c in text[start : column + 40])
    return ("..." if start else "") + shown, column - start + (3 if start else 0)


def _compared(order: Callable[[float, float], bool], left: _Number, right: _Number) -> _Truth:
    def compare(values: Values) -> bool | None:
        a, b = left(values), right(values)
        return None if a is None or b is None else order(a, b)

    return compare


def _computed(operation: Callable[[float, float], float], left: _Number, right: _Number) -> _Number:
    def compute(values: Values) -> float | None:
        a, b = left(values), right(values)
        if a is None or b is None:
            return None
        try:
            result = operation(a, b)
        except ZeroDivisionError:
            return None
        return None if math.isnan(result) else result

    return compute


def _negated(inner: _Truth) -> _Truth:
    return lambda values: None if (truth := inner(values)) is None else not truth


def _joined(parts: Sequence[_Truth], *, stop: bool) -> _Truth:
    """Kleene's and (stop on False) or or (stop on True)."""

    def evaluate(values: Values) -> bool | None:
        result: bool | None = not stop
        for part in parts:
            truth = part(values)
            if truth is stop:
                return stop
            if truth is None:
                result = None
        return result

    return evaluate
