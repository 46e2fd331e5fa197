"""All rules held against the board: what may change, and nothing else."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from mirante.alerts.evaluation.batches import Batch, RowFound, batch_key, settle
from mirante.alerts.evaluation.board import Board, View
from mirante.alerts.evaluation.planning import Plan, Planner
from mirante.alerts.expression.expression import Outcome, outcome
from mirante.alerts.rules import AlertState, Rule
from mirante.alerts.rules.states import AlertKey
from mirante.errors import ConfigError
from mirante.store.types import to_micros

__all__ = ["Evaluation", "Found"]

_MOST_REFRESHED = 500
_LAST = 2**62


@dataclass(frozen=True, slots=True)
class Found:
    """One alert that may change, or begin.

    Parameters
    ----------
    rule : Rule
        Its rule.
    key : tuple
        Its identity.
    outcome : Outcome or None
        What the rule says; None where no series is left for it.
    """

    rule: Rule
    key: AlertKey
    outcome: Outcome | None


class Evaluation:
    """Holds rules against a board.

    Rules whose conditions have the same skeleton are evaluated together, over columns. Python touches only
    the rows that something may change for, so ten thousand quiet rules cost little more than one. While an
    alert fires, the value in its row follows once in a while, or later where more than 500 at a time are due.

    Parameters
    ----------
    rules : sequence of Rule
        With names of their own.
    board : Board
        Where the readings are.
    value_age : timedelta
        How often the value of a firing alert follows.
    """

    def __init__(
        self, rules: Sequence[Rule], board: Board, value_age: timedelta = timedelta(minutes=1)
    ) -> None:
        self._rules, self._board = rules, board
        self._value_age = value_age // timedelta(microseconds=1)
        self._planner = Planner(rules, board)
        self._plans: dict[int, Plan] = {}
        self._batches: dict[tuple[object, ...], Batch] = {}
        self._without_row: dict[int, list[AlertKey]] = {}
        self._rows: dict[AlertKey, tuple[Plan, int]] = {}
        self._all_new = True
        self._turn = 0
        self.errors: dict[str, str] = {}
        board.keep(column for rule in rules for column in rule.expression.windows)

    def look(self, now: datetime, alerts: Collection[AlertKey]) -> list[Found]:
        """Return the alerts that may change, in the order of the rules.

        Parameters
        ----------
        now : datetime
            Time of this evaluation.
        alerts : collection of tuple
            The alerts that are known, pending, firing or dropped.
        """
        view = self._board.look(now)
        places = range(len(self._rules)) if self._all_new else self._planner.concerned(view.changed)
        if places:
            self._plan(places, alerts)
            self._all_new = False
        found: list[tuple[int, int, Found]] = []
        self._rows = {}
        refresh = _MOST_REFRESHED
        self._turn += 1
        for batch in _rotated(list(self._batches.values()), self._turn):
            rows, refresh = batch.judge(view, refresh)
            for one in rows:
                plan = one.plan
                key = (plan.rule.name, plan.keys[one.row])
                self._rows[key] = plan, one.row
                found.append((plan.place, one.row, Found(plan.rule, key, self._outcome(one, view))))
        for place, keys in self._without_row.items():
            found += [(place, _LAST, Found(self._rules[place], key, None)) for key in keys if key in alerts]
        return [each for _, _, each in sorted(found, key=lambda one: one[:2])]

    def _outcome(self, one: RowFound, view: View) -> Outcome:
        parts = [
            None if series is None else self._board.sample(series, view)
            for series in map(self._board.series, one.plan.numbers[:, one.row].tolist())
        ]
        return outcome(dict(one.plan.keys[one.row]), one.truth, one.value, parts)

    def _plan(self, places: Collection[int], alerts: Collection[AlertKey]) -> None:
        """Find the rows of these rules anew, and put their batches together again."""
        names = {self._rules[place].name for place in places}
        known: dict[str, list[AlertKey]] = defaultdict(list)
        for key in alerts:
            if key[0] in names:
                known[key[0]].append(key)
        stale = {batch_key(self._rules[place]) for place in places}
        for place in places:
            rule = self._rules[place]
            self._plans.pop(place, None)
            self._without_row.pop(place, None)
            self.errors.pop(rule.name, None)
            try:
                plan = self._planner.plan(place)
            except ConfigError as error:  # its alerts stay as they are
                self.errors[rule.name] = str(error)
                continue
            self._plans[place] = plan
            if known[rule.name]:
                self._take_up(plan, known[rule.name])
        members: dict[tuple[object, ...], list[Plan]] = {kind: [] for kind in stale}
        for place in sorted(self._plans):
            plan = self._plans[place]
            if plan.keys and (kind := batch_key(plan.rule)) in stale:
                members[kind].append(plan)
        for kind, plans in members.items():
            self._batches.pop(kind, None)
            if plans:
                self._batches[kind] = Batch(plans, self._value_age)

    def _take_up(self, plan: Plan, known: Collection[AlertKey]) -> None:
        """Mark the rows of alerts that are known; each is looked at once before it may be passed over."""
        rows = {key: row for row, key in enumerate(plan.keys)}
        lost = [key for key in known if key[1] not in rows]
        if lost:
            self._without_row[plan.place] = lost
        for key in known:
            if key[1] in rows:
                plan.is_open[rows[key[1]]] = True

    def remember(self, key: AlertKey, state: AlertState, now: datetime) -> None:
        """Note how an alert stands after this evaluation, once that is in the store.

        Parameters
        ----------
        key : tuple
            Its identity.
        state : AlertState
            Its state.
        now : datetime
            Time of this evaluation.
        """
        if key in self._rows:
            settle(*self._rows[key], state, to_micros(now))

    def forget_alerts(self) -> None:
        """Take the alerts up anew at the next look: some are known no more."""
        self._all_new = True


def _rotated(batches: list[Batch], turn: int) -> list[Batch]:
    """Let another batch be the first each time, so that each comes to have its values refreshed."""
    first = turn % max(1, len(batches))
    return batches[first:] + batches[:first]
