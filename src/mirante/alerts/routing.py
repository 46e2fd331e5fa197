"""Routes: which channels an alert goes to, with whom it is told, and how soon."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta

from mirante.alerts.matchers import EVERYTHING, Matchers

__all__ = ["EACH_ALONE", "Destination", "Pace", "Policy", "Route"]

EACH_ALONE = ("...",)


@dataclass(frozen=True, slots=True)
class Pace:
    """What one route says about groups and their times; None stands for what its parent says.

    Parameters
    ----------
    group_by : tuple of str, optional
        Labels whose values alerts of one notice share; `EACH_ALONE` makes a group of each alert, an empty
        tuple one of all.
    group_wait : timedelta, optional
        From a group's first change to its notice, so that the rest can join it.
    group_interval : timedelta, optional
        The least time from one notice of a group to its next.
    repeat_interval : timedelta, optional
        From the last notice to a reminder, while nothing changes.
    reminders : int, optional
        How many reminders in a row; after them, one digest a day.
    send_resolved : bool, optional
        Whether it is told that alerts are over.
    mute_times : tuple of str, optional
        Names of recurring times in which nothing is told.
    """

    group_by: tuple[str, ...] | None = None
    group_wait: timedelta | None = None
    group_interval: timedelta | None = None
    repeat_interval: timedelta | None = None
    reminders: int | None = None
    send_resolved: bool | None = None
    mute_times: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Policy:
    """What holds for a route once its parents were asked; the fields are those of `Pace`.

    Examples
    --------
    >>> Policy().under(Pace(group_by=("model",))).group_by
    ('model',)
    """

    group_by: tuple[str, ...] = ("rule", "severity")
    group_wait: timedelta = timedelta(seconds=30)
    group_interval: timedelta = timedelta(minutes=5)
    repeat_interval: timedelta = timedelta(hours=4)
    reminders: int = 6
    send_resolved: bool = True
    mute_times: tuple[str, ...] = ()

    def under(self, pace: Pace) -> Policy:
        """Return what holds one node further in."""
        own = {name: getattr(pace, name) for name in pace.__slots__}
        return replace(self, **{name: value for name, value in own.items() if value is not None})

    def group_labels(self, labels: Mapping[str, str]) -> dict[str, str]:
        """Return the labels that make the group of an alert; those that it lacks are left out.

        Examples
        --------
        >>> Policy().group_labels({"rule": "busy", "severity": "info", "host": "a"})
        {'rule': 'busy', 'severity': 'info'}
        """
        if self.group_by == EACH_ALONE:
            return dict(sorted(labels.items()))
        return {name: labels[name] for name in self.group_by if name in labels}


@dataclass(frozen=True, slots=True)
class Destination:
    """One channel that an alert goes to, and by which route.

    Parameters
    ----------
    channel : str
        Its name.
    route : str
        The matchers from the root inwards, such as ``severity=critical``; empty for the root.
    policy : Policy
        Groups and times.
    """

    channel: str
    route: str
    policy: Policy


@dataclass(frozen=True, slots=True)
class Route:
    """A node of the routing tree, as in Alertmanager.

    Parameters
    ----------
    channels : tuple of str
        Where an alert goes that no inner route takes; an inner route without any has its parent's.
    matchers : Matchers
        What an alert's labels must be; ``rule``, ``severity`` and ``subject`` count as labels too.
    routes : tuple of Route
        Inner routes, tried in order.
    proceed : bool
        Whether the routes after this one are tried too (``continue`` in the config).
    pace : Pace
        What it says about groups and their times.

    Examples
    --------
    >>> critical = Route(("mail", "slack"), Matchers.of({"severity": "critical"}))
    >>> root = Route(("slack",), routes=(critical,))
    >>> root.channels_for({"severity": "critical"}), root.channels_for({"severity": "info"})
    (('mail', 'slack'), ('slack',))
    >>> [place.route for place in root.destinations({"severity": "critical"})]
    ['severity=critical', 'severity=critical']
    """

    channels: tuple[str, ...] = ()
    matchers: Matchers = EVERYTHING
    routes: tuple[Route, ...] = ()
    proceed: bool = False
    pace: Pace = field(default_factory=Pace)

    def destinations(self, labels: Mapping[str, str]) -> tuple[Destination, ...]:
        """Return where an alert goes, each channel once: the first route that names it counts.

        Parameters
        ----------
        labels : mapping of str to str
            The alert's labels, with ``rule``, ``severity`` and ``subject``.

        Returns
        -------
        tuple of Destination
            In the order of the routes. The root takes everything.
        """
        found: dict[str, Destination] = {}
        for place in self._destinations(labels, (), Policy(), ""):
            found.setdefault(place.channel, place)
        return tuple(found.values())

    def channels_for(self, labels: Mapping[str, str]) -> tuple[str, ...]:
        """Return the channels of an alert, each once."""
        return tuple(place.channel for place in self.destinations(labels))

    def _destinations(
        self, labels: Mapping[str, str], inherited: tuple[str, ...], policy: Policy, above: str
    ) -> Iterator[Destination]:
        own, policy = self.channels or inherited, policy.under(self.pace)
        route = " / ".join(filter(None, (above, self.matchers.text)))
        taken = False
        for inner in self.routes:
            if inner.matchers.accept(labels):
                taken = True
                yield from inner._destinations(labels, own, policy, route)
                if not inner.proceed:
                    break
        if not taken:
            for channel in own:
                yield Destination(channel, route, policy)

    def all_channels(self) -> set[str]:
        """Return every channel that is named in the tree."""
        return set(self.channels).union(*(route.all_channels() for route in self.routes))

    def all_mute_times(self) -> set[str]:
        """Return every mute time that is named in the tree."""
        own = set(self.pace.mute_times or ())
        return own.union(*(route.all_mute_times() for route in self.routes))
