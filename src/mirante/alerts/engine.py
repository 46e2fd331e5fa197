"""The engine: readings in, alert states and owed notices out, both in one transaction."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial

import numpy as np

from mirante.alerts.dispatch.dispatcher import Dispatcher, Due
from mirante.alerts.dispatch.flapping import Flapping
from mirante.alerts.dispatch.holds import HoldSettings
from mirante.alerts.evaluation.board import Board, in_steps
from mirante.alerts.evaluation.rows import Evaluation
from mirante.alerts.evidence import gather
from mirante.alerts.expression import Outcome
from mirante.alerts.grouping import Transition, Wording
from mirante.alerts.routing import Route
from mirante.alerts.rules import AlertState, Rule, advance
from mirante.alerts.rules.rule import twins
from mirante.alerts.rules.states import AlertKey, Change, Phase, alert_key, shifted
from mirante.alerts.templates import render
from mirante.errors import ConfigError
from mirante.garbage import without_collection
from mirante.readings import Reading, subject_of
from mirante.store import AlertRow, Ending, EventRow, Store

__all__ = ["AlertEngine"]

_CURSOR = "alerts"
_PAGE = 10_000
_REPLAY = timedelta(hours=1)
_GONE = Outcome({}, None, math.nan)


@dataclass(frozen=True, slots=True)
class _Alert:
    """An alert in memory: its row and its state; `heard` once a reading said something since the start."""

    row: AlertRow
    state: AlertState
    heard: bool = True


@dataclass(frozen=True, slots=True)
class _Step:
    """One alert after one evaluation."""

    key: AlertKey
    alert: _Alert
    change: Change | None
    rule: Rule | None
    dirty: bool


class AlertEngine:
    """Holds rules against readings, remembers alerts, and writes what is owed to the outbox.

    Driven by the time that it is given: a replay of a year gives event time, the service the present.

    Parameters
    ----------
    store : Store
        Alerts that are open there are taken up again, with the time since when they were true.
    rules : sequence of Rule
        With names of their own.
    routes : Route
        Which alert goes to which channels, with whom, and how soon.
    holds : HoldSettings, optional
        Inhibitions and mute times; the inhibitions that come with Mirante when not given.
    value_age : timedelta
        While an alert fires, the value in its row is at most about so old.
    flapping : Flapping, optional
        When an alert counts as flapping; without it, none does.
    locale : str
        Of the notices.
    links : mapping of str to str
        Addresses for the notices; ``{subject}`` stands for the alert's subject.
    page, mlflow : str
        Addresses of Mirante's page and of MLflow's, which notices link to.
    config : str
        Config that the commands in notices name.
    forget_after : timedelta
        A series without a reading for so long is no longer expected, and its alert resolves.
    restart_grace : timedelta
        For so long after the start, an alert from before is kept until its series is heard of again.
    clock : callable
        Gives the present time, by which the outbox sends and gives up. An evaluation of a time well before
        it is a replay of the past; rows and notices say so.

    Raises
    ------
    ConfigError
        If two rules have the same name.
    """

    def __init__(
        self,
        store: Store,
        rules: Sequence[Rule],
        routes: Route,
        *,
        holds: HoldSettings | None = None,
        flapping: Flapping | None = None,
        value_age: timedelta = timedelta(minutes=1),
        locale: str = "en",
        links: Mapping[str, str] | None = None,
        page: str = "",
        mlflow: str = "",
        config: str = "",
        forget_after: timedelta = timedelta(days=7),
        restart_grace: timedelta = timedelta(hours=1),
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._store, self._routes, self._clock = store, routes, clock
        self._wording = Wording(locale, links, page=page, mlflow=mlflow, config=config)
        self._holds, self._flapping = holds, flapping
        self._value_age = value_age
        self._dispatcher: Dispatcher | None = None
        self._board = Board(forget_after)
        self._forget_after, self._restart_grace = forget_after, restart_grace
        self._started: datetime | None = None
        self._alerts = {
            alert_key(row.rule, row.labels): _Alert(row, _state(row), False) for row in store.alerts.open()
        }
        self._endings: list[Ending] = []  # of the step that is being judged
        self._sequence = int((store.cursors.get(_CURSOR) or {}).get("sequence", 0))
        self._saved = self._sequence
        self.replace_rules(rules)

    def replace_rules(self, rules: Sequence[Rule]) -> None:
        """Hold other rules against the readings from now on; alerts of rules that are gone resolve.

        Parameters
        ----------
        rules : sequence of Rule
            With names of their own.

        Raises
        ------
        ConfigError
            If two of them have the same name; the rules stay as they were.
        """
        if twice := twins(rule.name for rule in rules):
            raise ConfigError(f"several rules are named {', '.join(twice)}; give each a name of its own")
        self._rules = {rule.name: rule for rule in rules}
        self._evaluation = Evaluation(rules, self._board, self._value_age)

    @property
    def errors(self) -> Mapping[str, str]:
        """Why rules cannot be evaluated, by their names."""
        return self._evaluation.errors

    @property
    def rules(self) -> tuple[Rule, ...]:
        """The rules that hold."""
        return tuple(self._rules.values())

    def standing(self) -> list[tuple[AlertRow, AlertState]]:
        """Return the alerts that are pending or firing, as they are after the last evaluation."""
        return [
            (alert.row, alert.state) for alert in self._alerts.values() if alert.state.phase != "inactive"
        ]

    def advance(self, now: datetime, stale_after: Callable[[Reading], timedelta | None]) -> list[Transition]:
        """Judge every reading that came into the store since the last call, each once, also over a restart.

        Alert rows, events, notices and how far it came go to the store in one transaction. Readings of one
        series that came together (the windows of a week on which the service was down) are judged one after
        the other, in the order of arrival. A rule that cannot be evaluated leaves its alerts as they are;
        `errors` says why.

        Parameters
        ----------
        now : datetime
            Time of this evaluation.
        stale_after : callable
            Says of a reading for how long its series may be silent; None for readings that are no concern of
            the rules here.

        Returns
        -------
        list of Transition
            The alerts that became pending, began to fire, were dropped or resolved.

        Raises
        ------
        StoreError
            If the store cannot be read or written; the readings are judged at the next call.
        """
        now = now.astimezone(UTC)  # two times of one other zone are subtracted by its wall clock
        self._wording = replace(
            self._wording,
            historic=self._clock() - now > _REPLAY,
            gather=partial(gather, self._store, locale=self._wording.locale, known={}),
        )
        if self._started is None:
            self._started = now
            self._recall(stale_after, now)
        with without_collection():
            return self._judge_news(now, stale_after)

    def clock_was_set(self, by: timedelta, now: datetime) -> None:
        """Take note that the clock was set, or went on while this process stood still.

        Nothing fires, goes stale or is told for it.
        Waits that run go on where they were. The times at which alerts that fire began stay as they are.

        Parameters
        ----------
        by : timedelta
            How far; less than nothing when it was set back.
        now : datetime
            The present by the new clock.
        """
        self._board.clock_was_set(by, now)
        self._started = None if self._started is None else self._started + by
        # the rows keep the old times, so that the next evaluation finds them changed and writes them
        self._alerts = {key: replace(a, state=shifted(a.state, by)) for key, a in self._alerts.items()}
        self._evaluation.forget_alerts()
        if self._dispatcher is not None:
            self._dispatcher.clock_was_set(by)

    def _judge_news(
        self, now: datetime, stale_after: Callable[[Reading], timedelta | None]
    ) -> list[Transition]:
        transitions: list[Transition] = []
        before = self._sequence
        for last, step in in_steps(self._news()):
            self._board.observe(step, stale_after=stale_after, heard=now)
            self._endings = self._store.endings.between(self._sequence, last)
            for ending in self._endings:
                self._board.end(ending.name, ending.labels)
            transitions += self._evaluate_all(now, last)
        self._endings = []
        if self._sequence == before:  # nothing new: time goes on all the same
            transitions += self._evaluate_all(now, self._sequence)
        if self._saved != self._sequence:
            self._store.cursors.set(_CURSOR, {"sequence": self._sequence})
            self._saved = self._sequence
        return transitions

    def _news(self) -> Iterator[tuple[int, Reading]]:
        """Give the readings that are not judged yet, in the order of arrival."""
        last = self._sequence
        while page := self._store.readings.after(last, limit=_PAGE):
            yield from page
            if len(page) < _PAGE:
                return
            last = page[-1][0]

    def _recall(self, stale_after: Callable[[Reading], timedelta | None], now: datetime) -> None:
        """After a start, know again what was known of the series that nothing new came of."""
        if not self._sequence:
            return
        news = {reading.key for _, reading in self._news()}
        latest = self._store.readings.latest(arrived=True)  # of what a backfill brings, nobody is told
        old = [reading for reading in latest if reading.key not in news]
        self._board.observe(old, stale_after=stale_after, heard=now, grace=self._restart_grace)

    def _fill_windows(self, now: datetime) -> None:
        """Read from the store what rules ask of the past, of series that are new on the board."""
        for name, reach in self._board.take_unfilled().items():
            for series in self._store.readings.series(name, since=now - reach):
                times = series.times.astype(np.int64).tolist()
                self._board.refill(name, series.labels, times, series.values.tolist())

    @property
    def position(self) -> int:
        """The place in the order of arrival up to which all is judged, and will not be judged again."""
        return self._saved

    def set_aside(self, subjects: Collection[str]) -> None:
        """Leave the alerts of some subjects as they are: nothing is heard of them, and that means nothing.

        `advance` must then be told that their readings are no concern.

        Parameters
        ----------
        subjects : collection of str
            Paused ones, such as ``model/churn@champion``.
        """
        self._alerts = {key: a for key, a in self._alerts.items() if a.row.subject not in subjects}
        self._evaluation.forget_alerts()
        self._dispatcher = None

    @property
    def next_flush(self) -> datetime | None:
        """When the next notice may be due without anything new; None when none is, or before `advance`."""
        return None if self._dispatcher is None else self._dispatcher.next_flush

    def _dispatch(self, now: datetime) -> Dispatcher:
        """Return the dispatcher: the one in memory, or after a start or a failure one from the store."""
        if self._dispatcher is None:
            firing = [alert.row for alert in self._alerts.values() if alert.state.phase == "firing"]
            self._dispatcher = Dispatcher(
                self._store,
                self._routes,
                firing,
                now=now,
                holds=self._holds,
                flapping=self._flapping,
                explain=self._explain,
            )
        return self._dispatcher

    def _explain(self, row: AlertRow) -> tuple[str, str]:
        """Return the condition of an alert's rule, and its longer text."""
        rule = self._rules.get(row.rule)
        if rule is None:
            return "", ""
        return rule.when, render(rule.description, row.labels, math.nan if row.value is None else row.value)

    def _evaluate_all(self, now: datetime, reached: int) -> list[Transition]:
        """Hold every rule against the readings up to a sequence number, and write what changed.

        If the store cannot be written to, nothing has changed in memory either.
        """
        self._fill_windows(now)
        steps: list[_Step] = []
        for found in self._evaluation.look(now, self._alerts.keys()):
            step = self._step(found.key, found.rule, found.outcome, now)
            if step is not None:
                steps.append(step)
        steps += [self._end(k, a, now) for k, a in self._alerts.items() if k[0] not in self._rules]
        transitions = [Transition(step.alert.row, step.change) for step in steps if step.change is not None]
        self._write(steps, transitions, now, reached)
        self._sequence = reached
        for step in steps:
            self._evaluation.remember(step.key, step.alert.state, now)
            if step.alert.state.phase == "inactive" and (step.change != "dropped" or step.rule is None):
                self._alerts.pop(step.key, None)
            else:
                self._alerts[step.key] = step.alert
        return transitions

    def _step(self, key: AlertKey, rule: Rule, outcome: Outcome | None, now: datetime) -> _Step | None:
        known = self._alerts.get(key)
        found = outcome if outcome is not None else _GONE
        if known is None:
            if found.truth is False or (found.truth is None and rule.on_missing != "alert"):
                return None
            known = _Alert(_new_row(rule, key, now, self._wording), AlertState())
        elif known.state.phase == "inactive":
            if outcome is None:
                del self._alerts[key]  # it never fired, and its series is gone: nothing to remember
                return None
            known = replace(known, row=_new_row(rule, key, now, self._wording, known.row.id))
        if found.truth is None and (reason := self._why_over(rule, key)):
            return self._end(key, replace(known, row=replace(known.row, note=reason)), now)
        heard = known.heard or found.truth is not None
        if not heard and now - (self._started or now) < self._restart_grace:
            return None  # just started: not having heard yet is no news
        seen = known.row.last_seen_at or known.row.active_at
        if outcome is None and known.state.phase != "inactive" and now - seen > self._forget_after:
            return self._end(key, known, now)
        timing = self._dispatch(now).timing(key, rule) if known.state.phase == "firing" else rule
        state, change = advance(known.state, timing, found.truth, now, found.value)
        if state.phase == "inactive" and change is None:
            return None
        row = _updated(known.row, rule, found, state, change, now)
        return _Step(key, _Alert(row, state, heard), change, rule, row != known.row)

    def _why_over(self, rule: Rule, key: AlertKey) -> str:
        """Return why a series that an alert hangs on is over; empty where none is."""
        mine = frozenset(key[1])
        for ending in self._endings:
            if ending.name in rule.expression.metrics and mine.issuperset(ending.labels.items()):
                return ending.reason
        return ""

    def _end(self, key: AlertKey, alert: _Alert, now: datetime) -> _Step:
        """Resolve an alert whose rule or series is no more."""
        change: Change = "resolved" if alert.state.phase == "firing" else "dropped"
        row = replace(alert.row, state="resolved", resolved_at=now)
        return _Step(key, _Alert(row, AlertState()), change, self._rules.get(key[0]), dirty=True)

    def _write(
        self, steps: Sequence[_Step], transitions: Sequence[Transition], now: datetime, reached: int
    ) -> None:
        rows = [step.alert.row for step in steps if step.dirty]
        events = [_event(t, now) for t in transitions if t.change in ("firing", "resolved")]
        dispatcher = self._dispatch(now)
        try:
            due = dispatcher.plan(transitions, rows, now, self._wording, self._clock())
            if not rows and not due:
                return  # how far it came is written with the next change, or at the end of `advance`
            self._commit(rows, events, due, reached)
        except BaseException:
            self._dispatcher = None  # it holds what is not in the store
            raise
        self._saved = reached

    def _commit(self, rows: Sequence[AlertRow], events: Sequence[EventRow], due: Due, reached: int) -> None:
        with self._store.transaction() as connection:
            self._store.alerts.save_all(rows, connection=connection)
            self._store.events.add_all([*events, *due.events], connection=connection)
            self._store.groups.remove(due.gone, connection=connection)
            self._store.groups.save_all(due.groups, connection=connection)
            self._store.outbox.add_all(due.notices, connection=connection)
            if self._saved != reached:
                self._store.cursors.set(_CURSOR, {"sequence": reached}, connection=connection)


