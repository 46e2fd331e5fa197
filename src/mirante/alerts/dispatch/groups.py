"""One group of alerts at one channel: who is in it, what was told of them, and when it is looked at again."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TypeAlias

from mirante.alerts.dispatch.dedup import Told
from mirante.alerts.routing import Destination, Policy
from mirante.alerts.rules.states import AlertKey
from mirante.store import GroupRow

__all__ = ["Group", "GroupKey", "group_key", "key_of_row"]

GroupKey: TypeAlias = tuple[str, str, tuple[tuple[str, str], ...]]
_NO_WAIT = timedelta()


def group_key(to: Destination, labels: Mapping[str, str]) -> GroupKey:
    """Return what tells groups apart: channel, route and the labels in common.

    Examples
    --------
    >>> group_key(Destination("mail", "", Policy(group_by=("rule",))), {"rule": "busy", "host": "a"})
    ('mail', '', (('rule', 'busy'),))
    """
    return to.channel, to.route, tuple(sorted(to.policy.group_labels(labels).items()))


def key_of_row(row: GroupRow) -> GroupKey:
    """Return the key of a group that comes from the store."""
    channel, route, labels = json.loads(row.key)
    return channel, route, tuple((name, value) for name, value in labels)


@dataclass(slots=True)
class Group:
    """The state of one group.

    Parameters
    ----------
    key : tuple
        See `group_key`.
    policy : Policy
        Of its route.
    created_at : datetime
        When its first alert began to fire.
    flush_at : datetime, optional
        When it is looked at again.
    told_at : datetime, optional
        When its last notice was made.
    told : set of str
        Ids of the alerts that people believe to fire.
    firing : dict of str
        Ids of the alerts that fire, in the order in which they began.
    resolved : dict of AlertKey to str
        Those that are over, of which that is yet to be told.
    aside : set of str
        Ids of told ones that nobody looks at for now, since their subject is paused.
    reminders : int
        How many notices in a row told nothing new.
    thread : str
        Id of the first notice of the incident.
    flapping : set of str
        Ids of those that began to flap, which is yet to be told.

    Examples
    --------
    >>> from datetime import UTC
    >>> t = datetime(2013, 2, 8, tzinfo=UTC)
    >>> group = Group(("mail", "", ()), Policy(), t)
    >>> group.join("1f", ("busy", ()), t)
    >>> str(group.flush_at - t)
    '0:00:30'
    >>> group.leave("1f", ("busy", ()), t)
    >>> group.empty
    True
    """

    key: GroupKey
    policy: Policy
    created_at: datetime
    flush_at: datetime | None = None
    told_at: datetime | None = None
    told: set[str] = field(default_factory=set)
    firing: dict[str, None] = field(default_factory=dict)
    resolved: dict[AlertKey, str] = field(default_factory=dict)
    aside: set[str] = field(default_factory=set)
    reminders: int = 0
    thread: str = ""
    flapping: set[str] = field(default_factory=set)

    @property
    def empty(self) -> bool:
        """Whether it can be forgotten."""
        return not (self.firing or self.resolved or self.aside)

    @property
    def last(self) -> Told | None:
        """What its last notice said; None before the first."""
        return None if self.told_at is None else Told(self.told, frozenset(), self.told_at, self.reminders)

    def join(
        self, alert_id: str, key: AlertKey, now: datetime, *, at_once: bool = False, flaps: bool = False
    ) -> str | None:
        """Take an alert that began to fire.

        One that people believe to fire, since its end is not told yet, goes on as the same, unless it flaps,
        which is news; the id that it had is returned.
        """
        self.firing[alert_id] = None
        before = self.resolved.pop(key, None)
        if before is not None:
            self.told.discard(before)
        if flaps:
            self.flapping.add(alert_id)
        elif before is not None:
            self.told.add(alert_id)
            return before
        self.schedule(now, at_once=at_once)
        return before

    def leave(self, alert_id: str, key: AlertKey, now: datetime, *, at_once: bool = False) -> None:
        """Take note that an alert is over; one that nobody was told of leaves without a word."""
        self.firing.pop(alert_id, None)
        self.flapping.discard(alert_id)
        if alert_id in self.told:
            self.resolved[key] = alert_id
            self.schedule(now, at_once=at_once)

    def schedule(self, now: datetime, *, at_once: bool = False) -> None:
        """Have it looked at once its waits are over; an earlier look stays."""
        wait, interval = (
            (_NO_WAIT, _NO_WAIT) if at_once else (self.policy.group_wait, self.policy.group_interval)
        )
        due = now + wait
        if self.told_at is not None:
            due = max(due, self.told_at + interval)
        self.flush_at = due if self.flush_at is None else min(self.flush_at, due)

    def rewind(self, now: datetime) -> None:
        """Bring its times back to a clock that was set back, so that nothing waits for the lost hours."""
        if self.told_at is not None and self.told_at > now:
            self.told_at = now
        if self.flush_at is not None:
            wait = self.policy.group_wait if self.told_at is None else self.policy.group_interval
            self.flush_at = min(self.flush_at, now + wait)

    def clock_was_set(self, by: timedelta) -> None:
        """Let its waits go on by a clock that was set while time went on."""
        self.told_at = None if self.told_at is None else self.told_at + by
        self.flush_at = None if self.flush_at is None else self.flush_at + by

    def take_up(self, row: GroupRow) -> None:
        """Take what the store kept of this group, but for what was told: see `believe`."""
        self.created_at, self.flush_at, self.told_at = row.created_at, row.flush_at, row.told_at
        self.reminders, self.thread = row.reminders, row.thread

    def believe(self, alert_id: str, row: GroupRow) -> None:
        """Take note that people were told of an alert, by this group or by the one that it was in then."""
        self.told.add(alert_id)
        if self.told_at is None:
            self.told_at, self.reminders, self.thread = row.told_at, row.reminders, row.thread

    def resume(self, now: datetime) -> None:
        """Go on after a start: nothing waits for a moment that a clock set back has put far away."""
        if self.created_at > now or (self.told_at is not None and self.told_at > now):
            self.rewind(now)
        if self.flush_at is None and (self.firing or self.resolved):
            self.schedule(now)

    def row(self) -> GroupRow:
        """Return what the store keeps of it."""
        channel, _route, labels = self.key
        return GroupRow(
            key=json.dumps(self.key, separators=(",", ":")),
            channel=channel,
            labels=dict(labels),
            created_at=self.created_at,
            flush_at=self.flush_at,
            told_at=self.told_at,
            firing=sorted(self.told | self.aside),
            reminders=self.reminders,
            thread=self.thread,
        )
