"""A condition with its `where`: held against one mapping of numbers, or against samples of many series."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TypeVar

import numpy as np

from mirante.alerts.expression.columns import Table, truths
from mirante.alerts.expression.functions import over
from mirante.alerts.expression.joining import Labelled, Row, Sample, join
from mirante.alerts.expression.tree import Column, Tree, parse_condition
from mirante.alerts.matchers import EVERYTHING, Matchers
from mirante.store.types import to_micros

__all__ = ["Expression", "Outcome", "outcome"]

Values = Mapping[str, float | None]
_Part = TypeVar("_Part", bound=Labelled)
_MICROSECOND = timedelta(microseconds=1)


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
        ``avg_over("x", "15m")``, `min_over`, `max_over`, `sum_over`, `count` and `delta` (last less first)
        are numbers over the readings of the last fifteen minutes, see `mirante.alerts.expression.functions`.
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
    tree: Tree = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "tree", parse_condition(self.text))

    @property
    def metrics(self) -> tuple[str, ...]:
        """Names of the readings, leftmost first."""
        return self.tree.metrics

    @property
    def windows(self) -> tuple[Column, ...]:
        """What it asks of the readings of the past."""
        return tuple(column for column in self.tree.columns if column.function)

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
        given = [values.get(str(column)) for column in self.tree.columns]
        return self._judge([given], [[value is not None for value in given]])[0]

    def evaluate(self, samples: Mapping[str, Sequence[Sample]], now: datetime | None = None) -> list[Outcome]:
        """Return one outcome for each set of labels, metrics joined on the labels that they share.

        Parameters
        ----------
        samples : mapping of str to sequence of Sample
            For each name, one sample for each series.
        now : datetime, optional
            The end of the windows of functions such as `avg_over`, which are unknown without it.

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
        rows = self.rows([samples.get(name, ()) for name in self.metrics])
        parts = [[row.samples.get(column.metric) for column in self.tree.columns] for row in rows]
        values = [[_value(c, s, now) for c, s in zip(self.tree.columns, row, strict=True)] for row in parts]
        present = [[s is not None and s.value is not None for s in row] for row in parts]
        said = self._judge(values, present)
        return [
            outcome(row.labels, truth, numbers[0], [row.samples.get(name) for name in self.metrics])
            for row, truth, numbers in zip(rows, said, values, strict=True)
        ]

    def rows(self, series: Sequence[Iterable[_Part]]) -> list[Row[_Part]]:
        """Return what the condition is about: one row for each set of labels that `where` accepts.

        Parameters
        ----------
        series : sequence of iterable of Labelled
            The series of each metric.

        Raises
        ------
        ConfigError
            If the join has no end.
        """
        may = self.where.may_accept
        rows = join(self.metrics, [[one for one in each if may(one.labels)] for each in series])
        if not rows and self.tree.asks_absence:
            rows = [Row(self.where.equalities, {})]
        return [row for row in rows if self.where.accept(row.labels)]

    def _judge(
        self, values: Sequence[Sequence[float | None]], present: Sequence[Sequence[bool]]
    ) -> list[bool | None]:
        shape = (len(values), len(self.tree.columns))
        numbers = np.array(values, dtype=np.float64).reshape(shape).T  # None becomes NaN
        constants = [np.full(len(values), constant) for constant in self.tree.constants]
        there = np.array(present, dtype=np.bool_).reshape(shape).T
        true, false = truths(self.tree.skeleton, Table(list(numbers), list(there), constants))
        return [True if t else False if f else None for t, f in zip(true, false, strict=True)]


def outcome(
    labels: Mapping[str, str], truth: bool | None, value: float | None, parts: Iterable[Sample | None]
) -> Outcome:
    """Return the outcome of one row.

    Parameters
    ----------
    labels : mapping of str to str
        The row's.
    truth : bool or None
        What the condition says.
    value : float or None
        Of its leftmost column.
    parts : iterable of Sample or None
        The samples that took part, leftmost first.

    Examples
    --------
    >>> outcome({}, True, 5.0, [Sample({}, 5.0), Sample({}, 1.0, "all cores")]).note
    'all cores'
    """
    there = [part for part in parts if part is not None]
    note = next((part.note for part in there if part.note and part.value is not None), "")
    time = max((part.time for part in there if part.time is not None), default=None)
    return Outcome(labels, truth, math.nan if value is None else value, note, time)


def _value(column: Column, sample: Sample | None, now: datetime | None) -> float | None:
    if sample is None or not column.function:
        return None if sample is None else sample.value
    if now is None or not sample.history:
        return None
    times = np.array([[to_micros(time) for time, _ in sample.history]])
    values = np.array([[value for _, value in sample.history]], dtype=np.float64)
    end = to_micros(now)
    return float(over(column.function, times, values, end - column.window // _MICROSECOND, end)[0])