def _state(row: AlertRow) -> AlertState:
    phase: Phase = "firing" if row.state == "firing" else "pending"
    value, fired = (math.nan if number is None else number for number in (row.value, row.fired_value))
    return AlertState(phase, row.active_at, row.fired_at, row.keep_firing_since, value, fired)


def _new_row(rule: Rule, key: AlertKey, now: datetime, wording: Wording, id_: str | None = None) -> AlertRow:
    labels = dict(key[1])
    return AlertRow(
        id=id_ or os.urandom(16).hex(),  # one that was dropped before it fired is taken up again
        rule=rule.name,
        labels=labels,
        subject=subject_of(labels),
        severity=rule.severity,
        state="pending",
        active_at=now,
        historic=wording.historic,
    )


def _updated(
    row: AlertRow, rule: Rule, found: Outcome, state: AlertState, change: Change | None, now: datetime
) -> AlertRow:
    """Return the row after an evaluation; without news it stays equal, so that it is not written again."""
    value, seen, reading_time, summary, note = (
        row.value,
        row.last_seen_at,
        row.reading_time,
        row.summary,
        row.note,
    )
    if found.truth is not None or change is not None:
        value = None if math.isnan(found.value) else found.value
        seen, reading_time = now, found.time or reading_time
    if found.truth is True or change in ("pending", "firing"):
        note = found.note
        summary = rule.said(row.labels, found.value)
    over = state.phase == "inactive"
    fired = state.fired_value if state.phase == "firing" and not math.isnan(state.fired_value) else None
    return (
        AlertRow(  # at once: `replace` costs ten times as much, which a storm pays a hundred thousand times
            id=row.id,
            rule=row.rule,
            labels=row.labels,
            subject=row.subject,
            severity=rule.severity,
            state="resolved" if over else state.phase,
            active_at=row.active_at if over else state.active_at or now,
            fired_at=row.fired_at if over else state.fired_at,
            resolved_at=now if over else row.resolved_at,
            keep_firing_since=None if over else state.keep_firing_since,
            last_seen_at=seen,
            value=value,
            fired_value=row.fired_value if over else fired,
            reading_time=reading_time,
            summary=summary,
            note=note,
            historic=row.historic,
        )
    )


def _event(transition: Transition, now: datetime) -> EventRow:
    alert = transition.alert
    kind = "alert_fired" if transition.change == "firing" else "alert_resolved"
    data = {
        "alert": alert.id,
        "rule": alert.rule,
        "severity": alert.severity,
        "value": alert.value,
        "labels": dict(alert.labels),
        "note": alert.note,
    }
    time = alert.reading_time if kind == "alert_fired" and alert.reading_time is not None else now
    return EventRow(alert.subject, time, kind, alert.summary, data)
