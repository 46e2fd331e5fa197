"""Whether a group is told now, and why: Alertmanager's decision table, and reminders that come to an end."""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from mirante.alerts.routing import Policy

__all__ = ["DIGEST_INTERVAL", "Decision", "Reason", "Told", "decide", "next_reminder"]

Reason = Literal["first_firing", "new_alerts", "resolved", "reminder", "digest"]
WhyNot = Literal["nothing_fires", "told_already", "too_soon", "acknowledged"]

DIGEST_INTERVAL = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Told:
    """What the last notice of a group said.

    Parameters
    ----------
    firing, resolved : set of str
        Ids of the alerts that it called so.
    at : datetime, optional
        When; None is long ago.
    reminders : int
        How many notices in a row have told nothing new.
    """

    firing: AbstractSet[str]
    resolved: AbstractSet[str] = frozenset()
    at: datetime | None = None
    reminders: int = 0


@dataclass(frozen=True, slots=True)
class Decision:
    """Whether a group is told.

    Parameters
    ----------
    reason : str, optional
        Why it is told; None when it is not.
    why_not : str, optional
        Why it is not told; None when it is.
    """

    reason: Reason | None = None
    why_not: WhyNot | None = None


def decide(
    told: Told | None,
    firing: AbstractSet[str],
    resolved: AbstractSet[str],
    policy: Policy,
    now: datetime,
    *,
    acknowledged: bool = False,
) -> Decision:
    """Say whether a group is told now.

    Parameters
    ----------
    told : Told, optional
        What its last notice said; None before the first.
    firing, resolved : set of str
        Ids of its alerts that fire, and of those that are over.
    policy : Policy
        Of its route.
    now : datetime
        The present time.
    acknowledged : bool
        Whether somebody has all that fires in hand, and wants no reminders.

    Returns
    -------
    Decision
        ``resolved`` also where resolved ones are not sent, so that what was told can be forgotten.

    Notes
    -----
    `DedupStage.needsUpdate` of Alertmanager 0.34, with names for its outcomes.

    Examples
    --------
    >>> from datetime import UTC
    >>> t = datetime(2013, 2, 8, tzinfo=UTC)
    >>> decide(None, {"a"}, set(), Policy(), t)
    Decision(reason='first_firing', why_not=None)
    >>> decide(Told({"a"}, at=t), {"a"}, set(), Policy(), t)
    Decision(reason=None, why_not='too_soon')
    """
    if told is None or not told.firing:
        if firing:
            return Decision("first_firing")
        return Decision(why_not="nothing_fires" if told is None else "told_already")
    if not firing <= told.firing:
        return Decision("new_alerts")
    if not firing or (policy.send_resolved and not resolved <= told.resolved):
        return Decision("resolved")
    if now < next_reminder(told, policy, now):
        return Decision(why_not="too_soon")
    if acknowledged:
        return Decision(why_not="acknowledged")
    return Decision("reminder" if told.reminders < policy.reminders else "digest")


def next_reminder(told: Told, policy: Policy, now: datetime) -> datetime:
    """Return when a group of which nothing changes is told again.

    Examples
    --------
    >>> from datetime import UTC
    >>> t = datetime(2013, 2, 8, tzinfo=UTC)
    >>> [str(next_reminder(Told({"a"}, at=t, reminders=n), Policy(), t) - t) for n in (0, 6)]
    ['4:00:00', '1 day, 0:00:00']
    """
    if told.at is None:
        return now
    if told.reminders < policy.reminders:
        return told.at + policy.repeat_interval
    return told.at + max(DIGEST_INTERVAL, policy.repeat_interval)
