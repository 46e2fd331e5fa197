"""Which rules speak of which series: planned once, and again only where series come or go."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mirante.alerts.evaluation.board import Board, Series
from mirante.alerts.expression.functions import NEVER
from mirante.alerts.rules import Rule
from mirante.errors import ConfigError

__all__ = ["Plan", "Planner"]


@dataclass(slots=True)
class Plan:
    """The rows of one rule, and what is remembered of each.

    Parameters
    ----------
    rule : Rule
        Whose they are.
    place : int
        Of the rule among all.
    keys : list of tuple
        The labels of each row's alert, sorted.
    numbers : array of int, columns x rows
        For each column of the condition, the numbers of the series; 0 where there is none.
    is_open : array of bool
        Whether the row's alert is pending or firing.
    due : array of int64
        Microseconds: until then nothing changes while the condition is true; `NEVER` if that is not known.
    written : array of int64
        When the alert's row was last brought up to date.
    """

    rule: Rule
    place: int
    keys: list[tuple[tuple[str, str], ...]]
    numbers: NDArray[np.intp]
    is_open: NDArray[np.bool_]
    due: NDArray[np.int64]
    written: NDArray[np.int64]


class Planner:
    """Finds the rows of rules on a board.

    Parameters
    ----------
    rules : sequence of Rule
        All.
    board : Board
        Where the series are.
    """

    def __init__(self, rules: Sequence[Rule], board: Board) -> None:
        self._rules = rules
        self._board = board
        self._places: dict[str, list[int]] = defaultdict(list)  # of the rules that name a metric
        for place, rule in enumerate(rules):
            for metric in rule.expression.metrics:
                self._places[metric].append(place)
        self._by_label: dict[tuple[str, str], dict[str | None, list[Series]]] = {}

    def concerned(self, changed: Collection[Series]) -> set[int]:
        """Return the places of the rules whose rows may change when these series come or go."""
        by_name: dict[str, list[Series]] = defaultdict(list)
        for series in changed:
            by_name[series.name].append(series)
        for name, label in list(self._by_label):
            if name in by_name:
                del self._by_label[name, label]
        found: set[int] = set()
        for name, those in by_name.items():
            seen: dict[str, set[str | None]] = {}
            for place in self._places.get(name, ()):
                where = self._rules[place].expression.where
                for label in where.equalities:
                    seen.setdefault(label, {series.labels.get(label) for series in those})
                narrow = all(seen[k] & {v, None} for k, v in where.equalities.items())
                if narrow and any(where.may_accept(series.labels) for series in those):
                    found.add(place)
        return found

    def plan(self, place: int) -> Plan:
        """Return the rows of a rule.

        Parameters
        ----------
        place : int
            Of the rule.

        Raises
        ------
        ConfigError
            If two rows give the same labels, or the join has no end.
        """
        rule = self._rules[place]
        expression = rule.expression
        rows = expression.rows([self._candidates(name, rule) for name in expression.metrics])
        single = len(expression.metrics) == 1 and not rule.labels
        if single:
            keys = [
                s.key if (s := row.samples.get(expression.metrics[0])) else _key(row.labels) for row in rows
            ]
        else:
            keys = [_key({**row.labels, **rule.labels}) for row in rows]
            _refuse_twins(keys)
        numbers = np.array(
            [
                [0 if (s := row.samples.get(column.metric)) is None else s.number for row in rows]
                for column in expression.tree.columns
            ],
            dtype=np.intp,
        )
        count = len(rows)
        never = np.full(count, NEVER, dtype=np.int64)
        return Plan(rule, place, keys, numbers, np.zeros(count, dtype=np.bool_), never, never.copy())

    def _candidates(self, name: str, rule: Rule) -> Iterable[Series]:
        """Return the series of a name that a rule may be about; looked up by one label, if it names one."""
        label, value = next(iter(rule.expression.where.equalities.items()), ("", ""))
        if not label:
            return self._board.members(name)
        index = self._by_label.get((name, label))
        if index is None:
            index = self._by_label[name, label] = defaultdict(list)
            for series in self._board.members(name):
                index[series.labels.get(label)].append(series)
        return [*index.get(value, ()), *index.get(None, ())]


def _key(labels: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    return tuple(sorted(labels.items()))


def _refuse_twins(keys: Sequence[tuple[tuple[str, str], ...]]) -> None:
    seen: set[tuple[tuple[str, str], ...]] = set()
    for key in keys:
        if key in seen:
            raise ConfigError(f"two series give the same labels {dict(key)}; remove a label of the rule")
        seen.add(key)
