"""The dispatcher: takes what changed, keeps the groups, and says which notices are due."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property

from mirante.alerts.dispatch.dedup import Decision, Told, decide, next_reminder
from mirante.alerts.dispatch.flapping import Flapping, Flaps
from mirante.alerts.dispatch.groups import Group, GroupKey, group_key, key_of_row
from mirante.alerts.dispatch.holds import Hold, HoldSettings, held_text, muted, silenced
from mirante.alerts.dispatch.inhibition import Inhibitor
from mirante.alerts.grouping import (
    MOST_ALERTS,
    Telling,
    Transition,
    Wording,
    notice_row,
    routing_labels,
)
from mirante.alerts.people.silencing import Holding
from mirante.alerts.routing import Destination, Route
from mirante.alerts.rules.states import AlertKey, Timing, alert_key
from mirante.i18n import translator
from mirante.store import AlertRow, EventRow, GroupRow, NoticeRow, Store

__all__ = ["Dispatcher", "Due"]

_HELD = "notice_held"
_MOST_STARTS = 100_000


@dataclass(slots=True)
class Due:
    """What goes to the store after an evaluation, with the alerts that changed.

    Parameters
    ----------
    notices : list of NoticeRow
        For the outbox.
    groups : list of GroupRow
        As they are now.
    gone : list of str
        Keys of groups that are to be forgotten.
    events : list of EventRow
        What was held back and why, and what began to flap.
    """

    notices: list[NoticeRow] = field(default_factory=list)
    groups: list[GroupRow] = field(default_factory=list)
    gone: list[str] = field(default_factory=list)
    events: list[EventRow] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.notices or self.groups or self.gone or self.events)


@dataclass(frozen=True)
class _Moment:
    """One call of `plan`: the time of the evaluation, the wall clock, and what people said until then."""

    now: datetime
    wall: datetime
    wording: Wording
    store: Store
    due: Due

    @cached_property
    def silences(self) -> Holding:
        """Those that hold; asked for when something is due, which at most evaluations nothing is."""
        return Holding(self.store.silences.list(since=self.wall), self.wall)


class Dispatcher:
    """Keeps the groups of all channels.

    Taken up from the store: a group is there as it was, with the alerts that fire and those of its last
    notice that are over since. Whoever fails to write what `plan` returns must make a new one.

    Parameters
    ----------
    store : Store
        Groups, silences and acknowledgements are read from it; nothing is written.
    routes : Route
        Which alert goes to which channels, with whom, and how soon.
    firing : iterable of AlertRow
        The alerts that fire, without those of paused subjects.
    now : datetime
        The present time.
    holds : HoldSettings
        Inhibitions and mute times.
    flapping : Flapping, optional
        When an alert flaps; without it, none does.
    explain : callable
        Takes an alert and returns its rule's condition and its longer text.
    """

    def __init__(
        self,
        store: Store,
        routes: Route,
        firing: Iterable[AlertRow] = (),
        *,
        now: datetime,
        holds: HoldSettings | None = None,
        flapping: Flapping | None = None,
        explain: Callable[[AlertRow], tuple[str, str]] = lambda _row: ("", ""),
    ) -> None:
        self._store, self._routes, self._explain = store, routes, explain
        self._holds = holds or HoldSettings()
        self._inhibitor = Inhibitor(self._holds.inhibitions)
        self._groups: dict[GroupKey, Group] = {}
        self._rows: dict[str, AlertRow] = {}
        self._places: dict[str, list[GroupKey]] = defaultdict(list)
        self._changed: set[GroupKey] = set()
        self._gone: list[str] = []
        self._last = now
        self._flaps = Flaps(flapping, _starts(store, flapping, now))
        self._held: dict[str, set[tuple[str, str]]] = defaultdict(set)
        self._restore(sorted(firing, key=lambda row: row.fired_at or row.active_at), now)

    @property
    def next_flush(self) -> datetime | None:
        """When a group is due to be looked at next; None when there is none."""
        return min((g.flush_at for g in self._groups.values() if g.flush_at is not None), default=None)

    def timing(self, key: AlertKey, timing: Timing) -> Timing:
        """Return the times of a rule as they hold for one alert: a flapping one is kept firing for longer."""
        return self._flaps.timing(key, timing)

    def clock_was_set(self, by: timedelta) -> None:
        """Let all waits go on by a clock that was set while time went on; the next plan has them written."""
        for group in self._groups.values():
            group.clock_was_set(by)
        self._changed.update(self._groups)
        self._last += by

    def plan(
        self,
        transitions: Iterable[Transition],
        rows: Iterable[AlertRow],
        now: datetime,
        wording: Wording,
        created: datetime,
    ) -> Due:
        """Take what changed, and return what is due.

        Parameters
        ----------
        transitions : iterable of Transition
            Of one evaluation.
        rows : iterable of AlertRow
            Alerts of which something is new, if only the value.
        now : datetime
            Time of the evaluation, by which groups wait.
        wording : Wording
            Of the notices. Where they are historic, nothing waits and nobody is reminded.
        created : datetime
            The wall clock: silences and mute times hold by it, and notices are made then.
        """
        moment = _Moment(now, created, wording, self._store, Due(gone=self._gone))
        self._gone = []
        if now < self._last:
            for group in self._groups.values():
                group.rewind(now)
        self._last = now
        for transition in transitions:
            if transition.change == "firing":
                self._begin(transition.alert, moment)
            elif transition.change == "resolved":
                self._end(transition.alert, moment)
        for row in rows:
            if row.id in self._rows:
                self._rows[row.id] = row
        for group in [g for g in self._groups.values() if g.flush_at is not None and g.flush_at <= now]:
            self._flush(group, moment)
        self._settle(moment.due)
        return moment.due

    def _begin(self, alert: AlertRow, moment: _Moment) -> None:
        key, labels = alert_key(alert.rule, alert.labels), routing_labels(alert)
        self._inhibitor.fires(alert.id, labels)
        flapped = self._flaps.flaps(key)
        self._flaps.began(key, moment.now)
        flaps = self._flaps.flaps(key)
        if flaps and not flapped:
            moment.due.events.append(_flapping_event(alert, moment))
        for to in self._routes.destinations(labels):
            group = self._group(to, labels, moment.now)
            before = group.join(alert.id, key, moment.now, at_once=moment.wording.historic, flaps=flaps)
            self._place(alert, group)
            if before is not None:
                self._leave(before, group)

    def _end(self, alert: AlertRow, moment: _Moment) -> None:
        key = alert_key(alert.rule, alert.labels)
        self._inhibitor.ended(alert.id, routing_labels(alert))
        self._flaps.ended(key)
        for place in list(self._places.get(alert.id, ())):
            group = self._groups[place]
            group.leave(alert.id, key, moment.now, at_once=moment.wording.historic)
            self._changed.add(place)
            if alert.id in group.told:
                self._rows[alert.id] = alert
            else:
                self._leave(alert.id, group)

    def _flush(self, group: Group, moment: _Moment) -> None:
        """Look at one group: tell what there is to tell, and set when to look again."""
        self._changed.add(group.key)
        last, policy, over = group.last, group.policy, set(group.resolved.values())
        decision = decide(last, group.firing.keys(), over, policy, moment.now)
        held: dict[str, Hold] = {}
        telling: list[str] = []
        if decision.reason in ("reminder", "digest"):
            telling, held, decision = self._to_remind(group, last, moment)
        elif decision.reason is not None:
            new = [alert for alert in group.firing if alert not in group.told]
            held = self._hold_all([*new, *over], group, moment)
            over -= held.keys()
            new = [alert for alert in new if alert not in held]
            still = None if last is None else Told(last.firing - held.keys(), at=last.at)
            decision = decide(still, group.firing.keys() - held.keys(), over, policy, moment.now)
            if decision.reason in ("reminder", "digest"):
                decision = Decision(why_not="too_soon")  # looked at for another cause; its own time comes
            telling = [*new, *(over if policy.send_resolved else ())]
        if decision.reason is not None:
            self._tell(group, decision.reason, telling, over, moment)
        group.flush_at = self._next_look(group, held, moment)

    def _to_remind(
        self, group: Group, last: Told | None, moment: _Moment
    ) -> tuple[list[str], dict[str, Hold], Decision]:
        """Return which alerts of a group are brought to mind, which are held back, and the decision."""
        if moment.wording.historic:
            return [], {}, Decision(why_not="too_soon")
        known = self._store.acknowledgements.of(list(group.firing))
        wanted = [a for a in group.firing if a not in known and not self._rows[a].historic]
        held = self._hold_all(wanted, group, moment)
        wanted = [alert for alert in wanted if alert not in held]
        decision = decide(last, group.firing.keys(), set(), group.policy, moment.now, acknowledged=not wanted)
        return wanted, held, decision

    def _tell(
        self, group: Group, reason: str, telling: Sequence[str], over: AbstractSet[str], moment: _Moment
    ) -> None:
        if telling:
            flapping = group.flapping.intersection(telling)
            of = Telling(
                channel=group.key[0],
                reason="flapping" if flapping else reason,
                transitions=tuple(self._transitions(telling)),
                labels=dict(group.key[2]),
                route=group.key[1],
                thread=group.thread,
            )
            notice = notice_row(of, moment.wording, moment.wall)
            moment.due.notices.append(notice)
            group.thread = group.thread or notice.id
            group.told_at = moment.now
            group.reminders = group.reminders + 1 if reason in ("reminder", "digest") else 0
            group.flapping -= flapping
        group.told -= over
        group.told.update(alert for alert in telling if alert in group.firing)
        for key in [key for key, alert in group.resolved.items() if alert in over]:
            self._leave(group.resolved.pop(key), group)

    def _transitions(self, alerts: Sequence[str]) -> Iterator[Transition]:
        for number, alert in enumerate(alerts):
            row = self._rows[alert]
            change = "resolved" if row.state == "resolved" else "firing"
            texts = self._explain(row) if number < MOST_ALERTS else ("", "")
            yield Transition(row, change, *texts)

    def _hold_all(self, alerts: Iterable[str], group: Group, moment: _Moment) -> dict[str, Hold]:
        """Return what holds which alerts back; what is new about that becomes an event."""
        mute = muted(group.policy.mute_times, self._holds.mute_times, moment.wall)
        held: dict[str, Hold] = {}
        for alert in alerts:
            row = self._rows[alert]
            labels = routing_labels(row)
            hold = silenced(labels, moment.silences) or mute or self._inhibited(labels)
            if hold is None:
                continue
            held[alert] = hold
            if (hold.reason, hold.by) not in self._held[alert]:
                self._held[alert].add((hold.reason, hold.by))
                moment.due.events.append(_held_event(row, hold, group.key[0], moment))
        return held

    def _inhibited(self, labels: dict[str, str]) -> Hold | None:
        found = self._inhibitor.holding(labels)
        return None if found is None else Hold("inhibited", found[1], found[0])

    def _next_look(self, group: Group, held: dict[str, Hold], moment: _Moment) -> datetime | None:
        now, policy = moment.now, group.policy
        looks = []
        if held:  # a silence can be ended early, and the end of an inhibition is not known at all
            looks.append(now + policy.group_interval)
            left = (hold.until - moment.wall for hold in held.values() if hold.until is not None)
            looks.append(now + max(timedelta(), min(left, default=policy.group_interval)))
        last = group.last
        if last is not None and last.firing and not moment.wording.historic:
            again = next_reminder(last, policy, now)
            looks.append(again if again > now else now + policy.repeat_interval)
        return min(looks, default=None)

    def _group(
        self, to: Destination, labels: dict[str, str], now: datetime, saved: GroupRow | None = None
    ) -> Group:
        key = group_key(to, labels)
        group = self._groups.get(key)
        if group is None:
            group = self._groups[key] = Group(key, to.policy, now)
            if saved is not None:
                group.take_up(saved)
        self._changed.add(key)
        return group

    def _place(self, alert: AlertRow, group: Group) -> None:
        self._rows[alert.id] = alert
        self._places[alert.id].append(group.key)

    def _leave(self, alert_id: str, group: Group) -> None:
        """Forget an alert that left a group, entirely once it has left all."""
        places = self._places[alert_id]
        places.remove(group.key)
        if not places:
            for known in (self._places, self._rows, self._held):
                known.pop(alert_id, None)

    def _settle(self, due: Due) -> None:
        for key in self._changed:
            group = self._groups[key]
            if group.empty:
                del self._groups[key]
                due.gone.append(group.row().key)
            else:
                due.groups.append(group.row())
        self._changed = set()

    def _restore(self, firing: Sequence[AlertRow], now: datetime) -> None:
        """Take the groups up again; where routes have changed since, what was told goes along."""
        saved = {key_of_row(row): row for row in self._store.groups.all()}
        told = {(row.channel, alert): row for row in saved.values() for alert in row.firing}
        for alert in firing:
            labels = routing_labels(alert)
            self._inhibitor.fires(alert.id, labels)
            for to in self._routes.destinations(labels):
                group = self._group(to, labels, now, saved.get(group_key(to, labels)))
                group.firing[alert.id] = None
                self._place(alert, group)
                row = told.pop((to.channel, alert.id), None)
                if row is not None:
                    group.believe(alert.id, row)
                elif self._flaps.flaps(alert_key(alert.rule, alert.labels)):
                    group.flapping.add(alert.id)
        self._restore_told(told, saved, now)
        for group in self._groups.values():
            group.resume(now)
        self._gone = [row.key for key, row in saved.items() if key not in self._groups]
        self._changed = {key for key in self._groups if key not in saved}
        held = self._store.events.list(kinds=[_HELD], limit=_MOST_STARTS) if self._rows else []
        for event in held:
            if event.data["alert"] in self._rows:
                self._held[event.data["alert"]].add((event.data["reason"], event.data["by"]))

    def _restore_told(
        self, told: dict[tuple[str, str], GroupRow], saved: dict[GroupKey, GroupRow], now: datetime
    ) -> None:
        """Take up the alerts that people were told of and that are over since, or paused."""
        rows = {row.id: row for row in self._store.alerts.of(sorted({alert for _channel, alert in told}))}
        for (channel, alert_id), before in told.items():
            if (alert := rows.get(alert_id)) is None:
                continue
            labels = routing_labels(alert)
            for to in self._routes.destinations(labels):
                if to.channel != channel:
                    continue
                group = self._group(to, labels, now, saved.get(group_key(to, labels)))
                if alert.state == "resolved":
                    group.resolved[alert_key(alert.rule, alert.labels)] = alert_id
                    group.believe(alert_id, before)
                    self._place(alert, group)
                else:
                    group.aside.add(alert_id)


def _starts(store: Store, flapping: Flapping | None, now: datetime) -> Iterator[tuple[AlertKey, datetime]]:
    if flapping is not None:
        for row in store.alerts.list(since=now - 2 * flapping.within, limit=_MOST_STARTS):
            if row.fired_at is not None:
                yield alert_key(row.rule, row.labels), row.fired_at


def _held_event(alert: AlertRow, hold: Hold, channel: str, moment: _Moment) -> EventRow:
    data = {
        "alert": alert.id,
        "rule": alert.rule,
        "channel": channel,
        "reason": hold.reason,
        "by": hold.by,
        "name": hold.name,
        "until": None if hold.until is None else hold.until.isoformat(),
    }
    return EventRow(alert.subject, moment.now, _HELD, held_text(hold, moment.wording.locale), data)


def _flapping_event(alert: AlertRow, moment: _Moment) -> EventRow:
    _ = translator(moment.wording.locale)
    text = _("%(rule)s comes and goes; it now fires until it has been quiet for a while.", rule=alert.rule)
    data = {"alert": alert.id, "rule": alert.rule, "labels": dict(alert.labels)}
    return EventRow(alert.subject, moment.now, "alert_flapping", text, data)
