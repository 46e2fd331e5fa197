"""Rules of one skeleton, evaluated together: which of their rows something may change for."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from mirante.alerts.evaluation.board import View, length_in_micros
from mirante.alerts.evaluation.planning import Plan
from mirante.alerts.expression.columns import Floats, Table, truths
from mirante.alerts.expression.functions import NEVER
from mirante.alerts.rules import AlertState, Rule
from mirante.store.types import to_micros

__all__ = ["Batch", "RowFound", "batch_key", "settle"]

_FOREVER = np.iinfo(np.int64).max
_Bools: TypeAlias = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class RowFound:
    """One row that something may change for.

    Parameters
    ----------
    plan : Plan
        Whose row.
    row : int
        Which.
    truth : bool or None
        What the condition says.
    value : float
        Of the leftmost column.
    """

    plan: Plan
    row: int
    truth: bool | None
    value: float


def batch_key(rule: Rule) -> tuple[object, ...]:
    """Return what rules must have in common to be evaluated together.

    Examples
    --------
    >>> batch_key(Rule("a", "x > 1")) == batch_key(Rule("b", "y > 2", where={"host": "web-1"}))
    True
    """
    tree = rule.expression.tree
    return tree.skeleton, tuple((column.function, column.window) for column in tree.columns)


class Batch:
    """Plans of one skeleton, their rows one after the other.

    Parameters
    ----------
    plans : sequence of Plan
        With the same `batch_key`. What they remember becomes part of this batch's columns.
    value_age : int
        Microseconds: the value in a firing alert's row is at most so old.
    """

    def __init__(self, plans: Sequence[Plan], value_age: int) -> None:
        self._plans, self._value_age = plans, value_age
        tree = plans[0].rule.expression.tree
        self._skeleton, self._columns = tree.skeleton, tree.columns
        counts = [len(plan.keys) for plan in plans]
        self._ends = np.cumsum(counts).tolist()
        self._numbers = np.concatenate([plan.numbers for plan in plans], axis=1)
        constants = np.array([plan.rule.expression.tree.constants for plan in plans], dtype=np.float64)
        self._constants = [np.repeat(constants[:, place], counts) for place in range(constants.shape[1])]
        policies = [plan.rule.on_missing for plan in plans]
        self._alerts_on_missing = np.repeat([policy == "alert" for policy in policies], counts)
        self._keeps_on_missing = np.repeat([policy == "keep" for policy in policies], counts)
        self._is_open = np.concatenate([plan.is_open for plan in plans])
        self._due = np.concatenate([plan.due for plan in plans])
        self._written = np.concatenate([plan.written for plan in plans])
        for plan, end, count in zip(plans, self._ends, counts, strict=True):
            own = slice(end - count, end)
            plan.is_open, plan.due, plan.written = self._is_open[own], self._due[own], self._written[own]

    def judge(self, view: View, refresh: int) -> tuple[list[RowFound], int]:
        """Return the rows that something may change for.

        Those are: true without an alert; with an alert that a state, a timer or `on_missing` may move; and,
        once in a `value_age`, firing ones, so that the row in the store shows the present value.

        Parameters
        ----------
        view : View
            The board.
        refresh : int
            So many of the last kind at most, those first that waited longest.

        Returns
        -------
        rows : list of RowFound
            In order.
        refresh : int
            How many of the last kind may still be asked for.
        """
        values = [self._values(view, place) for place in range(len(self._columns))]
        present = [view.present[numbers] for numbers in self._numbers]
        true, false = truths(self._skeleton, Table(values, present, self._constants))
        unknown = ~(true | false)
        breached = true | (unknown & self._alerts_on_missing)
        steady = (breached & (view.now < self._due)) | (
            unknown & self._keeps_on_missing & (self._due != NEVER)
        )
        touched = np.where(self._is_open, ~steady, breached)
        if refresh and self._is_open.any():
            outdated = self._outdated(self._is_open & steady & true, view.now, refresh)
            refresh -= int(np.count_nonzero(outdated))
            touched |= outdated
        rows = [
            self._found(row, True if true[row] else False if false[row] else None, values[0])
            for row in np.flatnonzero(touched).tolist()
        ]
        return rows, refresh

    def _values(self, view: View, place: int) -> Floats:
        column = self._columns[place]
        of = view.windows[column.function, column.window] if column.function else view.values
        found: Floats = of[self._numbers[place]]
        return found

    def _outdated(self, shown: _Bools, now: int, most: int) -> _Bools:
        old: _Bools = shown & (np.abs(now - self._written) >= self._value_age)
        if np.count_nonzero(old) > most:
            rows = np.flatnonzero(old)
            first = np.argpartition(self._written[rows], most)[:most]
            old = np.zeros_like(old)
            old[rows[first]] = True
        return old

    def _found(self, row: int, truth: bool | None, values: Floats) -> RowFound:
        place = bisect_right(self._ends, row)
        plan = self._plans[place]
        inner = row - self._ends[place] + len(plan.keys)
        return RowFound(plan, inner, truth, float(values[row]))


def settle(plan: Plan, row: int, state: AlertState, now: int) -> None:
    """Remember how an alert stands after its row was looked at.

    Parameters
    ----------
    plan : Plan
        Whose row.
    row : int
        Which.
    state : AlertState
        The alert's.
    now : int
        Microseconds.
    """
    plan.is_open[row], plan.written[row] = state.phase != "inactive", now
    if state.phase == "pending" and state.active_at is not None:
        plan.due[row] = to_micros(state.active_at) + length_in_micros(plan.rule.for_)
    elif state.phase == "firing" and state.keep_firing_since is None:
        plan.due[row] = _FOREVER
    else:
        plan.due[row] = NEVER
