"""Where an alert with some labels would go, and in what company, told in words."""

from __future__ import annotations

from collections.abc import Mapping

from mirante.alerts.routing import Destination, Route
from mirante.durations import format_duration
from mirante.readings import subject_of

__all__ = ["destination_in_words", "trace"]


def trace(routes: Route, labels: Mapping[str, str]) -> tuple[Destination, ...]:
    """Return where an alert goes, each channel once.

    Parameters
    ----------
    routes : Route
        The tree.
    labels : mapping of str to str
        Its labels, with ``rule`` and ``severity``; ``subject`` follows from the others when it is not given.

    Examples
    --------
    >>> [place.channel for place in trace(Route(("chat",)), {"host": "web-1"})]
    ['chat']
    """
    return routes.destinations({"subject": subject_of(labels), **labels})


def destination_in_words(place: Destination, labels: Mapping[str, str]) -> str:
    """Return a sentence about one destination.

    Examples
    --------
    >>> labels = {"rule": "busy", "severity": "info"}
    >>> (place,) = trace(Route(("chat",)), labels)
    >>> print(destination_in_words(place, labels))  # doctest: +ELLIPSIS
    chat: route of the root; grouped as rule=busy, severity=info; told after 30s, news after 5m, ...
    """
    policy = place.policy
    group = ", ".join(f"{name}={value}" for name, value in policy.group_labels(labels).items())
    waits = (
        f"told after {format_duration(policy.group_wait)}, "
        f"news after {format_duration(policy.group_interval)}, "
        f"reminded after {format_duration(policy.repeat_interval)}"
    )
    muted = f"; muted at {', '.join(policy.mute_times)}" if policy.mute_times else ""
    return (
        f"{place.channel}: route {place.route or 'of the root'}; grouped as {group or 'one'}; {waits}{muted}"
    )
