"""What rules would have done over a stretch of the past, from the readings of a store, without a trace."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import numpy as np

from mirante.alerts.evaluation.history import Clock, History, row_history
from mirante.alerts.expression.columns import Bools
from mirante.alerts.rules import AlertState, Rule, advance
from mirante.alerts.rules.limits import seeks_low
from mirante.errors import ConfigError
from mirante.readings import Reading
from mirante.store import Series, Store
from mirante.store.series import Where
from mirante.store.types import from_micros, to_micros

__all__ = ["Firing", "Past", "replay_past"]


@dataclass(frozen=True, slots=True)
class Firing:
    """One time that an alert would have been true for long enough, or is about to be.

    Parameters
    ----------
    labels : mapping of str to str
        Of the alert.
    active_at : datetime
        When the condition became true.
    fired_at : datetime, optional
        When it fired; None while it is pending.
    ended_at : datetime, optional
        When it resolved; None while it stands.
    value, peak : float
        When it fired, and the most extreme one until it ended; NaN where there was none.
    summary : str
        What would have been said.
    """

    labels: Mapping[str, str]
    active_at: datetime
    fired_at: datetime | None = None
    ended_at: datetime | None = None
    value: float = math.nan
    peak: float = math.nan
    summary: str = ""


@dataclass(slots=True)
class Past:
    """What rules would have done over a stretch of the past.

    Parameters
    ----------
    fired : dict of str to list of Firing
        By rule, every time that an alert would have fired, oldest first.
    standing : dict of str to list of Firing
        By rule, what is pending or firing at the end.
    latest : list of Reading
        The newest reading of each series that some rule asks for.
    errors : dict of str to str
        By rule, why it could not be evaluated.
    since : datetime, optional
        From when on, which may be later than was asked for.
    """

    fired: dict[str, list[Firing]] = field(default_factory=dict)
    standing: dict[str, list[Firing]] = field(default_factory=dict)
    latest: list[Reading] = field(default_factory=list)
    errors: dict[str, str] = field(default_factory=dict)
    since: datetime | None = None


def replay_past(
    rules: Sequence[Rule],
    store: Store,
    stale_after: Callable[[Reading], timedelta | None],
    clock: Clock,
    *,
    most: int | None = None,
) -> Past:
    """Hold rules against the readings of a store.

    Each reading is judged as it came, at the evaluation that follows its time. Rules on `source_up` are
    made of all that is heard, which is not read here: they have no past.

    Parameters
    ----------
    rules : sequence of Rule
        The rules.
    store : Store
        Where the readings are; nothing is written to it.
    stale_after : callable
        Says of a reading for how long its series may be silent; None for what is no concern of the rules.
    clock : Clock
        The stretch, and how often the service looks.
    most : int, optional
        Where there are more readings than these, only a later part of the stretch is looked at.

    Returns
    -------
    Past
        What would have happened. What was true before the stretch begins to be at its start.
    """
    names = sorted({metric for rule in rules for metric in rule.expression.metrics})
    # of many rules some want all
    where = rules[0].expression.where.may_accept if len(rules) == 1 else None
    if most is not None:
        clock = replace(clock, since=_since(store, names, where, clock, most))
    latest = store.readings.latest(names=names)
    silences = {reading.key: stale_after(reading) for reading in latest}
    windows = [column.window for rule in rules for column in rule.expression.windows]
    reach = max(windows, default=timedelta())
    series: dict[str, list[Series]] = {}
    for one in store.readings.series(names, where=where, since=clock.since - reach, until=clock.until):
        if silences.get((one.name, tuple(sorted(one.labels.items())))) is not None:
            series.setdefault(one.name, []).append(one)
    past = Past(latest=latest, since=clock.since)
    for rule in rules:
        try:
            found = sorted(_firings(rule, series, silences, clock), key=lambda one: one.active_at)
        except ConfigError as error:
            past.errors[rule.name] = str(error)
            continue
        past.fired[rule.name] = [one for one in found if one.fired_at is not None]
        past.standing[rule.name] = [one for one in found if one.ended_at is None]
    return past


def _since(store: Store, names: Sequence[str], where: Where | None, clock: Clock, most: int) -> datetime:
    """Return the beginning of a stretch that holds no more readings than that."""
    since, least = clock.since, clock.until - timedelta(hours=1)
    while since < least and store.readings.count(names, where=where, since=since, until=clock.until) > most:
        since += (clock.until - since) / 2
    return since


def _firings(
    rule: Rule,
    series: Mapping[str, Sequence[Series]],
    silences: Mapping[tuple[str, tuple[tuple[str, str], ...]], timedelta | None],
    clock: Clock,
) -> Iterator[Firing]:
    for row in rule.expression.rows([series.get(name, ()) for name in rule.expression.metrics]):
        own = {
            name: silences[name, tuple(sorted(one.labels.items()))] or timedelta()
            for name, one in row.samples.items()
        }
        history = row_history(rule.expression.tree, row.samples, own, clock)
        labels = {**row.labels, **rule.labels}
        yield from _Row(rule, labels, history, clock).firings()


class _Row:
    """Walks one row's history through the state machine, from one change of the condition to the next."""

    def __init__(self, rule: Rule, labels: Mapping[str, str], history: History, clock: Clock) -> None:
        self._rule, self._labels, self._history, self._clock = rule, labels, history, clock
        self._state = AlertState()
        self._found: list[Firing] = []
        self._silent_since = clock.until

    def firings(self) -> list[Firing]:
        """Return all that fired, and what is pending at the end."""
        history = self._history
        said = history.true * 4 + history.false * 2 + history.exists
        starts = np.flatnonzero(np.diff(said, prepend=-1))
        ends = [*history.times[starts[1:]].tolist(), to_micros(self._clock.until) + 1]
        breaks = np.flatnonzero(self._breached()[starts])
        place = 0
        while place < len(starts):
            if self._state.phase == "inactive":  # nothing happens until the condition is true
                coming = int(np.searchsorted(breaks, place))
                if coming == len(breaks):
                    break
                place = int(breaks[coming])
            self._stretch(int(starts[place]), ends[place])
            place += 1
        return self._found

    def _breached(self) -> Bools:
        """Return where an alert that does not stand would begin."""
        history = self._history
        if self._rule.on_missing != "alert":
            return history.true
        return history.exists & ~history.false

    def _stretch(self, start: int, end: int) -> None:
        """Go through a time over which the condition says the same."""
        history = self._history
        said = True if history.true[start] else False if history.false[start] else None
        now = from_micros(int(history.times[start]))
        if said is not None or self._state.phase == "inactive":
            self._silent_since = self._clock.until
        elif self._silent_since == self._clock.until:
            self._silent_since = now
        if history.exists[start] or self._state.phase != "inactive":
            self._step(said, now)
        while (due := self._due(said)) is not None:
            tick = self._clock.tick(to_micros(due))
            if tick >= end:
                break
            self._step(said, from_micros(tick))
        if not history.exists[start] and self._state.phase != "inactive":
            gone = max(now, self._silent_since + self._clock.forget_after)
            if to_micros(gone) < end:
                self._end(gone)

    def _due(self, said: bool | None) -> datetime | None:
        """Return when time alone changes the state."""
        rule, state = self._rule, self._state
        breached = rule.on_missing == "alert" if said is None else said
        if said is None and rule.on_missing == "keep":
            return None
        if state.phase == "pending" and breached and state.active_at is not None:
            return state.active_at + rule.for_
        if state.phase == "firing" and not breached and state.keep_firing_since is not None:
            return state.keep_firing_since + rule.keep_firing_for
        return None

    def _step(self, said: bool | None, now: datetime) -> None:
        times = self._history.times
        place = max(0, int(np.searchsorted(times, to_micros(now), side="right")) - 1)
        value = float(self._history.values[place])
        before = self._state
        self._state, change = advance(before, self._rule, said, now, value)
        if before.phase == "inactive" and self._state.phase != "inactive":
            self._found.append(Firing(self._labels, now, summary=self._said(value)))
        if self._state.phase == "firing" and before.phase != "firing":
            peak = self._peak(self._found[-1].active_at, self._clock.until)
            self._found[-1] = replace(
                self._found[-1], fired_at=now, value=value, peak=peak, summary=self._said(value)
            )
        if change in ("dropped", "resolved"):
            self._end(now)

    def _said(self, value: float) -> str:
        return self._rule.said(self._labels, value)

    def _end(self, now: datetime) -> None:
        """Close what stands; a pending one leaves no trace."""
        self._state = AlertState()
        one = self._found.pop()
        if one.fired_at is not None:
            self._found.append(replace(one, ended_at=now, peak=self._peak(one.active_at, now)))

    def _peak(self, since: datetime, until: datetime) -> float:
        """Return the value furthest over the limit while the condition was true."""
        history = self._history
        inside = (history.times >= to_micros(since)) & (history.times <= to_micros(until)) & history.true
        values = history.values[inside]
        values = values[np.isfinite(values)]
        if not values.size:
            return math.nan
        return float(values.min() if seeks_low(self._rule.expression.tree) else values.max())
