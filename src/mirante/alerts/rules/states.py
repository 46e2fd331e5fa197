"""The state machine of one alert, as a pure function.

The semantics are Prometheus': a true condition makes an alert pending, it fires in the same evaluation in
which it has been true for ``for``, a pending one that turns false is dropped without a word, and
``keep_firing_for`` holds a firing one after the condition turned false. Unknown is added: see `advance`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal, Protocol, TypeAlias

__all__ = ["AlertKey", "AlertState", "Change", "OnMissing", "Phase", "Timing", "advance", "alert_key"]

Phase = Literal["inactive", "pending", "firing"]
Change = Literal["pending", "firing", "dropped", "resolved"]
OnMissing = Literal["keep", "resolve", "alert"]
AlertKey: TypeAlias = tuple[str, tuple[tuple[str, str], ...]]


def alert_key(rule: str, labels: Mapping[str, str]) -> AlertKey:
    """Return the identity of an alert.

    Examples
    --------
    >>> alert_key("busy", {"host": "b", "disk": "a"})
    ('busy', (('disk', 'a'), ('host', 'b')))
    """
    return rule, tuple(sorted(labels.items()))


class Timing(Protocol):
    """The part of a rule that the state machine asks for."""

    @property
    def for_(self) -> timedelta:
        """How long the condition must be true before the alert fires."""
        ...

    @property
    def keep_firing_for(self) -> timedelta:
        """How long the condition must be false before the alert resolves."""
        ...

    @property
    def on_missing(self) -> OnMissing:
        """What an unknown condition means."""
        ...


@dataclass(frozen=True, slots=True)
class AlertState:
    """What is remembered about one rule and one set of labels.

    Parameters
    ----------
    phase : {"inactive", "pending", "firing"}
        Where it stands.
    active_at : datetime, optional
        When the condition became true.
    fired_at : datetime, optional
        When it began to fire.
    keep_firing_since : datetime, optional
        When the condition of a firing alert became false, while `keep_firing_for` runs.
    value : float
        At the last evaluation that was true.
    fired_value : float
        At the evaluation in which it fired.
    """

    phase: Phase = "inactive"
    active_at: datetime | None = None
    fired_at: datetime | None = None
    keep_firing_since: datetime | None = None
    value: float = math.nan
    fired_value: float = math.nan


INACTIVE = AlertState()


def advance(
    state: AlertState, rule: Timing, breached: bool | None, now: datetime, value: float = math.nan
) -> tuple[AlertState, Change | None]:
    """Return the next state, and what changed.

    Parameters
    ----------
    state : AlertState
        The present state.
    rule : Timing
        The rule's times, and what unknown means to it: ``keep`` leaves the state as it is, ``resolve`` takes
        it for false, ``alert`` for true.
    breached : bool or None
        Whether the condition is true; None is unknown.
    now : datetime
        Time of this evaluation; when a clock was set back, nothing fires early.
    value : float
        The value behind the condition.

    Returns
    -------
    tuple of AlertState and str or None
        ``"pending"``, ``"firing"``, ``"dropped"`` (a pending one that never fired), ``"resolved"`` or None.

    Examples
    --------
    >>> from datetime import UTC
    >>> from mirante.alerts.rules import Rule
    >>> rule = Rule("busy", "cpu > 90", for_=timedelta(minutes=5))
    >>> t = datetime(2013, 2, 8, tzinfo=UTC)
    >>> state, change = advance(AlertState(), rule, True, t, 95.0)
    >>> change, advance(state, rule, True, t + timedelta(minutes=5), 96.0)[1]
    ('pending', 'firing')
    """
    if breached is None:
        if rule.on_missing == "keep":
            return state, None
        breached = rule.on_missing == "alert"
    if not breached:
        return _turned_false(state, rule, now)
    change: Change | None = None
    if state.phase == "inactive":
        state, change = AlertState("pending", active_at=now), "pending"
    since = state.active_at if state.active_at is not None else now
    if state.phase == "pending" and now - since >= rule.for_:
        return AlertState("firing", state.active_at, now, None, value, value), "firing"
    return AlertState(state.phase, state.active_at, state.fired_at, None, value, state.fired_value), change


def shifted(state: AlertState, by: timedelta) -> AlertState:
    """Return a state whose waits go on by a clock that was set.

    Parameters
    ----------
    state : AlertState
        By the clock as it was.
    by : timedelta
        How far it was set.

    Examples
    --------
    >>> t = datetime(2013, 2, 8)
    >>> shifted(AlertState("pending", active_at=t), timedelta(hours=1)).active_at
    datetime.datetime(2013, 2, 8, 1, 0)
    """
    if state.phase == "pending" and state.active_at is not None:
        return replace(state, active_at=state.active_at + by)
    if state.keep_firing_since is not None:
        return replace(state, keep_firing_since=state.keep_firing_since + by)
    return state


def _turned_false(state: AlertState, rule: Timing, now: datetime) -> tuple[AlertState, Change | None]:
    if state.phase == "inactive":
        return state, None
    if state.phase == "pending":
        return INACTIVE, "dropped"
    if rule.keep_firing_for > timedelta():
        since = state.keep_firing_since if state.keep_firing_since is not None else now
        if now - since < rule.keep_firing_for:
            return replace(state, keep_firing_since=since), None
    return INACTIVE, "resolved"
